"""Interval arithmetic and CROWN against the exact value, sampling, and by hand."""

import math

import pytest
import torch

from robustcore import bounds
from robustcore.balls import LpBall
from robustcore.networks import ReLUNetwork
from studies.oracles.bound_twins import random_instances


def test_by_hand():
    """|x| = [x]_+ + [-x]_+ on [-1, 3]: intervals add the maxima, CROWN finds the chord."""
    two_rays = (torch.tensor([[1.0], [-1.0]]).double(), torch.zeros(2).double())
    total = (torch.tensor([[0.0, 0.0], [1.0, 1.0]]).double(), torch.zeros(2).double())
    net = ReLUNetwork.from_arrays([two_rays, total])
    x, y, ball = torch.ones(1, 1).double(), torch.tensor([0]), LpBall(math.inf, 2.0)
    # intervals: 3 + 1; chord: 3/4 (x + 1) + 1/4 (3 - x) = 3/2 + x/2, at x = 3
    assert bounds.ibp(net, x, y, ball)[0, 1].item() == pytest.approx(4.0)
    assert bounds.crown(net, x, y, ball)[0, 1].item() == pytest.approx(3.0)
    assert bounds.exact(net, x, y, ball, attained=True)[0, 1].item() == pytest.approx(3.0)


def test_tightest_is_never_looser_than_any():
    for instance in random_instances(12, seed=33):
        arguments = (instance.net, instance.x, instance.y, LpBall(1, instance.radius))
        best = bounds.tightest(*arguments)
        for technique in (bounds.ibp, bounds.crown, bounds.rub):
            assert (best <= technique(*arguments)).all()


def test_neither_rub_nor_crown_dominates():
    """Both orders occur on random networks: the reason for taking the minimum."""
    wins = {"rub": 0, "crown": 0}
    for instance in random_instances(30, seed=34):
        arguments = (instance.net, instance.x, instance.y, LpBall(1, instance.radius))
        difference = bounds.rub(*arguments) - bounds.crown(*arguments)
        wins["rub"] += int((difference < -1e-9).sum())
        wins["crown"] += int((difference > 1e-9).sum())
    assert min(wins.values()) > 0
