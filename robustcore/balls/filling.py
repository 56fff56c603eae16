r"""The best steps of unit p-norm where each coordinate has a room of its own.

Shape letters: d features.
"""

from __future__ import annotations

import math

import torch


def largest_gain(size: torch.Tensor, room: torch.Tensor, p: float) -> torch.Tensor:
    r"""max size't over :math:`\|t\|_p\le1` and :math:`0\le t\le room\le1`, from above.

    .. math:: \min_{\mu\ge0}\ \|a\|_q + room^\top(size-a), \qquad
              a_m = \min(size_m,\ \mu\,room_m^{p-1})

    Source: own (on [B] eq. (23))

    Parameters
    ----------
    size, room : (..., d) tensors
        Not negative.
    p : float

    Returns
    -------
    (...) tensor
        Every mu gives an upper bound; the one taken gives the value, up to rounding.
    """
    if math.isinf(p):
        return (size * room).sum(dim=-1)
    q = math.inf if p == 1 else p / (p - 1)
    kept = torch.minimum(size, _price(size, room, p) * room ** (p - 1))
    shared = torch.linalg.vector_norm(kept, q, dim=-1) + (room * (size - kept)).sum(dim=-1)
    return torch.minimum(shared, torch.linalg.vector_norm(size, q, dim=-1))


def best_steps(size: torch.Tensor, room: torch.Tensor, p: float) -> torch.Tensor:
    """Such a t: (..., d).

    Source: own (on [B] Section 4)
    """
    if math.isinf(p):
        return room
    price = _price(size, room, p)
    if p > 1:
        share = (size / torch.where(price > 0, price, 1.0)) ** (1 / (p - 1))
        return torch.minimum(torch.where(price > 0, share, math.inf), room)
    full = torch.where(size > price, room, 0.0)
    last = torch.where(size == price, room, 0.0)  # of these as much as is left
    left = 1 - full.sum(dim=-1, keepdim=True) - (last.cumsum(dim=-1) - last)
    return full + torch.minimum(last, left.clamp(min=0))


def _price(size: torch.Tensor, room: torch.Tensor, p: float) -> torch.Tensor:
    """mu, (..., 1): what room is worth where the ball ends; 0 where the box ends first."""
    if p == 1:
        order = size.argsort(dim=-1, descending=True)
        spent = room.gather(-1, order).cumsum(dim=-1)
        at = (spent < 1).sum(dim=-1, keepdim=True)
        price = size.gather(-1, order).gather(-1, at.clamp(max=size.shape[-1] - 1))
        return torch.where(at < size.shape[-1], price, 0.0)
    q = p / (p - 1)
    largest = size.amax(dim=-1, keepdim=True)
    size = size / torch.where(largest > 0, largest, 1.0)
    ratio = torch.where(size > 0, size / room ** (p - 1), 0.0)
    ratio, order = ratio.sort(dim=-1, descending=True)  # those first that meet the box first
    free = (size.gather(-1, order) ** q).flip(-1).cumsum(dim=-1).flip(-1)
    paid = room.gather(-1, order) ** p
    left = 1 - (paid.cumsum(dim=-1) - paid)
    price = torch.where(left > 0, (free / left.clamp(min=0)) ** (1 / q), math.inf)
    ends = (price >= ratio) & (left > 0)
    first = ends.to(torch.uint8).argmax(dim=-1, keepdim=True)
    found = torch.where(ends.any(dim=-1, keepdim=True), price.gather(-1, first), 0.0)
    return largest * found
