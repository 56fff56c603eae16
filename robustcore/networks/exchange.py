"""Networks from ONNX files, by a converter that is not ours, compared with what they say."""

from __future__ import annotations

import contextlib
import importlib
import re
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ..errors import DataError, MissingExtraError, UnsupportedLayerError, missing_extra

_POINTS = 3
_OPSET = 15  # before 14 the reference takes every BatchNormalization for one in training
_READ = 17  # an opset of which the converter reads the operators of a network
_OPERATOR = re.compile(r"operation_type='(\w+)'|Previous Version of (\w+)|Adapter .* for (\w+)")
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
        If the file is missing, no ONNX network, or one that ONNX's checker refuses.
    UnsupportedLayerError
        If it holds an operator that the converter does not know in this opset nor in 17, or the
        converted network answers otherwise than ONNX's own reference at random inputs.

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
    except onnx.checker.ValidationError as error:
        raise DataError(
            f"ONNX's checker refuses {path}: {_line(error)}; export the network again."
        ) from error
    except Exception as error:  # protobuf's errors have no common root
        raise DataError(f"{path} is not an ONNX network.") from error
    net = _converted(onnx, convert, _for_any_batch(onnx, model), path).eval()
    _compare(onnx, model, net, path)
    return net


def _converted(onnx: Any, convert: Any, model: Any, path: str | Path) -> nn.Module:
    """The network as a module; through an older opset where the converter does not read its own."""
    with contextlib.suppress(NotImplementedError):
        return convert(model)
    try:
        return convert(onnx.version_converter.convert_version(model, _READ))
    except (NotImplementedError, RuntimeError) as error:  # of the converter, of ONNX's own
        told = _OPERATOR.search(str(error))
        what = f"the operator {told[told.lastindex or 0]}" if told else _line(error)
        raise UnsupportedLayerError(
            f"{path} holds what onnx2torch does not read, {what}; export it with torch.onnx.export"
            f"(..., dynamo=False, opset_version={_READ}), or without that operator."
        ) from error


def _for_any_batch(onnx: Any, model: Any) -> Any:
    """The same network, each Reshape to known sizes taking the first from what comes.

    Exporters write the batch of their example there, and with it an attribute for sizes of 0.
    """
    model = onnx.shape_inference.infer_shapes(model, data_prop=True)
    graph = model.graph
    known = {one.name: one.type.tensor_type.shape.dim for one in (*graph.value_info, *graph.output)}
    for node in graph.node:
        sizes = [int(d.dim_value) for d in known.get(node.output[0], ())]
        if node.op_type == "Reshape" and len(node.input) == 2 and sizes and all(sizes[1:]):
            node.input[1] = f"{node.output[0]}_sizes"
            told = np.array([-1, *sizes[1:]], dtype=np.int64)
            graph.initializer.append(onnx.numpy_helper.from_array(told, node.input[1]))
            del node.attribute[:]
    return model


def _line(error: Exception) -> str:
    return str(error).strip().splitlines()[0].rstrip(".")


def _tools() -> tuple[Any, Any]:
    try:
        onnx = importlib.import_module("onnx")
        importlib.import_module("onnx.reference")
        importlib.import_module("onnx.shape_inference")
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
    tensor = inputs[0].type.tensor_type
    sizes = [int(d.dim_value) or 1 for d in tensor.shape.dim]
    kind = onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type)
    if any(one.domain == "" and one.version < _OPSET for one in model.opset_import):
        model = onnx.version_converter.convert_version(model, _OPSET)
    reference = onnx.reference.ReferenceEvaluator(model)
    rng = np.random.default_rng(0)
    points = [rng.normal(size=sizes).astype(kind) for _ in range(_POINTS)]
    wanted = [reference.run(None, {inputs[0].name: x})[0] for x in points]
    same = all(_close(_answer(net, x), z) for x, z in zip(points, wanted, strict=True))
    with contextlib.suppress(RuntimeError):  # for batches of one size alone
        same = same and _close(_answer(net, np.concatenate(points)), np.concatenate(wanted))
    if not same:
        raise UnsupportedLayerError(
            f"{path}: the converted network answers otherwise than ONNX's reference."
        )


@torch.no_grad()
def _answer(net: nn.Module, x: np.ndarray) -> np.ndarray:
    return net(torch.from_numpy(x)).numpy()


def _close(got: np.ndarray, wanted: np.ndarray) -> bool:
    near = _CLOSE * float(np.abs(wanted).max())
    return got.shape == wanted.shape and np.allclose(got, wanted, rtol=_CLOSE, atol=near)
