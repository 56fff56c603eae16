"""How far aRUB is from the exact gap: against exact values, by hand, and where nothing switches."""

import math

import pytest
import torch
from torch import nn

from robustcore import bounds
from robustcore.balls import LpBall
from robustcore.errors import UnsupportedLayerError
from robustcore.networks import TwoLayerReLU
from studies.oracles.bound_twins import random_instances

NORMS = (1, 2, math.inf)


def one_neuron(u: float, b: float, alpha: float) -> TwoLayerReLU:
    u_, b_, alpha_ = (torch.tensor([v], dtype=torch.float64) for v in (u, b, alpha))
    return TwoLayerReLU(u_[:, None], alpha_, b_).requires_grad_(False)


@pytest.mark.parametrize("p", [1, math.inf])
@pytest.mark.parametrize("scale", [0.05, 0.3, 1.0])
def test_the_exact_value_lies_between(p: float, scale: float) -> None:
    """At any depth, with few and with many neurons that switch."""
    strict = 0
    for case in random_instances(12, seed=4):
        ball = LpBall(p, scale * case.radius)
        below, above = bounds.arub_error(case.net, case.x, case.y, ball)
        exact = bounds.exact(case.net, case.x, case.y, ball, attained=True)
        off = exact - bounds.arub(case.net, case.x, case.y, ball)
        assert (below <= 0).all()
        assert (above >= 0).all()
        assert (off >= below - 2e-6).all()
        assert (off <= above + 1e-9).all()
        strict += int((off.abs() > 1e-6).sum())
    assert strict > 0 or scale < 0.1  # else nothing was tested


@pytest.mark.parametrize(
    ("alpha", "x", "below", "above"),
    [
        (1.0, 0.3, -0.2, 0.0),  # speaks for the label: the first order promises too little
        (-1.0, -0.3, 0.0, 0.2),  # against it, and off at x: the first order sees nothing
        (1.0, -0.3, -0.2, 0.0),
        (-1.0, 0.3, 0.0, 0.2),
        (1.0, 0.6, 0.0, 0.0),
    ],
)
def test_by_hand(alpha: float, x: float, below: float, above: float) -> None:
    """One neuron of slope 1, the ball [x - .5, x + .5], label +1: tau is .5 - |x|."""
    net, ball = one_neuron(1.0, 0.0, alpha), LpBall(math.inf, 0.5)
    at, y = torch.tensor([[x]], dtype=torch.float64), torch.tensor([1])
    found = bounds.arub_error(net, at, y, ball)
    assert [float(v[0, 0]) for v in found] == pytest.approx([below, above])


@pytest.mark.parametrize(("alpha", "x"), [(1.0, 0.3), (-1.0, -0.3)])
def test_single_neurons_attain_both_ends(alpha: float, x: float) -> None:
    net, ball = one_neuron(1.0, 0.0, alpha), LpBall(math.inf, 0.5)
    at, y = torch.tensor([[x]], dtype=torch.float64), torch.tensor([1])
    below, above = (v[0, 0] for v in bounds.arub_error(net, at, y, ball))
    off = (bounds.exact(net, at, y, ball, attained=True) - bounds.arub(net, at, y, ball))[0, 0]
    assert off == pytest.approx(float(below if alpha > 0 else above))
    assert abs(off) == pytest.approx(0.2)


def test_a_max_pool_is_refused() -> None:
    net = nn.Sequential(
        nn.Unflatten(1, (1, 2, 2)),
        nn.Conv2d(1, 2, 1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(2, 2),
    ).double()
    x = torch.rand(1, 4, dtype=torch.float64)
    with pytest.raises(UnsupportedLayerError, match="max pools"):
        bounds.arub_error(net, x, torch.tensor([0]), LpBall(1, 0.1))
