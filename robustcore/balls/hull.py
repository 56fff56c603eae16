"""Polytopes that are given by their points, and the swaps of a category."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from scipy.optimize import linprog

from ..doors import as_tensor
from ..errors import InputError, check_finite, check_nonnegative
from . import polytopes
from .questions import NORM, PROJECTION, PerturbationSet, answers_in_kind
from .radii import Radii


@dataclass(frozen=True, eq=False)
class Hull(PerturbationSet):
    r"""The convex hull of given perturbations and of no change, times `radius`.

    Source: own (on [B] Theorem 11)

    Parameters
    ----------
    points : (V, d) or (n, V, d) tensor or array
        Perturbations in the units of the inputs: for all samples alike, or some for each sample.
    radius : float
        Scales them all.

    Raises
    ------
    InputError
        If the points have another shape or are not finite.

    Notes
    -----
    It has no box and no projection: attacks go from point to point of the hull.
    """

    points: torch.Tensor
    radius: float = 1.0
    box = None
    solid = False

    def __post_init__(self) -> None:
        points = as_tensor("points", self.points).double()
        if points.ndim not in (2, 3) or 0 in points.shape[-2:]:
            raise InputError(f"points must be (V, d) or (n, V, d), got {tuple(points.shape)}.")
        check_finite("points", points)
        check_nonnegative("radius", self.radius)
        nothing = torch.zeros_like(points[..., :1, :])
        if not bool((points == 0).all(dim=-1).any(dim=-1).all()):
            points = torch.cat([nothing, points], dim=-2)
        object.__setattr__(self, "points", points)

    def __repr__(self) -> str:
        return f"Hull({'x'.join(map(str, self.points.shape))})"

    @property
    def per_sample(self) -> bool:
        """Whether there are points for each sample."""
        return self.points.ndim == 3

    def lacks(self, question: str) -> str | None:
        """It is no Lp ball, and to project onto it is a program."""
        if question == PROJECTION:
            return "has in no closed form; fgm, apgd and strongest do without"
        return "does not have" if question == NORM else None

    def moves(self, d: int) -> torch.Tensor:
        """Those in which one of the points is not 0."""
        return (self.points != 0).any(dim=-2)

    def with_radius(self, radius: float) -> Hull:
        """All points times another number."""
        return replace(self, radius=radius)

    def around(self, x: torch.Tensor) -> Hull:
        """Itself, if its points are for such samples."""
        fits = not self.per_sample or len(self.points) == len(x)
        if not fits or self.points.shape[-1] != x.shape[1]:
            raise InputError(
                f"{self!r} was made for other samples than {tuple(x.shape)}; give points for these."
            )
        return self

    def at(self, rows: torch.Tensor) -> Hull:
        """The points of some samples."""
        if self.points.ndim == 2:
            return self
        return replace(self, points=self.points[rows.to(self.points.device)])

    def sizes(self) -> Hull:
        """The hull of the sizes of the points: |delta| is convex, so it lies below that hull."""
        return replace(self, points=self.points.abs())

    @answers_in_kind
    def support(self, c: Any) -> Any:
        """The largest over the points, exact: at least 0."""
        return self._values(c).amax(dim=-1)

    def of_rows(self, W: torch.Tensor) -> torch.Tensor:
        """(r, d) -> (r,), or (n, r) where each sample has points of its own."""
        return (self._scaled(W) @ W.T).amax(dim=-2)

    @answers_in_kind
    def maximiser(self, c: Any) -> Any:
        """The point of the largest value."""
        where = self._values(c).argmax(dim=-1)
        points = self._scaled(c)
        if points.ndim == 2:
            return points[where]
        flat = where.reshape(len(points), math.prod(where.shape[1:]), 1)
        flat = flat.expand(-1, -1, points.shape[-1])
        return points.gather(1, flat).view(c.shape)

    @answers_in_kind
    def norm(self, delta: Any) -> Any:
        """The least sum of weights of the points that gives delta, by a linear program each."""
        return self._least_weight(delta, torch.zeros_like(delta))

    def excess(self, delta: torch.Tensor, rounding: torch.Tensor) -> torch.Tensor:
        """As for every set."""
        return self._least_weight(delta, rounding) - self.radius * (1 + 1e-6)

    def extreme_points(self, d: int) -> torch.Tensor:
        """The points, no change among them; others may lie between them."""
        return self.radius * self.points

    def sample(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        """Random mixtures of the points, near one of them as often as not: as for `Radii`."""
        points = self.radius * self.points.cpu().numpy()
        share = rng.choice([0.1, 1.0], size=(*shape[:-1], 1))
        weights = rng.standard_gamma(np.broadcast_to(share, (*shape[:-1], points.shape[-2])))
        weights /= np.maximum(weights.sum(axis=-1, keepdims=True), np.finfo(float).tiny)
        if points.ndim == 2:
            return weights @ points
        return np.einsum("...nv,nvd->...nd", weights, points)

    def _scaled(self, like: torch.Tensor) -> torch.Tensor:
        return self.radius * self.points.to(like)

    def _values(self, c: torch.Tensor) -> torch.Tensor:
        """c'delta at every point: (..., d) -> (..., V)."""
        points = self._scaled(c)
        if points.ndim == 2:
            return c @ points.T
        flat = c.reshape(len(points), math.prod(c.shape[1:-1]), c.shape[-1]) @ points.mT
        return flat.view(*c.shape[:-1], points.shape[1])

    def _least_weight(self, delta: torch.Tensor, rounding: torch.Tensor) -> torch.Tensor:
        d = delta.shape[-1]
        each = delta.reshape(-1, d).double().cpu().numpy()
        slack = rounding.reshape(-1, d).double().cpu().numpy()
        points = self.points.cpu().numpy().reshape(-1, *self.points.shape[-2:])
        every = np.repeat(points, len(each) // max(1, len(points)), axis=0)
        found = [_weight(*one) for one in zip(every, each, slack, strict=True)]
        return torch.tensor(found).to(delta).view(delta.shape[:-1])


def _weight(points: np.ndarray, delta: np.ndarray, slack: np.ndarray) -> float:
    """min 1'w with w >= 0 and |points'w - delta| <= slack; inf where there is none."""
    size = np.abs(points).max() or 1.0
    rows = np.concatenate([points.T, -points.T]) / size
    right = np.concatenate([delta + slack, slack - delta]) / size
    found = linprog(np.ones(len(points)), A_ub=rows, b_ub=right, method="highs")
    return float(found.fun) if found.status == 0 else math.inf


@dataclass(frozen=True, eq=False, repr=False)
class _Swapped(Hull):
    """What each sample can become, which is made of swaps (n, V, d) and numbers beside them."""

    swaps: torch.Tensor = field(default_factory=lambda: torch.zeros(0, 1, 1))
    numbers: Radii | None = None

    def at(self, rows: torch.Tensor) -> _Swapped:
        """As of a hull."""
        rows = rows.to(self.points.device)
        return replace(self, points=self.points[rows], swaps=self.swaps[rows])

    def leaps(self, d: int) -> torch.Tensor:
        """The columns of the categories, and numbers that are whole."""
        swapped = (self.swaps != 0).any(dim=1).any(dim=0).cpu()
        return swapped if self.numbers is None else swapped | self.numbers.leaps(d)

    def land(self, delta: torch.Tensor) -> torch.Tensor:
        """The nearest category, below radius 1 the sample's own; numbers stay, or land too."""
        swaps = (self.swaps if self.radius >= 1 else self.swaps[:, :1]).to(delta)
        along = (swaps @ delta[..., None])[..., 0] - swaps.square().sum(dim=-1) / 2
        best = along.argmax(dim=1)[:, None, None].expand(-1, 1, delta.shape[1])
        rest = torch.where((self.swaps != 0).any(dim=1).any(dim=0).to(delta.device), 0.0, delta)
        if self.numbers is not None:
            rest = self.numbers.scaled(self.radius).land(rest)
        return swaps.gather(1, best)[:, 0] + rest


@dataclass(frozen=True)
class Swaps(PerturbationSet):
    r"""The category of one group may be replaced by another; numbers may move at the same time.

    What a sample can become depends on what it is: the set is made at the samples. It is the hull
    of all swaps. Its points between two categories are no rows of a table: what is proved holds for
    them too, and attacks end at a category.

    Source: own (on [B] Theorem 11)

    Parameters
    ----------
    groups : sequence of sequences of column indices
        The categorical features; for example [[3, 4, 5]].
    numbers : Radii, optional
        With p = 1 and one radius a feature: how far numbers move beside the swap.
    radius : float
        Scales all perturbations. Below 1 a swap goes part of its way, and no attack makes one.

    Raises
    ------
    InputError
        If `numbers` has too many extreme points or is for single samples.
    """

    groups: Sequence[Sequence[int]]
    numbers: Radii | None = None
    radius: float = 1.0
    box = None
    solid = False

    def __post_init__(self) -> None:
        numbers = self.numbers
        if numbers is not None and not (
            isinstance(numbers, Radii) and numbers.p == 1 and numbers.radii.ndim == 1
        ):
            raise InputError(f"numbers must be Radii(1, (d,) radii), got {numbers!r}.")
        check_nonnegative("radius", self.radius)

    def lacks(self, question: str) -> str | None:
        """As of a hull."""
        return Hull(torch.zeros(1, 1)).lacks(question)

    def moves(self, d: int) -> torch.Tensor:
        """Asked of `around(x)`."""
        raise self._unplaced()

    def leaps(self, d: int) -> torch.Tensor:
        """Asked of `around(x)`."""
        raise self._unplaced()

    def land(self, delta: torch.Tensor) -> torch.Tensor:
        """Asked of `around(x)`."""
        raise self._unplaced()

    def with_radius(self, radius: float) -> Swaps:
        """All perturbations times another number."""
        return replace(self, radius=radius)

    def around(self, x: torch.Tensor) -> Hull:
        """The hull of what each sample can become."""
        points = swaps = polytopes.one_hot_swaps(x.detach().double(), self.groups)
        if self.numbers is not None:
            radii = self.numbers.radius * self.numbers.around(x).radii
            points = polytopes.sum_of(points, polytopes.feature_radii(radii).to(points))
        return _Swapped(points, self.radius, swaps, self.numbers)

    def support(self, c: Any) -> Any:
        """Asked of `around(x)`."""
        raise self._unplaced()

    def maximiser(self, c: Any) -> Any:
        """Asked of `around(x)`."""
        raise self._unplaced()

    def norm(self, delta: Any) -> Any:
        """Asked of `around(x)`."""
        raise self._unplaced()

    def sample(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        """Asked of `around(x)`."""
        raise self._unplaced()

    def _unplaced(self) -> InputError:
        return InputError(f"{self!r} depends on the samples; ask {type(self).__name__}.around(x).")
