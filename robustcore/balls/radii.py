"""Balls stretched along the axes: a radius of its own for each feature, or for each sample."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from ..doors import as_tensor
from ..errors import InputError, check_finite, check_nonnegative
from .lp import LpBall
from .questions import EXTREME_POINTS, NORM, PerturbationSet, answers_in_kind

_ROUNDED = 1 + 1e-9  # 0.7 times 10 holds 7


@dataclass(frozen=True, eq=False)
class Radii(PerturbationSet):
    r"""The set :math:`\{\delta : \|(\delta_m/\rho_m)_m\|_p\le s\}`, its radii rho, s its `radius`.

    Source: own (on [B] eq. (23), Theorem 11)

    Parameters
    ----------
    p : float
        Exponent, 1 <= p <= inf.
    radii : (d,), (n, 1) or (n, d) tensor or array
        How far feature m may move when nothing else does, in the units of the inputs: for all
        samples alike, or a row for each sample. A feature of radius 0 is left alone.
    radius : float
        Scales them all.
    whole : sequence of int
        Features that move by whole numbers alone: attacks end at such points, and what is proved
        holds for the numbers between them too.

    Raises
    ------
    InputError
        For p < 1, radii that are negative or not finite, or `whole` that is no list of features.

    Notes
    -----
    `project` gives the nearest point in units of the radii, the Euclidean one only where p = inf or
    all radii are equal.
    """

    p: float
    radii: torch.Tensor
    radius: float = 1.0
    whole: Sequence[int] = ()
    box = None

    def __post_init__(self) -> None:
        unit = LpBall(self.p, self.radius)
        radii = as_tensor("radii", self.radii).double()
        if radii.ndim not in (1, 2) or radii.shape[-1] == 0:
            raise InputError(f"radii must be (d,), (n, 1) or (n, d), got {tuple(radii.shape)}.")
        check_finite("radii", radii)
        if len(radii):  # an empty batch has no least one
            check_nonnegative("the least of the radii", float(radii.min()))
        whole = tuple(self.whole)
        d = math.inf if radii.ndim == 2 and radii.shape[1] == 1 else radii.shape[-1]
        if not all(isinstance(m, int) and 0 <= m < d for m in whole):
            raise InputError(f"whole must list features by number, 0 to {d - 1}, got {self.whole}.")
        given = (("p", unit.p), ("radius", unit.radius), ("radii", radii), ("whole", whole))
        for name, value in given:
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        kind = "x".join(map(str, self.radii.shape))
        p = "inf" if math.isinf(self.p) else f"{self.p:g}"
        if not len(self.radii):
            return f"Radii({p}, {kind})"
        return f"Radii({p}, {kind} from {self.radii.min():g} to {self.radii.max():g})"

    @property
    def per_sample(self) -> bool:
        """Whether there is a row of radii for each sample."""
        return self.radii.ndim == 2

    @property
    def _unit(self) -> LpBall:
        return LpBall(self.p, self.radius)

    def lacks(self, question: str) -> str | None:
        """It is no Lp ball; only for p = 1 it has few extreme points."""
        if question == EXTREME_POINTS and self.p != 1:
            return "has too many of; take Radii(1, ...), or a method for any p"
        return "does not have" if question == NORM else None

    def moves(self, d: int) -> torch.Tensor:
        """Those of a positive radius."""
        return (self.radii > 0).expand(*self.radii.shape[:-1], d)

    def leaps(self, d: int) -> torch.Tensor:
        """Those that move by whole numbers."""
        found = torch.zeros(d, dtype=torch.bool)
        found[list(self.whole)] = True
        return found

    def land(self, delta: torch.Tensor) -> torch.Tensor:
        """The nearest whole numbers, or where they are outside the next ones towards 0."""
        if not self.whole:
            return delta
        exact, leaps = delta.double(), self.leaps(delta.shape[-1]).to(delta.device)
        nearest = exact.round()
        alone = nearest.abs() <= self.radius * self._like(exact) * _ROUNDED
        nearest = torch.where(leaps, torch.where(alone, nearest, exact.trunc()), exact)
        inside = self.norm(nearest) <= self.radius * _ROUNDED
        shorter = torch.where(leaps, exact.trunc(), exact)
        return torch.where(inside[..., None], nearest, shorter).to(delta)

    def with_radius(self, radius: float) -> Radii:
        """All radii times another number."""
        return replace(self, radius=radius)

    def around(self, x: torch.Tensor) -> Radii:
        """Itself, if its radii are for such samples."""
        n, d = (1, *self.radii.shape)[-2:]
        shared = self.per_sample and d == 1
        if (self.per_sample and n != len(x)) or (d != x.shape[1] and not shared):
            raise InputError(
                f"{self!r} was made for other samples than {tuple(x.shape)}; give radii for these."
            )
        return self

    def at(self, rows: torch.Tensor) -> Radii:
        """The radii of some samples."""
        if self.radii.ndim == 1:
            return self
        return replace(self, radii=self.radii[rows.to(self.radii.device)])

    @answers_in_kind
    def support(self, c: Any) -> Any:
        r""":math:`s\,\|(\rho_mc_m)_m\|_q`, exact.

        Source: [B] eq. (23)
        """
        return self._unit.support(self._like(c) * c)

    def of_rows(self, W: torch.Tensor) -> torch.Tensor:
        """(r, d) -> (r,), or (n, r) where each sample has radii of its own."""
        if self.radii.ndim == 1:
            return self.support(W)
        radii = self.radii.to(W)
        if radii.shape[1] == 1:
            return radii * self._unit.support(W)
        each = [self._unit.support(W * one) for one in radii]  # (n, r, d) at once is large
        return torch.stack(each) if each else W.new_zeros(0, len(W))

    @answers_in_kind
    def maximiser(self, c: Any) -> Any:
        """As for the ball of radius s, stretched.

        Source: [B] Section 4
        """
        stretch = self._like(c)
        return stretch * self._unit.maximiser(stretch * c)

    @answers_in_kind
    def norm(self, delta: Any) -> Any:
        """The p-norm of delta over the radii; inf where a feature moves that may not."""
        stretch = self._like(delta)
        moves = torch.where(stretch > 0, delta / stretch, torch.where(delta == 0, 0.0, math.inf))
        return self._unit.norm(moves)

    def excess(self, delta: torch.Tensor, rounding: torch.Tensor) -> torch.Tensor:
        """As for every set; a feature that may not move may round."""
        free = self._like(delta) > 0
        still = (free | (delta.abs() <= rounding)).all(dim=-1)
        delta, rounding = torch.where(free, delta, 0.0), torch.where(free, rounding, 0.0)
        return torch.where(still, super().excess(delta, rounding), math.inf)

    @answers_in_kind
    def project(self, delta: Any, x: Any = None) -> Any:
        """The nearest point in units of the radii; x is not looked at, there is no box."""
        stretch = self._like(delta)
        return stretch * self._unit.project(torch.where(stretch > 0, delta / stretch, 0.0))

    def extreme_points(self, d: int) -> torch.Tensor:
        """All +rho_m e_m, then all -rho_m e_m, for p = 1: (2d, d) or (n, 2d, d).

        Source: own (on [B] Theorem 11)
        """
        if self.p != 1:
            raise self._declined("extreme_points", EXTREME_POINTS)
        return torch.from_numpy(self._unit.vertices(d)).to(self.radii) * self.radii[..., None, :]

    def sample(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        """Uniform in the set: (..., d), or (..., n, d) with radii for each sample."""
        return self._unit.sample(shape, rng) * self.radii.cpu().numpy()

    def _like(self, c: torch.Tensor) -> torch.Tensor:
        """The radii, with the axes of c."""
        radii = self.radii.to(c)
        if radii.ndim == 1:
            return radii
        return radii.view(len(radii), *[1] * (c.ndim - 2), radii.shape[1])
