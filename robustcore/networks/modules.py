"""One layer of torch as an affine map or an activation; what is not supported is named."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from ..errors import UnsupportedLayerError
from .activations import PooledRectifier
from .dense import Scaler
from .images import Convolution, MeanPooling, Pair, Shape
from .maps import Dense, Scaling


def read_linear(module: nn.Linear) -> Dense:
    """A matrix and a bias, zero where the layer has none."""
    return Dense(module.weight, _bias(module))


def read_scaling(module: Scaler, shape: Shape | None) -> Scaling:
    """A Scaler as factor and shift of each flat input."""
    factor, shift = 1 / module.std, -module.mean / module.std
    if shape is not None and len(shape) > 1:
        factor, shift = (part.expand(shape).flatten() for part in (factor, shift))
    return Scaling(factor, shift)


def read_convolution(module: nn.Conv2d, shape: Shape) -> Convolution:
    """A Conv2d with zero padding, for images of one shape."""
    if module.padding_mode != "zeros":
        raise UnsupportedLayerError(
            f"Conv2d with padding_mode={module.padding_mode!r} is not supported; use 'zeros'."
        )
    if shape[0] != module.in_channels:
        raise UnsupportedLayerError(
            f"Conv2d takes {module.in_channels} channels, the image before it has {shape[0]}."
        )
    kernel, stride, dilation = (
        _pair(v) for v in (module.kernel_size, module.stride, module.dilation)
    )
    padding = _padding(module.padding, kernel, dilation)
    out = (module.out_channels, *_out_size(module, shape, kernel, stride, padding, dilation))
    return Convolution(
        module.weight, _bias(module), shape, out, stride, padding, dilation, module.groups
    )


def read_mean_pooling(module: nn.AvgPool2d, shape: Shape, like: torch.Tensor) -> MeanPooling:
    """An AvgPool2d, for images of one shape."""
    if module.divisor_override is not None and module.divisor_override <= 0:
        raise UnsupportedLayerError("AvgPool2d needs a positive divisor_override.")
    with torch.no_grad():
        out = module(torch.zeros(1, *shape)).shape[1:]
    kernel, stride, padding = (
        _pair(v) for v in (module.kernel_size, module.stride, module.padding)
    )
    return MeanPooling(
        shape, tuple(out), kernel, stride, padding, module.ceil_mode, module.count_include_pad,
        module.divisor_override, like.new_zeros(()),
    )  # fmt: skip


def read_max_pooling(
    module: nn.MaxPool2d, shape: Shape, device: torch.device
) -> tuple[PooledRectifier, Shape]:
    """A MaxPool2d with the ReLU beside it, and the shape of what leaves it."""
    if module.ceil_mode or module.return_indices:
        raise UnsupportedLayerError("MaxPool2d with ceil_mode or return_indices is not supported.")
    sizes = (module.kernel_size, module.stride, module.padding, module.dilation)
    kernel, stride, padding, dilation = (_pair(v) for v in sizes)
    out = (shape[0], *_out_size(module, shape, kernel, stride, padding, dilation))
    return PooledRectifier.of(shape, kernel, stride, padding, dilation, device), out


def _out_size(
    module: nn.Module, shape: Shape, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair
) -> Pair:
    size = [
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, k, s, p, d in zip(shape[1:], kernel, stride, padding, dilation, strict=True)
    ]
    if min(size) < 1:
        raise UnsupportedLayerError(
            f"{type(module).__name__} has a window larger than its image {shape}."
        )
    return size[0], size[1]


def _padding(padding: str | int | Sequence[int], kernel: Pair, dilation: Pair) -> Pair:
    if padding == "valid":
        return 0, 0
    if padding == "same":
        total = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
        if any(t % 2 for t in total):
            raise UnsupportedLayerError(
                f"Conv2d with padding='same' needs odd kernels, got {kernel}; pad by a number."
            )
        return total[0] // 2, total[1] // 2
    return _pair(padding)  # type: ignore[arg-type]


def _pair(value: int | Sequence[int]) -> Pair:
    return (value, value) if isinstance(value, int) else (int(value[0]), int(value[1]))


def _bias(module: nn.Linear | nn.Conv2d) -> torch.Tensor:
    """The bias, or zeros where the layer has none."""
    return module.weight.new_zeros(len(module.weight)) if module.bias is None else module.bias
