"""Interval arithmetic: exact for the first layer over a ball, and from box to box after it."""

from __future__ import annotations

import torch

from ..balls import LpBall
from ..networks import AffineMap, Dense

_COLUMNS = 2**22  # numbers of the first layer, held at once where it is not a matrix

Interval = tuple[torch.Tensor, torch.Tensor]


def first_interval(first: AffineMap, x: torch.Tensor, ball: LpBall) -> Interval:
    """The exact range of each entry of W^1 (x + delta) + b^1 over the ball: two (n, r_1).

    Source: [B] eq. (23)
    """
    centre, spread = first(x), row_support(first, ball)
    return centre - spread, centre + spread


def next_interval(one: AffineMap, low: torch.Tensor, high: torch.Tensor) -> Interval:
    """The range of W h + b for h between low and high: two (n, r).

    Source: own; method of Gowal et al. (2019)
    """
    centre, spread = one((low + high) / 2), one.spread((high - low) / 2)
    return centre - spread, centre + spread


def row_support(first: AffineMap, ball: LpBall) -> torch.Tensor:
    """The ball's support function of every row of W^1, (r_1,), a few columns at a time.

    Source: [B] eq. (23)
    """
    if isinstance(first, Dense):
        return ball.support(first.weight)
    parts = [
        ball.support(first.columns(index).T)
        for index in torch.arange(first.n_inputs).split(max(1, _COLUMNS // first.n_outputs))
    ]
    return torch.linalg.vector_norm(torch.stack(parts), ball.dual_exponent, dim=0)
