"""One layer of torch as an affine map or an activation; what is not supported is named."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import nn

from ..errors import UnsupportedLayerError
from .activations import PooledRectifier
from .dense import Scaler
from .images import Convolution, MeanPooling, Pair, Shape
from .maps import Dense, Scaling
from .plain import check_precision, check_tensor, is_wrapped


def read_linear(module: nn.Linear) -> Dense:
    """A matrix and a bias, zero where the layer has none."""
    return Dense(*_weight_and_bias(module, "Linear"))


def read_scaling(module: Scaler, shape: Shape | None) -> Scaling:
    """A Scaler as a mean and a deviation of each flat input, read in float64.

    1/std and mean/std, formed in the precision of the buffers, would be far off where |mean| is
    much larger than std.
    """
    mean, std = (check_tensor("Scaler", name, getattr(module, name)) for name in ("mean", "std"))
    sizes = torch.broadcast_shapes(mean.shape, std.shape)
    if shape is None:
        if len(sizes) == 0 or math.prod(sizes) != sizes[-1] or sizes[-1] == 1:
            raise UnsupportedLayerError(
                f"a Scaler of shape {tuple(sizes)} needs the shape of a sample; give input_shape."
            )
        shape = (sizes[-1],)
    padded = (1,) * (len(shape) + 1 - len(sizes)) + tuple(sizes)
    if len(padded) > len(shape) + 1 or any(
        size not in (1, wanted) for size, wanted in zip(padded, (1, *shape), strict=True)
    ):
        raise UnsupportedLayerError(
            f"a Scaler of shape {tuple(sizes)} does not fit samples of shape {shape}."
        )
    mean, std = (part.to(torch.float64).expand(1, *shape).flatten() for part in (mean, std))
    if not is_wrapped(std) and bool((std == 0).any()):
        raise UnsupportedLayerError("every std of a Scaler must be other than 0.")
    return Scaling(mean, std)


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
    weight, bias = _weight_and_bias(module, "Conv2d")
    out = (len(weight), *_out_size(module, shape, kernel, stride, padding, dilation))
    return Convolution(weight, bias, shape, out, stride, padding, dilation, module.groups)


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


def _weight_and_bias(
    module: nn.Linear | nn.Conv2d, layer: str
) -> tuple[torch.Tensor, torch.Tensor]:
    """The weight, and the bias or zeros where the layer has none."""
    weight = check_precision(layer, check_tensor(layer, "weight", module.weight))
    if module.bias is None:
        return weight, weight.new_zeros(len(weight))
    return weight, check_precision(layer, check_tensor(layer, "bias", module.bias))
