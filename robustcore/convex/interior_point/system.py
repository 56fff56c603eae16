r"""The Newton system of programs (5) and (8), and the structure that makes it cheap.

Shape letters: B programs, n samples, d features, P patterns; the axis of length 2 is v, then w.

Every block shares X. A block's Hessian is d x d, all blocks meet only in the n outputs, so one
step costs 2P factorisations of size d and one of size n, where a general solver sees a sparse
matrix of size 2P (n + d).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import torch

from .batch import largest, spread
from .cones import Scaling
from .products import WeightedGram, masked_sums, sum_of

_FULL = 0.8  # patterns with more active rows may be summed up by what they leave out,
_LARGE = 200  # from so many samples on, where it pays
_REFINEMENTS = 3
_COARSE, _FINE = 1e-9, 1e-13  # residuals that are small enough, relative to the right side


@dataclass(frozen=True)
class Operators:
    """The three linear maps of the programs and their adjoints.

    Attributes
    ----------
    X : (n, d)
    sign : (n,)
        y for a classification loss, ones for a regression loss.
    active : (B, P, n)
        0/1, the diagonals of D_i.
    facets : (B, P, n)
        -1/+1, the diagonals of 2 D_i - I; 0 in a row where X is zero and binds nothing, and in the
        patterns that fill up a program with fewer of them than others.
    gram : WeightedGram
        X' diag(w) X.
    """

    X: torch.Tensor
    sign: torch.Tensor
    active: torch.Tensor
    facets: torch.Tensor
    gram: WeightedGram

    def subset(self, keep: torch.Tensor) -> Operators:
        """Some programs of the batch."""
        return replace(self, active=self.active[keep], facets=self.facets[keep])

    @property
    def in_few_calls(self) -> bool:
        """Whether large products beat those that leave out what is not active: on a GPU."""
        return self.X.is_cuda

    @cached_property
    def shares(self) -> list[list[float]]:
        """Of active samples, for each pattern of each program."""
        return self.active.mean(dim=-1).tolist()

    def slack(self, u: torch.Tensor) -> torch.Tensor:
        """(2D_i - I) X u: (B, 2, P, d) -> (B, 2, P, n)."""
        return self.facets[:, None] * (u @ self.X.T)

    def slack_adjoint(self, weights: torch.Tensor) -> torch.Tensor:
        """X'(2D_i - I) weights: (B, 2, P, n) -> (B, 2, P, d)."""
        return (self.facets[:, None] * weights) @ self.X

    def output(self, u: torch.Tensor) -> torch.Tensor:
        """sign * sum_i D_i X (v_i - w_i): (B, 2, P, d) -> (B, n)."""
        return self.sign * (self.active * ((u[:, 0] - u[:, 1]) @ self.X.T)).sum(1)

    def output_adjoint(self, g: torch.Tensor) -> torch.Tensor:
        """Plus and minus X'D_i (sign * g): (B, n) -> (B, 2, P, d)."""
        half = (self.active * (self.sign * g)[:, None]) @ self.X
        return torch.stack([half, -half], dim=1)


