"""A second device without a GPU: CPU memory under another device's name.

Tensors of device "elsewhere" hold their numbers on the CPU and refuse to meet plain ones, as those
of a GPU do. What runs on them follows its inputs' device; what makes a tensor on the CPU in passing
fails. Allowed are, as with CUDA, tensors of no dimension and whole numbers as an index.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.overrides import TorchFunctionMode
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

NAME = "elsewhere"
_INDEXED = ("index", "index_put", "index_put_", "_index_put_impl_")
_MOVES = ("_to_copy", "copy_", "set_", "_pin_memory")


class Elsewhere(torch.Tensor):
    """A tensor on the second device, with its numbers in `held`."""

    held: torch.Tensor

    @staticmethod
    def __new__(cls, held: torch.Tensor, requires_grad: bool = False) -> Elsewhere:
        made = torch.Tensor._make_wrapper_subclass(
            cls,
            held.shape,
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            device=torch.device(NAME, 0),
            requires_grad=requires_grad,
        )
        made.held = held.detach()
        return made

    def __repr__(self) -> str:  # type: ignore[override]
        return f"Elsewhere({self.held})"

    def tolist(self) -> Any:
        return self.held.tolist()

    def numpy(self, *, force: bool = False) -> Any:
        raise TypeError(f"can't convert {NAME}:0 device type tensor to numpy; copy it to the CPU")

    __array__ = numpy

    __torch_function__ = torch._C._disabled_torch_function_impl

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(func, args, kwargs or {})


def _run(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    flat = pytree.tree_leaves((args, kwargs))
    here = [v for v in flat if isinstance(v, Elsewhere)]
    name = func.overloadpacket.__name__
    plain = [
        v for v in flat if type(v) is not Elsewhere and isinstance(v, torch.Tensor) and v.ndim > 0
    ]
    if name in _INDEXED:
        plain = [v for v in plain if v.dtype not in (torch.long, torch.int, torch.bool)]
    if here and plain and name not in _MOVES:
        raise RuntimeError(
            f"{name}: tensors on two devices, {NAME} and cpu of shape {tuple(plain[0].shape)}"
        )
    wanted = kwargs.get("device")
    wrap = bool(here) if wanted is None else torch.device(wanted).type == NAME
    if wrap and wanted is not None:
        kwargs = {**kwargs, "device": "cpu"}
    strip = lambda v: v.held if isinstance(v, Elsewhere) else v  # noqa: E731
    result = func(*pytree.tree_map(strip, args), **pytree.tree_map(strip, kwargs))
    if name.endswith("_") and not name.endswith("__") and here:
        # in place; what changes a shape so (squeeze_, in a product with a vector) can't be told on
        assert result.shape == args[0].shape, f"{name} changes a shape in place"
        return args[0]
    if "out" in kwargs and isinstance(kwargs["out"], Elsewhere):
        return kwargs["out"]
    if not wrap:
        return result
    return pytree.tree_map(lambda v: Elsewhere(v) if isinstance(v, torch.Tensor) else v, result)


class _Factories(TorchDispatchMode):
    """Makes what is asked for on the second device there."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(func, args, kwargs or {})


def _index(numbers: list[Any]) -> torch.Tensor:
    return torch.tensor(numbers) if numbers else torch.empty(0, dtype=torch.long)


class _Literals(TorchFunctionMode):
    """torch.tensor(list, device=...) and x[list] copy inside C++: here it is done before."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if func in (torch.Tensor.__getitem__, torch.Tensor.__setitem__):
            index = args[1] if isinstance(args[1], tuple) else (args[1],)
            index = tuple(_index(i) if isinstance(i, list) else i for i in index)
            return func(args[0], index, *args[2:])
        device = kwargs.get("device")
        literal = func in (torch.tensor, torch.as_tensor) and device is not None
        if literal and torch.device(device).type == NAME:
            del kwargs["device"]
            return moved(func(*args, **kwargs))
        return func(*args, **kwargs)


def moved(tensor: torch.Tensor) -> torch.Tensor:
    """The tensor on the second device."""
    if isinstance(tensor, Elsewhere):
        return tensor
    return Elsewhere(tensor.detach().clone(), tensor.requires_grad)


_registered: list[bool] = []


@contextmanager
def second_device() -> Iterator[None]:
    """Inside, tensors can be made on the second device."""
    if not _registered:
        _setup_privateuseone_for_python_backend(NAME)
        _registered.append(True)
    with _Literals(), _Factories():
        yield
