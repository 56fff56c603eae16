r"""Gated programs for the interior-point engine: gates stand still, so that no facet binds.

.. math:: \min_U\ \ell\Bigl(\sum_i D_iXU_i,\ Y\Bigr) + \beta\sum_i\|U_i\|_F

Shape letters: as in `gated_system`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, Self

import torch

from ...losses import ConvexLoss, hinge, logistic, squared
from .batch import Tensors, largest, total
from .cones import Scaling
from .gated_system import GatedMaps, GatedNewton, GatedSystem
from .logistic import longest_fall, mean_entropy, mean_logistic
from .pairs import ORTHANT, Cone
from .protocol import Iterate, Newton, Partial, with_beta
from .smooth import best_scaled

_FLATTEST = 1e-30  # curvature of a sample whose loss is zero up to rounding


@dataclass(frozen=True)
class GatedProof:
    """The multiplier of the outputs, (B, n C)."""

    theta: torch.Tensor

    def of(self, j: int) -> GatedProof:
        """That of one program, without the axis of the batch."""
        return GatedProof(self.theta[j])


class Gated:
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

    loss: ClassVar[ConvexLoss]
    cones: ClassVar[tuple[Cone, ...]] = ()  # the hinge has two
    one_length = True  # alpha follows the primal point, z the dual one
    bends = False

    def __init__(self, X: torch.Tensor, y: torch.Tensor, active: torch.Tensor, beta: float) -> None:
        self.beta, self.n, self.y = beta, len(X), y.flatten()
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
        loss = float(self._loss(torch.zeros_like(self.y)[None]))
        scale = 2 * self.n * max(loss, 1e-12) / (n_patterns + sum(s.numel() for s in slacks))
        point[..., 0], dual[..., 0] = scale / self.beta, self.beta
        return Iterate(point, dual, (), slacks, multipliers)

    def resume(self, at: Iterate) -> tuple[Iterate, torch.Tensor]:
        """Every point is feasible."""
        return with_beta(at, self.beta), torch.ones_like(at.point[:, 0, 0, 0], dtype=torch.bool)

    def longest(self, at: Iterate, step: Iterate) -> torch.Tensor:
        """No variable has a domain of its own."""
        return torch.full_like(at.point[:, 0, 0, 0], math.inf)

    def objective(self, u: torch.Tensor) -> torch.Tensor:
        """Loss plus penalty."""
        norms = torch.linalg.vector_norm(u, dim=-1)
        return self._loss(self.maps.output(u)) + self.beta * total(norms)

    def certificate(self, at: Iterate) -> tuple[torch.Tensor, GatedProof]:
        """The dual value of alpha, shrunk until every block norm is at most beta.

        Source: [A] eqs. (6), (20), without the cells
        """
        alpha = self._output_multiplier(at)
        columns = torch.linalg.vector_norm(self.maps.adjoint(alpha), dim=-1)
        limit = self.beta / largest(columns).clamp(min=torch.finfo(columns.dtype).tiny)
        return self._dual_value(alpha, limit), GatedProof(-alpha * self.maps.sign)

    def stationarity(self, at: Iterate) -> torch.Tensor:
        """-X'D (sign alpha)."""
        return -self.maps.adjoint(self._raw_multiplier(at))

    def newton(self, at: Iterate, scaling: Scaling, residual: torch.Tensor) -> Newton:
        """Factorise at the iterate; the smooth losses have no pairs."""
        system = self._system(at, scaling, 1 / self._curvature(at))
        return GatedNewton(system, residual)

    def stationarity_step(self, at: Iterate, step: Partial) -> torch.Tensor:
        """Through alpha, to first order."""
        return self.maps.adjoint(self._curvature(at) * self.maps.output(step.u))

    def _system(self, at: Iterate, scaling: Scaling, softness: torch.Tensor) -> GatedSystem:
        centre = (at.point * at.dual).sum(-1).flatten(1).mean(1)
        return GatedSystem(self.maps, self.gram, scaling, softness, centre)

    def _pairs(self) -> tuple[Tensors, Tensors]:
        """Slacks and multipliers of a start."""
        return (), ()

    def _sign(self) -> torch.Tensor:
        """y for a classification loss."""
        return self.y

    def _curvature(self, at: Iterate) -> torch.Tensor:
        raise NotImplementedError

    def _loss(self, output: torch.Tensor) -> torch.Tensor:
        """(B, n C) -> (B,)."""
        raise NotImplementedError

    def _dual_value(self, alpha: torch.Tensor, limit: torch.Tensor) -> torch.Tensor:
        """At alpha (B, n C), shrunk to at most `limit` (B,) of itself."""
        raise NotImplementedError

    def _raw_multiplier(self, at: Iterate) -> torch.Tensor:
        raise NotImplementedError

    def _output_multiplier(self, at: Iterate) -> torch.Tensor:
        return self._raw_multiplier(at)


