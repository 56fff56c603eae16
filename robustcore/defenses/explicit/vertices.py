r"""RUB by two passes: a sweep without a graph, then the recursion at the vertices that it found.

Shape letters: S networks, n samples, M inputs, K classes, k = K - 1 wrong classes, r_l the width of
layer l; v perturbations.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from .first_order import Layers, Passed, gap_rows, lemma_1, support

_ROWS = {"cpu": 2**12}  # (networks x samples x vertices) of one step of a sweep
_ROWS_ELSEWHERE = 2**18


def rub(
    layers: Layers, x: torch.Tensor, y: torch.Tensor, radius: torch.Tensor, top: int | None = None
) -> torch.Tensor:
    """Lemma 1 on Theorem 11 at all vertices of the L1 ball, or at the `top` of first order: (S, n).

    Source: [B] eq. (27), Theorem 11
    """
    gaps, rows, offsets, passed = gap_rows(layers, x, y)
    if len(layers) == 1:
        return lemma_1(gaps + support(rows, radius[..., None], 1))
    at = _Entries.of(passed, rows, offsets)
    with torch.no_grad():
        if top is None:
            chosen = _swept(layers, passed, rows, radius)
        else:
            slopes = passed.back(rows)
            chosen = _largest(slopes, top)
            if chosen.shape[-1] > 1:
                steps = _columns(layers, chosen.flatten(1, 2), radius)
                best = at.values(layers, steps)[..., 0].argmax(dim=-1)
                chosen = chosen.flatten(1, 2).gather(-1, best[..., None]).view(*chosen.shape[:3], 1)
    steps = _columns(layers, chosen.flatten(1, 2), radius)
    return lemma_1(at.values(layers, steps).view(gaps.shape))


@dataclass(frozen=True)
class _Entries:
    """The recursion of Theorem 11 for each (sample, wrong class) as an entry of its own.

    z (S, N, r_1), slopes (S, N, r_l), rows (S, N, j, r_{L-1}), offsets (S, N, j): N entries with j
    gaps each.
    """

    z: torch.Tensor
    slopes: list[torch.Tensor]
    rows: torch.Tensor
    offsets: torch.Tensor

    @classmethod
    def of(cls, passed: Passed, rows: torch.Tensor, offsets: torch.Tensor) -> _Entries:
        """One entry a (sample, wrong class), one gap each."""
        k = rows.shape[2]
        z = passed.hidden[0].repeat_interleave(k, dim=1)
        slopes = [(h > 0).to(h).repeat_interleave(k, dim=1) for h in passed.hidden]  # (21)
        return cls(z, slopes, rows.flatten(1, 2)[:, :, None], offsets.flatten(1, 2)[:, :, None])

    def values(self, layers: Layers, steps: torch.Tensor) -> torch.Tensor:
        """g^L at W^1 delta: (S, N, v, r_1) -> (S, N, v, j).

        Source: [B] Theorem 11, eq. (35)
        """
        upper = lower = self.z[:, :, None] + steps
        for (W, b), t in zip(layers[1:-1], self.slopes[:-1], strict=True):
            p, q = upper.clamp(min=0), t[:, :, None] * lower
            centre = ((p + q).flatten(1, 2) @ W.mT / 2 + b[:, None]).view(*p.shape[:3], -1)
            width = ((p - q).flatten(1, 2) @ W.abs().mT / 2).view(*p.shape[:3], -1)
            upper, lower = centre + width, centre - width  # (35), 2 <= l <= L-1
        p, q = upper.clamp(min=0), self.slopes[-1][:, :, None] * lower
        if self.rows.shape[2] == 1:  # one gap an entry: a sum, not a batch of tiny products
            total = ((p + q) * self.rows + (p - q) * self.rows.abs()).sum(dim=-1, keepdim=True)
        else:
            total = (p + q) @ self.rows.mT + (p - q) @ self.rows.abs().mT
        return total / 2 + self.offsets[:, :, None]  # (35), l = L


def _largest(slopes: torch.Tensor, top: int) -> torch.Tensor:
    """Vertices of the largest first-order gaps, +m before M + m: (S, n, k, M) -> (S, n, k, top)."""
    M = slopes.shape[-1]
    largest = slopes.abs().topk(min(top, M), dim=-1).indices
    return largest + M * (slopes.gather(-1, largest) < 0)


def _columns(layers: Layers, vertices: torch.Tensor, radius: torch.Tensor) -> torch.Tensor:
    """W^1 delta at vertices +-radius e_m: (S, N, v) -> (S, N, v, r_1), with a graph into W^1."""
    W = layers[0][0]
    S, r, M = W.shape
    offset = M * torch.arange(S, device=W.device)[:, None, None]
    columns = torch.nn.functional.embedding(vertices % M + offset, W.mT.reshape(S * M, r))
    signs = 1 - 2 * (vertices >= M).to(W)
    return columns * (radius[..., None] * signs)[..., None]


def _swept(
    layers: Layers, passed: Passed, rows: torch.Tensor, radius: torch.Tensor
) -> torch.Tensor:
    """The worst of all 2M vertices for each wrong class: (S, n, k, 1)."""
    S, n, k, _ = rows.shape
    M = layers[0][0].shape[2]
    slopes = [(h > 0).to(h) for h in passed.hidden]
    at = _Entries(passed.hidden[0], slopes, rows, rows.new_zeros(S, n, k))
    best = rows.new_full((S, n, k), -math.inf)
    where = torch.zeros_like(best, dtype=torch.long)
    width = max(1, _ROWS.get(rows.device.type, _ROWS_ELSEWHERE) // (S * n))
    for start in range(0, 2 * M, width):
        some = torch.arange(start, min(start + width, 2 * M), device=rows.device)
        steps = _columns(layers, some.expand(S, 1, -1), radius)
        value, index = at.values(layers, steps).max(dim=2)
        better = value > best
        best = torch.where(better, value, best)
        where = torch.where(better, index + start, where)
    return where[..., None]
