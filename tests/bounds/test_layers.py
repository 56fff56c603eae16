"""Every bound on every layer, against the largest gap that a search finds on net(x) itself."""

import math

import pytest
import torch

from bound_cases import BOUNDS, DEAR
from robustcore import LpBall, bounds
from robustcore.balls import Cut
from studies.oracles import other_layers

NETWORKS = other_layers.networks(seed=1)
NORMS = {1.0: 0.5, 2.0: 0.3, math.inf: 0.1}
SMALL = [*other_layers.DENSE, *other_layers.SKIPPING]


@pytest.mark.parametrize("p", NORMS)
@pytest.mark.parametrize("name", NETWORKS)
def test_no_bound_lies_below_what_the_network_does(name, p):
    net, x = NETWORKS[name]
    y = torch.arange(len(x)) % 3
    ball = LpBall(p, NORMS[p])
    reached = other_layers.searched_gaps(net, x, y, ball)
    for method, one in BOUNDS.items():
        if not (one.sound and one.takes(ball)) or (method in DEAR and name not in SMALL):
            continue
        found = one.bound(net, x, y, ball)
        assert (found >= reached - 1e-7).all(), method
        at_zero = one.bound(net, x, y, ball.with_radius(0.0))
        clean = other_layers.searched_gaps(net, x, y, ball.with_radius(0.0), points=1)
        assert torch.allclose(at_zero, clean, atol=1e-6), method


@pytest.mark.parametrize("p", NORMS)
@pytest.mark.parametrize("name", NETWORKS)
def test_no_bound_lies_below_what_the_network_does_in_the_box(name, p):
    net, x = NETWORKS[name]
    y = torch.arange(len(x)) % 3
    ball = LpBall(p, NORMS[p], box=(0, 1))
    reached = other_layers.searched_gaps(net, x, y, ball)
    for method in ("rub_any", "rub_boxed", "rub_optimised", "exact"):
        one = BOUNDS[method]
        if one.takes(Cut(ball)) and not (method in DEAR and name not in SMALL):
            assert (one.bound(net, x, y, Cut(ball)) >= reached - 1e-7).all(), method


@pytest.mark.parametrize("name", SMALL)
def test_the_integer_program_is_attained_and_the_least(name):
    net, x = NETWORKS[name]
    y = torch.arange(len(x)) % 3
    ball = LpBall(1, 0.5)
    boxed = LpBall(1, 0.5, box=(0, 1))
    for there, tried in ((Cut(boxed), boxed), (ball, ball)):
        exact = bounds.exact(net, x, y, there)
        attained = bounds.exact(net, x, y, there, attained=True)
        assert (attained <= exact + 1e-12).all()
        assert torch.allclose(attained, exact, atol=1e-5)
        assert (attained >= other_layers.searched_gaps(net, x, y, tried) - 1e-7).all()
    for method in ("rub", "crown", "ibp", "coap"):
        assert (getattr(bounds, method)(net, x, y, ball) >= attained - 1e-9).all()


@pytest.mark.parametrize("name", NETWORKS)
def test_the_first_order_is_the_gradient_of_the_network(name):
    net, x = NETWORKS[name]
    y = torch.arange(len(x)) % 3
    small = 1e-7
    reached = other_layers.searched_gaps(net, x, y, LpBall(1, small), points=10)
    estimate = bounds.arub(net, x, y, LpBall(1, small))
    assert torch.allclose(estimate, reached, atol=1e-12, rtol=1e-9)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_rounding_of_a_float32_pass_is_covered(name):
    net, x = NETWORKS[name]
    y = torch.arange(len(x)) % 3
    ball = LpBall(1, 0.5)
    proved = bounds.rounding(net.float(), x, y, ball, proved=True)
    likely = bounds.rounding(net, x, y, ball)
    moved = x.float() + torch.rand_like(x, dtype=torch.float32) * 0.5 / x[0].numel()
    low = net(moved).double()
    high = net.double()(moved.double())
    if name == "Softmax":
        low, high = low.log(), high.log()
    apart = (low - low.gather(1, y[:, None])) - (high - high.gather(1, y[:, None]))
    if name == "Softmax":  # whose own rounding is that of probabilities
        apart = (apart.abs() - 1e-6).clamp(min=0)
    assert (apart.abs() <= proved + 1e-12).all()
    assert (apart.abs() <= likely + 1e-12).all()
