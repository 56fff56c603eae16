"""Several sets at once: each moves features of its own, as far as it allows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

import numpy as np
import torch

from ..errors import InputError, check_nonnegative
from . import polytopes
from .questions import EXTREME_POINTS, NORM, PROJECTION, PerturbationSet, answers_in_kind


@dataclass(frozen=True, eq=False)
class Sum(PerturbationSet):
    r"""All :math:`\delta = \delta_1 + \dots + \delta_k` with every :math:`\delta_i` in its own set.

    No two sets move the same feature: numbers by one, categories by another, for example
    `Sum([Radii(inf, [2.0, 0.5, 0, 0, 0]), Swaps([[2, 3, 4]])])`.

    Source: own (on [B] eq. (23), Theorem 11)

    Parameters
    ----------
    parts : sequence of PerturbationSet
        At least one, and none with a box.
    radius : float
        Scales them all.

    Raises
    ------
    InputError
        For anything else; when placed around samples, for sets that move the same feature.

    Notes
    -----
    Its support function is the sum of theirs. It has a projection, or extreme points, if all of
    them have; the points are all combinations, and grow as a product.
    """

    parts: Sequence[PerturbationSet]
    radius: float = 1.0
    box = None

    def __post_init__(self) -> None:
        parts = tuple(self.parts) if isinstance(self.parts, Sequence) else ()
        if not parts or not all(isinstance(part, PerturbationSet) for part in parts):
            raise InputError(f"a Sum needs a list of sets of perturbations, got {self.parts!r}.")
        if any(part.box is not None for part in parts):
            raise InputError("a Sum takes no set with a box; give Cut(ball) in place of the ball.")
        check_nonnegative("radius", self.radius)
        object.__setattr__(self, "parts", parts)
        object.__setattr__(self, "solid", all(part.solid for part in parts))
        object.__setattr__(self, "holds_its_points", all(part.holds_its_points for part in parts))

    def __repr__(self) -> str:
        return f"Sum([{', '.join(map(repr, self.parts))}])"

    @property
    def per_sample(self) -> bool:
        """Whether one of them is for certain samples."""
        return any(part.per_sample for part in self.parts)

    @property
    def _scaled(self) -> list[PerturbationSet]:
        return [part.scaled(self.radius) for part in self.parts]

    def lacks(self, question: str) -> str | None:
        """What one of them lacks; no sum is an Lp ball."""
        if question == NORM:
            return "does not have"
        if question in (PROJECTION, EXTREME_POINTS):
            return next((why for part in self.parts if (why := part.lacks(question))), None)
        return None

    def moves(self, d: int) -> torch.Tensor:
        """The features that one of them moves."""
        return reduce(torch.logical_or, (part.moves(d).cpu() for part in self.parts))

    def leaps(self, d: int) -> torch.Tensor:
        """Those that leap in one of them."""
        return reduce(torch.logical_or, (part.leaps(d) for part in self.parts))

    def land(self, delta: torch.Tensor) -> torch.Tensor:
        """The sum of where each of them lands."""
        return _total([part.land(own) for part, own in self._own(self._scaled, delta)])

    def with_radius(self, radius: float) -> Sum:
        """All sets times another number."""
        return replace(self, radius=radius)

    def around(self, x: torch.Tensor) -> Sum:
        """The sum of what each is at the samples."""
        parts = [part.around(x) for part in self.parts]
        moved = [part.moves(x.shape[1]).cpu().long() for part in parts]
        twice = (sum(moved[1:], moved[0]) > 1).nonzero()
        if len(twice):
            raise InputError(
                f"{self!r} has two sets that move feature {int(twice[0, -1])}; give every feature "
                "to one of them."
            )
        return replace(self, parts=parts)

    def at(self, rows: torch.Tensor) -> Sum:
        """Their parts for some of the samples."""
        return replace(self, parts=[part.at(rows) for part in self.parts])

    def sizes(self) -> Sum:
        """The sum of sets that hold theirs."""
        return replace(self, parts=[part.sizes() for part in self.parts])

    @answers_in_kind
    def support(self, c: Any) -> Any:
        """The sum of theirs, exact."""
        return _total([part.support(c) for part in self._scaled])

    def of_rows(self, W: torch.Tensor) -> torch.Tensor:
        """(r, d) -> (r,), or (n, r) where one of them is for certain samples."""
        return _total([part.of_rows(W) for part in self._scaled])

    @answers_in_kind
    def maximiser(self, c: Any) -> Any:
        """The sum of theirs."""
        return _total([part.maximiser(c) for part in self._scaled])

    @answers_in_kind
    def norm(self, delta: Any) -> Any:
        """The largest of theirs, each in units of its own radius, at the features that it moves."""
        sizes = [self._alone(delta)]
        for part, own in self._own(self.parts, delta):
            nothing = torch.where((own == 0).all(dim=-1), 0.0, math.inf).to(delta)
            sizes.append(part.norm(own) / part.radius if part.radius > 0 else nothing)
        return reduce(torch.maximum, sizes)

    def excess(self, delta: torch.Tensor, rounding: torch.Tensor) -> torch.Tensor:
        """The largest of theirs; a feature that none of them moves may round."""
        still = self._alone(torch.where(delta.abs() <= rounding, 0.0, delta))
        found = [part.excess(own, rounding) for part, own in self._own(self._scaled, delta)]
        return reduce(torch.maximum, found) + still

    @answers_in_kind
    def project(self, delta: Any, x: Any = None) -> Any:
        """The sum of theirs: the nearest point as each of them measures it."""
        if self.lacks(PROJECTION):
            raise self._declined("project", PROJECTION)
        return _total([part.project(own) for part, own in self._own(self._scaled, delta)])

    def extreme_points(self, d: int) -> torch.Tensor:
        """All sums of theirs: (V_1 ... V_k, d) or (n, V_1 ... V_k, d)."""
        if self.lacks(EXTREME_POINTS):
            raise self._declined("extreme_points", EXTREME_POINTS)
        each = [part.extreme_points(d) for part in self._scaled]
        return reduce(lambda one, other: polytopes.sum_of(one, other.to(one)), each)

    def sample(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        """The sum of points of each."""
        drawn = [part.sample(shape, rng) for part in self._scaled]
        return np.asarray(sum(drawn[1:], drawn[0]))

    def _own(
        self, parts: Sequence[PerturbationSet], delta: torch.Tensor
    ) -> list[tuple[PerturbationSet, torch.Tensor]]:
        """Each set, and delta at the features that it moves, 0 elsewhere."""
        return [(p, torch.where(_spread(p.moves(delta.shape[-1]), delta), delta, 0)) for p in parts]

    def _alone(self, delta: torch.Tensor) -> torch.Tensor:
        """inf where a feature is not 0 that none of the sets moves, else 0: (...)."""
        stray = (delta != 0) & ~_spread(self.moves(delta.shape[-1]), delta)
        return torch.where(stray.any(dim=-1), math.inf, 0.0).to(delta)


def _total(found: list[torch.Tensor]) -> torch.Tensor:
    return sum(found[1:], found[0])


def _spread(moved: torch.Tensor, delta: torch.Tensor) -> torch.Tensor:
    """(d,), or (n, d) with the axes of delta, on its device."""
    moved = moved.to(delta.device)
    return moved if moved.ndim == 1 else moved.view(len(moved), *[1] * (delta.ndim - 2), -1)
