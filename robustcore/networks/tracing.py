r"""A module with a forward of its own, as the graph that `torch.fx` records of it.

What is recorded is Python's own course through `forward`. It is the same for every x only where no
step looks at numbers, which `torch.fx` refuses; at random numbers, at what the module remembers of
earlier calls, at hooks: refused here. Every recorded step is then read, or refused by name, and the
bounds compare the answer with that of `net(x)`, at x and around it.
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import torch
from torch import fx, nn

from ..errors import UnsupportedLayerError
from .plain import CONTAINERS, SUPPORTED, kind_of, refuse_changes

_SIMPLE = (int, float, str, bool, bytes, type(None), list, tuple, dict, set)
_READ = ("torch.", "robustcore.networks.")  # layers are read by their class
_MODES = (torch.enable_grad, torch.no_grad, torch.inference_mode)
# what torch itself keeps under a private name, and changes without another answer
_OF_MODULES = frozenset(key for key in vars(nn.Module()) if key.startswith("_"))
_OF_GRAPHS = frozenset(
    key for key in vars(fx.GraphModule(nn.Module(), fx.Graph())) if key[0] == "_"
)
_CONSTANT = "_tensor_constant"  # the names under which torch.fx keeps tensors made on the way


def is_traceable(net: Any) -> bool:
    """Whether some module of the network has a forward that was not torch's or this library's."""
    return isinstance(net, nn.Module) and any(_has_own_forward(one) for one in net.modules())


def trace(net: nn.Module) -> tuple[fx.Graph, dict[str, torch.Tensor]]:
    """The graph of a module's forward, and the tensors that it makes on the way.

    Source: own

    Raises
    ------
    UnsupportedLayerError
        If the forward looks at numbers, draws some, remembers something, or cannot be recorded; and
        for hooks, parametrizations, or another way of calling than `forward`.
    """
    for one in net.modules():
        _check_called(one)
    name, before = type(net).__name__, (_memory(net), _generators())
    graph, made = _record(net)
    _check_unchanged(net, *before)
    for mode in _MODES:  # the same in each, at every call, with the same constants
        with mode():
            other, again = _record(net)
        if str(other) != str(graph):
            raise UnsupportedLayerError(
                f"{name} computes other things in another call, or where gradients are recorded, "
                "than here, which bounds cannot read."
            )
        if made.keys() != again.keys() or not all(torch.equal(made[k], again[k]) for k in made):
            raise UnsupportedLayerError(
                f"{name} makes other tensors in every call, which bounds cannot read."
            )
    _check_unchanged(net, *before)
    return graph, made


def _check_unchanged(net: nn.Module, memory: list[Any], drawn: list[Any]) -> None:
    name = type(net).__name__
    if not all(_same(*both) for both in zip(drawn, _generators(), strict=True)):
        raise UnsupportedLayerError(
            f"{name} draws random numbers in its forward, which bounds cannot read."
        )
    if memory != _memory(net):
        raise UnsupportedLayerError(
            f"{name} changes itself in its forward, so that no two calls need agree; "
            "give the network without that."
        )


class _Tracer(fx.Tracer):
    """Records what is not torch's own; layers of torch, and of this folder, are single steps."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.single = {id(one) for one in net.modules() if _is_single(one)}

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return id(m) in self.single


def _is_single(module: nn.Module) -> bool:
    containers = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
    if type(module).__module__.startswith("torch.nn") and not isinstance(module, containers):
        return True
    try:
        return kind_of(module) not in CONTAINERS
    except UnsupportedLayerError:
        return False


def _record(net: nn.Module) -> tuple[fx.Graph, dict[str, torch.Tensor]]:
    known = set(vars(net))
    try:
        graph = _Tracer(net).trace(net)
    except UnsupportedLayerError:
        raise
    except Exception as error:
        said = (str(error).splitlines() or [type(error).__name__])[0]
        raise UnsupportedLayerError(
            f"the forward of {type(net).__name__} cannot be recorded, as where it depends on "
            f"numbers ({said}); build it from {SUPPORTED}, sums and concatenations."
        ) from error
    finally:
        added = [name for name in vars(net) if name not in known and name.startswith(_CONSTANT)]
        made = {name: vars(net).pop(name) for name in added}
    return graph, made


def _has_own_forward(module: nn.Module) -> bool:
    if isinstance(module, fx.GraphModule):
        return True
    if type(module).__module__.startswith(_READ):
        return False
    return not getattr(type(module).forward, "__module__", "").startswith(_READ)


def _check_called(module: nn.Module) -> None:
    """Refuse what could make a call answer otherwise than its class's forward."""
    name, graph = type(module).__name__, isinstance(module, fx.GraphModule)
    if type(module) in CONTAINERS:
        kind_of(module)
    if type(module).__module__.startswith(_READ) and not graph:
        return  # a layer is read, or refused, where it is called
    refuse_changes(module, name)
    for called in ("__call__", "_call_impl", "_wrapped_call_impl", "__getattr__"):
        own = getattr(type(module), called)
        by_graph = graph and own.__module__.startswith("torch.fx")
        if own is not getattr(nn.Module, called) and not by_graph:
            raise UnsupportedLayerError(
                f"{name} has {called} of its own, which bounds cannot read."
            )
    if "forward" in vars(module) or type(module).__getattribute__ is not object.__getattribute__:
        raise UnsupportedLayerError(
            f"{name} has a forward that is not its class's, which bounds cannot read."
        )


def _memory(net: nn.Module) -> list[Any]:
    """What the modules are made of: attributes by value or identity, tensors by version."""
    found: list[Any] = []
    for name, module in net.named_modules():
        torch_s = _OF_GRAPHS if isinstance(module, fx.GraphModule) else _OF_MODULES
        for key, value in sorted(vars(module).items()):
            if key in ("_parameters", "_buffers"):
                found += [(name, k, id(t), _version(t)) for k, t in value.items()]
            elif key == "_modules":
                found += [(name, k, id(one)) for k, one in value.items()]
            elif isinstance(value, torch.Tensor):
                found.append((name, key, id(value), _version(value)))
            elif key not in torch_s:
                found.append((name, key, _kept(value)))
    return found


def _kept(value: Any) -> Any:
    """By value where that is told, by identity otherwise; of an iterator, what it has left."""
    if isinstance(value, _SIMPLE):
        return repr(value)
    if not hasattr(value, "__next__"):
        return id(value)
    try:
        return repr(value.__reduce__())
    except TypeError:  # as a generator, which does not tell
        return object()


def _version(tensor: torch.Tensor | None) -> int:
    return 0 if tensor is None or tensor.is_inference() else tensor._version


def _generators() -> list[Any]:
    every: list[Any] = [torch.get_rng_state(), random.getstate()]
    every += np.random.get_state(legacy=False)["state"].values()  # noqa: NPY002
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        every.append(torch.cuda.get_rng_state())
    return every


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    return np.array_equal(one, other) if isinstance(one, np.ndarray) else one == other
