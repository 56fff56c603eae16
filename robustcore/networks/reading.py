"""A module of torch, read as affine maps with an activation between each two."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import nn

from ..errors import UnsupportedLayerError
from .dense import ReLUNetwork
from .layers import Layered
from .plain import kind_of
from .reader import Reader

__all__ = ["Layered", "layered"]


def layered(
    net: nn.Module, input_shape: Sequence[int] | None = None, like: torch.Tensor | None = None
) -> Layered:
    """Read a network layer by layer; the result stays differentiable in its parameters.

    `Flatten`, `Unflatten`, `Identity`, `Dropout` and `BatchNorm` in evaluation, `Scaler` and affine
    maps in a row are folded. A `MaxPool2d` belongs to the ReLU right before or right after it. A
    `Softmax` or `LogSoftmax` may stand at the end: it keeps the order of the outputs, and all that
    is said is said of the logits before it.

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
    reader, at = Reader.of(net, None if input_shape is None else tuple(input_shape), like)
    for kind, module in _flat_modules(net):
        at = reader.take(kind, module, at)
    return reader.finish(at)


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
