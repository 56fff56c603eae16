"""Pairs of a slack and its multiplier, both inside one cone, as the method works on them.

Two kinds: non-negative numbers, each a cone of its own, and second-order cones along the last axis.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import torch

from .batch import largest, spread
from .cones import Scaling, divide, longest_step, product, pull_to_centre


class Pair(Protocol):
    """A slack and its multiplier at one iterate: dm = goal - stiffness ds along a direction."""

    def stiffness(self, ds: torch.Tensor) -> torch.Tensor:
        """W^{-2} ds."""

    def centred(self, centre: torch.Tensor, ds: torch.Tensor, dm: torch.Tensor) -> torch.Tensor:
        """The goal of a product `centre` (B,) along the axis, with Mehrotra's term."""

    def pulled(
        self, s: torch.Tensor, m: torch.Tensor, low: torch.Tensor, high: torch.Tensor
    ) -> torch.Tensor:
        """Gondzio's change of a goal, from what the product of a trial point misses."""


class Cone(Protocol):
    """What the method asks of a kind of cone."""

    def degree(self, x: torch.Tensor) -> int:
        """How many cones (B, ...) holds for each program."""

    def inside(self, x: torch.Tensor) -> torch.Tensor:
        """Of which programs every point is strictly inside, (B,)."""

    def longest_step(self, x: torch.Tensor, dx: torch.Tensor) -> torch.Tensor:
        """(B,), the largest alpha <= 1 that keeps x + alpha dx in the cones."""

    def pair(self, s: torch.Tensor, m: torch.Tensor) -> Pair:
        """Of two points strictly inside."""


@dataclass(frozen=True)
class OrthantPair:
    """Non-negative numbers s and m."""

    s: torch.Tensor
    m: torch.Tensor

    @cached_property
    def ratio(self) -> torch.Tensor:
        """m / s."""
        return self.m / self.s

    def stiffness(self, ds: torch.Tensor) -> torch.Tensor:
        """The ratio."""
        return self.ratio * ds

    def centred(self, centre: torch.Tensor, ds: torch.Tensor, dm: torch.Tensor) -> torch.Tensor:
        """(centre - ds dm) / s - m."""
        return -self.m + (spread(centre, self.s) - ds * dm) / self.s

    def pulled(
        self, s: torch.Tensor, m: torch.Tensor, low: torch.Tensor, high: torch.Tensor
    ) -> torch.Tensor:
        """Entry by entry."""
        v, low, high = s * m, spread(low, s), spread(high, s)
        return torch.maximum(v.clamp(low, high) - v, -high) / self.s


@dataclass(frozen=True)
class SecondOrderPair:
    """Points s and m of second-order cones, (..., 1 + d)."""

    s: torch.Tensor
    m: torch.Tensor

    @cached_property
    def scaling(self) -> Scaling:
        """Between the two."""
        return Scaling.between(self.s, self.m)

    @cached_property
    def _scaled(self) -> torch.Tensor:
        return self.scaling.undo(self.s)

    def stiffness(self, ds: torch.Tensor) -> torch.Tensor:
        """By two boosts."""
        return self.scaling.undo(self.scaling.undo(ds))

    def centred(self, centre: torch.Tensor, ds: torch.Tensor, dm: torch.Tensor) -> torch.Tensor:
        """The same with Jordan products, in the scaled space."""
        shift = torch.zeros_like(self.s)
        shift[..., 0] = spread(centre, shift[..., 0])
        shift -= product(self.scaling.undo(ds), self.scaling.apply(dm))
        return -self.m + self.scaling.undo(divide(self._scaled, shift))

    def pulled(
        self, s: torch.Tensor, m: torch.Tensor, low: torch.Tensor, high: torch.Tensor
    ) -> torch.Tensor:
        """Eigenvalue by eigenvalue."""
        v = product(self.scaling.undo(s), self.scaling.apply(m))
        missing = pull_to_centre(v, spread(low, v), spread(high, v))
        return self.scaling.undo(divide(self._scaled, missing))


class _Orthant:
    def degree(self, x: torch.Tensor) -> int:
        return x[0].numel()

    def inside(self, x: torch.Tensor) -> torch.Tensor:
        return (x > 0).flatten(1).all(1)

    def longest_step(self, x: torch.Tensor, dx: torch.Tensor) -> torch.Tensor:
        return 1 / largest(-dx / x).clamp(min=1.0)

    def pair(self, s: torch.Tensor, m: torch.Tensor) -> OrthantPair:
        return OrthantPair(s, m)


class _SecondOrder:
    def degree(self, x: torch.Tensor) -> int:
        return x[0, ..., 0].numel()

    def inside(self, x: torch.Tensor) -> torch.Tensor:
        return (x[..., 0] > torch.linalg.vector_norm(x[..., 1:], dim=-1)).flatten(1).all(1)

    def longest_step(self, x: torch.Tensor, dx: torch.Tensor) -> torch.Tensor:
        return longest_step(x, dx)

    def pair(self, s: torch.Tensor, m: torch.Tensor) -> SecondOrderPair:
        return SecondOrderPair(s, m)


ORTHANT, SECOND_ORDER = _Orthant(), _SecondOrder()
