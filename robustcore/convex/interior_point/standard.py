r"""Programs (5) and (8) for the interior-point engine: hinge, squared and logistic loss.

Units inside: X / sigma, beta / sigma and sigma u with :math:`\sigma = \|X\|_2/\sqrt n`. With alpha
the multiplier of the outputs, stationarity reads
:math:`z_j = -X^\top E_j\lambda_j - s_j X^\top D_j\,\mathrm{sign}\odot\alpha` for every loss.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, NamedTuple, Self

import torch

from ...errors import InputError
from .batch import Tensors, largest, padded, spread
from .cones import Scaling
from .outputs import HingeOutputs, Outputs
from .pairs import ORTHANT, Cone
from .products import WeightedGram
from .protocol import Iterate, Partial, all_inside, with_beta
from .system import NewtonSystem, Operators


@dataclass(frozen=True)
class Proof:
    """Multipliers of outputs, theta (B, n), and facets, lambda (B, 2, P, n); in user's units."""

    theta: torch.Tensor
    facets: torch.Tensor

    def of(self, j: int) -> Proof:
        """That of one program, without the axis of the batch."""
        return Proof(self.theta[j], self.facets[j])


class HingePairs(NamedTuple):
    """One number for each inequality of the hinge program: its slack, or its multiplier."""

    facets: torch.Tensor  # (B, 2, P, n)
    xi: torch.Tensor  # of xi >= 0, (B, n)
    margin: torch.Tensor  # of xi >= 1 - y score, (B, n)


class Standard(Outputs):
    """What the losses share; each names the one it is for.

    Parameters
    ----------
    X : (n, d) float64 tensor
        Any device; the whole run stays there.
    y : (n,) tensor
    active : list of (n, P) bool tensors
        One for each program of the batch. Where their P differ, the shorter ones are filled up
        with patterns that bind nothing and see nothing: their neurons stay zero.
    gates : list of (d, P) tensors
        A strictly interior point of every cell: (2D_i - I) X a_i > 0 in every non-zero row.
    beta : float
        Positive.
    """

    cones: ClassVar[tuple[Cone, ...]] = (ORTHANT,)  # the facets; the losses add theirs
    maps: Operators

    def __init__(
        self,
        X: torch.Tensor,
        y: torch.Tensor,
        active: Sequence[torch.Tensor],
        gates: Sequence[torch.Tensor],
        beta: float,
    ) -> None:
        if not beta > 0:
            raise InputError(f"beta must be positive for the interior-point method, got {beta}.")
        self.sigma = float(torch.linalg.matrix_norm(X, 2)) / math.sqrt(len(X)) or 1.0
        self.beta, self.y = beta / self.sigma, y
        on = padded(active).mT.to(X)
        used = padded([torch.ones_like(one[0]) for one in active])[..., None]  # (B, P, 1)
        bound = (X != 0).any(dim=1)  # a zero row of X constrains nothing
        facets = (2 * on - 1) * (used & bound)
        scaled = X / self.sigma
        self.maps = Operators(scaled, self._sign(), on, facets, WeightedGram(scaled))
        unit = padded([gate / torch.linalg.vector_norm(gate, dim=0) for gate in gates])
        self.gates = unit.mT
        inside = (facets * (self.gates @ scaled.T) > 0) | (facets == 0)
        if not bool(inside.all()):
            program, worst = (~inside).any(dim=-1).nonzero()[0].tolist()
            where = f" of program {program}" if len(active) > 1 else ""
            raise InputError(f"the gate of pattern {worst}{where} is not strictly inside its cell.")

    def subset(self, keep: torch.Tensor) -> Self:
        """Some programs of the batch."""
        some = copy.copy(self)
        some.maps, some.gates = self.maps.subset(keep), self.gates[keep]
        return some

    def resume(self, at: Iterate) -> tuple[Iterate, torch.Tensor]:
        """With the slacks of this program."""
        slacks = self._slacks(at, self._facet_slack(at.u))
        return replace(with_beta(at, self.beta), slacks=slacks), all_inside(self.cones, slacks)

    def certificate(self, at: Iterate) -> tuple[torch.Tensor, Proof]:
        """The dual value of alpha, shrunk until every block norm is at most beta.

        Source: [A] eqs. (6), (20)
        """
        alpha, facets = self._output_multiplier(at), at.facets
        columns = self.maps.slack_adjoint(facets) + self.maps.output_adjoint(alpha)
        limit = self.beta / largest(torch.linalg.vector_norm(columns, dim=-1))
        return self._dual_value(alpha, limit), Proof(-alpha * self.maps.sign, facets)

    def stationarity(self, at: Iterate) -> torch.Tensor:
        """-X'E lambda -/+ X'D (sign alpha)."""
        return -self.maps.slack_adjoint(at.facets) - self.maps.output_adjoint(
            self._raw_multiplier(at)
        )

    def _place(
        self, centre: float, pairs: int, longest: float = math.inf
    ) -> tuple[torch.Tensor, torch.Tensor, Tensors]:
        """v = w along the gates, so that every output is 0: point, dual, facet pair.

        `centre` is the first target of a complementarity product, before division by the degree.
        """
        _, P, n = self.maps.active.shape
        centre = centre / (2 * n * P + 2 * P + pairs)
        length = min(2 * n * centre / self.beta, longest)
        u = (0.5 * length * self.gates)[:, None].expand(-1, 2, -1, -1)
        point = torch.cat([torch.full_like(u[..., :1], length), u], -1)
        dual = torch.zeros_like(point)
        dual[..., 0] = self.beta
        slack = self._facet_slack(u)
        ratio = centre / slack
        binding = torch.where(self.maps.facets[:, None] == 0, math.nan, ratio)
        middle = binding.flatten(1).nanmedian(1).values.nan_to_num(centre)
        return point, dual, (slack, torch.minimum(ratio, 10 * spread(middle, ratio)))

    def _facet_slack(self, u: torch.Tensor) -> torch.Tensor:
        """1 where nothing binds."""
        return self.maps.slack(u) + (self.maps.facets == 0).to(u)[:, None]

    def _slacks(self, at: Iterate, facets: torch.Tensor) -> Tensors:
        return (facets,)


