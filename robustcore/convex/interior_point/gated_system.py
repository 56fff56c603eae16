r"""The maps of a gated program and its Newton system.

Shape letters: B = 1 program, n samples, d features, C outputs, P patterns; a block's d C numbers
and the n C outputs are one axis each.

A block's Hessian is that of its cone alone, a multiple of the identity and one direction, whose
inverse needs no factorisation. What is left is the Schur complement of the outputs,
:math:`\Omega^{-1}+\sum_i\eta_i^2D_iXX^\top D_i` for each output plus one direction a pattern that
couples them: one matrix of size n, where all outputs have the same curvature, and one of size P.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from .batch import Tensors, largest
from .cones import Scaling
from .protocol import Partial
from .system import Refinement, accuracy, cholesky_solve, robust_cholesky

_REFINEMENTS = 5


@dataclass(frozen=True)
class GatedMaps:
    """From blocks to outputs and back.

    Attributes
    ----------
    X : (n, d)
    sign : (n C,)
        y for a classification loss, ones for a regression loss.
    active : (P, n)
        0/1, the diagonals of D_i.
    outputs : int
        C.
    """

    X: torch.Tensor
    sign: torch.Tensor
    active: torch.Tensor
    outputs: int

    def output(self, u: torch.Tensor) -> torch.Tensor:
        """sign * sum_i D_i X U_i: (B, 1, P, d C) -> (B, n C)."""
        return self.sign * self.each(u).sum(2).flatten(1)

    def each(self, u: torch.Tensor) -> torch.Tensor:
        """What every block adds, signs aside: (B, 1, P, d C) -> (B, n, P, C)."""
        blocks = u[:, 0].unflatten(-1, (-1, self.outputs)).transpose(1, 2)  # (B, d, P, C)
        added = (self.X @ blocks.flatten(2)).unflatten(-1, (-1, self.outputs))
        return self.active.T[..., None] * added

    def output_adjoint(self, g: torch.Tensor) -> torch.Tensor:
        """X'D_i (sign * g): (B, n C) -> (B, 1, P, d C)."""
        weights = (self.sign * g).unflatten(-1, (-1, 1, self.outputs))  # (B, n, 1, C)
        seen = (self.active.T[..., None] * weights).flatten(2)  # (B, n, P C)
        blocks = (self.X.T @ seen).unflatten(-1, (-1, self.outputs)).transpose(1, 2)
        return blocks.flatten(2)[:, None]


class GatedSystem:
    r"""One Newton system for many right sides: :math:`\tilde Qu-A^\top g=b`, :math:`Au+\Omega g=h`.

    With w of the scaling, :math:`\tilde Q_i^{-1}=\eta_i^2(I+2w_1w_1^\top)`. `softness` (B, n C) is
    the diagonal of Omega; signs are -1 or +1, and several outputs share one softness.
    """

    def __init__(
        self,
        maps: GatedMaps,
        gram: torch.Tensor,
        scaling: Scaling,
        softness: torch.Tensor,
        centre: torch.Tensor,
    ) -> None:
        self.maps, self.softness, self.enough = maps, softness, accuracy(centre)
        head, self.tail = scaling.w[..., :1], scaling.w[..., 1:]
        self.spread = scaling.eta.square()[..., None]
        self.shrink = 2 / (2 * head.square() - 1)  # Q w_1 = eta^-2 w_1 / (2 w_0^2 - 1)
        weights = maps.active.T @ (self.spread[0, 0] * maps.active)
        lengths = (2 * self.spread[:, 0]).sqrt()
        self.directions = maps.each(lengths[:, None] * self.tail)[0].transpose(0, 1)  # (P, n, C)
        schur = gram * weights
        schur.diagonal().add_(softness[0, :: maps.outputs])
        self.inner: torch.Tensor | None = None
        if maps.outputs == 1:
            schur += self.directions[..., 0].T @ self.directions[..., 0]
        self.factors = robust_cholesky(schur[None])[0]
        if maps.outputs > 1:  # the directions couple the outputs: by Woodbury's identity
            flat = self.directions.flatten(1)  # (P, n C)
            inner = flat @ self._plain(self.directions).flatten(1).T
            inner.diagonal().add_(1.0)
            self.inner = robust_cholesky(inner[None])[0]

    def solve(self, gradient: torch.Tensor, h: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """u (B, 1, P, d C) and g (B, n C), refined."""
        u, g = self._solve_once(gradient, h)
        size = largest(gradient.abs(), h.abs()).clamp(min=torch.finfo(h.dtype).tiny)
        refinement = Refinement(self.enough * size)
        for _ in range(_REFINEMENTS):
            left = gradient + self.maps.output_adjoint(g) - self._cone_times(u)
            h_left = h - (self.maps.output(u) + self.softness * g)
            if refinement.goes_on(largest(left.abs(), h_left.abs())) is None:
                break
            du, dg = self._solve_once(left, h_left)
            u, g = u + du, g + dg
        return u, g

    def _solve_once(self, b: torch.Tensor, h: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        g = h - self.maps.output(self._inverse(b))
        g = self.maps.sign * self._outputs(self.maps.sign * g)
        return self._inverse(b + self.maps.output_adjoint(g)), g

    def _inverse(self, b: torch.Tensor) -> torch.Tensor:
        along = (self.tail * b).sum(-1, keepdim=True)
        return self.spread * (b + 2 * along * self.tail)

    def _cone_times(self, u: torch.Tensor) -> torch.Tensor:
        along = (self.tail * u).sum(-1, keepdim=True)
        return (u - self.shrink * along * self.tail) / self.spread

    def _plain(self, right: torch.Tensor) -> torch.Tensor:
        """By the factor that all outputs share: (k, n, C) -> (k, n, C)."""
        columns = right.transpose(0, 1)
        solved = torch.cholesky_solve(columns.flatten(1), self.factors)
        return solved.view(columns.shape).transpose(0, 1)

    def _outputs(self, right: torch.Tensor) -> torch.Tensor:
        """By the whole Schur complement, signs aside: (B, n C) -> (B, n C)."""
        plain = self._plain(right.unflatten(-1, (-1, self.maps.outputs)))
        if self.inner is None:
            return plain.flatten(1)
        flat = self.directions.flatten(1)  # (P, n C)
        weight = cholesky_solve(self.inner, plain.flatten(1) @ flat.T)  # (B, P)
        coupled = (weight @ flat).unflatten(-1, (-1, self.maps.outputs))
        return (plain - self._plain(coupled)).flatten(1)


class GatedNewton:
    """Directions of the smooth losses, A du + softness d alpha = 0."""

    def __init__(self, system: GatedSystem, residual: torch.Tensor) -> None:
        self.system, self.residual = system, residual

    def directions(self, cone: torch.Tensor, goals: Tensors) -> Partial:
        """All directions but t and z."""
        nothing = torch.zeros_like(self.system.softness)
        return Partial(self.system.solve(cone - self.residual, nothing)[0], (), (), ())
