"""The union: inside, never weaker than a part, never above the exact value."""

import math

import pytest
import torch

from robustcore import attacks, bounds
from robustcore.attacks import relative_cross_entropy
from robustcore.balls import LpBall
from robustcore.errors import InputError
from robustcore.networks import ReLUNetwork


def batch(seed, n=8, d=9, K=4, width=12, dtype=torch.float64):
    g = torch.Generator().manual_seed(seed)
    net = ReLUNetwork((d, width, width, K), g, dtype=dtype)
    x = torch.rand(n, d, generator=g, dtype=dtype)
    x[:, 0], x[:, 1] = 0.0, 1.0
    return net, x, net(x).argmax(dim=1)


def margin_at(net, x, y):
    with torch.no_grad():
        return attacks.margin(net(x), y)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("box", [None, (0, 1)])
@pytest.mark.parametrize("p", [1, 2, math.inf])
def test_inside_at_any_radius(p, box, dtype):
    for seed, radius in enumerate([0.0, 1e-9, 0.4, 1e4]):
        net, x, y = batch(seed, n=4, dtype=dtype)
        ball = LpBall(p, radius, box)
        g = torch.Generator().manual_seed(seed)
        found = attacks.strongest(net, x, y, ball, 4, 2, 2, g, stop_when_wrong=False)
        attacks.check_inside(found, x, ball)
        assert found.shape == x.shape
        assert found.dtype == dtype
        assert bool((margin_at(net, found, y) >= margin_at(net, x, y)).all())


@pytest.mark.parametrize("p", [1, 2, math.inf])
def test_never_weaker_than_its_parts_and_stronger_than_each_somewhere(p):
    ahead = {"fgm": 0.0, "pgd": 0.0, "apgd": 0.0}
    for seed in range(6):
        net, x, y = batch(seed)
        ball = LpBall(p, {1: 1.5, 2: 0.8}.get(p, 0.3), (0, 1))
        found = attacks.strongest(net, x, y, ball, 20, targets=3, stop_when_wrong=False)
        best = margin_at(net, found, y)
        parts = {
            "fgm": attacks.fgm(net, x, y, ball, attacks.margin),
            "pgd": attacks.pgd(net, x, y, ball, steps=20, loss=relative_cross_entropy),
            "apgd": attacks.apgd(net, x, y, ball, 20, losses=(relative_cross_entropy,)),
        }
        for name, part in parts.items():
            lead = best - margin_at(net, part, y)
            assert bool((lead >= -1e-12).all()), name
            ahead[name] += float(lead.sum())
    assert min(ahead.values()) > 1e-3


@pytest.mark.parametrize("p", [1, math.inf])
def test_below_the_exact_value_and_nearly_there(p):
    climbed = whole = 0.0
    for seed in range(5):
        net, x, y = batch(seed, n=2, d=4, K=3, width=5)
        ball = LpBall(p, 0.8)
        own = torch.nn.functional.one_hot(y, 3) == 1
        worst = bounds.exact(net, x, y, ball, attained=True).masked_fill(own, -math.inf).amax(-1)
        g = torch.Generator().manual_seed(seed)
        found = attacks.strongest(net, x, y, ball, 20, 4, generator=g, stop_when_wrong=False)
        reached = margin_at(net, found, y)
        assert bool((reached <= worst + 1e-6).all())
        climbed += float((reached - margin_at(net, x, y)).sum())
        whole += float((worst - margin_at(net, x, y)).sum())
    assert climbed >= 0.95 * whole


def test_two_classes_and_a_turned_sample_is_left_alone():
    net, x, y = batch(1, K=2)
    y[0] = 1 - y[0]  # wrong at x already
    found = attacks.strongest(net, x, y, LpBall(1, 0.3, (0, 1)), 10)
    assert torch.equal(found[0], x[0])
    assert bool((found[1:] != x[1:]).any())
    moved = attacks.strongest(net, x, y, LpBall(1, 0.3, (0, 1)), 10, stop_when_wrong=False)
    assert not torch.equal(moved[0], x[0])


def test_candidates_are_projected_and_kept_when_they_are_worse_for_the_network():
    net, x, y = batch(2)
    ball = LpBall(2, 0.5, (0, 1))
    best = attacks.strongest(net, x, y, ball, 60, stop_when_wrong=False)
    far = x + 3 * (best - x)
    taken = attacks.strongest(net, x, y, ball, 1, targets=0, candidates=[far, best])
    assert bool((margin_at(net, taken, y) >= margin_at(net, best, y).clamp(max=0) - 1e-9).all())
    attacks.check_inside(taken, x, ball)
    larger = attacks.strongest(net, x, y, LpBall(2, 0.6, (0, 1)), 1, candidates=[best])
    turned = margin_at(net, best, y) >= 0
    assert turned.any()
    assert bool((margin_at(net, larger, y)[turned] >= 0).all())  # monotone in the radius


def test_an_image_batch_keeps_its_shape_and_the_network_its_mode():
    g = torch.Generator().manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Flatten(), ReLUNetwork((12, 8, 3), g))
    net.train()
    x, y = torch.rand(5, 3, 2, 2, generator=g), torch.randint(3, (5,), generator=g)
    ball = LpBall(1, 0.4, (0, 1))
    found = attacks.strongest(net, x, y, ball, 5, candidates=[x.clone()])
    assert found.shape == x.shape
    assert net.training


def test_refusals():
    net, x, y = batch(0)
    ball = LpBall(1, 0.4)
    with pytest.raises(InputError, match="steps must be at least 1, got 0"):
        attacks.strongest(net, x, y, ball, steps=0)
    with pytest.raises(InputError, match="needs generator"):
        attacks.strongest(net, x, y, ball, restarts=2)
    with pytest.raises(InputError, match=r"shape \(8, 9\) of x, got \(3, 9\)"):
        attacks.strongest(net, x, y, ball, candidates=[x[:3]])
