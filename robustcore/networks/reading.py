"""A module of torch, read as affine maps with an activation between each two."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from ..errors import UnsupportedLayerError
from .activations import Activation, PooledRectifier, Rectifier
from .dense import ReLUNetwork, Scaler
from .images import Shape
from .maps import AffineMap, Scaling, compose
from .modules import (
    read_convolution,
    read_linear,
    read_max_pooling,
    read_mean_pooling,
    read_scaling,
)
from .plain import SUPPORTED, check_precision, check_tensor, kind_of
from .two_layer import TwoLayerReLU


@dataclass(frozen=True)
class Layered:
    r"""A network in the one form that every bound starts from.

    .. math:: z^1 = A^1 x,\qquad z^l = A^l \sigma^{l-1}(z^{l-1}),\quad 2 \le l \le L

    Source: [B] Section 3, Appendix C

    Parameters
    ----------
    maps : list of L AffineMap
        Those of linear layers are `Dense` and unpack as (W, b).
    activations : list of L - 1 Activation
    parts : list of L tuples of AffineMap
        What each of the maps is folded from, as the network itself applies it.
    """

    maps: list[AffineMap]
    activations: list[Activation]
    parts: list[tuple[AffineMap, ...]]

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """The logits: (n, M) -> (n, K)."""
        z = self.maps[0](x)
        for activation, one in zip(self.activations, self.maps[1:], strict=True):
            z = one(activation(z))
        return z


def layered(
    net: nn.Module, input_shape: Sequence[int] | None = None, like: torch.Tensor | None = None
) -> Layered:
    """Read a network layer by layer; the result stays differentiable in its parameters.

    `Flatten`, `Unflatten`, `Identity`, `Dropout` in evaluation, `Scaler` and affine maps in a row
    are folded. A `MaxPool2d` belongs to the ReLU right before or right after it.

    Source: [B] Section 3, Appendix C

    Parameters
    ----------
    net : ReLUNetwork, or nn.Sequential of supported layers
    input_shape : sequence of int, optional
        Of one sample, without the batch: (M,) or (C, H, W). Needed where the first layer that is
        not a Linear asks for it.
    like : tensor, optional
        Precision and device of the maps; those of the parameters by default.

    Raises
    ------
    UnsupportedLayerError
        Naming the layer, or its option, for which no bound is implemented; and a layer that does
        not compute what its class says: a subclass with a forward of its own, a hook, a weight
        that is made anew in every call.

    Notes
    -----
    What is read is the network as it stands at this moment. The reading is by class and weights;
    the bounds compare its answer with that of `net(x)`.
    """
    reference = next(net.parameters(), torch.zeros(())) if like is None else like
    reader = _Reader(None if input_shape is None else tuple(input_shape), like, reference)
    for kind, module in _flat_modules(net):
        reader.take(kind, module)
    return reader.finish()


@dataclass
class _Reader:
    """The shape of one sample so far, the maps since the last activation, and all before them."""

    shape: Shape | None
    like: torch.Tensor | None
    reference: torch.Tensor  # `like`, or the first parameter: where maps without weights live
    pending: list[AffineMap] = field(default_factory=list)
    pool: PooledRectifier | None = None  # a max pool that waits for its ReLU
    maps: list[AffineMap] = field(default_factory=list)
    activations: list[Activation] = field(default_factory=list)
    parts: list[tuple[AffineMap, ...]] = field(default_factory=list)

    def take(self, kind: type[nn.Module], module: Any) -> None:
        if kind is nn.ReLU:
            self._rectify()
        elif kind is TwoLayerReLU:
            self._two_layers(module)
        elif kind is nn.Flatten:
            if (module.start_dim, module.end_dim) != (1, -1):
                raise UnsupportedLayerError("Flatten must keep the batch alone: nn.Flatten(1, -1).")
            self.shape = None if self.shape is None else (math.prod(self.shape),)
        elif kind is nn.Unflatten:
            self._unflatten(module)
        elif kind is nn.Dropout:
            if module.training and module.p > 0:
                raise UnsupportedLayerError(
                    "Dropout is random while training; call net.eval() first."
                )
        elif kind is nn.MaxPool2d:
            self._max_pool(module)
        elif kind is not nn.Identity:
            self._affine(kind, module)

    def finish(self) -> Layered:
        if not self.pending:
            raise UnsupportedLayerError("the network must end with a Linear layer.")
        self._no_pool_waits()
        maps = [*self.maps, self._close()]
        return Layered(maps, self.activations, self.parts)

    def _affine(self, kind: type[nn.Module], module: Any) -> None:
        self._no_pool_waits()
        if kind is Scaler:
            if any(isinstance(one, Scaling) for one in self.pending):
                raise UnsupportedLayerError("two Scalers in a row; give one, at the start.")
            if self.maps or self.pending:
                raise UnsupportedLayerError("a Scaler must stand at the start of the network.")
            self._append(read_scaling(module, self.shape))
        elif kind is nn.Linear:
            if self.shape is not None and len(self.shape) > 1 and (self.maps or self.pending):
                raise UnsupportedLayerError("a Linear after images needs a Flatten before it.")
            self._append(read_linear(module))
            self.shape = (self.pending[-1].n_outputs,)
        elif kind in (nn.Conv2d, nn.AvgPool2d):
            shape = self._image_shape(module)
            one = (
                read_convolution(module, shape)
                if kind is nn.Conv2d
                else read_mean_pooling(module, shape, self.reference)
            )
            self._append(one)
            self.shape = one.out_shape
        else:
            raise UnsupportedLayerError(
                f"no bound is implemented for {kind.__name__} as a layer; supported are "
                f"{SUPPORTED}."
            )

    def _two_layers(self, module: TwoLayerReLU) -> None:
        for name in ("u", "b", "alpha"):
            check_precision(
                "TwoLayerReLU", check_tensor("TwoLayerReLU", name, getattr(module, name))
            )
        hidden, last = module.as_affine()
        self._append(hidden)
        self._rectify()
        self._append(last)
        self.shape = (1,)

    def _append(self, one: AffineMap) -> None:
        if self.like is not None:
            one = one.to(self.like)
        elif isinstance(one, Scaling):
            one = one.to(self.reference)
        self.pending.append(one)

    def _rectify(self) -> None:
        if not self.pending:
            raise UnsupportedLayerError("a ReLU must follow a Linear layer or a convolution.")
        self.maps.append(self._close())
        self.activations.append(Rectifier() if self.pool is None else self.pool)
        self.pool = None

    def _max_pool(self, module: nn.MaxPool2d) -> None:
        self._no_pool_waits()
        shape = self._image_shape(module)
        pool, self.shape = read_max_pooling(module, shape, self.reference.device)
        if self.pending:
            self.pool = pool
        elif self.activations and isinstance(self.activations[-1], Rectifier):
            self.activations[-1] = pool
        else:
            raise UnsupportedLayerError("a MaxPool2d must stand next to a ReLU of its own.")

    def _no_pool_waits(self) -> None:
        if self.pool is not None:
            raise UnsupportedLayerError(
                "a MaxPool2d must stand next to a ReLU, right before or right after it."
            )

    def _unflatten(self, module: nn.Unflatten) -> None:
        sizes = tuple(int(s) for s in module.unflattened_size)  # type: ignore[union-attr]
        if module.dim not in (1, -1) or -1 in sizes:
            raise UnsupportedLayerError(
                "Unflatten must be nn.Unflatten(1, (channels, height, width))."
            )
        if self.shape is not None and math.prod(self.shape) != math.prod(sizes):
            raise UnsupportedLayerError(
                f"Unflatten to {sizes} takes {math.prod(sizes)} values, got shape {self.shape}."
            )
        self.shape = sizes

    def _image_shape(self, module: nn.Module) -> Shape:
        if self.shape is None or len(self.shape) != 3:
            raise UnsupportedLayerError(
                f"{type(module).__name__} needs images (channels, height, width), got samples of "
                f"shape {self.shape}; put nn.Unflatten(1, (channels, height, width)) before it."
            )
        return self.shape

    def _close(self) -> AffineMap:
        self.parts.append(tuple(self.pending))
        one, self.pending = compose(self.pending), []
        return one


def _flat_modules(net: nn.Module) -> Iterable[tuple[type[nn.Module], nn.Module]]:
    """The layers in the order of the forward pass, each with the class that says what it does."""
    kind = kind_of(net)
    if kind is ReLUNetwork:
        if kind_of(net.layers) is not nn.ModuleList:
            raise UnsupportedLayerError("the layers of a ReLUNetwork must be an nn.ModuleList.")
        yield nn.Flatten, nn.Flatten()
        if net.scaler is not None:
            yield from _flat_modules(net.scaler)  # type: ignore[arg-type]
        *hidden, last = net.layers  # type: ignore[misc]
        for layer in hidden:
            yield from _flat_modules(layer)
            yield nn.ReLU, nn.ReLU()
        yield from _flat_modules(last)
    elif kind is nn.Sequential:
        for module in net:  # type: ignore[attr-defined]
            yield from _flat_modules(module)
    else:
        yield kind, net
