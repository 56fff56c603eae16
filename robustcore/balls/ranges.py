"""Ranges of valid inputs: their ends, and the room that they leave each sample.

Shape letters: n samples, d features.
"""

from __future__ import annotations

from typing import Any

import torch

from ..doors import as_tensor
from ..errors import InputError, check_finite

Pair = tuple[torch.Tensor, torch.Tensor]


def read_range(given: Any) -> Pair:
    """Both ends of a range as tensors, () or (d,).

    Source: own

    Raises
    ------
    InputError
        For what is no range, or an empty one.
    """
    try:
        low, high = (as_tensor("an end of the range", end).double() for end in given)
    except (TypeError, ValueError, InputError) as error:
        raise InputError(f"a Cut needs a range, as in Cut(ball, (0, 1)), got {given!r}.") from error
    for end in (low, high):
        check_finite("the ends of the range", end)
    sizes = {len(end) for end in (low, high) if end.ndim}
    if max(low.ndim, high.ndim) > 1 or len(sizes) > 1 or not bool((low < high).all()):
        raise InputError(f"a range must be (low, high) with low < high, got {given!r}.")
    return low, high


def spread(room: torch.Tensor, c: torch.Tensor) -> torch.Tensor:
    """(n, d) or (n, 1) with the axes of c, which must be of these samples.

    Source: own
    """
    if c.ndim < 2 or len(c) != len(room) or room.shape[1] not in (1, c.shape[-1]):
        raise InputError(f"rows of {len(room)} samples are wanted, got {tuple(c.shape)}.")
    return room.to(c).view(len(room), *[1] * (c.ndim - 2), room.shape[1])


def rounded_down(room: torch.Tensor, c: torch.Tensor) -> torch.Tensor:
    """The same, in the precision of c rounded down.

    Source: own
    """
    rounded = room.to(c)
    down = torch.nextafter(rounded, torch.zeros_like(rounded))
    return spread(torch.where(rounded.double() > room, down, rounded), c)
