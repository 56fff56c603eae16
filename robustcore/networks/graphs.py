"""A network with a forward of its own, as what a file can hold: the recorded steps, and no code.

A step is written by name and made again only if it is a layer that files know or one of the
functions and methods that bounds read, on plain arguments; all else is refused, on both ways.
"""

from __future__ import annotations

import builtins
import keyword
import operator
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import fx, nn
from torch.nn import functional

from ..errors import UnsupportedLayerError
from .operations import FUNCTIONS, OF_SIZES, STEPS
from .tracing import trace

Described = dict[str, Any]
_ATTRIBUTES = ("shape", "ndim", "T", "mT")  # what getattr may ask for
_PLAIN = (bool, int, float, str, type(None))


def _public_names() -> dict[str, Any]:
    """The functions that bounds read, under the names by which a forward calls them."""
    found = {}
    for function in (one for several in FUNCTIONS.values() for one in several):
        name = function.__name__
        for module in (torch, functional, operator, builtins):
            if getattr(module, name, None) is function:
                found[f"{module.__name__}.{name}"] = function
                break
    return found


def described(
    net: nn.Module, describe: Callable[[nn.Module], Described]
) -> tuple[Described, dict[str, torch.Tensor]]:
    """The recorded forward of a module as it answers in evaluation, and the tensors it needs.

    Source: own

    Parameters
    ----------
    net : module
    describe : callable
        What is written of a layer, which refuses those that files do not know.

    Raises
    ------
    UnsupportedLayerError
        For a forward that cannot be recorded, or a step that is not written.
    """
    with _in_evaluation(net):
        graph, made = trace(net)
    called = dict.fromkeys(str(one.target) for one in graph.nodes if one.op == "call_module")
    layers = {path: net.get_submodule(path) for path in called}
    tensors = {
        path: made[path] if path in made else _attribute(net, path)
        for path in (str(one.target) for one in graph.nodes if one.op == "get_attr")
    }
    state = {f"{at}.{k}": v for at, layer in layers.items() for k, v in layer.state_dict().items()}
    told = {
        "kind": "Recorded",
        "modules": {_path(path): describe(layer) for path, layer in layers.items()},
        "tensors": {_path(p): isinstance(value, nn.Parameter) for p, value in tensors.items()},
        "steps": _Writer(type(net).__name__).steps(graph),
    }
    return told, state | {path: value.detach() for path, value in tensors.items()}


def remade(
    told: Mapping[str, Any],
    arrays: Mapping[str, np.ndarray],
    make: Callable[[Described, Mapping[str, np.ndarray], str], nn.Module],
) -> fx.GraphModule:
    """A module that takes the steps that `described` wrote.

    Source: own

    Parameters
    ----------
    told : mapping
    arrays : mapping of str to array
    make : callable (description, arrays, prefix of their names) -> module
        A layer, whose arrays may come later.

    Raises
    ------
    ValueError, KeyError, TypeError, IndexError
        For steps that are not among those that are read, or do not fit together.
    """
    parts: dict[str, Any] = {
        _path(path): make(one, arrays, f"{path}.") for path, one in told["modules"].items()
    }
    for path, parameter in told["tensors"].items():
        value = torch.from_numpy(arrays[_path(path)])
        learns = value.is_floating_point()
        parts[path] = nn.Parameter(value, requires_grad=learns) if parameter else value
    graph = fx.Graph()
    nodes = [graph.placeholder("x")]
    for op, target, args, options in told["steps"]:
        given = _read(args, nodes), _read(options, nodes)
        nodes.append(graph.create_node(op, _target(op, target, given[0], parts), *given))
    return fx.GraphModule(parts, graph)


