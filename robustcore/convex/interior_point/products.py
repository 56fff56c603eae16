"""The two products of X that a Newton step spends its time on, and how they are added up."""

from __future__ import annotations

import itertools

import torch

_CHUNK = 8_000_000  # numbers of a temporary: 64 MB in float64,
_CHUNK_GPU = 250_000_000  # and 2 GB where there is room
_PACKED = 40_000_000  # numbers that the products of columns may take: 320 MB
_SPARSE = 0.65  # patterns with fewer active rows are gathered, the others masked
_STRIPS = 4


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


def sum_of(
    roots: torch.Tensor,
    active: torch.Tensor,
    shares: list[float],
    X: torch.Tensor,
    nearly_full: float,
) -> torch.Tensor:
    """sum_i D_i X T_i'T_i X' D_i of one program, on and below the diagonal."""
    schur = X.new_zeros(X.shape[0], X.shape[0])
    dense, full = [], X.new_zeros(X.shape[1], X.shape[1])
    for i, share in enumerate(shares):
        if share > nearly_full:
            inverse = roots[i].T @ roots[i]
            full += inverse
            _leave_out(schur, (active[i] == 0).nonzero()[:, 0], inverse, X)
        elif share > _SPARSE:
            dense.append(i)
        elif share > 0:
            rows = active[i].nonzero()[:, 0]
            Z = roots[i] @ X[rows].T
            strip = schur.index_select(0, rows)  # twice as fast as schur[rows, rows] += ...
            schur.index_copy_(0, rows, strip.index_add_(1, rows, Z.T @ Z))
    schur += X @ full @ X.T
    width = max(1, _CHUNK // X.numel())
    for at in range(0, len(dense), width):
        some = dense[at : at + width]
        Z = ((roots[some] @ X.T) * active[some][:, None, :]).reshape(-1, X.shape[0])
        _add_gram(schur, Z)
    return schur


def masked_sums(roots: torch.Tensor, active: torch.Tensor, X: torch.Tensor) -> torch.Tensor:
    """The same sums of all programs at once, in few large products: for a GPU."""
    B, P, d, _ = roots.shape
    n = X.shape[0]
    schur = X.new_zeros(B, n, n)
    width = max(1, _CHUNK_GPU // (B * d * n))
    for at in range(0, P, width):
        some = slice(at, at + width)
        Z = ((roots[:, some] @ X.T) * active[:, some, None, :]).reshape(B, -1, n)
        schur.baddbmm_(Z.mT, Z)
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
