"""One layer of torch as an affine map or an activation; what is not supported is named."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from ..errors import UnsupportedLayerError
from .activations import PooledRectifier
from .blocks import Diagonal, Pick
from .dense import Scaler
from .images import Convolution, MeanPooling, Pair, Shape
from .maps import AffineMap, Dense, Scaling
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


def read_normalisation(kind: type[nn.Module], module: Any, shape: Shape | None) -> Diagonal:
    """A BatchNorm in evaluation: for each channel a h + b, a = w / sqrt(var + eps)."""
    name = kind.__name__
    if module.training or module.running_mean is None or module.running_var is None:
        raise UnsupportedLayerError(
            f"{name} in training, or without running statistics, depends on the batch; "
            "call net.eval() first."
        )
    flat = kind is nn.BatchNorm1d
    if shape is None and flat:
        shape = (len(module.running_mean),)
    if shape is None or len(shape) != (1 if flat else 3) or shape[0] != len(module.running_mean):
        wanted = "values (channels,)" if flat else "images (channels, height, width)"
        raise UnsupportedLayerError(
            f"{name} of {len(module.running_mean)} channels needs {wanted}, got samples of shape "
            f"{shape}."
        )
    statistics = module.running_mean, module.running_var
    return normalisation(name, *statistics, module.weight, module.bias, module.eps, shape)


def normalisation(
    name: str,
    mean: torch.Tensor,
    variance: torch.Tensor,
    weight: torch.Tensor | None,
    bias: torch.Tensor | None,
    eps: float,
    shape: Shape,
) -> Diagonal:
    """w (h - mean) / sqrt(var + eps) + b for each channel, in float64."""
    given = {"mean": mean, "variance": variance, "weight": weight, "bias": bias}
    kept = {
        which: check_precision(name, check_tensor(name, which, value)).to(torch.float64)
        for which, value in given.items()
        if value is not None
    }
    if any(value.shape != shape[:1] for value in kept.values()):
        raise UnsupportedLayerError(f"{name} does not fit samples of shape {shape}.")
    wide = kept["variance"] + eps
    if not is_wrapped(wide) and bool((wide <= 0).any()):
        raise UnsupportedLayerError(f"the variance of {name} must be positive; train it anew.")
    scale = kept.get("weight", 1.0) / wide.sqrt()
    moved = kept["mean"] * scale
    shift = kept.get("bias", torch.zeros_like(moved))
    return Diagonal(scale, shift - moved, shift.abs() + moved.abs(), math.prod(shape[1:]))


def read_leak(
    kind: type[nn.Module], module: Any, shape: Shape | None, like: torch.Tensor
) -> torch.Tensor | None:
    """The slope below 0 of a LeakyReLU or PReLU for each neuron; none for a ReLU."""
    if kind is nn.ReLU:
        return None
    name = kind.__name__
    if shape is None:
        raise UnsupportedLayerError(f"{name} must follow a Linear layer or a convolution.")
    if kind is nn.LeakyReLU:
        return leak_of(name, like.new_tensor(float(module.negative_slope)), shape)
    weight = check_precision(name, check_tensor(name, "weight", module.weight))
    return leak_of(name, weight.to(like), shape)


def leak_of(name: str, slope: torch.Tensor, shape: Shape) -> torch.Tensor:
    """One slope, or one for each channel, for every neuron; refused outside of [0, 1]."""
    if slope.numel() not in (1, shape[0]):
        raise UnsupportedLayerError(
            f"{name} has {slope.numel()} slopes, the layer before it {shape[0]} channels."
        )
    if not is_wrapped(slope) and not bool(((slope >= 0) & (slope <= 1)).all()):
        raise UnsupportedLayerError(
            f"{name} needs slopes from 0 to 1, where it is convex and increasing, got "
            f"{float(slope.min()):g} to {float(slope.max()):g}."
        )
    count = math.prod(shape)
    return slope.reshape(-1, 1).expand(-1, count // slope.numel()).flatten()


def read_on_images(
    kind: type[nn.Module], module: Any, shape: Shape, like: torch.Tensor
) -> tuple[AffineMap, ...]:
    """A convolution or a mean, for images of one shape."""
    if kind is nn.Conv2d:
        return read_convolution(module, shape, like)
    if kind is nn.AvgPool2d:
        return (read_mean_pooling(module, shape, like),)
    return (read_adaptive_mean(module.output_size, shape, like),)


def read_convolution(module: nn.Conv2d, shape: Shape, like: torch.Tensor) -> tuple[AffineMap, ...]:
    """A Conv2d, for images of one shape; what it pads its image with is picked from the image."""
    if shape[0] != module.in_channels:
        raise UnsupportedLayerError(
            f"Conv2d takes {module.in_channels} channels, the image before it has {shape[0]}."
        )
    before: tuple[AffineMap, ...] = ()
    padding: str | int | Sequence[int] = module.padding
    if module.padding_mode != "zeros":
        first, shape = _picked_padding(module, shape, like)
        before, padding = (first,), 0
    weight, bias = _weight_and_bias(module, "Conv2d")
    geometry = (module.stride, padding, module.dilation)
    return (*before, convolution(weight, bias, shape, *geometry, module.groups))


def convolution(
    weight: torch.Tensor,
    bias: torch.Tensor,
    shape: Shape,
    stride: int | Sequence[int],
    padding: str | int | Sequence[int],
    dilation: int | Sequence[int],
    groups: int,
) -> Convolution:
    """A convolution with zero padding, for images of one shape."""
    if weight.ndim != 4 or shape[0] != weight.shape[1] * groups:
        raise UnsupportedLayerError(
            f"a convolution with a kernel {tuple(weight.shape)} in {groups} groups does not fit "
            f"images {shape}."
        )
    kernel = (weight.shape[2], weight.shape[3])
    steps, holes = _pair(stride), _pair(dilation)
    sides = _padding(padding, kernel, holes)
    out = (len(weight), *_out_size("Conv2d", shape, kernel, steps, sides, holes))
    return Convolution(weight, bias, shape, out, steps, sides, holes, groups)


def _picked_padding(module: nn.Conv2d, shape: Shape, like: torch.Tensor) -> tuple[Pick, Shape]:
    """The padding of an image as torch pads an image of indices."""
    index = torch.arange(math.prod(shape), dtype=torch.float64).view(1, *shape)
    sides = module._reversed_padding_repeated_twice
    try:
        padded = nn.functional.pad(index, sides, mode=module.padding_mode)
    except RuntimeError as error:
        raise UnsupportedLayerError(
            f"Conv2d cannot pad images {shape} by {module.padding} in the mode "
            f"{module.padding_mode!r}."
        ) from error
    picked = padded.flatten().long().to(like.device)
    return Pick(picked, math.prod(shape), like.new_zeros(())), tuple(padded.shape[1:])


def read_adaptive_mean(size: Any, shape: Shape, like: torch.Tensor) -> MeanPooling:
    """An AdaptiveAvgPool2d whose windows are all alike."""
    wanted = size if isinstance(size, (tuple, list)) else (size, size)
    sides = [n if w is None else int(w) for w, n in zip(wanted, shape[1:], strict=True)]
    if any(w < 1 or n % w for w, n in zip(sides, shape[1:], strict=True)):
        raise UnsupportedLayerError(
            f"AdaptiveAvgPool2d to {sides[0]} x {sides[1]} needs images whose sides are multiples "
            f"of these, got {shape}."
        )
    kernel = (shape[1] // sides[0], shape[2] // sides[1])
    out = (shape[0], *sides)
    return MeanPooling(shape, out, kernel, kernel, (0, 0), False, True, None, like.new_zeros(()))


def image_shape(module: nn.Module, shape: Shape | None) -> Shape:
    """The shape of a sample that must be an image."""
    if shape is None or len(shape) != 3:
        raise UnsupportedLayerError(
            f"{type(module).__name__} needs images (channels, height, width), got samples of "
            f"shape {shape}; put nn.Unflatten(1, (channels, height, width)) before it."
        )
    return shape


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
    out = (shape[0], *_out_size("MaxPool2d", shape, kernel, stride, padding, dilation))
    return PooledRectifier.of(shape, kernel, stride, padding, dilation, device), out


def _out_size(
    name: str, shape: Shape, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair
) -> Pair:
    size = [
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, k, s, p, d in zip(shape[1:], kernel, stride, padding, dilation, strict=True)
    ]
    if min(size) < 1:
        raise UnsupportedLayerError(f"{name} has a window larger than its image {shape}.")
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
