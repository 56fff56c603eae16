r"""Gated programs for the interior-point engine: gates stand still, so that no facet binds.

.. math:: \min_U\ \ell\Bigl(\sum_i D_iXU_i,\ Y\Bigr) + \beta\sum_i\|U_i\|_F

Shape letters: as in `gated_system`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple, Self

import torch

from .batch import Tensors, largest
from .cones import Scaling
from .gated_system import GatedMaps, GatedNewton, GatedSystem
from .outputs import HingeOutputs, LogisticOutputs, Outputs, SquaredOutputs
from .pairs import ORTHANT, Cone
from .protocol import Iterate, Newton, Partial, with_beta


@dataclass(frozen=True)
class GatedProof:
    """The multiplier of the outputs, (B, n C)."""

    theta: torch.Tensor

    def of(self, j: int) -> GatedProof:
        """That of one program, without the axis of the batch."""
        return GatedProof(self.theta[j])


class Gated(Outputs):
    """What the losses share; each names the one it is for.

    Parameters
    ----------
    X : (n, d) float64 tensor
        Any device; the whole run stays there.
    y : (n,) or (n, C) tensor
        More than one output is for the squared loss.
    active : (n, P) bool tensor
    beta : float
        Positive.
    """

    cones: ClassVar[tuple[Cone, ...]] = ()  # the hinge has two
    maps: GatedMaps

    def __init__(self, X: torch.Tensor, y: torch.Tensor, active: torch.Tensor, beta: float) -> None:
        self.beta, self.y = beta, y.flatten()
        self.maps = GatedMaps(X, self._sign(), active.T.to(X), 1 if y.ndim == 1 else y.shape[1])
        self.gram = X @ X.T

    def subset(self, keep: torch.Tensor) -> Self:
        """There is one program."""
        return self

    def start(self) -> Iterate:
        """All blocks zero, on the axis of their cone."""
        n_patterns, d = len(self.maps.active), self.maps.X.shape[1] * self.maps.outputs
        point = self.maps.X.new_zeros(1, 1, n_patterns, 1 + d)
        dual = torch.zeros_like(point)
        slacks, multipliers = self._pairs()
        loss = max(float(self._loss(torch.zeros_like(self.y)[None])), 1e-12)
        degree = n_patterns + sum(slack.numel() for slack in slacks)
        point[..., 0] = 2 * len(self.maps.X) * loss / degree / self.beta
        dual[..., 0] = self.beta
        return Iterate(point, dual, (), slacks, multipliers)

    def resume(self, at: Iterate) -> tuple[Iterate, torch.Tensor]:
        """Every point is feasible."""
        return with_beta(at, self.beta), torch.ones_like(at.point[:, 0, 0, 0], dtype=torch.bool)

    def certificate(self, at: Iterate) -> tuple[torch.Tensor, GatedProof]:
        """The dual value of alpha, shrunk until every block norm is at most beta.

        Source: [A] eqs. (6), (20), without the cells
        """
        alpha = self._output_multiplier(at)
        columns = torch.linalg.vector_norm(self.maps.output_adjoint(alpha), dim=-1)
        limit = self.beta / largest(columns).clamp(min=torch.finfo(columns.dtype).tiny)
        return self._dual_value(alpha, limit), GatedProof(-alpha * self.maps.sign)

    def stationarity(self, at: Iterate) -> torch.Tensor:
        """-X'D (sign alpha)."""
        return -self.maps.output_adjoint(self._raw_multiplier(at))

    def newton(self, at: Iterate, scaling: Scaling, residual: torch.Tensor) -> Newton:
        """Factorise at the iterate; the smooth losses have no pairs."""
        system = self._system(at, scaling, 1 / self._curvature(at))
        return GatedNewton(system, residual)

    def stationarity_step(self, at: Iterate, step: Partial) -> torch.Tensor:
        """Through alpha, to first order."""
        return self.maps.output_adjoint(self._curvature(at) * self.maps.output(step.u))

    def _system(self, at: Iterate, scaling: Scaling, softness: torch.Tensor) -> GatedSystem:
        centre = (at.point * at.dual).sum(-1).flatten(1).mean(1)
        return GatedSystem(self.maps, self.gram, scaling, softness, centre)

    def _pairs(self) -> tuple[Tensors, Tensors]:
        """Slacks and multipliers of a start."""
        return (), ()


class GatedSquared(SquaredOutputs, Gated):
    """Half the sum of squares of all outputs.

    Source: own (on [A] eqs. (8), (16))
    """


class GatedLogistic(LogisticOutputs, Gated):
    """The mean logistic loss.

    Source: own (on [A] eq. (8))
    """


class MarginPairs(NamedTuple):
    """Of xi >= 0 and of xi >= 1 - y score, (B, n) each: slacks, or multipliers."""

    xi: torch.Tensor
    margin: torch.Tensor


class GatedHinge(HingeOutputs, Gated):
    """The mean hinge loss, with a slack xi a sample; mu + alpha = 1/n.

    Source: own (on [A] eqs. (8), (13))
    """

    cones = (ORTHANT, ORTHANT)

    def newton(self, at: Iterate, scaling: Scaling, residual: torch.Tensor) -> Newton:
        """Factorise at the iterate."""
        slack, multiplier = MarginPairs(*at.slacks), MarginPairs(*at.multipliers)
        softness = slack.xi / multiplier.xi + slack.margin / multiplier.margin
        return HingeNewton(self._system(at, scaling, softness), residual, slack, multiplier)

    def stationarity_step(self, at: Iterate, step: Partial) -> torch.Tensor:
        """Linear in the multiplier."""
        return -self.maps.output_adjoint(MarginPairs(*step.multipliers).margin)

    def _pairs(self) -> tuple[Tensors, Tensors]:
        ones = torch.ones_like(self.y)[None]
        share = ones / len(self.y)
        return MarginPairs(2 * ones, ones), MarginPairs(0.9 * share, 0.1 * share)

    def _raw_multiplier(self, at: Iterate) -> torch.Tensor:
        return MarginPairs(*at.multipliers).margin


class HingeNewton:
    """Directions of `GatedHinge`: d alpha straight from the Schur complement."""

    def __init__(
        self,
        system: GatedSystem,
        residual: torch.Tensor,
        slack: MarginPairs,
        multiplier: MarginPairs,
    ) -> None:
        self.system, self.residual = system, residual
        self.slack, self.multiplier = slack, multiplier

    def directions(self, cone: torch.Tensor, goals: Tensors) -> Partial:
        """All directions but t and z."""
        on_mu, on_alpha = MarginPairs(*goals)
        xi = self.slack.xi / self.multiplier.xi
        margin = self.slack.margin / self.multiplier.margin
        u, g = self.system.solve(cone - self.residual, on_alpha * margin - on_mu * xi)
        step = (on_mu + g) * xi
        slacks = MarginPairs(step, step + self.system.maps.output(u))
        return Partial(u, (), slacks, MarginPairs(-g, g))