class StandardHinge(HingeOutputs, Standard):
    r"""(5) or (8) with the mean hinge loss.

    Pairs: facets s, lambda; xi >= 0, mu; r = xi - 1 + A u >= 0, alpha; mu + alpha = 1/n.

    Source: [A] eqs. (5), (8), (13)
    """

    cones = (ORTHANT, ORTHANT, ORTHANT)

    def start(self) -> Iterate:
        """Outputs 0, xi = 2, r = 1."""
        n, ones = len(self.y), torch.ones_like(self.maps.active[:, 0])
        point, dual, (slack, facets) = self._place(1.0, 2 * n)
        return Iterate(
            point,
            dual,
            (),
            HingePairs(slack, 2 * ones, ones),
            HingePairs(facets, 0.9 * ones / n, 0.1 * ones / n),
        )

    def newton(self, at: Iterate, scaling: Scaling, residual: torch.Tensor) -> HingeNewton:
        """Factorise at the iterate."""
        return HingeNewton(self.maps, at, scaling, residual)

    def stationarity_step(self, at: Iterate, step: Partial) -> torch.Tensor:
        """Linear in both multipliers."""
        given = HingePairs(*step.multipliers)
        return -self.maps.slack_adjoint(given.facets) - self.maps.output_adjoint(given.margin)

    def _slacks(self, at: Iterate, facets: torch.Tensor) -> Tensors:
        xi = HingePairs(*at.slacks).xi
        return HingePairs(facets, xi, xi - 1 + self.maps.output(at.u))

    def _raw_multiplier(self, at: Iterate) -> torch.Tensor:
        return HingePairs(*at.multipliers).margin


class HingeNewton:
    """Directions of `StandardHinge`: d alpha straight from the Schur complement."""

    def __init__(
        self, maps: Operators, at: Iterate, scaling: Scaling, residual: torch.Tensor
    ) -> None:
        self.maps, self.residual = maps, residual
        s, self.xi, self.r = HingePairs(*at.slacks)
        facets, self.mu, self.alpha = HingePairs(*at.multipliers)
        softness = self.xi / self.mu + self.r / self.alpha
        centre = (s * facets).flatten(1).mean(1)
        self.system = NewtonSystem(maps, facets / s, scaling, softness, centre)

    def directions(self, cone: torch.Tensor, goals: Tensors) -> Partial:
        """All directions but t and z."""
        facet, on_mu, on_alpha = HingePairs(*goals)
        h = on_alpha * self.r / self.alpha - on_mu * self.xi / self.mu
        u, g, facets = self.system.solve(cone - self.residual, facet, h)
        xi = (on_mu + g) * self.xi / self.mu
        return Partial(u, (), (self.maps.slack(u), xi, xi + self.maps.output(u)), (facets, -g, g))
