"""Bounds on a ball cut with the box: above the exact value there, most below those on the ball."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from robustcore import attacks, bounds, evaluation, methods
from robustcore.balls import Cut, LpBall, Radii
from robustcore.networks import ReLUNetwork
from studies.oracles.exact_gaps import Shape, worst_gaps

N, D = 4, 5
RADIUS = {1: 1.2, 2: 0.7, math.inf: 0.4}
TAKEN = ["rub", "coap", "crown", "crown_optimised", "ibp", "best"]


def task(seed):
    g = torch.Generator().manual_seed(seed)
    net = ReLUNetwork((D, 7, 6, 3), g, dtype=torch.float64).requires_grad_(False)
    x = torch.rand(N, D, generator=g, dtype=torch.float64)
    x = torch.where(x < 0.25, 0.0, torch.where(x > 0.75, 1.0, x))  # as pixels are
    return net, x, torch.randint(3, (N,), generator=g)


def test_these_are_the_methods_that_take_it():
    ball = Cut(LpBall(1, 1.0), (0, 1))
    taken = {m.bound for m in methods.METHODS.values() if m.sound and m.takes(ball)}
    assert taken == {methods.METHODS[name].bound for name in TAKEN}


@pytest.mark.parametrize("p", [1, math.inf])
def test_no_bound_is_below_the_exact_value_in_the_box(p):
    for seed in range(3):
        net, x, y = task(seed)
        ball = LpBall(p, RADIUS[p], box=(0, 1))
        exact = torch.stack(
            [worst_gaps(net, x[i], int(y[i]), Shape.ball(ball, x[i].numpy())) for i in range(N)]
        )
        for name in TAKEN if p == 1 else TAKEN[1:]:
            found = methods.METHODS[name].bound(net, x, y, Cut(ball))
            assert (exact <= found + 1e-7).all(), name


@pytest.mark.parametrize("p", [1, 2, math.inf])
def test_the_box_makes_bounds_tighter(p):
    """Of single gaps CROWN and COAP promise nothing: their lines follow the intervals."""
    less = dict.fromkeys(TAKEN, 0.0)
    for seed in range(3):
        net, x, y = task(seed)
        ball = LpBall(p, RADIUS[p])
        for name in TAKEN if p == 1 else TAKEN[1:]:
            whole = methods.METHODS[name].bound(net, x, y, ball)
            cut = methods.METHODS[name].bound(net, x, y, Cut(ball, (0, 1)))
            less[name] += float((whole - cut).mean())
            if name in ("rub", "ibp"):
                assert (cut <= whole + 1e-12).all(), name
            elif name == "crown_optimised":
                assert (cut <= bounds.crown(net, x, y, Cut(ball, (0, 1))) + 1e-12).all()
    assert all(less[name] > 1e-2 for name in ("coap", "crown", "crown_optimised", "ibp"))


@pytest.mark.parametrize("p", [1, 2, math.inf])
def test_a_linear_network_is_solved_exactly(p):
    g = torch.Generator().manual_seed(0)
    net = ReLUNetwork((D, 3), g, dtype=torch.float64).requires_grad_(False)
    _, x, y = task(0)
    there = Cut(LpBall(p, RADIUS[p]), (0, 1))
    rows = net.layers[-1].weight[None] - net.layers[-1].weight[y][:, None]
    moved = x[:, None] + there.around(x).maximiser(rows)
    z = net(moved.flatten(0, 1)).view(N, 3, 3)
    attained = (z - z.gather(2, y[:, None, None].expand(-1, 3, 1))).diagonal(0, 1, 2)
    for name in ("crown", "ibp", "coap", "arub"):
        found = methods.METHODS[name].bound(net, x, y, there)
        assert torch.allclose(found, attained, atol=1e-12), name


@pytest.mark.parametrize("method", ["crown", "ibp", "coap", "best"])
def test_a_convolution_is_covered_too(method):
    torch.manual_seed(0)
    net = nn.Sequential(
        *(nn.Conv2d(1, 2, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
        *(nn.Linear(8, 5), nn.ReLU(), nn.Linear(5, 3)),
    ).double()
    g, y = torch.Generator().manual_seed(0), torch.tensor([0, 1, 2, 0])
    x = torch.rand(N, 1, 4, 4, generator=g, dtype=torch.float64).round(decimals=1)
    rng = np.random.default_rng(0)
    for whole in (LpBall(1, 2.0), LpBall(2, 1.0), Radii(math.inf, rng.uniform(0, 1, size=16))):
        there = Cut(whole, (0, 1)).around(x.flatten(1))
        corners = torch.from_numpy(rng.standard_normal((N, 200, 16)))
        steps = [there.maximiser(corners)]
        steps.append(torch.from_numpy(there.sample((200, N, 16), rng)).transpose(0, 1))
        moved = x[:, None] + torch.cat(steps, dim=1).view(N, -1, 1, 4, 4)
        z = net(moved.flatten(0, 1)).view(N, -1, 3)
        worst = (z - z.gather(2, y[:, None, None].expand(-1, z.shape[1], 1))).amax(1)
        found = methods.METHODS[method].bound(net, x, y, Cut(whole, (0, 1)))
        assert (worst <= found + 1e-9).all()


@pytest.mark.parametrize("p", [1, 2, math.inf])
def test_certificates_attacks_and_defenses_take_it(p):
    net, x, y = task(1)
    x, y = x.float(), net(x).argmax(1)
    net, ball = net.float(), LpBall(p, RADIUS[p] / 4, box=(0, 1))
    there = Cut(ball)
    proved = evaluation.certified(net, x, y, there)
    assert (proved <= evaluation.withstands(net, x, y, there)).all()
    radius = evaluation.certified_radius(net, x, y, there, tolerance=0.25)
    assert torch.equal(radius >= there.radius, proved)
    for attack in (attacks.fgm, attacks.apgd, attacks.strongest):
        point = attack(net, x, y, there)
        attacks.check_inside(point, x, there)
        attacks.check_inside(point, x, ball)
    within = evaluation.certify_within(net, x, y, there, 5.0)
    assert (proved <= within.proved).all()


@pytest.mark.parametrize("method", ["crown", "ibp", "coap", "arub", "baseline"])
def test_a_defense_on_it_follows_its_bound(method):
    net, x, y = task(2)
    last = net.layers[-1].weight.requires_grad_()
    for p in (1, 2, math.inf):
        defense = methods.defense(method, Cut(LpBall(p, RADIUS[p]), (0, 1)))
        (slope,) = torch.autograd.grad(defense(net, x, y), last)
        step = torch.randn(last.shape, generator=torch.Generator().manual_seed(0)).double()
        values = []
        for sign in (1, -1):
            with torch.no_grad():
                last += sign * 1e-6 * step
            values.append(float(defense(net, x, y).detach()))
            with torch.no_grad():
                last -= sign * 1e-6 * step
        assert (values[0] - values[1]) / 2e-6 == pytest.approx(
            float((slope * step).sum()), abs=1e-5
        )
        wider = defense.with_radius(2 * RADIUS[p])
        assert wider.ball.radius == 2 * RADIUS[p]
