"""One affine map for several in a row, and a map as its matrix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from ..errors import TooLargeError
from .blocks import Diagonal, Pick, Stacked, Summed
from .images import Convolution
from .maps import AffineMap, Chain, Dense, Scaling

MAX_ENTRIES = 2**26  # of one expanded matrix: 512 MB in float64
_SMALL = 2**20  # of a matrix that takes the place of maps side by side


def compose(maps: Sequence[AffineMap]) -> AffineMap:
    """One map for several in a row; matrices and scalings are multiplied out, exactly.

    A normalisation after a matrix or a convolution goes into its weights. Maps side by side, where
    a connection skips a layer, become one matrix while that is small: its absolute values are then
    exact.

    Source: own
    """
    folded: list[AffineMap] = []
    for one in maps:
        last = folded[-1] if folded else None
        both = None if last is None else _product(one, last)
        if both is None:
            folded.append(one)
        else:
            folded[-1] = both
    whole = folded[0] if len(folded) == 1 else Chain(tuple(folded))
    blocks = any(isinstance(one, (Stacked, Summed)) for one in folded)
    if blocks and whole.n_inputs * whole.n_outputs <= _SMALL:
        return expand(whole)
    return whole


def expand(one: AffineMap) -> Dense:
    """The matrix and the bias of an affine map.

    Source: own

    Raises
    ------
    TooLargeError
        If the matrix would have more than 2^26 entries.
    """
    if isinstance(one, Dense):
        return one
    entries = one.n_inputs * one.n_outputs
    if entries > MAX_ENTRIES:
        raise TooLargeError(
            f"as a matrix, {type(one).__name__} has {one.n_outputs} x {one.n_inputs} entries, more "
            f"than {MAX_ENTRIES}; use rub, arub or ibp, which never form it."
        )
    first = one.columns(torch.zeros(1, dtype=torch.long))
    every = torch.arange(one.n_inputs, device=first.device)
    return Dense(one.columns(every).T, one(first.new_zeros(one.n_inputs)))


def _product(after: AffineMap, before: AffineMap) -> AffineMap | None:
    """Both as one map of a kind that is there already; none where there is no such."""
    if isinstance(after, Dense) and isinstance(before, Scaling):
        W, b = after
        return Dense(W / before.std, b - W @ (before.mean / before.std))
    if isinstance(after, Dense) and isinstance(before, Dense):
        W, b = after
        return Dense(W @ before.weight, W @ before.bias + b)
    if isinstance(after, Dense) and isinstance(before, Diagonal):
        scale, shift = before.wide()
        return Dense(after.weight * scale, after.bias + after.weight @ shift)
    if isinstance(after, Diagonal) and isinstance(before, Dense):
        scale, shift = after.wide()
        return Dense(scale[:, None] * before.weight, scale * before.bias + shift)
    if isinstance(after, Diagonal) and isinstance(before, Convolution):
        channels, height, width = before.out_shape
        if len(after.scale) == channels and after.each == height * width:
            weight = before.weight * after.scale[:, None, None, None]
            bias = before.bias * after.scale + after.shift
            return replace(before, weight=weight, bias=bias)
    if isinstance(after, Pick) and isinstance(before, Pick):
        return replace(after, index=before.index[after.index], n_inputs=before.n_inputs)
    return None
