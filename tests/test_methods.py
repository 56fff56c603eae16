"""The table of methods: every bound keeps the laws of a bound, every name leads where it says."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from robustcore import evaluation, methods
from robustcore.balls import LpBall
from robustcore.errors import InputError
from robustcore.losses import cross_entropy, gaps
from robustcore.methods import METHODS
from robustcore.plots import looks, style
from studies.oracles.bound_twins import Instance, random_instances

NORMS = (1.0, 2.0, math.inf)
SOUND = [m for m in METHODS.values() if m.sound]
COVERED = [(m.name, p) for m in SOUND for p in m.norms]
REFUSED = [(m.name, p) for m in SOUND for p in NORMS if p not in m.norms]
# their slopes may jump when the radius grows
JUMPING = {"coap", "crown", "crown_optimised", "best", "tightest", "rub_optimised"}
TRAINED = [m.name for m in METHODS.values() if m.make]


def ball_of(name: str, p: float, radius: float) -> LpBall:
    """A ball of the kind that the method wants; the box is far away."""
    return LpBall(p, radius, box=(-20.0, 20.0)) if METHODS[name].box else LpBall(p, radius)


@pytest.fixture(scope="module")
def instances() -> list[Instance]:
    return list(random_instances(6, seed=3))


@pytest.mark.parametrize(("name", "p"), COVERED)
def test_a_sound_bound_keeps_the_laws(instances: list[Instance], name: str, p: float) -> None:
    """Above every point of the ball, the clean gap at radius 0, and never falling in the radius."""
    bound, rng = methods.certificate(name), np.random.default_rng(0)
    for case in instances:
        ball = ball_of(name, p, case.radius)
        found = bound(case.net, case.x, case.y, ball)
        for i, label in enumerate(case.y):
            moved = case.x[i] + torch.from_numpy(ball.sample((300, case.x.shape[1]), rng))
            reached = gaps(case.net(moved), label.expand(300)).amax(0)
            assert (reached <= found[i] + 1e-6).all()  # the tolerance of an integer program
        clean = gaps(case.net(case.x), case.y)
        at_zero = bound(case.net, case.x, case.y, ball.with_radius(0.0))
        torch.testing.assert_close(at_zero, clean, atol=1e-6, rtol=0)
        wider = bound(case.net, case.x, case.y, ball.with_radius(1.5 * case.radius))
        if name not in JUMPING:
            assert (found <= wider + 1e-6).all()


@pytest.mark.parametrize(("name", "p"), REFUSED)
def test_a_ball_that_a_method_does_not_name_is_refused(
    instances: list[Instance], name: str, p: float
) -> None:
    case = instances[0]
    with pytest.raises(InputError):
        methods.certificate(name)(case.net, case.x, case.y, ball_of(name, p, 0.1))


@pytest.mark.parametrize("name", TRAINED)
def test_a_method_trains_by_its_name(instances: list[Instance], name: str) -> None:
    """At least the clean loss where it is a bound, and it reaches the parameters."""
    for case in instances:
        net, ball = case.net, ball_of(name, METHODS[name].norms[0], case.radius)
        net.requires_grad_(True)
        loss = methods.defense(name, ball)(net, case.x, case.y)
        (gradient,) = torch.autograd.grad(loss, net.layers[0].weight)  # type: ignore[union-attr]
        net.requires_grad_(False)
        assert torch.isfinite(gradient).all()
        if METHODS[name].sound:
            clean = cross_entropy(net(case.x), case.y).mean()
            assert loss >= clean - 1e-9


def test_names_that_lead_nowhere_are_refused() -> None:
    with pytest.raises(InputError, match="method must be one of rub, rub_optimised"):
        methods.certificate("rob")
    with pytest.raises(InputError, match="arub is an estimate and proves nothing"):
        methods.certificate("arub")
    with pytest.raises(InputError, match="no defense 'exact'; use one of nominal, baseline"):
        methods.defense("exact", LpBall(1, 0.1))


def test_what_is_in_the_table_certifies_and_is_drawn(instances: list[Instance]) -> None:
    case = instances[1]
    exact = evaluation.certified(case.net, case.x, case.y, LpBall(1, 0.02), "exact")
    for one in SOUND:
        ball = ball_of(one.name, 1.0, 0.02)
        proved = evaluation.certified(case.net, case.x, case.y, ball, one.name)
        assert (proved <= exact).all()
    for one in METHODS.values():
        assert looks.line(one.name) == {
            "color": style.PALETTE[one.colour],
            "linestyle": one.dashes,
        }
