r"""The lengths that a ball makes a robust program pay for, and how each is bounded.

An Lp ball moves a linear output by up to epsilon times a dual norm, and the program bounds that
norm by free variables h:

- Linf ball: :math:`\|x\|_1`, one h_k >= |x_k| for each coordinate, their sum is the length;
- L1 ball: :math:`\|x\|_\infty`, one h >= |x_k| for all k: the pairs share it;
- L2 ball: :math:`\|x\|_2`, one h with (h, x) in the second-order cone.

So the length is always the sum of h, which is all that the program itself knows. In the Newton
system a length of x is a quadratic form of its sum p and of x.

Shape letters: a attacked coordinates, d of all; every function works on the last axis.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

import torch

from ...balls import LpBall
from .batch import Tensors
from .cones import Scaling
from .pairs import ORTHANT, SECOND_ORDER, Cone

_LEAST = 1e-100  # of a radius by which coordinates are divided


class Form(Protocol):
    """What is left of a bounded length in one Newton system: a quadratic form of (p, x)."""

    def matrix(self, d: int) -> torch.Tensor:
        """Its Hessian, x filled up with zeros: (..., 1 + d, 1 + d)."""

    def right(self, on_h: torch.Tensor, d: int) -> torch.Tensor:
        """What a right side of h adds to that of (p, x): (..., 1 + d)."""

    def unfold(self, on_h: torch.Tensor, p: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """h, given its sum p (...) and x (..., a)."""


class Length(Protocol):
    """One of the three; x is (..., a), h (..., k)."""

    @property
    def cones(self) -> tuple[Cone, ...]:
        """Of the pairs that bound one length."""

    def width(self, a: int) -> int:
        """k, the number of free variables."""

    def degree(self, a: int) -> int:
        """How many cones they are, for the mean of the complementarity products."""

    def tight(self, x: torch.Tensor) -> torch.Tensor:
        """The smallest h; its sum is the dual norm of x."""

    def slacks(self, h: torch.Tensor, x: torch.Tensor) -> Tensors:
        """One tensor for each of the cones."""

    def adjoint(self, weights: Tensors) -> tuple[torch.Tensor, torch.Tensor]:
        """Its adjoint: what weights of the slacks put on x and on h."""

    def even(self, total: torch.Tensor, a: int) -> Tensors:
        """Multipliers in the middle of their cones that put `total` (..., 1) on each h."""

    def project(self, c: torch.Tensor, radius: torch.Tensor) -> torch.Tensor:
        """The nearest point of the ball itself; radius is (..., 1)."""

    def form(self, slacks: Tensors, multipliers: Tensors) -> Form:
        """At an iterate."""


@dataclass(frozen=True)
class Fold:
    r"""min over h of :math:`\tfrac12 o_+(h-u)^2+\tfrac12 o_-(h+u)^2` with 1'h = p.

    It leaves :math:`\tfrac12\kappa u^2 + \tfrac1{2\gamma}(b^\top u + p)^2`.
    """

    depth: torch.Tensor  # o_+ + o_-
    b: torch.Tensor
    kappa: torch.Tensor
    gamma: torch.Tensor

    @classmethod
    def of(cls, plus: torch.Tensor, minus: torch.Tensor) -> Fold:
        """From the two weights, shape (..., a)."""
        depth = plus + minus
        return cls(depth, (minus - plus) / depth, 4 * plus / depth * minus, (1 / depth).sum(-1))

    def matrix(self, d: int) -> torch.Tensor:
        """Its Hessian on (p, u)."""
        line = torch.zeros(*self.b.shape[:-1], 1 + d, dtype=self.b.dtype, device=self.b.device)
        line[..., 0] = 1.0
        line[..., 1 : 1 + self.b.shape[-1]] = self.b
        matrix = line[..., :, None] * line[..., None, :] / self.gamma[..., None, None]
        diagonal = matrix.diagonal(dim1=-2, dim2=-1)
        diagonal[..., 1 : 1 + self.b.shape[-1]] += self.kappa
        return matrix

    def right(self, on_h: torch.Tensor, d: int) -> torch.Tensor:
        """What a right side of h adds to that of (p, u)."""
        mean = (on_h / self.depth).sum(-1, keepdim=True) / self.gamma[..., None]
        right = torch.zeros(*on_h.shape[:-1], 1 + d, dtype=on_h.dtype, device=on_h.device)
        right[..., :1] = mean
        right[..., 1 : 1 + on_h.shape[-1]] = mean * self.b - self.b * on_h
        return right

    def unfold(self, on_h: torch.Tensor, p: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """h, given its sum."""
        free = on_h / self.depth - self.b * x
        push = (p - free.sum(-1)) / self.gamma
        return free + push[..., None] / self.depth


@dataclass(frozen=True)
class Whole:
    """The form where h is one number: nothing is eliminated, p is h."""

    hessian: torch.Tensor  # on (h, x), (..., 1 + a, 1 + a)

    def matrix(self, d: int) -> torch.Tensor:
        """Filled up."""
        more = 1 + d - self.hessian.shape[-1]
        return torch.nn.functional.pad(self.hessian, (0, more, 0, more))

    def right(self, on_h: torch.Tensor, d: int) -> torch.Tensor:
        """That of h is that of p."""
        return torch.nn.functional.pad(on_h, (0, d))

    def unfold(self, on_h: torch.Tensor, p: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """p itself."""
        return p[..., None]


class _Boxed:
    """Two pairs for each coordinate, h - x and h + x; h may be shared."""

    cones = (ORTHANT, ORTHANT)

    def degree(self, a: int) -> int:
        """Two for each coordinate."""
        return 2 * a

    def slacks(self, h: torch.Tensor, x: torch.Tensor) -> Tensors:
        """h - x and h + x."""
        return h - x, h + x


class LinfLength(_Boxed):
    r"""Of the Linf ball: :math:`\|x\|_1`."""

    def width(self, a: int) -> int:
        """One for each coordinate."""
        return a

    def tight(self, x: torch.Tensor) -> torch.Tensor:
        """|x|."""
        return x.abs()

    def adjoint(self, weights: Tensors) -> tuple[torch.Tensor, torch.Tensor]:
        """Coordinate by coordinate."""
        above, below = weights
        return below - above, above + below

    def even(self, total: torch.Tensor, a: int) -> Tensors:
        """Half from above, half from below."""
        half = 0.5 * total.expand(*total.shape[:-1], a)
        return half, half

    def project(self, c: torch.Tensor, radius: torch.Tensor) -> torch.Tensor:
        """Clipped."""
        return c.clamp(-radius, radius)

    def form(self, slacks: Tensors, multipliers: Tensors) -> Fold:
        """h is eliminated."""
        return Fold.of(*_ratios(slacks, multipliers))


class L1Length(_Boxed):
    r"""Of the L1 ball: :math:`\|x\|_\infty`."""

    def width(self, a: int) -> int:
        """One in all."""
        return 1

    def tight(self, x: torch.Tensor) -> torch.Tensor:
        """max |x_k|."""
        return x.abs().amax(-1, keepdim=True)

    def adjoint(self, weights: Tensors) -> tuple[torch.Tensor, torch.Tensor]:
        """All coordinates lean on one h."""
        above, below = weights
        return below - above, (above + below).sum(-1, keepdim=True)

    def even(self, total: torch.Tensor, a: int) -> Tensors:
        """The same from every side."""
        share = (total / (2 * a)).expand(*total.shape[:-1], a)
        return share, share

    def project(self, c: torch.Tensor, radius: torch.Tensor) -> torch.Tensor:
        """In units of the radius."""
        return _projected(1, c, radius)

    def form(self, slacks: Tensors, multipliers: Tensors) -> Whole:
        r""":math:`\sum_k o_+ (h - x_k)^2 + o_- (h + x_k)^2`."""
        above, below = _ratios(slacks, multipliers)
        depth, lean = above + below, below - above
        hessian = torch.diag_embed(torch.cat([depth.sum(-1, keepdim=True), depth], -1))
        hessian[..., 0, 1:] = hessian[..., 1:, 0] = lean
        return Whole(hessian)


class L2Length:
    r"""Of the L2 ball: :math:`\|x\|_2`.

    Where all coordinates are attacked, a block lies in the cone of its penalty too. That is no
    reason for a path of its own: the two share what the facets and beta put on it.
    """

    cones = (SECOND_ORDER,)

    def width(self, a: int) -> int:
        """One in all."""
        return 1

    def degree(self, a: int) -> int:
        """One in all."""
        return 1

    def tight(self, x: torch.Tensor) -> torch.Tensor:
        """The norm."""
        return torch.linalg.vector_norm(x, dim=-1, keepdim=True)

    def slacks(self, h: torch.Tensor, x: torch.Tensor) -> Tensors:
        """The cone's point."""
        return (torch.cat([h, x], -1),)

    def adjoint(self, weights: Tensors) -> tuple[torch.Tensor, torch.Tensor]:
        """Its two parts."""
        (weight,) = weights
        return weight[..., 1:], weight[..., :1]

    def even(self, total: torch.Tensor, a: int) -> Tensors:
        """The axis."""
        return (torch.nn.functional.pad(total, (0, a)),)

    def project(self, c: torch.Tensor, radius: torch.Tensor) -> torch.Tensor:
        """In units of the radius."""
        return _projected(2, c, radius)

    def form(self, slacks: Tensors, multipliers: Tensors) -> Whole:
        """The inverse square of the scaling."""
        return Whole(Scaling.between(slacks[0], multipliers[0]).inverse_square())


LENGTHS: Mapping[float, Length] = MappingProxyType(
    {math.inf: LinfLength(), 1.0: L1Length(), 2.0: L2Length()}
)


def _ratios(slacks: Tensors, multipliers: Tensors) -> Tensors:
    return tuple(m / s for s, m in zip(slacks, multipliers, strict=True))


def _projected(p: float, c: torch.Tensor, radius: torch.Tensor) -> torch.Tensor:
    return LpBall(p, 1.0).project(c / radius.clamp(min=_LEAST)) * radius
