"""Programs (5) and (8) with the smooth losses, squared and logistic."""

from __future__ import annotations

import torch

from .batch import Tensors
from .cones import Scaling
from .outputs import LogisticOutputs, SquaredOutputs
from .protocol import Iterate, Partial
from .standard import Standard
from .system import NewtonSystem, Operators


class Smooth(Standard):
    """What the two share: the facets are the only pairs, and alpha follows from the outputs."""

    def newton(self, at: Iterate, scaling: Scaling, residual: torch.Tensor) -> SmoothNewton:
        """Factorise at the iterate."""
        return SmoothNewton(self.maps, at, scaling, residual, 1 / self._curvature(at))

    def stationarity_step(self, at: Iterate, step: Partial) -> torch.Tensor:
        """Through the facets and, to first order, through alpha."""
        bend = self._curvature(at) * self.maps.output(step.u)
        return self.maps.output_adjoint(bend) - self.maps.slack_adjoint(step.facets)


class StandardSquared(SquaredOutputs, Smooth):
    r"""(5) or (8) with half the sum of squares: alpha = y - A u, with lambda on the dual side.

    Source: [A] eqs. (5), (8), (16)
    """

    def start(self) -> Iterate:
        """Outputs 0, alpha = y."""
        # a tiny beta would start so far out that no step reaches back
        longest = 100 * max(1.0, float(self.y.abs().max()))
        start = self._place(max(float(self._loss(0 * self.y)), 1e-12), 0, longest)
        point, dual, (slack, facets) = start
        return Iterate(point, dual, (), (slack,), (facets,))


class StandardLogistic(LogisticOutputs, Smooth):
    r"""(5) or (8) with the mean logistic loss: n alpha = sigmoid(-A u), facets the only pairs.

    alpha bends along a step, so the dual equation holds to second order only; the next residual
    takes that up, and the certificate does not rest on it. Where many margins are large it falls
    by no more than a factor of e a step, as their weights do. If complementarity ran ahead, z
    would reach the boundary of its cone with the equation unsolved.

    Source: [A] eqs. (5), (8)
    """

    def start(self) -> Iterate:
        """Outputs 0, n alpha = 1/2."""
        point, dual, (slack, facets) = self._place(1.0, 0, 100.0)
        return Iterate(point, dual, (), (slack,), (facets,))


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
