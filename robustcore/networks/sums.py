"""Sums, products with constants, concatenations and means in a recorded forward."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from ..errors import UnsupportedLayerError
from .blocks import Diagonal
from .images import Shape
from .reader import Reader
from .values import Traced, Value, constant, refused, value_of, written


def _add(reader: Reader, input: Any, other: Any, alpha: Any = 1) -> Traced:
    return Traced(_sum(reader, input, other, 1, alpha))


def _sub(reader: Reader, input: Any, other: Any, alpha: Any = 1) -> Traced:
    return Traced(_sum(reader, input, other, -1, alpha))


def _iadd(reader: Reader, input: Any, other: Any, alpha: Any = 1) -> Traced:
    return written(value_of("+=", input), _sum(reader, input, other, 1, alpha))


def _isub(reader: Reader, input: Any, other: Any, alpha: Any = 1) -> Traced:
    return written(value_of("-=", input), _sum(reader, input, other, -1, alpha))


def _sum(reader: Reader, input: Any, other: Any, sign: int, alpha: Any) -> Value:
    if alpha != 1:
        raise refused("a sum with alpha")
    if isinstance(input, Traced) and isinstance(other, Traced):
        if input.shape != other.shape:
            raise UnsupportedLayerError(
                f"a sum of samples of shapes {input.shape} and {other.shape} is not read."
            )
        return reader.add([input.at, other.at], [1, sign])
    if isinstance(input, Traced):
        return _scaled(reader, input, 1.0, sign, other)
    return _scaled(reader, other, float(sign), 1, input)


def _mul(reader: Reader, input: Any, other: Any) -> Traced:
    x, factor = (input, other) if isinstance(input, Traced) else (other, input)
    return Traced(_scaled(reader, x, factor, 1, 0.0))


def _imul(reader: Reader, input: Any, other: Any) -> Traced:
    return written(value_of("*=", input), _mul(reader, input, other).at)


def _div(reader: Reader, input: Any, other: Any) -> Traced:
    x, by = value_of("a quotient by it", input), constant("a quotient", other).to(torch.float64)
    if bool((by == 0).any()):
        raise UnsupportedLayerError("a quotient by zero is not read.")
    return Traced(_scaled(reader, x, 1 / by, 1, 0.0))


def _neg(reader: Reader, input: Any) -> Traced:
    return _mul(reader, input, -1.0)


def _scaled(reader: Reader, x: Traced, factor: Any, sign: int, added: Any) -> Value:
    """The products factor x + sign added, both constants of a sample."""
    scale, shift = (_spread(one, x.shape, reader.reference) for one in (factor, added))
    one = Diagonal(scale, sign * shift, shift.abs())
    return reader.affine(x.at, x.shape, one)


def _spread(value: Any, shape: Shape, like: torch.Tensor) -> torch.Tensor:
    """A constant as one number for each value of a sample."""
    given = constant("an operation", value)
    try:
        fits = torch.broadcast_shapes(given.shape, (1, *shape)) == (1, *shape)
    except RuntimeError:
        fits = False
    if not fits:
        raise UnsupportedLayerError(
            f"a constant of shape {tuple(given.shape)} does not fit samples of shape {shape}."
        )
    return given.to(like.device).expand(1, *shape).flatten()


def _cat(reader: Reader, tensors: Any, dim: int = 0) -> Traced:
    values = [value_of("a concatenation", one) for one in tensors]
    shapes = [x.shape for x in values]
    if dim not in (1, -len(shapes[0])) or len({shape[1:] for shape in shapes}) != 1:
        raise UnsupportedLayerError(
            f"a concatenation goes along dim=1, got dim={dim} for samples of shapes {shapes}."
        )
    joined = (sum(shape[0] for shape in shapes), *shapes[0][1:])
    return Traced(reader.join([x.at for x in values], joined))


def _mean(reader: Reader, input: Any, dim: Any = None, keepdim: bool = False) -> Traced:
    x = value_of("mean", input)
    if len(x.shape) != 3 or not isinstance(dim, Sequence) or {d % 4 for d in dim} != {2, 3}:
        raise refused("mean other than of whole images, dim=(2, 3),")
    found = reader.take(nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool2d(1), x.at)
    return Traced(found if keepdim else Value(found.node, x.shape[:1]))


STEPS: dict[str, Callable[..., Any]] = {
    "add": _add, "sub": _sub, "add_": _iadd, "sub_": _isub, "mul": _mul, "mul_": _imul,
    "div": _div, "neg": _neg, "cat": _cat, "mean": _mean,
}  # fmt: skip
