"""The sets of perturbations that networks are certified over, drawn at random."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import torch

from robustcore.balls import Hull, LpBall, PerturbationSet, Radii, Sum, Swaps

from .kinds import SAMPLES, M

Drawn = tuple[torch.Tensor, PerturbationSet]  # samples, which a set may ask for, and the set
_CATEGORY = list(range(M - 3, M))  # the columns of one category


def _radius() -> float:
    return 10 ** float(torch.empty(()).uniform_(-3, 0))


def _each() -> tuple[int, ...]:
    """For all samples alike, or for each its own."""
    return (SAMPLES,) if torch.rand(()) < 0.5 else ()


def _ball(x: torch.Tensor, box: tuple[float, float], p: float) -> Drawn:
    return x, LpBall(p, _radius(), box)


def _radii(x: torch.Tensor, box: tuple[float, float]) -> Drawn:
    p = (1.0, 2.0, math.inf)[int(torch.randint(3, ()))]
    shape = (*_each(), M)
    some = torch.rand(shape) < 0.8  # the others do not move
    return x, Radii(p, torch.rand(shape) * some, _radius())


def _hull(x: torch.Tensor, box: tuple[float, float]) -> Drawn:
    return x, Hull(torch.randn(*_each(), 5, M), _radius())


def _swaps(x: torch.Tensor, box: tuple[float, float]) -> Drawn:
    """The last three columns are a category; numbers move beside it in every second set."""
    return _with_category(x), Swaps([_CATEGORY], Radii(1, _numbers()) if _each() else None)


def _sum(x: torch.Tensor, box: tuple[float, float]) -> Drawn:
    """The same, numbers in a ball of any norm."""
    p = (1.0, 2.0, math.inf)[int(torch.randint(3, ()))]
    return _with_category(x), Sum([Radii(p, _numbers()), Swaps([_CATEGORY])])


def _with_category(x: torch.Tensor) -> torch.Tensor:
    x = x.clone()
    x[:, _CATEGORY] = torch.eye(3).to(x)[torch.randint(3, (len(x),))]
    return x


def _numbers() -> torch.Tensor:
    """How far each number moves, the category not."""
    numbers = torch.full((M,), _radius())
    numbers[_CATEGORY] = 0.0
    return numbers


SETS: dict[str, Callable[[torch.Tensor, tuple[float, float]], Drawn]] = {
    **{f"L{p:g}": partial(_ball, p=p) for p in (1, 2, math.inf)},
    "radii": _radii,
    "hull": _hull,
    "swaps": _swaps,
    "sum": _sum,
}
