"""The rows of the table bounds x laws: each bound with each norm, and small problems for them.

A new entry of `robustcore.methods.METHODS` is a row by itself.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import pytest
import torch

from robustcore.balls import Cut, LpBall
from robustcore.methods import METHODS, Method
from robustcore.networks import ReLUNetwork
from studies.oracles.bound_twins import random_instances

NORMS = (1.0, 1.5, 2.0, math.inf)
# each bound once, whatever its names
BOUNDS = {m.name: m for m in {m.bound: m for m in METHODS.values() if m.bound}.values()}
# they choose slopes, which may jump when the set grows
JUMPING = {"coap", "crown", "crown_optimised", "best", "rub_optimised"}
LOSSES = {"baseline"}  # bounds no gap but the loss: (n,)
LOOSE = {"ibp"}  # not exact where nothing switches
DEAR = {"exact", "rub_optimised", "crown_optimised"}  # by a program or a search: up to 1e-6


@dataclass(frozen=True)
class Case:
    """A network, inputs, labels, and the sets around the inputs."""

    net: ReLUNetwork
    x: torch.Tensor
    y: torch.Tensor
    radius: float
    box: tuple[float, float]

    def ball(self, name: str, p: float, scale: float = 1.0) -> LpBall:
        """Of the kind that the method wants: where that has a box, it cuts the ball."""
        return LpBall(p, scale * self.radius, self.box if BOUNDS[name].box else None)

    def bound(self, name: str, p: float, scale: float = 1.0) -> torch.Tensor:
        found = BOUNDS[name].bound
        assert found is not None
        return found(self.net, self.x, self.y, self.ball(name, p, scale))

    def cut(self, name: str, p: float, box: tuple[float, float] | None = None) -> torch.Tensor:
        """On the ball cut with its box, or with another one."""
        found = BOUNDS[name].bound
        assert found is not None
        there = Cut(LpBall(p, self.radius), self.box if box is None else box)
        return found(self.net, self.x, self.y, there)

    def layers(self) -> list[list[torch.Tensor]]:
        return [[m.weight.clone(), m.bias.clone()] for m in self.net.layers]  # type: ignore


@cache
def cases() -> tuple[Case, ...]:
    """Two, three and four layers in turn."""
    return tuple(
        Case(one.net, one.x, one.y, one.radius, (float(one.x.min()) - 0.1, float(one.x.max()) + 1))
        for one in random_instances(24, seed=3)
    )


def some(name: str, n: int = 6) -> list[tuple[int, Case]]:
    """The first n cases; of what costs as much as all others, a fifth."""
    chosen = range(n) if name not in DEAR else range(1, 2 + n // 5)
    return [(number, cases()[number]) for number in chosen]


@cache
def found(name: str, p: float, number: int) -> torch.Tensor:
    return cases()[number].bound(name, p)


def near(name: str, value: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(value, expected, atol=1e-6 if name in DEAR else 1e-9, rtol=0)


def quick(one: Method) -> Callable[..., torch.Tensor]:
    """A bound with few steps; a ball has a box far away where the method wants one."""

    def bound(net: Any, x: Any, y: Any, ball: Any) -> torch.Tensor:
        if one.box and isinstance(ball, LpBall) and ball.box is None:
            ball = LpBall(ball.p, ball.radius, (-9.0, 9.0))
        return call(net, x, y, ball)

    assert one.bound is not None
    few = {"steps": 2} if "steps" in inspect.signature(one.bound).parameters else {}
    call = partial(one.bound, **few)
    return bound


ROWS = [(m.name, p) for m in BOUNDS.values() for p in NORMS if m.takes(cases()[0].ball(m.name, p))]
CUT_ROWS = [
    (m.name, p) for m in BOUNDS.values() for p in NORMS if m.takes(Cut(LpBall(p, 1), (0, 1)))
]
every_bound = pytest.mark.parametrize(("name", "p"), ROWS)
every_gap = pytest.mark.parametrize(("name", "p"), [row for row in ROWS if row[0] not in LOSSES])
