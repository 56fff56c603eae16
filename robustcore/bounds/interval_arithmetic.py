"""Interval arithmetic: exact for the first layer over a set, and from box to box after it."""

from __future__ import annotations

import torch

from ..balls import LpBall, PerturbationSet
from ..networks import AffineMap, Dense, expand

_COLUMNS = 2**22  # numbers of the first layer, held at once where it is not a matrix

Interval = tuple[torch.Tensor, torch.Tensor]


def first_interval(first: AffineMap, x: torch.Tensor, ball: PerturbationSet) -> Interval:
    """The exact range of each entry of W^1 (x + delta) + b^1 over the set: two (n, r_1).

    Source: [B] eq. (23)
    """
    centre, above = first(x), row_support(first, ball)
    below = above if ball.solid else row_support(first, ball, -1)
    return centre - below, centre + above


def next_interval(one: AffineMap, low: torch.Tensor, high: torch.Tensor) -> Interval:
    """The range of W h + b for h between low and high: two (n, r).

    Source: own; method of Gowal et al. (2019)
    """
    centre, spread = one((low + high) / 2), one.spread((high - low) / 2)
    return centre - spread, centre + spread


def row_support(first: AffineMap, ball: PerturbationSet, sign: float = 1) -> torch.Tensor:
    """The set's support function at every row of W^1 times a sign: (r_1,), or (n, r_1).

    Of a convolution an Lp ball takes a few columns at a time.

    Source: [B] eq. (23)
    """
    if isinstance(first, Dense) or not isinstance(ball, LpBall):
        W, _ = first if isinstance(first, Dense) else expand(first)
        return ball.of_rows(W if sign > 0 else -W)
    parts = [
        ball.support(first.columns(index).T)
        for index in torch.arange(first.n_inputs).split(max(1, _COLUMNS // first.n_outputs))
    ]
    return torch.linalg.vector_norm(torch.stack(parts), ball.dual_exponent, dim=0)
