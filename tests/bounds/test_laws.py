"""Bounds x laws: every bound that the library lists, against every law that holds for all.

What one bound promises alone is tested in a file of its own.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch

from bound_cases import (
    BOUNDS,
    CUT_ROWS,
    DEAR,
    JUMPING,
    LOOSE,
    LOSSES,
    NORMS,
    ROWS,
    cases,
    every_bound,
    every_gap,
    found,
    near,
    some,
)
from robustcore import attacks, bounds
from robustcore.balls import Cut, LpBall
from robustcore.errors import InputError
from robustcore.losses import cross_entropy, gaps
from robustcore.networks import ReLUNetwork


@cache
def reached(p: float, boxed: bool, number: int) -> torch.Tensor:
    """The largest gaps at points of the ball; where a program knows them, the worst there are."""
    case, rng = cases()[number], np.random.default_rng(number)
    net, x, y = case.net, case.x, case.y
    ball = LpBall(p, case.radius, case.box if boxed else None)
    if p in (1.0, math.inf) and not boxed:
        return bounds.exact(net, x, y, ball, attained=True)
    steps = [ball.sample((100, *x.shape), rng), ball.maximiser(rng.normal(size=(100, *x.shape)))]
    points = (x + torch.from_numpy(np.concatenate(steps))).clamp(*(ball.box or (-9e9, 9e9)))
    attacked = (attacks.fgm(net, x, y, ball), attacks.apgd(net, x, y, ball, 10))
    every = torch.cat([points, *(one[None] for one in attacked)])
    return gaps(net(every.flatten(0, 1)), y.repeat(len(every))).view(*every.shape[:2], -1).amax(0)


@pytest.mark.parametrize(("name", "p"), [row for row in ROWS if BOUNDS[row[0]].sound])
def test_soundness(name: str, p: float) -> None:
    """No point of the ball has a gap above the bound."""
    for number, _ in some(name, 24):
        assert (reached(p, BOUNDS[name].box, number) <= found(name, p, number) + 1e-12).all()


@pytest.mark.parametrize(("name", "p"), CUT_ROWS)
def test_a_cut_ball(name: str, p: float) -> None:
    """No point that the box leaves has a gap above the bound, and the whole ball no lower one.

    Where the box is far away, the two are the same.
    """
    assert (name, p) in ROWS
    for number, case in some(name, 4):
        cut, whole = case.cut(name, p), found(name, p, number)
        if BOUNDS[name].sound and p != 1.5:
            assert (reached(p, True, number) <= cut + 1e-12).all()
        if name not in JUMPING - {"rub_optimised"}:
            assert (cut <= whole + (1e-6 if name in DEAR else 1e-12)).all()
        near(name, cut if BOUNDS[name].box else case.cut(name, p, (-99.0, 99.0)), whole)


@pytest.mark.parametrize(("name", "p"), [row for row in ROWS if row[0] not in JUMPING])
def test_monotony(name: str, p: float) -> None:
    """A larger radius, or a larger exponent, has no smaller bound."""
    for number, case in some(name):
        larger = [case.bound(name, p, 1.5)]
        larger += [found(name, q, number) for other, q in ROWS if other == name and q > p]
        for one in larger:
            assert (found(name, p, number) <= one + (1e-6 if name in DEAR else 1e-12)).all()


@every_bound
def test_radius_zero(name: str, p: float) -> None:
    """A ball of radius 0 is its centre: the bound is the clean gap there, or the clean loss."""
    for _, case in some(name):
        clean = (cross_entropy if name in LOSSES else gaps)(case.net(case.x), case.y)
        near(name, case.bound(name, p, 0.0), clean)


@every_gap
def test_own_class(name: str, p: float) -> None:
    """The gap of the true class to itself is 0, at every point and exactly."""
    for number, case in some(name):
        assert (found(name, p, number).gather(1, case.y[:, None]) == 0).all()


@every_gap
def test_affine_networks(name: str, p: float) -> None:
    """Without a hidden layer every bound is exact: the clean gap and the dual norm of its slope."""
    for _, case in some(name):
        W, b = case.layers()[0]
        ball = LpBall(p, case.radius, (-99.0, 99.0) if BOUNDS[name].box else None)
        y, K = case.y % len(b), torch.arange(len(b))
        slopes = W[K] - W[y][:, None]
        clean = case.x @ W.T + b - (case.x @ W.T + b).gather(1, y[:, None])
        bound = BOUNDS[name].bound
        assert bound is not None
        net = ReLUNetwork.from_arrays([(W, b)])
        near(name, bound(net, case.x, y, ball), clean + ball.support(slopes))


@pytest.mark.parametrize(("name", "p"), [r for r in ROWS if r[0] not in LOSSES | LOOSE])
def test_affine_balls(name: str, p: float) -> None:
    """Where no ReLU of the ball switches, every bound is the first order, which is exact there."""
    seen = 0
    for _, case in some(name):
        ball = LpBall(p, 1e-3 * case.radius)
        error = bounds.arub_error(case.net, case.x, case.y, ball)
        still = (error[0] == 0) & (error[1] == 0)
        first = bounds.arub(case.net, case.x, case.y, ball)
        near(name, case.bound(name, p, 1e-3)[still], first[still])
        seen += int(still.sum())
    assert seen > 6


@every_bound
def test_precision(name: str, p: float) -> None:
    """The answer has the precision of the inputs, whatever that of the network.

    A program is always in float64, and a loss is the network's own."""
    for number, case in some(name, 3):
        net = ReLUNetwork.from_arrays([(W.float(), b.float()) for W, b in case.layers()])
        for x in (case.x.float(), case.x.double())[: 1 if name in LOSSES else 2]:
            value = replace(case, net=net, x=x).bound(name, p)
            assert value.dtype == (torch.float64 if name == "exact" else x.dtype)
            torch.testing.assert_close(value.double(), found(name, p, number), atol=1e-4, rtol=1e-4)


