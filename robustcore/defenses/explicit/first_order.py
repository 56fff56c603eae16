r"""Losses that need a forward pass and masked products: nominal, Baseline, aRUB.

Shape letters: S networks, n samples, M inputs, K classes, k = K - 1 wrong classes, r_l the width of
layer l.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

Layers = Sequence[tuple[torch.Tensor, torch.Tensor]]  # W^l (S, r_l, r_{l-1}), b^l (S, r_l)


@dataclass(frozen=True)
class Passed:
    """A forward pass: the hidden pre-activations z^1..z^{L-1} (S, n, r_l), the logits (S, n, K).

    Source: [B] Section 3
    """

    layers: Layers
    hidden: list[torch.Tensor]
    logits: torch.Tensor

    @classmethod
    def through(cls, layers: Layers, x: torch.Tensor) -> Passed:
        """x is (n, M), shared by the networks, or (S, n, M)."""
        hidden, h = [], x
        for W, b in layers[:-1]:
            z = _affine(W, b, h)
            hidden.append(z)
            h = z.clamp(min=0)
        return cls(layers, hidden, _affine(*layers[-1], h))

    def back(self, rows: torch.Tensor) -> torch.Tensor:
        """Rows in z^L, or rows (e_k - e_y)'W^L behind it, to the input: (S, n, ..., r) -> (..., M).

        Source: [B] eqs. (21), (22)
        """
        for (W, _), z in zip(reversed(self.layers[:-1]), reversed(self.hidden), strict=True):
            mask = (z > 0).to(z)
            rows = rows * (mask if rows.ndim == 3 else mask[:, :, None])
            rows = (rows.flatten(1, -2) @ W).view(*rows.shape[:-1], -1)  # (22)
        return rows

    def loss_gradient(self, y: torch.Tensor) -> torch.Tensor:
        """The gradient of the cross-entropy in the input: (S, n, M)."""
        own = torch.nn.functional.one_hot(y, self.logits.shape[-1])
        return self.back((self.logits.softmax(dim=-1) - own) @ self.layers[-1][0])


def _affine(W: torch.Tensor, b: torch.Tensor, h: torch.Tensor) -> torch.Tensor:
    """W h + b in one pass: h is (n, r), shared by the networks, or (S, n, r)."""
    return torch.baddbmm(b[:, None], h.expand(len(W), *h.shape[-2:]), W.mT)


def clean_loss(logits: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """The cross-entropy: (S, n, K) -> (S, n).

    Source: [B] eq. (11)
    """
    return (
        logits.logsumexp(dim=-1) - logits.gather(-1, y.expand(logits.shape[:-1])[..., None])[..., 0]
    )


def nominal(layers: Layers, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """The clean loss of each network and sample: (S, n).

    Source: [B] eq. (1)
    """
    return clean_loss(Passed.through(layers, x).logits, y)


def baseline(
    layers: Layers, x: torch.Tensor, y: torch.Tensor, radius: torch.Tensor, p: float
) -> torch.Tensor:
    """The loss and its first-order growth: (S, n).

    Source: [B] eq. (7)
    """
    passed = Passed.through(layers, x)
    return clean_loss(passed.logits, y) + support(passed.loss_gradient(y), radius, p)  # (7)


def arub(
    layers: Layers, x: torch.Tensor, y: torch.Tensor, radius: torch.Tensor, p: float
) -> torch.Tensor:
    """Lemma 1 on the linearised gaps: (S, n).

    Source: [B] eqs. (10), (11), (22)
    """
    gaps, rows, _, passed = gap_rows(layers, x, y)
    slopes = passed.back(rows)
    return lemma_1(gaps + support(slopes, radius[..., None], p))  # (9), (10)


def gap_rows(
    layers: Layers, x: torch.Tensor, y: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, Passed]:
    """z_k - z_y (S, n, k), the rows (e_k - e_y)'W^L (S, n, k, r), their offsets, and the pass.

    The wrong classes of a sample are y + 1, ..., y + K - 1 modulo K.
    """
    passed = Passed.through(layers, x)
    W, b = layers[-1]
    K = W.shape[1]
    others = (y[:, None] + torch.arange(1, K, device=y.device)) % K
    one_hot = torch.nn.functional.one_hot
    pairs = (one_hot(others, K) - one_hot(y, K)[:, None]).to(W)  # (n, k, K)
    gaps = torch.einsum("nkc,snc->snk", pairs, passed.logits)
    rows = (pairs.flatten(0, 1) @ W).view(len(W), *others.shape, -1)
    offsets = torch.einsum("nkc,sc->snk", pairs, b)
    return gaps, rows, offsets, passed


def lemma_1(gap_bound: torch.Tensor) -> torch.Tensor:
    """The cross-entropy of the worst gaps, the true class's being 0: (S, n, k) -> (S, n)."""
    own = gap_bound.new_zeros(*gap_bound.shape[:-1], 1)
    return torch.cat([own, gap_bound], dim=-1).logsumexp(dim=-1)  # (5), (6), (11)


def support(c: torch.Tensor, radius: torch.Tensor, p: float) -> torch.Tensor:
    """Radius times the dual norm of the last axis."""
    q = math.inf if p == 1 else 1.0 if math.isinf(p) else p / (p - 1)
    return radius * torch.linalg.vector_norm(c, q, dim=-1)  # (23)
