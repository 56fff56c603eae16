"""Interval arithmetic and CROWN against the exact value, sampling, and by hand."""

import importlib
import math

import pytest
import torch
from torch import nn

from robustcore import attacks, bounds, evaluation
from robustcore.balls import LpBall
from robustcore.errors import TooLargeError
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


def test_tightest_leaves_out_what_would_be_too_large(monkeypatch):
    """Over a convolution with a max pool CROWN needs matrices, and the others do not."""
    torch.manual_seed(0)
    pooled = (nn.Conv2d(1, 2, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8, 3))
    net = nn.Sequential(*pooled).double()
    x = torch.rand(5, 1, 6, 6, dtype=torch.float64)
    y = net(x).argmax(dim=1)
    ball, euclidean = LpBall(1, 0.02), LpBall(2, 0.01)
    of_three = bounds.tightest(net, x, y, ball)
    monkeypatch.setattr(importlib.import_module("robustcore.networks.expansion"), "MAX_ENTRIES", 1)
    with pytest.raises(TooLargeError, match="as a matrix, a max pool has"):
        bounds.crown(net, x, y, ball)
    of_two = bounds.tightest(net, x, y, ball)
    assert torch.equal(
        of_two, torch.minimum(bounds.rub(net, x, y, ball), bounds.ibp(net, x, y, ball))
    )
    assert (of_three <= of_two).all()
    assert torch.equal(bounds.tightest(net, x, y, euclidean), bounds.ibp(net, x, y, euclidean))
    proved = evaluation.certified(net, x, y, ball)
    assert proved.any()
    point = attacks.apgd(net, x, y, ball, steps=20)
    assert evaluation.correct(net, point, y)[proved].all()


def test_neither_rub_nor_crown_dominates():
    """Both orders occur on random networks: the reason for taking the minimum."""
    wins = {"rub": 0, "crown": 0}
    for instance in random_instances(30, seed=34):
        arguments = (instance.net, instance.x, instance.y, LpBall(1, instance.radius))
        difference = bounds.rub(*arguments) - bounds.crown(*arguments)
        wins["rub"] += int((difference < -1e-9).sum())
        wins["crown"] += int((difference > 1e-9).sum())
    assert min(wins.values()) > 0