class _Writer:
    """Steps of a graph as lists of names, numbers, and places of earlier steps."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.functions = {id(function): name for name, function in _public_names().items()}
        self.places: dict[fx.Node, Any] = {}

    def steps(self, graph: fx.Graph) -> list[Any]:
        """All but the input, which is place 0; further inputs are what they are by default."""
        found: list[Any] = []
        for node in graph.nodes:
            if node.op == "placeholder":
                if str(node.target).startswith("*") or (self.places and not node.args):
                    raise UnsupportedLayerError(f"{self.name} must take one input x.")
                self.places[node] = self.value(node.args[0]) if self.places else {"step": 0}
                continue
            step = [node.op, self.target(node)]
            found.append([*step, self.value(tuple(node.args)), self.value(dict(node.kwargs))])
            self.places[node] = {"step": len(found)}
        return found

    def target(self, node: fx.Node) -> str:
        """What a step calls, if it may be called."""
        name = str(getattr(node.target, "__name__", node.target))
        if node.op == "call_function":
            known = self.functions.get(id(node.target))
            if known is None or (name == "getattr" and node.args[1] not in _ATTRIBUTES):
                raise self.refused(name)
            return known
        if node.op == "call_method" and name not in STEPS and name not in OF_SIZES:
            raise self.refused(name)
        return name

    def value(self, given: Any) -> Any:
        """An argument in the words of JSON."""
        if isinstance(given, fx.Node):
            return self.places[given]
        if isinstance(given, dict):
            return {"dict": {str(name): self.value(one) for name, one in given.items()}}
        if isinstance(given, slice):
            return {"slice": [self.value(one) for one in (given.start, given.stop, given.step)]}
        if isinstance(given, (list, tuple)):
            kind = "list" if isinstance(given, list) else "tuple"
            return {kind: [self.value(one) for one in given]}
        if given is Ellipsis:
            return {"ellipsis": None}
        if type(given) not in _PLAIN:
            raise self.refused(f"an argument {given!r}")
        return given

    def refused(self, what: str) -> UnsupportedLayerError:
        """The sentence for what no file holds."""
        return UnsupportedLayerError(
            f"{self.name} cannot be saved with {what} in its forward; saved are layers and the "
            "functions of torch that bounds read."
        )


def _target(op: str, target: str, args: Any, parts: Mapping[str, Any]) -> Any:
    """What a step calls; only what is known by name is ever called."""
    if op == "call_function":
        if target == "builtins.getattr" and (len(args) != 2 or args[1] not in _ATTRIBUTES):
            raise ValueError("a step asks for an attribute that is not read")
        return _public_names()[target]
    known = {"call_method": (*STEPS, *OF_SIZES), "output": ("output",)}
    known |= {"call_module": tuple(parts), "get_attr": tuple(parts)}
    if target not in known[op]:
        raise ValueError(f"the step {target!r} is none of those that are read")
    return target


def _read(told: Any, nodes: list[fx.Node]) -> Any:
    """An argument from the words of JSON."""
    if not isinstance(told, dict):
        if type(told) not in _PLAIN:
            raise ValueError("an argument is none of those that are read")
        return told
    ((kind, value),) = told.items()
    if kind == "step":
        return nodes[value]
    if kind == "dict":
        return {_path(name): _read(one, nodes) for name, one in value.items()}
    if kind == "ellipsis":
        return Ellipsis
    many = [_read(one, nodes) for one in value]
    return slice(*many) if kind == "slice" else {"list": list, "tuple": tuple}[kind](many)


def _path(path: str) -> str:
    """A name with dots between its parts: fx writes it into the code that it makes of a graph."""
    for part in path.split("."):
        if not (part.isidentifier() or part.isdigit()) or keyword.iskeyword(part):
            raise UnsupportedLayerError(f"a part of the network is called {path!r}; rename it.")
    return path


def _attribute(net: nn.Module, path: str) -> torch.Tensor:
    found: Any = net
    for name in path.split("."):
        found = getattr(found, name)
    return found


@contextmanager
def _in_evaluation(net: nn.Module) -> Iterator[None]:
    """The network without Dropout and the like, and as it was afterwards."""
    modes = [(one, one.training) for one in net.modules()]
    net.eval()
    try:
        yield
    finally:
        for one, mode in modes:
            one.training = mode
