"""Several programs on the same data, one for each draw of the patterns, as one batch.

The first axis of every tensor, of length B, counts the programs. What is one number for a program,
a step length or a bound, is a tensor (B,).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

Tensors = tuple[torch.Tensor, ...]


def spread(values: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """One number for each program, (B,), shaped to multiply a tensor (B, ...)."""
    return values.reshape(-1, *[1] * (like.ndim - 1))


def choose(where: torch.Tensor, yes: torch.Tensor, no: torch.Tensor) -> torch.Tensor:
    """torch.where with one answer for each program."""
    return torch.where(spread(where, no), yes, no)


def choose_all(where: torch.Tensor, yes: Tensors, no: Tensors) -> Tensors:
    """The same for each pair of tensors."""
    return tuple(choose(where, a, b) for a, b in zip(yes, no, strict=True))


def largest(*tensors: torch.Tensor) -> torch.Tensor:
    """The largest entry of each program over all tensors (B, ...): (B,)."""
    return torch.stack([t.flatten(1).amax(1) for t in tensors]).amax(0)


def padded(tensors: Sequence[torch.Tensor]) -> torch.Tensor:
    """Stacked along a new first axis, the last one filled up with zeros: (B, ..., longest)."""
    longest = max(t.shape[-1] for t in tensors)
    return torch.stack([torch.nn.functional.pad(t, (0, longest - t.shape[-1])) for t in tensors])


def total(values: torch.Tensor) -> torch.Tensor:
    """The sum of each program: (B, ...) -> (B,)."""
    return values.flatten(1).sum(1)
