"""What rearranges the values of a sample, and what a forward may ask of shapes."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import torch

from ..errors import UnsupportedLayerError
from .blocks import Pick
from .reader import Reader
from .values import BATCH, Traced, Value, refused, value_of

_PROBE = 7  # samples by which it is seen whether a rearrangement keeps them apart


def _rearranged(name: str, reader: Reader, input: Any, *args: Any, **options: Any) -> Traced:
    """Values of each sample in another order or shape, as a few samples of indices show it."""
    x = value_of(name, input)
    n = math.prod(x.shape)
    probe = torch.arange(_PROBE * n, dtype=torch.float64).view(_PROBE, *x.shape)
    given = _filled([list(args), options])
    try:
        out = _REARRANGED[name](probe, *given[0], **given[1])
    except (RuntimeError, TypeError, IndexError, ValueError) as error:
        raise refused(f"{name} with these arguments") from error
    whole = out.reshape(len(out), -1).long() if out.ndim else out.new_zeros(0, 0).long()
    offsets = n * torch.arange(len(whole))[:, None]
    if len(whole) != _PROBE or not whole.numel() or not torch.equal(whole, whole[:1] + offsets):
        raise UnsupportedLayerError(
            f"{name} must keep the samples of a batch apart, dim 0 as it is."
        )
    shape = tuple(out.shape[1:])
    if torch.equal(whole[0], torch.arange(n)):
        return Traced(Value(x.at.node, shape), x.store, x.version)
    picked = Pick(whole[0].to(reader.reference.device), n, reader.reference.new_zeros(()))
    return Traced(reader.affine(x.at, shape, picked), x.store, x.version)


def _size(reader: Reader, input: Any, dim: int | None = None) -> Any:
    sizes = (BATCH, *value_of("size", input).shape)
    return sizes if dim is None else sizes[dim]


def _getattr(reader: Reader, input: Any, name: str) -> Any:
    if name == "shape":
        return _size(reader, input)
    if name == "ndim":
        return 1 + len(value_of("ndim", input).shape)
    raise refused(f"the attribute {name}")


def _filled(value: Any) -> Any:
    """Arguments with the number of probes for that of samples."""
    if isinstance(value, dict):
        return {name: _filled(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_filled(one) for one in value)
    if isinstance(value, Traced):
        raise refused("an index that depends on the input")
    return _PROBE if value is BATCH else value


def _index(x: torch.Tensor, index: Any) -> torch.Tensor:
    return x[index]


_REARRANGED: dict[str, Callable[..., torch.Tensor]] = {
    "view": torch.Tensor.view,
    "reshape": torch.Tensor.reshape,
    "flatten": torch.flatten,
    "unflatten": torch.Tensor.unflatten,
    "permute": torch.Tensor.permute,
    "transpose": torch.transpose,
    "squeeze": torch.squeeze,
    "unsqueeze": torch.unsqueeze,
    "contiguous": torch.Tensor.contiguous,
    "getitem": _index,
}
STEPS: dict[str, Callable[..., Any]] = {
    "size": _size, "getattr": _getattr,
    **{name: functools.partial(_rearranged, name) for name in _REARRANGED},
}  # fmt: skip
