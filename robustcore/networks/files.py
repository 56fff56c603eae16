"""Networks in files without pickle: arrays, and a manifest that says what they belong to.

A file is an .npz archive: the arrays of `state_dict`, and under "manifest" a JSON text with the
kind of each module and its arguments; of a module with a forward of its own the steps that
`torch.fx` records of it. Reading it makes modules of the kinds listed here, takes steps that bounds
read, and runs nothing else.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from torch import nn

from ..errors import CorruptDataError, DataError, InputError, UnsupportedLayerError
from . import graphs
from .dense import ReLUNetwork, Scaler
from .plain import kind_of
from .tracing import is_traceable
from .two_layer import TwoLayerReLU

_FORMAT = "robustcore network 1"
_WINDOW = ("kernel_size", "stride", "padding")
_NORM = ("num_features", "eps", "momentum", "affine", "track_running_stats")
_CONVOLUTION = ("in_channels", "out_channels", *_WINDOW, "dilation", "groups", "padding_mode")
# what a module is made from again: the names of its arguments, which are attributes too
_KINDS: Mapping[str, tuple[type[nn.Module], tuple[str, ...]]] = MappingProxyType(
    {
        "Linear": (nn.Linear, ("in_features", "out_features")),
        "Conv2d": (nn.Conv2d, _CONVOLUTION),
        "BatchNorm1d": (nn.BatchNorm1d, _NORM),
        "BatchNorm2d": (nn.BatchNorm2d, _NORM),
        "ReLU": (nn.ReLU, ()),
        "LeakyReLU": (nn.LeakyReLU, ("negative_slope",)),
        "PReLU": (nn.PReLU, ("num_parameters",)),
        "AvgPool2d": (
            nn.AvgPool2d,
            (*_WINDOW, "ceil_mode", "count_include_pad", "divisor_override"),
        ),
        "AdaptiveAvgPool2d": (nn.AdaptiveAvgPool2d, ("output_size",)),
        "MaxPool2d": (nn.MaxPool2d, (*_WINDOW, "dilation", "ceil_mode")),
        "Flatten": (nn.Flatten, ("start_dim", "end_dim")),
        "Unflatten": (nn.Unflatten, ("dim", "unflattened_size")),
        "Dropout": (nn.Dropout, ("p",)),
        "Identity": (nn.Identity, ()),
        "Softmax": (nn.Softmax, ("dim",)),
        "LogSoftmax": (nn.LogSoftmax, ("dim",)),
    }
)
_WITH_BIAS = ("Linear", "Conv2d")


def save(net: nn.Module, path: Path | str) -> None:
    """Write a network to an .npz file.

    Source: own

    Parameters
    ----------
    net : ReLUNetwork, TwoLayerReLU, or nn.Sequential of the modules of torch that are read
        In float16, float32 or float64, on any device. A module with a forward of its own, as one
        with branches, is saved as its forward answers in evaluation.
    path : Path or str
        Its ending must be .npz.

    Raises
    ------
    UnsupportedLayerError
        For a module of another kind, or one that is more than its class; for a forward that cannot
        be recorded, or has a step that bounds do not read.
    InputError
        For another ending.
    """
    path = npz_path(path)
    if is_traceable(net):
        told, state = graphs.described(net, _described)
    else:
        told, state = _described(net), net.state_dict()
    manifest = {"format": _FORMAT, "network": told}
    arrays: dict[str, Any] = {}
    for name, value in state.items():
        if value.dtype in (torch.bfloat16,):
            raise InputError(f"{name} is in {value.dtype}, which has no array; use net.float().")
        arrays[name] = value.numpy(force=True)
    with path.open("wb") as file:
        np.savez_compressed(file, manifest=np.array(json.dumps(manifest)), **arrays)


def load(path: Path | str) -> nn.Module:
    """Read a network that `save` wrote, in its own precision, on the CPU, in evaluation.

    Source: own

    Parameters
    ----------
    path : Path or str

    Returns
    -------
    nn.Module
        Of the kind that was saved; of a forward of its own a `torch.fx.GraphModule`, which gives
        the same answers.

    Raises
    ------
    DataError
        If there is no such file, or it cannot be read.
    CorruptDataError
        If the file is damaged, or is something else.
    """
    manifest, arrays = read_archive(npz_path(path), _FORMAT)
    try:
        net = _made(manifest["network"], arrays)
        state = {name: torch.from_numpy(value) for name, value in arrays.items()}
        net.load_state_dict(state, assign=True)
    except (LookupError, TypeError, ValueError, RuntimeError, AttributeError) as error:
        said = (str(error) or repr(error)).splitlines()[0]
        raise CorruptDataError(f"the parts of {path} do not fit together: {said}") from error
    return net.eval()


def read_archive(path: Path, kind: str) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Manifest and arrays of an archive of one kind.

    Source: own

    Raises
    ------
    DataError
        If there is no such file, or it cannot be read.
    CorruptDataError
        If the file is damaged, or of another kind.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        why = error.strerror or error
        raise DataError(f"{path} cannot be read: {why}; give the path of a saved file.") from error
    try:
        with file:
            if not zipfile.is_zipfile(file):  # NumPy would advise to unpickle it
                raise zipfile.BadZipFile("it is no .npz archive")
            file.seek(0)
            with np.load(file, allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in archive.files}
        manifest = json.loads(str(arrays.pop("manifest")[()]))
    except KeyError as error:
        raise CorruptDataError(f"{path} is no file of ours: it has no manifest.") from error
    except zipfile.BadZipFile as error:
        raise CorruptDataError(f"{path} is damaged, or is no file of ours: {error}.") from error
    except (zlib.error, ValueError, EOFError, OSError) as error:
        raise CorruptDataError(
            f"{path} is damaged, or is no file of ours: not all in it are arrays of numbers."
        ) from error
    if not isinstance(manifest, dict) or manifest.get("format") != kind:
        raise CorruptDataError(f"{path} is no file of the kind {kind!r}.")
    return manifest, arrays


def npz_path(path: Path | str) -> Path:
    """A path that ends in .npz, which NumPy would append in silence.

    Source: own
    """
    path = Path(path)
    if path.suffix != ".npz":
        raise InputError(f"the file must end in .npz, got {path.name}.")
    return path


def _described(net: nn.Module) -> dict[str, Any]:
    kind = kind_of(net)  # refuses what is more than its class
    if kind is ReLUNetwork:
        layers = [(W.shape[1], W.shape[0]) for W in (layer.weight for layer in net.layers)]  # type: ignore[union-attr]
        sizes = [layers[0][0], *(out for _, out in layers)]
        return {"kind": "ReLUNetwork", "sizes": sizes, "scaler": net.scaler is not None}
    if kind is TwoLayerReLU:
        return {"kind": "TwoLayerReLU", "bias": net.has_bias}
    if kind is Scaler:
        return {"kind": "Scaler"}
    if kind is nn.Sequential:
        parts: dict[str, Any] = net._modules  # children() leaves out a layer that stands twice
        told = {"kind": "Sequential", "modules": [_described(one) for one in parts.values()]}
        return told | ({} if list(parts) == _numbers(len(parts)) else {"names": list(parts)})
    if kind.__name__ not in _KINDS:
        raise UnsupportedLayerError(
            f"a {type(net).__name__} cannot be saved; use {', '.join(_KINDS)} in nn.Sequential."
        )
    arguments = {name: getattr(net, name) for name in _KINDS[kind.__name__][1]}
    if kind.__name__ in _WITH_BIAS:
        arguments["bias"] = net.bias is not None
    return {"kind": kind.__name__, "arguments": arguments}


def _made(told: Mapping[str, Any], arrays: Mapping[str, np.ndarray], under: str = "") -> nn.Module:
    """The modules of a manifest, their arrays still to come."""
    kind = told["kind"]
    if kind == "ReLUNetwork":
        scaler = _scaler(arrays, f"{under}scaler.") if told["scaler"] else None
        return ReLUNetwork(told["sizes"], scaler=scaler)
    if kind == "TwoLayerReLU":
        u, alpha, b = (torch.from_numpy(arrays[under + name]) for name in ("u", "alpha", "b"))
        return TwoLayerReLU(u, alpha, b if told["bias"] else None)
    if kind == "Scaler":
        return _scaler(arrays, under)
    if kind == "Sequential":
        names = told.get("names", _numbers(len(told["modules"])))
        parts = zip(names, told["modules"], strict=True)
        return nn.Sequential(
            OrderedDict((name, _made(one, arrays, f"{under}{name}.")) for name, one in parts)
        )
    if kind == "Recorded":
        return graphs.remade(told, arrays, _made)
    if kind not in _KINDS:
        raise ValueError(f"a {kind} is none of the modules that are read")
    return _KINDS[kind][0](**{name: _given(value) for name, value in told["arguments"].items()})


def _scaler(arrays: Mapping[str, np.ndarray], under: str) -> Scaler:
    return Scaler(*(torch.from_numpy(arrays[under + name]) for name in ("mean", "std")))


def _numbers(n: int) -> list[str]:
    """The names that nn.Sequential gives."""
    return [str(i) for i in range(n)]


def _given(value: Any) -> Any:
    """JSON has lists where torch has tuples."""
    return tuple(value) if isinstance(value, list) else value