class GatedSquared(Gated):
    r"""Half the sum of squares of all outputs: alpha = y - A u.

    Source: own (on [A] eqs. (8), (16))
    """

    loss = squared

    def _sign(self) -> torch.Tensor:
        return torch.ones_like(self.y)

    def _curvature(self, at: Iterate) -> torch.Tensor:
        return torch.ones_like(self.y)[None]

    def _loss(self, output: torch.Tensor) -> torch.Tensor:
        return 0.5 * (output - self.y).square().sum(-1)  # (16)

    def _raw_multiplier(self, at: Iterate) -> torch.Tensor:
        return self.y - self.maps.output(at.u)

    def _dual_value(self, alpha: torch.Tensor, limit: torch.Tensor) -> torch.Tensor:
        return best_scaled(alpha @ self.y, alpha.square().sum(-1), limit)


class GatedLogistic(Gated):
    """The mean logistic loss: n alpha = sigmoid(-A u).

    Source: own (on [A] eq. (8))
    """

    loss = logistic
    bends = True

    def longest(self, at: Iterate, step: Iterate) -> torch.Tensor:
        """So far that no output falls by more than `LONGEST_FALL`."""
        return longest_fall(self.maps.output(step.u))

    def _curvature(self, at: Iterate) -> torch.Tensor:
        margin = self.maps.output(at.u)
        bend = torch.sigmoid(margin) * torch.sigmoid(-margin) / self.n
        return bend.clamp(min=_FLATTEST)

    def _loss(self, output: torch.Tensor) -> torch.Tensor:
        return mean_logistic(output)

    def _raw_multiplier(self, at: Iterate) -> torch.Tensor:
        return torch.sigmoid(-self.maps.output(at.u)) / self.n

    def _dual_value(self, alpha: torch.Tensor, limit: torch.Tensor) -> torch.Tensor:
        return mean_entropy(alpha * limit.clamp(max=1.0)[:, None])


class MarginPairs(NamedTuple):
    """Of xi >= 0 and of xi >= 1 - y score, (B, n) each: slacks, or multipliers."""

    xi: torch.Tensor
    margin: torch.Tensor


class GatedHinge(Gated):
    """The mean hinge loss, with a slack xi a sample; mu + alpha = 1/n.

    Source: own (on [A] eqs. (8), (13))
    """

    loss = hinge
    cones = (ORTHANT, ORTHANT)
    one_length = False

    def newton(self, at: Iterate, scaling: Scaling, residual: torch.Tensor) -> Newton:
        """Factorise at the iterate."""
        slack, multiplier = MarginPairs(*at.slacks), MarginPairs(*at.multipliers)
        softness = slack.xi / multiplier.xi + slack.margin / multiplier.margin
        return HingeNewton(self._system(at, scaling, softness), residual, slack, multiplier)

    def stationarity_step(self, at: Iterate, step: Partial) -> torch.Tensor:
        """Linear in the multiplier."""
        return -self.maps.adjoint(MarginPairs(*step.multipliers).margin)

    def _pairs(self) -> tuple[Tensors, Tensors]:
        ones = torch.ones_like(self.y)[None]
        return MarginPairs(2 * ones, ones), MarginPairs(0.9 * ones / self.n, 0.1 * ones / self.n)

    def _loss(self, output: torch.Tensor) -> torch.Tensor:
        return (1 - output).clamp(min=0).mean(-1)  # (13)

    def _raw_multiplier(self, at: Iterate) -> torch.Tensor:
        return MarginPairs(*at.multipliers).margin

    def _output_multiplier(self, at: Iterate) -> torch.Tensor:
        return self._raw_multiplier(at).clamp(0, 1 / self.n)

    def _dual_value(self, alpha: torch.Tensor, limit: torch.Tensor) -> torch.Tensor:
        return alpha.sum(-1) * limit.clamp(max=1.0)


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