@every_bound
def test_what_is_given_stays(name: str, p: float) -> None:
    """Nothing that a bound is given is changed: no number, no gradient, no mode."""
    case = cases()[1]
    net = ReLUNetwork.from_arrays(case.layers())
    net.train()
    kept = [v.detach().clone() for v in (*net.parameters(), case.x, case.y)]
    replace(case, net=net).bound(name, p)
    for before, after in zip(kept, (*net.parameters(), case.x, case.y), strict=True):
        assert torch.equal(before, after)
    assert all(v.requires_grad and v.grad is None for v in net.parameters())
    assert net.training


@pytest.mark.parametrize(
    ("name", "p", "boxed"),
    [
        (m.name, p, boxed)
        for m in BOUNDS.values()
        for p in NORMS
        for boxed in (False, True)
        if not m.takes(LpBall(p, 0.1, (-9, 9) if boxed else None))
    ]
    + [(m.name, p, None) for m in BOUNDS.values() for p in NORMS if (m.name, p) not in CUT_ROWS],
)
def test_refusals(name: str, p: float, boxed: bool | None) -> None:
    """A ball, whole or cut (None), that the entry does not take is refused in a sentence that says
    what came."""
    case, bound = cases()[0], BOUNDS[name].bound
    came = f"got p={p:g}" if p not in BOUNDS[name].norms else "a box is needed"
    ball = LpBall(p, 0.1, (-9, 9) if boxed in (True, None) else None)
    if boxed is None and name == "rub":
        came = f"extreme points of the set, which Cut.LpBall.{p:g}, .* take crown, or .* rub_any"
    assert bound is not None
    with pytest.raises(InputError, match=came) as refused:
        bound(case.net, case.x, case.y, Cut(ball) if boxed is None else ball)
    assert "\n" not in str(refused.value)
