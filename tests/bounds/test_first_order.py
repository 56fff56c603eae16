"""Baseline and aRUB against automatic differentiation, and where they are exact."""

import math

import pytest
import torch

from robustcore import bounds
from robustcore.balls import LpBall
from robustcore.losses import cross_entropy
from robustcore.networks import ReLUNetwork
from studies.oracles.bound_twins import first_order_by_autograd, random_instances


@pytest.mark.parametrize("p", [1, 1.5, 2, math.inf])
def test_arub_equals_the_linearised_gap(p):
    for instance in random_instances(30, seed=0):
        ball = LpBall(p, instance.radius)
        found = bounds.arub(instance.net, instance.x, instance.y, ball)
        for i, label in enumerate(instance.y.tolist()):
            for k in range(3):
                twin = first_order_by_autograd(instance.net, instance.x[i], k, label, ball)
                assert found[i, k].item() == pytest.approx(twin, abs=1e-12)


def test_arub_is_not_a_bound():
    """One ReLU that is off at x and on at the edge of the ball: the first order sees nothing."""
    net = ReLUNetwork.from_arrays(
        [
            (torch.tensor([[1.0]]).double(), torch.tensor([-0.5]).double()),
            (torch.tensor([[0.0], [1.0]]).double(), torch.zeros(2).double()),
        ]
    )
    x, y, ball = torch.zeros(1, 1).double(), torch.tensor([0]), LpBall(1, 1.0)
    assert bounds.arub(net, x, y, ball)[0, 1].item() == 0.0
    assert bounds.exact(net, x, y, ball, attained=True)[0, 1].item() == 0.5
    assert bounds.rub(net, x, y, ball)[0, 1].item() >= 0.5


@pytest.mark.parametrize("p", [1, 2, math.inf])
def test_baseline_is_the_loss_plus_the_dual_norm_of_its_gradient(p):
    for instance in random_instances(10, seed=3):
        ball = LpBall(p, instance.radius)
        x = instance.x.clone().requires_grad_()
        loss = cross_entropy(instance.net(x), instance.y)
        (gradient,) = torch.autograd.grad(loss.sum(), x)
        expected = loss.detach() + ball.support(gradient)
        found = bounds.baseline(instance.net, instance.x, instance.y, ball)
        assert torch.allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("p", [1, 2, math.inf])
@pytest.mark.parametrize("bound", ["arub", "baseline"])
def test_parameter_gradients_match_finite_differences(p, bound):
    instance = next(iter(random_instances(1, seed=4)))
    net, ball = instance.net.requires_grad_(True), LpBall(p, 0.3)

    def value():
        return getattr(bounds, bound)(net, instance.x, instance.y, ball).sum()

    value().backward()
    W = net.layers[0].weight
    with torch.no_grad():
        for index in [(0, 0), (1, 1)]:
            kept = W[index].item()
            W[index] = kept + 1e-6
            above = value().item()
            W[index] = kept - 1e-6
            below = value().item()
            W[index] = kept
            assert W.grad[index].item() == pytest.approx((above - below) / 2e-6, abs=1e-5)
