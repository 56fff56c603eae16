"""Networks from ONNX files, by a converter that is not ours, compared with what they say."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ..errors import DataError, MissingExtraError, UnsupportedLayerError, missing_extra

_POINTS = 3
_OPSET = 15  # before 14 the reference takes every BatchNormalization for one in training
_CLOSE = 1e-4  # of the largest output, in float32: another order of sums, never another layer


def from_onnx(path: str | Path) -> nn.Module:
    """A network in an ONNX file as a module in evaluation that bounds, attacks and defenses take.

    Source: own; converted by onnx2torch

    Parameters
    ----------
    path : str or Path
        Of a network with one input, a batch of samples in its first dimension, and one output.

    Returns
    -------
    nn.Module
        What :func:`robustcore.networks.layered` reads of it is settled where a bound is asked for.

    Raises
    ------
    MissingExtraError
        Without the extra `onnx`, or with a torchvision that does not load beside the torch here.
    DataError
        If the file is missing or no ONNX network.
    UnsupportedLayerError
        If it holds an operator that the converter does not know, or the converted network answers
        otherwise than ONNX's own reference at random inputs.

    Notes
    -----
    onnx2torch imports torchvision. The one that the extra brings on Linux is built for CUDA, and
    does not load beside a CPU build of torch: take torchvision from where that torch came from,
    PyTorch's index for CPUs, before the extra.
    """
    onnx, convert = _tools()
    try:
        model = onnx.load(str(path))
        onnx.checker.check_model(model)
    except OSError as error:
        raise DataError(f"the network {path} cannot be read: {error}.") from error
    except Exception as error:  # protobuf's and the checker's have no common root
        raise DataError(f"{path} is not an ONNX network.") from error
    try:
        net = convert(model).eval()
    except NotImplementedError as error:
        raise UnsupportedLayerError(f"{path}: {str(error).splitlines()[0]}") from error
    _compare(onnx, model, net, path)
    return net


def _tools() -> tuple[Any, Any]:
    try:
        onnx = importlib.import_module("onnx")
        importlib.import_module("onnx.reference")
        importlib.import_module("onnx.version_converter")
        return onnx, importlib.import_module("onnx2torch").convert
    except ImportError as error:
        raise missing_extra("from_onnx needs onnx and onnx2torch", "onnx") from error
    except RuntimeError as error:  # torchvision names its operators as it is imported
        raise MissingExtraError(
            f"onnx2torch needs a torchvision that loads beside torch {torch.__version__}, and here "
            f"{error}; install torchvision from the index that this torch came from."
        ) from error


def _compare(onnx: Any, model: Any, net: nn.Module, path: str | Path) -> None:
    """Refuse a conversion that answers otherwise than the reference of ONNX."""
    known = {one.name for one in model.graph.initializer}
    inputs = [one for one in model.graph.input if one.name not in known]
    if len(inputs) != 1 or len(model.graph.output) != 1:
        raise UnsupportedLayerError(f"{path} must have one input and one output.")
    sizes = [int(d.dim_value) or 1 for d in inputs[0].type.tensor_type.shape.dim]
    if any(one.domain == "" and one.version < _OPSET for one in model.opset_import):
        model = onnx.version_converter.convert_version(model, _OPSET)
    reference = onnx.reference.ReferenceEvaluator(model)
    rng = np.random.default_rng(0)
    for _ in range(_POINTS):
        x = rng.normal(size=sizes).astype(np.float32)
        (wanted,) = reference.run(None, {inputs[0].name: x})
        with torch.no_grad():
            got = net(torch.from_numpy(x)).numpy()
        if got.shape != wanted.shape or not np.allclose(
            got, wanted, rtol=_CLOSE, atol=_CLOSE * float(np.abs(wanted).max())
        ):
            raise UnsupportedLayerError(
                f"{path}: the converted network answers otherwise than ONNX's reference."
            )
