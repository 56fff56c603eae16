"""Interval arithmetic and CROWN against the exact value, sampling, and by hand."""

import math

import numpy as np
import pytest
import torch

from robustcore import bounds
from robustcore.balls import LpBall
from robustcore.losses import gaps
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


@pytest.mark.parametrize("technique", ["ibp", "crown", "tightest"])
@pytest.mark.parametrize("p", [1, math.inf])
def test_never_below_the_exact_value(technique, p):
    for instance in random_instances(30, seed=30):
        arguments = (instance.net, instance.x, instance.y, LpBall(p, instance.radius))
        assert (
            bounds.exact(*arguments, attained=True)
            <= getattr(bounds, technique)(*arguments) + 1e-12
        ).all()


@pytest.mark.parametrize("technique", ["ibp", "crown", "tightest"])
@pytest.mark.parametrize("p", [1.5, 2])
def test_never_below_a_sample_of_a_round_ball(technique, p):
    rng = np.random.default_rng(0)
    for instance in random_instances(30, seed=31):
        ball = LpBall(p, instance.radius)
        found = getattr(bounds, technique)(instance.net, instance.x, instance.y, ball)
        delta = torch.from_numpy(ball.sample((300, *instance.x.shape), rng))
        attacked = [gaps(instance.net(instance.x + d), instance.y) for d in delta]
        assert (torch.stack(attacked).amax(0) <= found + 1e-12).all()


@pytest.mark.parametrize("technique", ["ibp", "crown", "tightest"])
def test_radius_zero_is_the_clean_gap(technique):
    for instance in random_instances(9, seed=32):
        clean = gaps(instance.net(instance.x), instance.y)
        found = getattr(bounds, technique)(instance.net, instance.x, instance.y, LpBall(1, 0.0))
        assert torch.allclose(found, clean, atol=1e-12)


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
