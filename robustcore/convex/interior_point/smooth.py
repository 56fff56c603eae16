"""Programs (5) and (8) with the smooth losses, squared and logistic."""

from __future__ import annotations

import torch

from ...losses import logistic, squared
from .batch import Tensors
from .cones import Scaling
from .logistic import longest_fall, mean_entropy, mean_logistic
from .protocol import Iterate, Partial
from .standard import Standard
from .system import NewtonSystem, Operators

_FLATTEST = 1e-30  # curvature of a sample whose loss is zero up to rounding


class StandardSquared(Standard):
    r"""(5) or (8) with half the sum of squares: alpha = y - A u.

    Source: [A] eqs. (5), (8), (16)
    """

    loss = squared
    one_length = True  # alpha follows the primal point, z and lambda the dual one

    def start(self) -> Iterate:
        """Outputs 0, alpha = y."""
        # a tiny beta would start so far out that no step reaches back
        longest = 100 * max(1.0, float(self.y.abs().max()))
        start = self._place(max(float(self._loss(0 * self.y)), 1e-12), 0, longest)
        point, dual, (slack, facets) = start
        return Iterate(point, dual, (), (slack,), (facets,))

    def newton(self, at: Iterate, scaling: Scaling, residual: torch.Tensor) -> SmoothNewton:
        """Factorise at the iterate."""
        return SmoothNewton(self.maps, at, scaling, residual, torch.ones_like(self.y))

    def stationarity_step(self, at: Iterate, step: Partial) -> torch.Tensor:
        """Through the facets and through alpha = y - A u."""
        return self.maps.output_adjoint(self.maps.output(step.u)) - self.maps.slack_adjoint(
            step.facets
        )

    def _sign(self) -> torch.Tensor:
        return torch.ones_like(self.y)

    def _loss(self, output: torch.Tensor) -> torch.Tensor:
        return 0.5 * (output - self.y).square().sum(-1)  # (16)

    def _raw_multiplier(self, at: Iterate) -> torch.Tensor:
        return self.y - self.maps.output(at.u)

    def _dual_value(self, alpha: torch.Tensor, limit: torch.Tensor) -> torch.Tensor:
        return best_scaled(alpha @ self.y, alpha.square().sum(-1), limit)


class StandardLogistic(Standard):
    r"""(5) or (8) with the mean logistic loss: n alpha = sigmoid(-A u), facets the only pairs.

    alpha bends along a step, so the dual equation holds to second order only; the next residual
    takes that up, and the certificate does not rest on it. Where many margins are large it falls
    by no more than a factor of e a step, as their weights do. If complementarity ran ahead, z
    would reach the boundary of its cone with the equation unsolved.

    Source: [A] eqs. (5), (8)
    """

    loss = logistic
    one_length, bends = True, True

    def start(self) -> Iterate:
        """Outputs 0, n alpha = 1/2."""
        point, dual, (slack, facets) = self._place(1.0, 0, 100.0)
        return Iterate(point, dual, (), (slack,), (facets,))

    def newton(self, at: Iterate, scaling: Scaling, residual: torch.Tensor) -> SmoothNewton:
        """Factorise at the iterate."""
        return SmoothNewton(self.maps, at, scaling, residual, 1 / self._curvature(at))

    def longest(self, at: Iterate, step: Iterate) -> torch.Tensor:
        """So far that no output falls by more than `LONGEST_FALL`."""
        return longest_fall(self.maps.output(step.u))

    def stationarity_step(self, at: Iterate, step: Partial) -> torch.Tensor:
        """Through the facets and, to first order, through alpha."""
        bend = self._curvature(at) * self.maps.output(step.u)
        return self.maps.output_adjoint(bend) - self.maps.slack_adjoint(step.facets)

    def _curvature(self, at: Iterate) -> torch.Tensor:
        margin = self.maps.output(at.u)
        bend = torch.sigmoid(margin) * torch.sigmoid(-margin) / len(self.y)
        return bend.clamp(min=_FLATTEST)

    def _loss(self, output: torch.Tensor) -> torch.Tensor:
        return mean_logistic(output)

    def _raw_multiplier(self, at: Iterate) -> torch.Tensor:
        return torch.sigmoid(-self.maps.output(at.u)) / len(self.y)

    def _dual_value(self, alpha: torch.Tensor, limit: torch.Tensor) -> torch.Tensor:
        return mean_entropy(alpha * limit.clamp(max=1.0)[:, None])


def best_scaled(inner: torch.Tensor, square: torch.Tensor, limit: torch.Tensor) -> torch.Tensor:
    """The largest s inner - s^2 square / 2 over 0 <= s <= limit; all are (B,)."""
    best = inner / square.clamp(min=torch.finfo(square.dtype).tiny)
    scale = torch.minimum(best.clamp(min=0.0), limit)
    return scale * inner - 0.5 * scale.square() * square


class SmoothNewton:
    """Directions of the smooth losses, A du + softness d alpha = 0."""

    def __init__(
        self,
        maps: Operators,
        at: Iterate,
        scaling: Scaling,
        residual: torch.Tensor,
        softness: torch.Tensor,
    ) -> None:
        self.maps, self.residual = maps, residual
        (s,), facets = at.slacks, at.facets
        centre = (s * facets).flatten(1).mean(1)
        self.system = NewtonSystem(maps, facets / s, scaling, softness, centre)

    def directions(self, cone: torch.Tensor, goals: Tensors) -> Partial:
        """All directions but t and z."""
        nothing = torch.zeros_like(self.maps.active[:, 0])
        u, _, facets = self.system.solve(cone - self.residual, goals[0], nothing)
        return Partial(u, (), (self.maps.slack(u),), (facets,))