class NewtonSystem:
    r"""One Newton system of each program for many right sides, by :math:`H u - A^\top g = b`.

    :math:`H_j = X^\top \mathrm{diag}(\lambda/s) X + \tilde Q_j`, where the cone's own variable t
    has been eliminated from the Nesterov-Todd block. `centre` (B,) is the mean product of a slack
    and its multiplier.
    """

    def __init__(
        self,
        maps: Operators,
        ratio: torch.Tensor,
        scaling: Scaling,
        softness: torch.Tensor,
        centre: torch.Tensor,
    ) -> None:
        self.maps, self.ratio, self.softness = maps, ratio, softness
        self.enough = accuracy(centre)
        head, tail = scaling.w[..., 0], scaling.w[..., 1:]
        norm = torch.linalg.vector_norm(tail, dim=-1, keepdim=True)
        self.axis = torch.where(norm > 0, tail / norm, torch.zeros_like(tail))
        self.weight = scaling.eta**-2
        self.shrink = 1 - 1 / (2 * head.square() - 1)
        self.factors = robust_cholesky(self._hessians())
        self.schur = self._factor_schur()

    def solve(
        self, gradient: torch.Tensor, goal: torch.Tensor, h: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        r"""u (B, 2, P, d), g (B, n) and the facet multipliers l (B, 2, P, n), refined.

        They solve :math:`\tilde Q u - X^\top E l - A^\top g` = gradient, l = goal - ratio E X u
        and :math:`A u + \Omega^{-1} g = h`. Where a ratio is large, the rounding of E X u is an
        error of l; l is therefore an unknown of the refinement, which keeps stationarity exact
        and leaves the error in the complementarity of the facet.
        """
        u, g = self._solve_once(gradient + self.maps.slack_adjoint(goal), h)
        facets = goal - self.ratio * self.maps.slack(u)
        size = largest(gradient.abs(), h.abs()).clamp(min=torch.finfo(gradient.dtype).tiny)
        refinement = Refinement(self.enough * size)
        for _ in range(_REFINEMENTS):
            left = gradient + self.maps.slack_adjoint(facets) + self.maps.output_adjoint(g)
            left -= self._cone_times(u)
            h_left = h - (self.maps.output(u) + self.softness * g)
            going = refinement.goes_on(largest(left.abs(), h_left.abs()))
            if going is None:
                break
            du, dg = self._solve_once(left, h_left)
            du, dg = spread(going, du) * du, spread(going, dg) * dg
            u, g, facets = u + du, g + dg, facets - self.ratio * self.maps.slack(du)
        return u, g, facets

    def _solve_once(self, b: torch.Tensor, h: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        g = h - self.maps.output(self._inverse(b))
        g = cholesky_solve(self.schur, g)
        return self._inverse(b + self.maps.output_adjoint(g)), g

    def _inverse(self, b: torch.Tensor) -> torch.Tensor:
        return cholesky_solve(self.factors, b)

    def _cone_times(self, u: torch.Tensor) -> torch.Tensor:
        along = (self.axis * u).sum(-1, keepdim=True) * self.axis
        return self.weight[..., None] * (u - self.shrink[..., None] * along)

    def _hessians(self) -> torch.Tensor:
        hessians = self.maps.gram(self.ratio * self.maps.facets.square()[:, None])
        pull = self.weight * self.shrink
        hessians -= pull[..., None, None] * self.axis[..., :, None] * self.axis[..., None, :]
        hessians.diagonal(dim1=-2, dim2=-1).add_(self.weight[..., None])
        return hessians

    def _factor_schur(self) -> torch.Tensor:
        """The quick sum loses digits on badly scaled data; where it shows, all is added up."""
        roots = self._roots()
        quick = len(self.maps.X) >= _LARGE
        schur = self._schur_complements(roots, _FULL if quick else math.inf)
        if not quick:
            return robust_cholesky(schur)
        factors, info = torch.linalg.cholesky_ex(schur)
        if bool((info > 0).any()):
            factors = robust_cholesky(self._schur_complements(roots, math.inf))
        return factors

    def _roots(self) -> torch.Tensor:
        r"""T (B, P, d, d) with T'T = H_v^{-1} + H_w^{-1}.

        v_i and w_i share D_i X: with H = L L', K = L_w^{-1} L_v and R'R = I + K'K,
        T = R L_v^{-1}, half the work of two inverses.
        """
        first, second = self.factors[:, 0], self.factors[:, 1]
        K = torch.linalg.solve_triangular(second, first, upper=False)
        gram = K.mT @ K
        gram.diagonal(dim1=-2, dim2=-1).add_(1.0)
        R = robust_cholesky(gram).mT
        return torch.linalg.solve_triangular(first, R, upper=False, left=False)

    def _schur_complements(self, roots: torch.Tensor, nearly_full: float) -> torch.Tensor:
        r"""Omega^{-1} + Y [sum_i D_i X (H_v^{-1} + H_w^{-1}) X' D_i] Y of each program."""
        X, sign = self.maps.X, self.maps.sign
        if self.maps.in_few_calls:
            schur = masked_sums(roots, self.maps.active, X)
        else:
            each = zip(roots, self.maps.active, self.maps.shares, strict=True)
            schur = torch.stack([sum_of(*one, X, nearly_full) for one in each])
        schur = schur.tril() + schur.tril(-1).mT
        schur *= sign[:, None] * sign
        schur.diagonal(dim1=-2, dim2=-1).add_(self.softness)
        return schur


def accuracy(centre: torch.Tensor) -> torch.Tensor:
    """How small a residual must be: the room in the cones shrinks with `centre`."""
    return (1e-3 * centre).clamp(_FINE, _COARSE)


class Refinement:
    """Which programs of a batch are still worth a step of iterative refinement.

    A program is done when what is missing is at most `enough` (B,), or no longer falls.
    """

    def __init__(self, enough: torch.Tensor) -> None:
        self._enough, self._last = enough, torch.full_like(enough, math.inf)
        self._going = torch.ones_like(enough, dtype=torch.bool)

    def goes_on(self, missing: torch.Tensor) -> torch.Tensor | None:
        """A mask (B,), or None when all are done."""
        self._going = self._going & (missing >= self._enough) & (missing < self._last)
        self._last = missing
        return self._going if bool(self._going.any()) else None


def cholesky_solve(factors: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Solve L L' x = b, (..., n, n) and (..., n) -> (..., n).

    `torch.cholesky_solve` copies the factors at each call, which for one right side is most of it.
    """
    half = torch.linalg.solve_triangular(factors, b[..., None], upper=False)
    return torch.linalg.solve_triangular(factors.mT, half, upper=True)[..., 0]


def robust_cholesky(matrices: torch.Tensor) -> torch.Tensor:
    """Cholesky factors; where rounding breaks one, its diagonal is scaled by as little as works.

    A matrix that none helps has no numbers as its factor: its program then ends, others go on.
    """
    factors, info = torch.linalg.cholesky_ex(matrices)
    nudge = 1e-14
    while bool((bad := info > 0).any()):
        if nudge > 1e-4:
            factors[bad] = math.nan
            break
        lifted = matrices[bad]
        lifted.diagonal(dim1=-2, dim2=-1).mul_(1 + nudge)
        factors[bad], info[bad] = torch.linalg.cholesky_ex(lifted)
        nudge *= 10
    return factors
