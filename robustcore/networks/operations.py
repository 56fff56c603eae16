"""What a function or a method of torch makes of a value: each read as maps and activations.

The arguments bear torch's names. A table says under which names a recorded step may call them.
"""

from __future__ import annotations

import functools
import inspect
import operator
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from ..errors import UnsupportedLayerError
from . import rearranging, sums
from .maps import Dense
from .modules import convolution, leak_of, normalisation
from .reader import Reader
from .values import Traced, constant, refused, value_of, written


def bound(name: str, args: list[Any], options: dict[str, Any]) -> Callable[[Reader], Any]:
    """A step with its arguments, ready for a reader."""
    if name not in STEPS:
        raise refused(name)
    step = STEPS[name]
    try:
        inspect.signature(step).bind(None, *args, **options)
    except TypeError as error:
        raise refused(f"{name} with these arguments") from error
    return lambda reader: step(reader, *args, **options)


def _relu(reader: Reader, input: Any, inplace: bool = False) -> Traced:
    x = value_of("relu", input)
    found = reader.rectify(x.at)
    return written(x, found) if inplace else Traced(found)


def _relu_(reader: Reader, input: Any) -> Traced:
    return _relu(reader, input, inplace=True)


def _leaky_relu(
    reader: Reader, input: Any, negative_slope: float = 0.01, inplace: bool = False
) -> Traced:
    x = value_of("leaky_relu", input)
    slope = reader.reference.new_tensor(float(negative_slope))
    found = reader.rectify(x.at, leak_of("leaky_relu", slope, x.shape))
    return written(x, found) if inplace else Traced(found)


def _prelu(reader: Reader, input: Any, weight: Any) -> Traced:
    x = value_of("prelu", input)
    slope = constant("prelu", weight).to(reader.reference)
    return Traced(reader.rectify(x.at, leak_of("prelu", slope, x.shape)))


def _clone(reader: Reader, input: Any) -> Traced:
    """The same value in memory of its own."""
    return Traced(value_of("clone", input).at)


def _clamp(reader: Reader, input: Any, min: Any = None, max: Any = None) -> Traced:
    if max is not None or isinstance(min, bool) or min != 0:
        raise refused("clamp other than at min=0")
    return _relu(reader, input)


def _linear(reader: Reader, input: Any, weight: Any, bias: Any = None) -> Traced:
    x, W = value_of("linear", input), constant("linear", weight)
    if W.ndim != 2 or x.shape != (W.shape[1],):
        raise UnsupportedLayerError(
            f"linear with a weight {tuple(W.shape)} does not take samples of shape {x.shape}."
        )
    b = W.new_zeros(len(W)) if bias is None else constant("linear", bias)
    return Traced(reader.affine(x.at, (len(W),), Dense(W, b.expand(len(W)))))


def _matmul(reader: Reader, input: Any, other: Any) -> Traced:
    return _linear(reader, input, constant("matmul", other).mT)


def _addmm(
    reader: Reader, input: Any, mat1: Any, mat2: Any, beta: float = 1, alpha: float = 1
) -> Traced:
    if beta != 1 or alpha != 1:
        raise refused("addmm with factors")
    return _linear(reader, mat1, constant("addmm", mat2).mT, input)


