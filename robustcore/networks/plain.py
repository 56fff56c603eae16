"""Whether a module computes what its class says, and nothing else.

A layer is read from its weights, never from its `forward`. That is right only while nothing stands
between the two: no subclass with a forward of its own, no hook, no weight that is made anew in
every call. What does is refused by name here, and numbers decide afterwards, in the bounds.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn.modules import module as torch_modules
from torch.nn.utils import parametrize, prune
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm

from ..doors import outside_inference
from ..errors import UnsupportedLayerError
from .dense import ReLUNetwork, Scaler
from .two_layer import TwoLayerReLU

CONTAINERS = (ReLUNetwork, nn.Sequential, nn.ModuleList)
DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout)
LAYERS = (
    nn.Linear, nn.Conv2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.BatchNorm1d, nn.BatchNorm2d,
    nn.ReLU, nn.LeakyReLU, nn.PReLU, nn.MaxPool2d, nn.Flatten, nn.Unflatten, nn.Identity,
    *DROPOUTS, nn.Softmax, nn.LogSoftmax, Scaler, TwoLayerReLU,
)  # fmt: skip
SUPPORTED = (
    "Linear, Conv2d, AvgPool2d, AdaptiveAvgPool2d, BatchNorm and Dropout in evaluation, ReLU, "
    "LeakyReLU, PReLU, MaxPool2d next to a ReLU, Flatten, Unflatten, Identity, a Scaler at the "
    "start and a Softmax or LogSoftmax at the end"
)
_CALLED = (
    "forward",
    "__call__",
    "_call_impl",
    "_wrapped_call_impl",
    "_conv_forward",
    "__getattr__",
)
_AS_DEFINED = {
    base: tuple(getattr(base, name, None) for name in _CALLED) for base in (*CONTAINERS, *LAYERS)
}
# what a subclass may define without changing an answer
_HARMLESS = frozenset(
    (
        "__init__", "__new__", "__init_subclass__", "__class_getitem__", "__doc__", "__module__",
        "__qualname__", "__repr__", "__annotations__", "__annotate__", "__annotations_cache__",
        "__annotate_func__", "__dict__", "__weakref__", "__slots__", "__parameters__",
        "__orig_bases__", "__abstractmethods__", "__firstlineno__", "__constants__",
        "__static_attributes__", "__classcell__", "extra_repr", "_get_name",
    )
)  # fmt: skip
_REMEDIES = {
    WeightNorm: "torch.nn.utils.remove_weight_norm(layer)",
    SpectralNorm: "torch.nn.utils.remove_spectral_norm(layer)",
    prune.BasePruningMethod: "torch.nn.utils.prune.remove(layer, name)",
}

PLAIN_TENSORS: tuple[type, ...] = (torch.Tensor, nn.Parameter)  # no subclass with a mind of its own


def kind_of(module: Any) -> type[nn.Module]:
    """The class of torch, or of this folder, that says what a module computes.

    Source: own

    Raises
    ------
    UnsupportedLayerError
        If it is of no supported class, or anything could make it answer otherwise than that class:
        its own or an inherited override, a hook, a parametrization, a compiled call.
    """
    name = type(module).__name__
    bases = [one for one in type(module).__mro__ if one in _AS_DEFINED]
    if not bases:
        raise UnsupportedLayerError(
            f"no bound is implemented for {name}; supported are {SUPPORTED}."
        )
    base = bases[0]
    refuse_changes(module, base.__name__)
    if changed := _overrides(module, base):
        raise UnsupportedLayerError(
            f"{name} is a {base.__name__} with {', '.join(changed)} of its own, which bounds "
            f"cannot read; build the network from {SUPPORTED}."
        )
    if tuple(getattr(base, one, None) for one in _CALLED) != _AS_DEFINED[base]:
        raise UnsupportedLayerError(
            f"the class {base.__name__} was changed after it was imported, and bounds cannot read "
            "what it now computes; restore it first."
        )
    return base


def check_tensor(layer: str, name: str, value: Any) -> torch.Tensor:
    """A weight as the next forward has it: a plain, finite, real tensor that a graph may keep.

    Source: own

    Raises
    ------
    UnsupportedLayerError
        Otherwise, naming the layer and what its tensor is.
    """
    if type(value) not in PLAIN_TENSORS:
        raise UnsupportedLayerError(
            f"the {name} of {layer} must be a plain tensor, got {type(value).__name__}; give the "
            "network its final weights first."
        )
    if value.layout != torch.strided or value.is_meta or value.is_quantized or value.is_complex():
        kind = "meta" if value.is_meta else f"{value.layout} {value.dtype}"
        raise UnsupportedLayerError(
            f"the {name} of {layer} must be a dense real tensor, got {kind}; convert it first."
        )
    if not is_wrapped(value) and not bool(torch.isfinite(value.detach().sum(dtype=torch.float64))):
        raise UnsupportedLayerError(
            f"the {name} of {layer} must be finite, it holds NaN or infinity; train it anew."
        )
    return value if torch.is_inference_mode_enabled() else outside_inference(value)


def check_precision(layer: str, value: torch.Tensor) -> torch.Tensor:
    """Refuse weights of half precision, for whose rounding no margin stands.

    Source: own
    """
    if value.dtype not in (torch.float32, torch.float64):
        raise UnsupportedLayerError(
            f"the weights of {layer} must be float32 or float64, got {value.dtype}; bound "
            "net.float() instead."
        )
    return value


def is_wrapped(value: torch.Tensor) -> bool:
    """Whether a transform of torch.func holds the tensor, so that no number can be looked at.

    Source: own
    """
    return bool(torch._C._functorch.is_functorch_wrapped_tensor(value))


def refuse_changes(module: nn.Module, name: str) -> None:
    """Refuse hooks, a compiled call, and weights that are made anew in every call.

    Source: own
    """
    _refuse_hooks(module, name)
    if parametrize.is_parametrized(module):
        raise UnsupportedLayerError(
            f"{name} makes its {', '.join(module.parametrizations)} anew by a "  # type: ignore
            "parametrization in every call; call torch.nn.utils.parametrize."
            "remove_parametrizations(layer, name) first."
        )


def _refuse_hooks(module: nn.Module, name: str) -> None:
    every = torch_modules._global_forward_hooks, torch_modules._global_forward_pre_hooks
    if any(every):
        raise UnsupportedLayerError(
            "a forward hook is registered for all modules, which may change what each answers; "
            "remove it first."
        )
    if module.__dict__.get("_compiled_call_impl") is not None:
        raise UnsupportedLayerError(
            f"{name} was compiled in place, and bounds cannot read what that computes; give the "
            "network as it was before compile()."
        )
    hooks = [*module._forward_pre_hooks.values(), *module._forward_hooks.values()]
    for hook in hooks:
        for one, remedy in _REMEDIES.items():
            if isinstance(hook, one):
                raise UnsupportedLayerError(
                    f"{name} makes its weight anew by {type(hook).__name__} before every call; "
                    f"call {remedy} first."
                )
    if hooks:
        label = getattr(hooks[0], "__qualname__", type(hooks[0]).__name__)
        raise UnsupportedLayerError(
            f"{name} has a forward hook ({label}), which may change what it answers; "
            "remove it first."
        )


def _overrides(module: nn.Module, base: type) -> list[str]:
    """Names of the class that a subclass, or the module itself, has put something else under."""
    states = (module.__dict__, module._parameters, module._buffers, module._modules)
    instance = {name for state in states for name in state}
    found = {
        name
        for one in type(module).__mro__
        if one not in base.__mro__
        for name in vars(one)
        if name not in _HARMLESS and (hasattr(base, name) or name in instance)
    }
    own = {name for name in module.__dict__ if name not in _HARMLESS and hasattr(base, name)}
    return sorted(found | own)
