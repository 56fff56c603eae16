"""The table of methods: every name leads where it says; the laws are in `bounds/test_laws.py`."""

from __future__ import annotations

import pytest
import torch

from robustcore import evaluation, methods
from robustcore.balls import LpBall
from robustcore.errors import InputError
from robustcore.losses import cross_entropy
from robustcore.methods import METHODS
from robustcore.plots import looks, style
from studies.oracles.bound_twins import Instance, random_instances

SOUND = [m for m in METHODS.values() if m.sound]
TRAINED = [m.name for m in METHODS.values() if m.make]


def ball_of(name: str, p: float, radius: float) -> LpBall:
    """A ball of the kind that the method wants; the box is far away."""
    return LpBall(p, radius, box=(-20.0, 20.0)) if METHODS[name].box else LpBall(p, radius)


@pytest.fixture(scope="module")
def instances() -> list[Instance]:
    return list(random_instances(6, seed=3))


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