def _conv2d(
    reader: Reader,
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Traced:
    x, W = value_of("conv2d", input), constant("conv2d", weight)
    if len(x.shape) != 3:
        raise UnsupportedLayerError(f"conv2d needs images, got samples of shape {x.shape}.")
    b = W.new_zeros(len(W)) if bias is None else constant("conv2d", bias)
    stride, padding, dilation = (_first(v) for v in (stride, padding, dilation))
    one = convolution(W, b, x.shape, stride, padding, dilation, groups)
    return Traced(reader.affine(x.at, one.out_shape, one))


def _batch_norm(
    reader: Reader,
    input: Any,
    running_mean: Any,
    running_var: Any,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Traced:
    x = value_of("batch_norm", input)
    if training or running_mean is None or running_var is None:
        raise UnsupportedLayerError(
            "batch_norm in training, or without running statistics, depends on the batch; call "
            "net.eval() first."
        )
    one = normalisation("batch_norm", running_mean, running_var, weight, bias, eps, x.shape)
    return Traced(reader.affine(x.at, x.shape, one))


def _by_layer(make: Callable[..., nn.Module], names: tuple[str, ...]) -> Callable[..., Traced]:
    """A pool as the layer of torch with the same options, given in the function's order."""

    def step(reader: Reader, input: Any, *args: Any, **options: Any) -> Traced:
        x = value_of(make.__name__, input)
        options = {**dict(zip(names, args, strict=False)), **options}
        module = make(**options)
        return Traced(reader.take(type(module), module, x.at))

    return step


def _dropout(
    reader: Reader, input: Any, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Traced:
    x = value_of("dropout", input)
    if training and p > 0:
        raise UnsupportedLayerError(
            "dropout is random while training; pass training=self.training and call net.eval()."
        )
    return x


def _softmax(name: str, reader: Reader, input: Any, dim: Any = None, **options: Any) -> Traced:
    if any(value is not None for key, value in options.items() if key != "_stacklevel"):
        raise refused(f"{name} with these arguments")
    reader.refuse_after_final()
    return Traced(reader.end_with(name, dim, value_of(name, input).at))


def _transposed(weight: torch.Tensor, name: str) -> torch.Tensor:
    """The only attribute of a weight that is read."""
    if name not in ("T", "mT"):
        raise refused(f"the attribute {name} of weights")
    return weight.mT


def _first(value: Any) -> Any:
    """One number for a sequence of one, as conv2d takes it."""
    return value[0] if isinstance(value, (list, tuple)) and len(value) == 1 else value


_POOL = ("kernel_size", "stride", "padding")
STEPS: dict[str, Callable[..., Any]] = {
    "relu": _relu, "relu_": _relu_, "leaky_relu": _leaky_relu, "prelu": _prelu, "clamp": _clamp,
    "clone": _clone, "linear": _linear, "matmul": _matmul, "addmm": _addmm, "conv2d": _conv2d,
    "batch_norm": _batch_norm, "dropout": _dropout,
    "max_pool2d": _by_layer(nn.MaxPool2d, (*_POOL, "dilation", "ceil_mode", "return_indices")),
    "avg_pool2d": _by_layer(
        nn.AvgPool2d, (*_POOL, "ceil_mode", "count_include_pad", "divisor_override")
    ),
    "adaptive_avg_pool2d": _by_layer(nn.AdaptiveAvgPool2d, ("output_size",)),
    "softmax": functools.partial(_softmax, "Softmax"),
    "log_softmax": functools.partial(_softmax, "LogSoftmax"),
    **sums.STEPS, **rearranging.STEPS,
}  # fmt: skip
FUNCTIONS: dict[str, tuple[Any, ...]] = {
    "relu": (torch.relu, functional.relu), "relu_": (torch.relu_, functional.relu_),
    "leaky_relu": (functional.leaky_relu,), "prelu": (functional.prelu, torch.prelu),
    "clamp": (torch.clamp,), "clone": (torch.clone,), "linear": (functional.linear,),
    "matmul": (torch.matmul, operator.matmul, torch.mm), "addmm": (torch.addmm,),
    "conv2d": (functional.conv2d, torch.conv2d), "batch_norm": (functional.batch_norm,),
    "dropout": (functional.dropout,), "max_pool2d": (functional.max_pool2d,),
    "avg_pool2d": (functional.avg_pool2d,),
    "adaptive_avg_pool2d": (functional.adaptive_avg_pool2d,),
    "softmax": (functional.softmax, torch.softmax),
    "log_softmax": (functional.log_softmax, torch.log_softmax),
    "add": (operator.add, torch.add), "sub": (operator.sub, torch.sub),
    "add_": (operator.iadd,), "sub_": (operator.isub,), "mul_": (operator.imul,),
    "mul": (operator.mul, torch.mul), "div": (operator.truediv, torch.div),
    "neg": (operator.neg, torch.neg), "cat": (torch.cat, torch.concat, torch.concatenate),
    "mean": (torch.mean,), "getattr": (getattr,), "floordiv": (operator.floordiv,),
    "getitem": (operator.getitem,), "reshape": (torch.reshape,), "flatten": (torch.flatten,),
    "permute": (torch.permute,), "transpose": (torch.transpose,), "squeeze": (torch.squeeze,),
    "unsqueeze": (torch.unsqueeze,),
}  # fmt: skip
OF_SIZES: dict[str, Callable[..., Any]] = {
    "add": operator.add, "sub": operator.sub, "mul": operator.mul, "div": operator.truediv,
    "floordiv": operator.floordiv, "neg": operator.neg, "getitem": operator.getitem,
    "t": torch.t, "clone": torch.clone, "transpose": torch.transpose, "getattr": _transposed,
}  # fmt: skip
