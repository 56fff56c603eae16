"""APGD: inside, at least as strong as a step, exact where the answer is known."""

import math
from functools import partial

import pytest
import torch

from robustcore import attacks, bounds
from robustcore.attacks.climbing import checkpoints
from robustcore.balls import Hull, LpBall, Swaps
from robustcore.errors import InputError
from robustcore.networks import ReLUNetwork

EXPONENTS = [1, 1.5, 2, math.inf]


def batch(seed, n=6, d=9, K=3, width=12, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    net = ReLUNetwork((d, width, width, K), generator, dtype=dtype)
    x = torch.rand(n, d, generator=generator, dtype=dtype)
    x[:, 0], x[:, 1] = 0.0, 1.0
    return net, x, torch.randint(K, (n,), generator=generator)


def margin_at(net, x, y):
    with torch.no_grad():
        return attacks.margin(net(x), y)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("box", [None, (0, 1)])
@pytest.mark.parametrize("p", EXPONENTS)
def test_inside_and_never_weaker_than_fgm(p, box, dtype):
    net, x, y = batch(0, dtype=dtype)
    ball = LpBall(p, 0.4, box)
    found = attacks.apgd(net, x, y, ball, steps=3 if p == 1.5 else 8)
    attacks.check_inside(found, x, ball)
    assert found.dtype == dtype
    step = attacks.fgm(net, x, y, ball, attacks.margin)
    assert (margin_at(net, found, y) >= margin_at(net, step, y) - 1e-5).all()


@pytest.mark.parametrize("p", EXPONENTS)
def test_a_linear_network_is_attacked_exactly(p):
    """With two classes the margin is one linear function (with three it is a maximum of two)."""
    net = ReLUNetwork([9, 2], torch.Generator().manual_seed(1), dtype=torch.float64)
    _, x, y = batch(1, K=2)
    ball = LpBall(p, 0.4)
    found = margin_at(net, attacks.apgd(net, x, y, ball, steps=3), y)
    with torch.no_grad():
        best = bounds.arub(net, x, y, ball).gather(1, 1 - y[:, None])[:, 0]
    assert torch.allclose(found, best, atol=1e-8)


@pytest.mark.parametrize("p", [1, math.inf])
def test_below_the_exact_value_and_near_it(p):
    """Never above the MILP; over a few small networks most of the way from x to it."""
    climbed = whole = 0.0
    for seed in range(6):
        net, x, y = batch(seed, n=2, d=4, width=5)
        ball = LpBall(p, 0.8)
        own = torch.nn.functional.one_hot(y, 3) == 1
        worst = bounds.exact(net, x, y, ball, attained=True).masked_fill(own, -math.inf).amax(-1)
        generator = torch.Generator().manual_seed(seed)
        found = margin_at(net, attacks.apgd(net, x, y, ball, 20, 4, generator), y)
        assert (found <= worst + 1e-6).all()
        climbed += float((found - margin_at(net, x, y)).sum())
        whole += float((worst - margin_at(net, x, y)).sum())
    assert climbed >= 0.85 * whole  # the rest lies beyond plateaus on which the gradient is 0


def test_the_margin_does_not_vanish_on_a_confident_network():
    """Logits a million times larger: the cross-entropy's gradient is exactly 0 in float32."""
    net, x, y = batch(3, dtype=torch.float32)
    y = net(x).argmax(1)
    with torch.no_grad():
        net.layers[-1].weight.mul_(1e6)
        net.layers[-1].bias.mul_(1e6)
    ball = LpBall(math.inf, 0.5)
    clean = margin_at(net, x, y)
    stuck = margin_at(net, attacks.pgd(net, x, y, ball, steps=30), y)
    found = margin_at(net, attacks.apgd(net, x, y, ball, steps=30), y)
    blind = stuck == clean
    assert blind.any()
    assert (found[blind] > clean[blind]).all()


def test_checkpoints_come_closer_together():
    assert checkpoints(100) == [22, 41, 57, 70, 80, 87, 93, 99, 100]
    assert checkpoints(1) == [1]


def test_restarts_draw_from_the_generator():
    net, x, y = batch(2)
    ball = LpBall(2, 0.5)
    runs = [attacks.apgd(net, x, y, ball, 10, 2, torch.Generator().manual_seed(s)) for s in (0, 0)]
    assert torch.equal(*runs)
    with pytest.raises(InputError, match="restart needs generator"):
        attacks.apgd(net, x, y, ball, restarts=2)
    with pytest.raises(InputError, match="at least one loss"):
        attacks.apgd(net, x, y, ball, losses=())


@pytest.mark.parametrize("kind", ["hull", "hull each", "swaps"])
def test_no_point_that_makes_a_set_is_worse_than_what_is_found(kind):
    """Between two categories the slope can point away from both: each swap itself is looked at."""
    turned = 0
    for seed in range(6):
        g = torch.Generator().manual_seed(seed)
        net = ReLUNetwork((5, 16, 16, 3), g, dtype=torch.float64)
        x = torch.randn(40, 5, generator=g, dtype=torch.float64)
        x[:, 2:] = torch.eye(3, dtype=torch.float64)[torch.randint(3, (40,), generator=g)]
        y = net(x).argmax(dim=1)
        there = {
            "hull": Hull(torch.randn(6, 5, generator=g)),
            "hull each": Hull(torch.randn(40, 6, 5, generator=g)),
            "swaps": Swaps([[2, 3, 4]]),
        }[kind]
        points = there.around(x).extreme_points(5).expand(40, -1, -1)
        every = torch.stack([margin_at(net, x + one, y) for one in points.unbind(dim=1)])
        for attack in (partial(attacks.apgd, steps=1), partial(attacks.strongest, steps=1)):
            found = margin_at(net, attack(net, x, y, there), y)
            assert bool(((found >= every.amax(dim=0) - 1e-12) | (found >= 0)).all())
        turned += int((every.amax(dim=0) > 0).sum())
    assert turned > 20
