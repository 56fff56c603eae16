"""A value of a network that is read: which node of the wiring it is, its shape, its memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch

from ..errors import UnsupportedLayerError
from .images import Shape
from .plain import check_precision, check_tensor


@dataclass(frozen=True)
class Value:
    """A value of the network and the shape of one sample of it, which may not be known yet."""

    node: int
    shape: Shape | None


@dataclass
class Store:
    """Memory that several values may share; each writing in place makes a new version."""

    version: int = 0
    is_input: bool = False


@dataclass(frozen=True)
class Traced:
    """A value in a recorded forward, and the memory that it lies in."""

    at: Value
    store: Store = field(default_factory=Store)
    version: int = 0

    @property
    def shape(self) -> Shape:
        """Of one sample."""
        assert self.at.shape is not None
        return self.at.shape


class Batch:
    """The number of samples, whatever it is."""


BATCH = Batch()


def refused(name: str) -> UnsupportedLayerError:
    """The sentence for a step that is not read."""
    return UnsupportedLayerError(
        f"no bound is implemented for {name} in a forward; read are layers of torch, relu, "
        "leaky_relu, linear, conv2d, batch_norm, pools, softmax, sums, products with constants, "
        "concatenations, and what rearranges a sample."
    )


def written(x: Traced, found: Value) -> Traced:
    """A value that takes the place of another in memory."""
    if x.store.is_input:
        raise UnsupportedLayerError("the forward writes into its input; copy it first.")
    x.store.version += 1
    return Traced(found, x.store, x.store.version)


def value_of(name: str, value: Any) -> Traced:
    """A value that depends on the input.

    Source: own
    """
    if not isinstance(value, Traced):
        raise refused(f"{name} of a constant, or of two values that depend on the input,")
    return value


def constant(name: str, value: Any) -> torch.Tensor:
    """A weight, checked; a number in float64."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return torch.tensor(float(value), dtype=torch.float64)
    if not isinstance(value, torch.Tensor):
        raise refused(f"{name} of two values that depend on the input, or of other than tensors,")
    return check_precision(name, check_tensor(name, "operand", value))
