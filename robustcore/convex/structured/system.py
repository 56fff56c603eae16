r"""The Newton system of programs (5) and (8), and the structure that makes it cheap.

Shape letters: n samples, d features, P patterns; the leading axis of length 2 is v, then w.

Every block shares X. A block's Hessian is d x d, all blocks meet only in the n outputs, so one
step costs 2P factorisations of size d and one of size n, where a general solver sees a sparse
matrix of size 2P (n + d).
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from functools import cached_property

import torch

from ...errors import SolverError
from .cones import Scaling

_CHUNK = 8_000_000  # numbers of a temporary: 64 MB in float64
_SPARSE = 0.65  # patterns with fewer active rows are gathered, the others masked,
_FULL = 0.8  # and of those with more the inactive rows are taken out of a product over all rows,
_LARGE = 200  # from so many samples on, where it pays
_STRIPS = 4
_REFINEMENTS = 3
_COARSE, _FINE = 1e-9, 1e-13  # residuals that are small enough, relative to the right side
_PACKED = 40_000_000  # numbers that the products of columns may take: 320 MB


class WeightedGram:
    """X' diag(w) X for many weights w at once.

    The products of every two columns are formed once; each call is then one matrix product with
    half the work of a product for each weight. Where they would not fit, X itself is weighted.
    """

    def __init__(self, X: torch.Tensor) -> None:
        n, d = X.shape
        self.X = X
        self.products: torch.Tensor | None = None
        if n * d * (d + 1) // 2 <= _PACKED:
            i, j = torch.tril_indices(d, d, device=X.device)
            columns = X.T.contiguous()
            self.products = X.new_empty(len(i), n)
            for k in range(d):  # in place: four times as fast as columns[i] * columns[j]
                at = k * (k + 1) // 2
                torch.mul(columns[: k + 1], columns[k], out=self.products[at : at + k + 1])
            self.place = torch.empty(d, d, dtype=torch.long, device=X.device)
            self.place[i, j] = self.place[j, i] = torch.arange(len(i), device=X.device)

    def __call__(self, weights: torch.Tensor) -> torch.Tensor:
        """(..., n) -> (..., d, d)."""
        n, d = self.X.shape
        flat = weights.reshape(-1, n)
        if self.products is not None:
            packed = flat @ self.products.T
            return packed[:, self.place.reshape(-1)].reshape(*weights.shape[:-1], d, d)
        grams = self.X.new_empty(flat.shape[0], d, d)
        width = max(1, _CHUNK // (n * d))
        for at in range(0, flat.shape[0], width):
            weighted = self.X.T * flat[at : at + width, None, :]
            torch.matmul(weighted, self.X, out=grams[at : at + width])
        return grams.reshape(*weights.shape[:-1], d, d)


@dataclass(frozen=True)
class Operators:
    """The three linear maps of the program and their adjoints.

    Attributes
    ----------
    X : (n, d)
    sign : (n,)
        y for a classification loss, ones for a regression loss.
    active : (P, n)
        0/1, the diagonals of D_i.
    facets : (P, n)
        -1/+1, the diagonals of 2 D_i - I; 0 in a row where X is zero and binds nothing.
    """

    X: torch.Tensor
    sign: torch.Tensor
    active: torch.Tensor
    facets: torch.Tensor

    @cached_property
    def shares(self) -> list[float]:
        """Of active samples, for each pattern."""
        return self.active.mean(dim=1).tolist()

    @cached_property
    def gram(self) -> WeightedGram:
        """X' diag(w) X."""
        return WeightedGram(self.X)

    def slack(self, u: torch.Tensor) -> torch.Tensor:
        """(2D_i - I) X u: (2, P, d) -> (2, P, n)."""
        return self.facets * (u @ self.X.T)

    def slack_adjoint(self, weights: torch.Tensor) -> torch.Tensor:
        """X'(2D_i - I) weights: (2, P, n) -> (2, P, d)."""
        return (self.facets * weights) @ self.X

    def output(self, u: torch.Tensor) -> torch.Tensor:
        """sign * sum_i D_i X (v_i - w_i): (2, P, d) -> (n,)."""
        return self.sign * (self.active * ((u[0] - u[1]) @ self.X.T)).sum(0)

    def output_adjoint(self, g: torch.Tensor) -> torch.Tensor:
        """Plus and minus X'D_i (sign * g): (n,) -> (2, P, d)."""
        half = (self.active * (self.sign * g)) @ self.X
        return torch.stack([half, -half])


