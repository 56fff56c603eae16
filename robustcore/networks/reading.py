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
from .steps import read_traced
from .tracing import is_traceable

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
    net : ReLUNetwork, nn.Sequential of supported layers, or a module with a forward of its own
    input_shape : sequence of int, optional
        Of one sample, without the batch: (M,) or (C, H, W). Needed where the first layer that is
        not a Linear asks for it, and for a forward of its own.
    like : tensor, optional
        Precision and device of the maps; those of the parameters by default.

    Raises
    ------
    UnsupportedLayerError
        Naming the layer, its option, or the step of a forward for which no bound is implemented;
        and what does not compute what it says: a hook, a weight that is made anew in every call,
        random numbers, a step that looks at numbers, a value used after it was overwritten.

    Notes
    -----
    What is read is the network as it stands at this moment. Layers of torch are read by class and
    weights. A class with a forward of its own is recorded by `torch.fx`: sums and concatenations of
    values, functional layers, constants. What skips a layer is handed on through it, neurons that
    are no ReLUs, so that every bound goes through the same maps. The bounds compare the answer with
    that of `net(x)`, of a recorded network also at points around x.
    """
    shape = None if input_shape is None else tuple(input_shape)
    try:
        modules = list(_flat_modules(net))
    except UnsupportedLayerError:
        if not is_traceable(net):
            raise
        return read_traced(net, shape, like)
    reader, at = Reader.of(net, shape, like)
    for kind, module in modules:
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
