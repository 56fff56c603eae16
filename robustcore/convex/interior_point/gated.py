r"""Gated programs for the interior-point engine: gates stand still, so that no facet binds.

.. math:: \min_U\ \ell\Bigl(\sum_i D_iXU_i,\ Y\Bigr) + \beta\sum_i\|U_i\|_F

Shape letters: B = 1 program, n samples, d features, C outputs, P patterns; a block's d C numbers
and the n C outputs are one axis each.

A block's Hessian is that of its cone alone, a multiple of the identity and one direction, whose
inverse needs no factorisation. What is left is the Schur complement of the outputs,
:math:`\Omega^{-1}+\sum_i\eta_i^2D_iXX^\top D_i` for each output plus one direction a pattern that
couples them: one matrix of size n, where all outputs have the same curvature, and one of size P.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, Self

import torch

from ...losses import ConvexLoss, hinge, logistic, squared
from .batch import Tensors, largest, total
from .cones import Scaling
from .logistic import longest_fall, mean_entropy, mean_logistic
from .protocol import Iterate, Newton, Partial, with_beta
from .smooth import best_scaled
from .system import Refinement, accuracy, cholesky_solve, robust_cholesky

_FLATTEST = 1e-30  # curvature of a sample whose loss is zero up to rounding
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

    def adjoint(self, g: torch.Tensor) -> torch.Tensor:
        """X'D_i (sign * g): (B, n C) -> (B, 1, P, d C)."""
        weights = (self.sign * g).unflatten(-1, (-1, 1, self.outputs))  # (B, n, 1, C)
        seen = (self.active.T[..., None] * weights).flatten(2)  # (B, n, P C)
        blocks = (self.X.T @ seen).unflatten(-1, (-1, self.outputs)).transpose(1, 2)
        return blocks.flatten(2)[:, None]


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
            left = gradient + self.maps.adjoint(g) - self._cone_times(u)
            h_left = h - (self.maps.output(u) + self.softness * g)
            if refinement.goes_on(largest(left.abs(), h_left.abs())) is None:
                break
            du, dg = self._solve_once(left, h_left)
            u, g = u + du, g + dg
        return u, g

    def _solve_once(self, b: torch.Tensor, h: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        g = h - self.maps.output(self._inverse(b))
        g = self.maps.sign * self._outputs(self.maps.sign * g)
        return self._inverse(b + self.maps.adjoint(g)), g

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
