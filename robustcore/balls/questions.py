"""What bounds, attacks and certificates ask of a set of perturbations, and how a set declines.

A set answers for itself. What works on sets says in one line what it asks, `posed(ball, x, "crown",
SUPPORT)`, and gets the set as it is at the samples x, or one sentence that names the question which
this set does not answer.

Shape letters: n samples, d features, r rows, V extreme points.
"""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Self

import numpy as np
import torch

from ..doors import as_tensor
from ..errors import InputError

SUPPORT = "the support function"
MAXIMISER = "a maximiser"
PROJECTION = "the projection"
EXTREME_POINTS = "the extreme points"
NORM = "the exponent and the radius of an Lp ball"


class PerturbationSet(ABC):
    """A bounded convex set of perturbations delta with 0 in it, one for all samples or one each.

    `radius` scales it: `with_radius(0)` leaves 0 alone. With a `box`, projections and attacks keep
    x + delta inside it. The last axis of every tensor holds the d features; where a set has a part
    of its own for each sample, the first axis holds the samples.

    Bounds prove for the whole of it. Where a feature leaps, from one category or whole number to
    the next, an attack ends at points alone that have such a value, where `land` puts it.

    Source: own (on [A] eq. (1), [B] Section 3)
    """

    radius: float
    box: tuple[float, float] | None
    solid: bool = True  # whether any coordinate may be shortened: symmetric, and |delta| is enough
    holds_its_points: bool = True  # else `extreme_points` only make a larger set

    @property
    def per_sample(self) -> bool:
        """Whether it was made for certain samples, in their order."""
        return False

    def lacks(self, question: str) -> str | None:
        """Why a question is not answered, to be read after the set; None if it is."""
        return None

    def around(self, x: torch.Tensor) -> PerturbationSet:
        """The set at samples x (n, d); refuses x of another n or d than its own."""
        return self

    def at(self, rows: torch.Tensor) -> PerturbationSet:
        """Its part for some of the samples."""
        return self

    def scaled(self, times: float) -> PerturbationSet:
        """So many times as large, and as placed as it is."""
        return self.with_radius(times * self.radius)

    def moves(self, d: int) -> torch.Tensor:
        """Which of the d features it may change: booleans (d,), or (n, d)."""
        return torch.ones(d, dtype=torch.bool)

    def leaps(self, d: int) -> torch.Tensor:
        """Which of the d features have single values, none between them: booleans (d,)."""
        return torch.zeros(d, dtype=torch.bool)

    def land(self, delta: torch.Tensor) -> torch.Tensor:
        """A point of the set near delta at which all that leap have a value: (n, d) -> (n, d)."""
        return delta

    def sizes(self) -> PerturbationSet:
        """A set that holds `|delta|` for every delta."""
        return self

    def of_rows(self, W: torch.Tensor) -> torch.Tensor:
        """Support of rows that all samples share: (r, d) -> (r,), or (n, r)."""
        return self.support(W)

    def excess(self, delta: torch.Tensor, rounding: torch.Tensor) -> torch.Tensor:
        """By how much the norm of the set is exceeded, (n,); at most 0 inside.

        Tolerated are 1e-6 of the radius and `rounding`, like delta.
        """
        return self.norm(delta) - self.norm(rounding) - self.radius * (1 + 1e-6)

    @abstractmethod
    def with_radius(self, radius: float) -> Self:
        """The same set, scaled."""

    @abstractmethod
    def support(self, c: Any) -> Any:
        """sup c'delta: (..., d) -> (...)."""

    @abstractmethod
    def maximiser(self, c: Any) -> Any:
        """A point of the set at which c'delta is its support: (..., d) -> (..., d)."""

    @abstractmethod
    def norm(self, delta: Any) -> Any:
        """The least radius of the set that holds delta: (..., d) -> (...)."""

    @abstractmethod
    def sample(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        """Random points of the set: (..., d)."""

    def project(self, delta: Any, x: Any = None) -> Any:
        """The nearest point of the set, and of the box: (..., d) -> (..., d)."""
        raise self._declined("project", PROJECTION)

    def extreme_points(self, d: int) -> torch.Tensor:
        """Points whose hull is the set, or holds it: (V, d) or (n, V, d), in float64."""
        raise self._declined("extreme_points", EXTREME_POINTS)

    def _declined(self, who: str, question: str) -> InputError:
        return InputError(f"{who} asks for {question}, which {self!r} {self.lacks(question)}.")


def check_set(given: Any, who: str, *questions: str) -> None:
    """Refuse what is no set of perturbations, and one that does not answer a question.

    Source: own
    """
    if not isinstance(given, PerturbationSet):
        raise InputError(
            "ball must be a set of perturbations, LpBall(p, radius), Radii, Hull, Swaps or Sum, "
            f"got {type(given).__name__}."
        )
    for question in questions:
        if (why := given.lacks(question)) is not None:
            raise InputError(f"{who} asks for {question} of the set, which {given!r} {why}.")


def posed(given: Any, x: torch.Tensor, who: str, *questions: str) -> PerturbationSet:
    """The set as it is at the samples x (n, ...), once it answers the questions.

    Source: own

    Parameters
    ----------
    given : PerturbationSet
    x : (n, ...) tensor
    who : str
        Which method asks.
    *questions : str
        `SUPPORT`, `MAXIMISER`, `PROJECTION`, `EXTREME_POINTS` or `NORM`.

    Raises
    ------
    InputError
        For what is no set, one that does not answer, or one made for other samples.
    """
    check_set(given, who, *questions)
    return given.around(x.flatten(1))


def answers_in_kind(method: Callable[..., Any]) -> Callable[..., Any]:
    """Let a method written for tensors take numpy arrays too, and return what it was given.

    Whole numbers are computed with in float64. Other arrays follow the first one.

    Source: own
    """

    @functools.wraps(method)
    def wrapper(self: PerturbationSet, value: Any, *args: Any, **options: Any) -> Any:
        tensor = _real(value)
        others = [a if a is None or np.isscalar(a) else _real(a).to(tensor.device) for a in args]
        if options.get("x") is not None:
            options["x"] = _real(options["x"]).to(tensor.device)
        answer = method(self, tensor, *others, **options)
        return answer if isinstance(value, torch.Tensor) else answer.numpy()

    return wrapper


def _real(value: Any) -> torch.Tensor:
    """A tensor of real numbers with at least one axis."""
    tensor = as_tensor("an argument of a ball", value)
    if tensor.is_complex() or tensor.ndim == 0:
        raise InputError(
            f"a ball takes real arrays (..., d), got {tensor.dtype} of shape {tuple(tensor.shape)}."
        )
    return tensor if tensor.is_floating_point() else tensor.double()