class NewtonSystem:
    r"""One Newton system for many right sides, by :math:`H u - A^\top g = b`.

    :math:`H_j = X^\top \mathrm{diag}(\lambda/s) X + \tilde Q_j`, where the cone's own variable t
    has been eliminated from the Nesterov-Todd block. `centre` is the mean product of a slack and
    its multiplier.
    """

    def __init__(
        self,
        maps: Operators,
        ratio: torch.Tensor,
        scaling: Scaling,
        softness: torch.Tensor,
        centre: float,
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
        r"""u (2, P, d), g (n,) and the facet multipliers l (2, P, n), refined.

        They solve :math:`\tilde Q u - X^\top E l - A^\top g` = gradient, l = goal - ratio E X u
        and :math:`A u + \Omega^{-1} g = h`. Where a ratio is large, the rounding of E X u is an
        error of l; l is therefore an unknown of the refinement, which keeps stationarity exact
        and leaves the error in the complementarity of the facet.
        """
        u, g = self._solve_once(gradient + self.maps.slack_adjoint(goal), h)
        facets = goal - self.ratio * self.maps.slack(u)
        size = torch.finfo(gradient.dtype).tiny
        size = max(float(gradient.abs().max()), float(h.abs().max()), size)
        last = math.inf
        for _ in range(_REFINEMENTS):
            left = gradient + self.maps.slack_adjoint(facets) + self.maps.output_adjoint(g)
            left -= self._cone_times(u)
            h_left = h - (self.maps.output(u) + self.softness * g)
            missing = max(float(left.abs().max()), float(h_left.abs().max())) / size
            if missing < self.enough or missing >= last:
                break
            last = missing
            du, dg = self._solve_once(left, h_left)
            u, g, facets = u + du, g + dg, facets - self.ratio * self.maps.slack(du)
        return u, g, facets

    def _solve_once(self, b: torch.Tensor, h: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        g = torch.cholesky_solve((h - self.maps.output(self._inverse(b)))[:, None], self.schur)
        return self._inverse(b + self.maps.output_adjoint(g[:, 0])), g[:, 0]

    def _inverse(self, b: torch.Tensor) -> torch.Tensor:
        return torch.cholesky_solve(b[..., None], self.factors)[..., 0]

    def _cone_times(self, u: torch.Tensor) -> torch.Tensor:
        along = (self.axis * u).sum(-1, keepdim=True) * self.axis
        return self.weight[..., None] * (u - self.shrink[..., None] * along)

    def _hessians(self) -> torch.Tensor:
        hessians = self.maps.gram(self.ratio)
        pull = self.weight * self.shrink
        hessians -= pull[..., None, None] * self.axis[..., :, None] * self.axis[..., None, :]
        hessians.diagonal(dim1=-2, dim2=-1).add_(self.weight[..., None])
        return hessians

    def _factor_schur(self) -> torch.Tensor:
        """The quick sum loses digits on badly scaled data; where it shows, all is added up."""
        if len(self.maps.X) >= _LARGE:
            factor, info = torch.linalg.cholesky_ex(self._schur_complement(_FULL))
            if not info:
                return factor
        return robust_cholesky(self._schur_complement(math.inf))

    def _schur_complement(self, nearly_full: float) -> torch.Tensor:
        r"""Omega^{-1} + Y [sum_i D_i X (H_v^{-1} + H_w^{-1}) X' D_i] Y.

        v_i and w_i share D_i X: with H = L L', K = L_w^{-1} L_v, R'R = I + K'K and T = R L_v^{-1}
        one has T'T = H_v^{-1} + H_w^{-1}, half the work of two inverses.
        """
        X, active = self.maps.X, self.maps.active
        K = torch.linalg.solve_triangular(self.factors[1], self.factors[0], upper=False)
        gram = K.mT @ K
        gram.diagonal(dim1=-2, dim2=-1).add_(1.0)
        R = robust_cholesky(gram).mT
        T = torch.linalg.solve_triangular(self.factors[0], R, upper=False, left=False)
        schur = X.new_zeros(X.shape[0], X.shape[0])
        dense, full = [], X.new_zeros(X.shape[1], X.shape[1])
        for i, share in enumerate(self.maps.shares):
            if share > nearly_full:
                inverse = T[i].T @ T[i]
                full += inverse
                _leave_out(schur, (active[i] == 0).nonzero()[:, 0], inverse, X)
            elif share > _SPARSE:
                dense.append(i)
            else:
                rows = active[i].nonzero()[:, 0]
                Z = T[i] @ X[rows].T
                strip = schur.index_select(0, rows)  # twice as fast as schur[rows, rows] += ...
                schur.index_copy_(0, rows, strip.index_add_(1, rows, Z.T @ Z))
        schur += X @ full @ X.T
        width = max(1, _CHUNK // X.numel())
        for at in range(0, len(dense), width):
            some = dense[at : at + width]
            Z = ((T[some] @ X.T) * active[some][:, None, :]).reshape(-1, X.shape[0])
            _add_gram(schur, Z)
        schur = schur.tril() + schur.tril(-1).T
        schur *= self.maps.sign[:, None] * self.maps.sign
        schur.diagonal().add_(self.softness)
        return schur


def _leave_out(
    target: torch.Tensor, rows: torch.Tensor, inverse: torch.Tensor, X: torch.Tensor
) -> None:
    """Take the rows and columns of samples that are not active out of X inverse X'."""
    block = X[rows] @ inverse @ X.T
    target.index_add_(0, rows, block, alpha=-1)
    target.index_add_(1, rows, block.T, alpha=-1)
    target[rows[:, None], rows] += block[:, rows]


def _add_gram(target: torch.Tensor, Z: torch.Tensor) -> None:
    """target += Z'Z on and below the diagonal, in strips: what lies above is not computed."""
    n = Z.shape[1]
    edges = [n * k // _STRIPS for k in range(_STRIPS + 1)]
    for low, high in itertools.pairwise(edges):
        target[low:, low:high] += Z[:, low:].T @ Z[:, low:high]


def accuracy(centre: float) -> float:
    """How small a residual must be: the room in the cones shrinks with `centre`."""
    return min(_COARSE, max(_FINE, 1e-3 * centre))


def robust_cholesky(matrices: torch.Tensor) -> torch.Tensor:
    """Cholesky factors; where rounding breaks one, its diagonal is scaled by as little as works."""
    factors, info = torch.linalg.cholesky_ex(matrices)
    nudge = 1e-14
    while bool((info > 0).any()):
        if nudge > 1e-4:
            raise SolverError(
                "a Newton matrix lost its definiteness; solve with solver='clarabel'."
            )
        bad = info > 0
        lifted = matrices[bad] if info.ndim else matrices.clone()
        lifted.diagonal(dim1=-2, dim2=-1).mul_(1 + nudge)
        again, info_again = torch.linalg.cholesky_ex(lifted)
        if info.ndim:
            factors[bad], info[bad] = again, info_again
        else:
            factors, info = again, info_again
        nudge *= 10
    return factors
