"""The recorded steps of a forward, one by one, each read as what it makes of the values before.

A step is a module of torch, a function or a method; of tensors that do not depend on the input, a
few are computed as they are. A value that is overwritten in place is gone: whoever uses it later is
refused.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import fx, nn

from ..errors import UnsupportedLayerError
from .images import Shape
from .layers import Layered
from .operations import FUNCTIONS, OF_SIZES, bound
from .plain import kind_of
from .reader import Reader
from .tracing import trace
from .values import BATCH, Store, Traced, Value, refused, written


def read_traced(net: nn.Module, shape: Shape | None, like: torch.Tensor | None) -> Layered:
    """A network with a forward of its own as layers, or one sentence why not.

    Source: own

    Parameters
    ----------
    net, shape, like
        As for :func:`robustcore.networks.layered`; the shape is needed.
    """
    if shape is None:
        raise UnsupportedLayerError(
            f"{type(net).__name__} has a forward of its own, which is read for samples of one "
            "shape; give input_shape."
        )
    graph, made = trace(net)
    reader, start = Reader.of(net, shape, like)
    steps = Steps(net, reader, made)
    last = steps.run(graph, Traced(start, Store(is_input=True)))
    return replace(reader.finish(last), traced=True)


@dataclass
class Steps:
    """The interpreter of a recorded graph."""

    net: nn.Module
    reader: Reader
    made: dict[str, torch.Tensor]
    values: dict[fx.Node, Any] = field(default_factory=dict)

    def run(self, graph: fx.Graph, start: Traced) -> Value:
        """The value that the graph gives for its input."""
        name, inputs = type(self.net).__name__, 0
        for node in graph.nodes:
            if node.op == "placeholder":
                inputs += 1
                if str(node.target).startswith("*") or (inputs > 1 and not node.args):
                    raise UnsupportedLayerError(f"{name} must take one input x.")
                self.values[node] = start if inputs == 1 else node.args[0]
            elif node.op == "output":
                found = self._of(node.args[0])
                if isinstance(found, Traced):
                    return found.at
            else:
                self.values[node] = self._step(node)
        raise UnsupportedLayerError(f"{name} must give one tensor of logits, made of its input.")

    def _step(self, node: fx.Node) -> Any:
        if node.op == "get_attr":
            return self._attribute(str(node.target))
        args = [self._of(one) for one in node.args]
        options = {name: self._of(one) for name, one in node.kwargs.items()}
        if node.op == "call_module":
            return self._module(self.net.get_submodule(str(node.target)), args, options)
        name = self._name(node)
        if any(isinstance(one, Traced) for one in _flat([args, options])):
            return bound(name, args, options)(self.reader)
        return self._without_input(name, args, options)

    def _module(self, module: nn.Module, args: list[Any], options: dict[str, Any]) -> Traced:
        kind = kind_of(module)
        if len(args) != 1 or options or not isinstance(args[0], Traced):
            raise UnsupportedLayerError(f"{kind.__name__} must be called with one value alone.")
        x = args[0]
        if kind is nn.Linear and x.shape != (module.in_features,):
            raise UnsupportedLayerError(
                f"Linear takes {module.in_features} values a sample, got shape {x.shape}."
            )
        found = self.reader.take(kind, module, x.at)
        if found == x.at or kind in (nn.Flatten, nn.Unflatten):
            return replace(x, at=found)
        return written(x, found) if getattr(module, "inplace", False) else Traced(found)

    def _name(self, node: fx.Node) -> str:
        if node.op == "call_method":
            return str(node.target)
        for name, functions in FUNCTIONS.items():
            if any(node.target is one for one in functions):
                return name
        raise refused(getattr(node.target, "__name__", str(node.target)))

    def _of(self, argument: Any) -> Any:
        """An argument with values for the nodes in it."""
        if isinstance(argument, fx.Node):
            found = self.values[argument]
            if isinstance(found, Traced) and found.version != found.store.version:
                raise UnsupportedLayerError(
                    f"{type(self.net).__name__} uses a value ({argument.name}) that it has "
                    "overwritten in place; leave inplace=False."
                )
            return found
        if isinstance(argument, (list, tuple)):
            return tuple(self._of(one) for one in argument)
        if isinstance(argument, slice):
            return slice(*(self._of(v) for v in (argument.start, argument.stop, argument.step)))
        return argument

    def _attribute(self, path: str) -> Any:
        if path in self.made:
            return self.made[path]
        found: Any = self.net
        for name in path.split("."):
            found = getattr(found, name)
        return found

    def _without_input(self, name: str, args: list[Any], options: dict[str, Any]) -> Any:
        """Of weights and sizes alone: computed as it stands, for a few functions."""
        if name not in OF_SIZES or options:
            raise refused(f"{name} of weights or sizes")
        if any(one is BATCH for one in _flat(args)):
            if name == "getitem" and isinstance(args[1], (int, slice)):
                return args[0][args[1]]
            raise refused("arithmetic with the number of samples")
        try:
            return OF_SIZES[name](*args)
        except (RuntimeError, TypeError, IndexError, ZeroDivisionError) as error:
            raise refused(f"{name} of weights or sizes") from error


def _flat(value: Any) -> list[Any]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, slice):
        value = [value.start, value.stop, value.step]
    if isinstance(value, (list, tuple)):
        return [one for part in value for one in _flat(part)]
    return [value]
