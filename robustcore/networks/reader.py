"""The classes of torch that are read, each applied to a value of the network."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from ..errors import UnsupportedLayerError
from .activations import Activation, Rectifier
from .blocks import Diagonal, Pick
from .composing import compose
from .dense import Scaler
from .images import Shape
from .layers import Layered
from .leaky import LeakyRectifier
from .maps import AffineMap, Scaling
from .modules import (
    image_shape,
    read_leak,
    read_linear,
    read_max_pooling,
    read_normalisation,
    read_on_images,
    read_scaling,
)
from .plain import DROPOUTS, SUPPORTED, check_precision, check_tensor
from .two_layer import TwoLayerReLU
from .values import Value
from .wiring import Wires


@dataclass
class Reader:
    """One module after the other, each applied to a value.

    Source: own
    """

    wires: Wires
    like: torch.Tensor | None
    reference: torch.Tensor  # `like`, or the first parameter: where maps without weights live
    final: str = ""  # what stands after the last map, without changing the order of outputs

    @classmethod
    def of(
        cls, net: nn.Module, shape: Shape | None, like: torch.Tensor | None
    ) -> tuple[Reader, Value]:
        """A reader of one network, and its input."""
        weights = itertools.chain(net.parameters(), net.buffers())
        floating = (p for p in weights if p.is_floating_point())
        reference = next(floating, torch.zeros(())) if like is None else like
        wires = Wires.of_input(0 if shape is None else math.prod(shape), reference)
        return cls(wires, like, reference), Value(0, shape)

    def take(self, kind: type[nn.Module], module: Any, at: Value) -> Value:
        """What a module of a supported class makes of a value."""
        if kind in DROPOUTS:
            if module.training and module.p > 0:
                raise UnsupportedLayerError(
                    f"{kind.__name__} is random while training; call net.eval() first."
                )
            return at
        if kind is nn.Identity:
            return at
        self.refuse_after_final()
        if kind in (nn.Softmax, nn.LogSoftmax):
            return self.end_with(kind.__name__, module.dim, at)
        if kind in (nn.ReLU, nn.LeakyReLU, nn.PReLU):
            return self.rectify(at, read_leak(kind, module, at.shape, self.reference))
        if kind is TwoLayerReLU:
            return self._two_layers(module, at)
        if kind is nn.Flatten:
            if (module.start_dim, module.end_dim) != (1, -1):
                raise UnsupportedLayerError("Flatten must keep the batch alone: nn.Flatten(1, -1).")
            return Value(at.node, None if at.shape is None else (math.prod(at.shape),))
        if kind is nn.Unflatten:
            return self._unflatten(module, at)
        if kind is nn.MaxPool2d:
            return self._max_pool(module, at)
        return self._affine(kind, module, at)

    def finish(self, at: Value) -> Layered:
        """The network that ends with a value."""
        self._no_pool_waits(at)
        last = self.wires.nodes[at.node]
        if not last.is_affine:
            raise UnsupportedLayerError("the network must end with a Linear layer.")
        if self.final and last.width < 2:
            raise UnsupportedLayerError(f"{self.final} of one output is constant; leave it out.")
        parts, activations = self.wires.layers(at.node)
        return Layered([compose(part) for part in parts], activations, parts, self.final)

    def affine(self, at: Value, shape: Shape, *maps: AffineMap) -> Value:
        """Affine maps of a value, in the precision that was asked for."""
        self._no_pool_waits(at)
        self.refuse_after_final()
        like = self.like
        if like is None:
            every = [
                one.to(self.reference) if isinstance(one, (Scaling, Diagonal, Pick)) else one
                for one in maps
            ]
        else:
            every = [one.to(like) for one in maps]
        return Value(self.wires.affine(at.node, *every), shape)

    def rectify(self, at: Value, leak: torch.Tensor | None = None) -> Value:
        """A ReLU, or with a leak for each neuron, a leaky one."""
        node = self.wires.nodes[at.node]
        if node.kind == "pool" and leak is None:
            assert node.activation is not None
            made = self.wires.activate(node.inputs[0], node.activation, node.width)
            return Value(made, at.shape)
        self._no_pool_waits(at)
        if not node.is_affine:
            raise UnsupportedLayerError("a ReLU must follow a Linear layer or a convolution.")
        activation: Activation = Rectifier() if leak is None else LeakyRectifier(leak)
        return Value(self.wires.activate(at.node, activation, node.width), at.shape)

    def add(self, values: Sequence[Value], signs: Sequence[int]) -> Value:
        """The sum of values of one shape, each with its sign."""
        for at in values:
            self._no_pool_waits(at)
        self.refuse_after_final()
        return Value(self.wires.sum([at.node for at in values], signs), values[0].shape)

    def join(self, values: Sequence[Value], shape: Shape) -> Value:
        """Values one after the other, as one of the given shape."""
        for at in values:
            self._no_pool_waits(at)
        self.refuse_after_final()
        return Value(self.wires.join([at.node for at in values]), shape)

    def end_with(self, name: str, dim: int | None, at: Value) -> Value:
        """A Softmax or LogSoftmax over the outputs, which leaves their order as it is."""
        if dim not in (1, -1) or at.shape is None or len(at.shape) != 1:
            raise UnsupportedLayerError(f"{name} must go over the outputs: nn.{name}(dim=1).")
        self.final = name
        return at

    def refuse_after_final(self) -> None:
        """Nothing stands after a Softmax."""
        if self.final:
            raise UnsupportedLayerError(
                f"{self.final} must be the last layer, where it keeps the order of the outputs."
            )

    def _affine(self, kind: type[nn.Module], module: Any, at: Value) -> Value:
        self._no_pool_waits(at)
        node = self.wires.nodes[at.node]
        if kind is Scaler:
            if any(isinstance(one, Scaling) for one in node.maps):
                raise UnsupportedLayerError("two Scalers in a row; give one, at the start.")
            if node.kind != "input":
                raise UnsupportedLayerError("a Scaler must stand at the start of the network.")
            return self.affine(at, at.shape, read_scaling(module, at.shape))  # type: ignore[arg-type]
        if kind is nn.Linear:
            if at.shape is not None and len(at.shape) > 1 and node.kind != "input":
                raise UnsupportedLayerError("a Linear after images needs a Flatten before it.")
            one = read_linear(module)
            return self.affine(at, (one.n_outputs,), one)
        if kind in (nn.BatchNorm1d, nn.BatchNorm2d):
            normalised = read_normalisation(kind, module, at.shape)
            return self.affine(at, at.shape or (normalised.n_outputs,), normalised)
        if kind in (nn.Conv2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d):
            maps = read_on_images(kind, module, image_shape(module, at.shape), self.reference)
            return self.affine(at, maps[-1].out_shape, *maps)  # type: ignore[attr-defined]
        raise UnsupportedLayerError(
            f"no bound is implemented for {kind.__name__} as a layer; supported are {SUPPORTED}."
        )

    def _two_layers(self, module: TwoLayerReLU, at: Value) -> Value:
        for name in ("u", "b", "alpha"):
            check_precision(
                "TwoLayerReLU", check_tensor("TwoLayerReLU", name, getattr(module, name))
            )
        hidden, last = module.as_affine()
        return self.affine(self.rectify(self.affine(at, (hidden.n_outputs,), hidden)), (1,), last)

    def _max_pool(self, module: nn.MaxPool2d, at: Value) -> Value:
        self._no_pool_waits(at)
        shape = image_shape(module, at.shape)
        pool, out = read_max_pooling(module, shape, self.reference.device)
        node = self.wires.nodes[at.node]
        if node.is_affine:
            return Value(self.wires.pool(at.node, pool, math.prod(out)), out)
        if isinstance(node.activation, Rectifier):
            return Value(self.wires.activate(node.inputs[0], pool, math.prod(out)), out)
        raise UnsupportedLayerError("a MaxPool2d must stand next to a ReLU of its own.")

    def _no_pool_waits(self, at: Value) -> None:
        if self.wires.nodes[at.node].kind == "pool":
            raise UnsupportedLayerError(
                "a MaxPool2d must stand next to a ReLU, right before or right after it."
            )

    def _unflatten(self, module: nn.Unflatten, at: Value) -> Value:
        sizes = tuple(int(s) for s in module.unflattened_size)  # type: ignore[union-attr]
        if module.dim not in (1, -1) or -1 in sizes:
            raise UnsupportedLayerError(
                "Unflatten must be nn.Unflatten(1, (channels, height, width))."
            )
        if at.shape is not None and math.prod(at.shape) != math.prod(sizes):
            raise UnsupportedLayerError(
                f"Unflatten to {sizes} takes {math.prod(sizes)} values, got shape {at.shape}."
            )
        return Value(at.node, sizes)
