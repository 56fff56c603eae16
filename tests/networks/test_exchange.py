"""Networks with the layers of verification benchmarks, from ONNX files to certificates."""

import re
import sys

import numpy as np
import pytest
import torch

from robustcore import LpBall, bounds, evaluation
from robustcore.errors import DataError, MissingExtraError
from robustcore.networks import exchange, from_onnx, layered


def test_without_the_extra_it_is_one_sentence(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingExtraError, match=r"needs onnx .* '\.\[onnx\]'"):
        from_onnx(tmp_path / "net.onnx")


def test_a_torchvision_that_does_not_load_is_one_sentence(monkeypatch, tmp_path):
    """As a build for CUDA does beside a torch for the CPU."""

    def unfit(name):
        if name == "onnx2torch":
            raise RuntimeError("operator torchvision::nms does not exist")
        return None

    monkeypatch.setattr(exchange.importlib, "import_module", unfit)
    sentence = f"beside torch {torch.__version__}, and here operator torchvision::nms does not"
    with pytest.raises(MissingExtraError, match=re.escape(sentence)) as refused:
        from_onnx(tmp_path / "net.onnx")
    assert "\n" not in str(refused.value)


def tools():
    """ONNX itself, where it and the converter can be had and load."""
    try:
        return exchange._tools()[0]
    except MissingExtraError as missing:
        pytest.skip(str(missing))


class Maker:
    """Models by ONNX's own helper: the operators that those benchmarks are exported with."""

    def __init__(self, onnx):
        self.onnx, self.rng = onnx, np.random.default_rng(0)
        self.node = onnx.helper.make_node

    def weights(self, **shapes):
        arrays = {n: self.rng.normal(size=s) / max(1, s[-1]) ** 0.5 for n, s in shapes.items()}
        make = self.onnx.numpy_helper.from_array
        return [make(a.astype(np.float32), name) for name, a in arrays.items()]

    def dense_end(self, before, features):
        nodes = [
            self.node("Flatten", [before], ["flat"], axis=1),
            self.node("Gemm", ["flat", "W", "b"], ["y"], transB=1),
        ]
        return nodes, self.weights(W=(5, features), b=(5,))

    def save(self, path, nodes, weights, shape):
        helper, kind = self.onnx.helper, self.onnx.TensorProto.FLOAT
        graph = helper.make_graph(
            nodes,
            "net",
            [helper.make_tensor_value_info("x", kind, ["n", *shape])],
            [helper.make_tensor_value_info("y", kind, ["n", 5])],
            weights,
        )
        opsets = [helper.make_opsetid("", 13)]
        self.onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), str(path))


def acas_xu(make):
    node = make.node
    return (1, 1, 5), [
        node("Flatten", ["x"], ["f"], axis=1), node("Sub", ["f", "m"], ["s"]),
        node("MatMul", ["s", "A"], ["a"]), node("Add", ["a", "c"], ["z"]),
        node("Relu", ["z"], ["r"]), node("MatMul", ["r", "B"], ["q"]),
        node("Add", ["q", "d"], ["y"]),
    ], make.weights(m=(1, 5), A=(5, 8), c=(8,), B=(8, 5), d=(5,))  # fmt: skip


def mnist_fc(make):
    nodes, weights = make.dense_end("r", 8)
    first = [
        make.node("Flatten", ["x"], ["f"], axis=1),
        make.node("Gemm", ["f", "A", "c"], ["z"], transB=1),
        make.node("Relu", ["z"], ["r"]),
    ]
    return (1, 4, 4), [*first, *nodes], [*weights, *make.weights(A=(8, 16), c=(8,))]


def _convolution(make, stride):
    window = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "strides": [stride, stride]}
    first = [
        make.node("Conv", ["x", "K", "k"], ["c"], **window),
        make.node("Relu", ["c"], ["r"]),
    ]
    return first, make.weights(K=(3, 1, 3, 3), k=(3,))


def oval(make):
    first, kernels = _convolution(make, 2)
    nodes, weights = make.dense_end("r", 12)
    return (1, 4, 4), [*first, *nodes], [*kernels, *weights]


def collins(make):
    first, kernels = _convolution(make, 1)
    pool = make.node("MaxPool", ["r"], ["p"], kernel_shape=[2, 2], strides=[2, 2])
    nodes, weights = make.dense_end("p", 12)
    return (1, 4, 4), [*first, pool, *nodes], [*kernels, *weights]


def resnet(make):
    first, kernels = _convolution(make, 1)
    node = make.node
    block = [
        node("Conv", ["r", "L"], ["c2"], kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        node("BatchNormalization", ["c2", "g", "e", "m", "v"], ["n2"]),
        node("Add", ["n2", "r"], ["s"]), node("Relu", ["s"], ["r2"]),
        node("GlobalAveragePool", ["r2"], ["p"]),
    ]  # fmt: skip
    nodes, weights = make.dense_end("p", 3)
    norm = make.weights(L=(3, 3, 3, 3), g=(3,), e=(3,), m=(3,))
    variance = make.onnx.numpy_helper.from_array(np.full(3, 0.7, np.float32), "v")
    return (1, 4, 4), [*first, *block, *nodes], [*kernels, *norm, variance, *weights]


@pytest.mark.parametrize("build", [acas_xu, mnist_fc, oval, collins, resnet])
def test_a_benchmark_network_is_read_and_certified(build, tmp_path):
    onnx = tools()
    make = Maker(onnx)
    shape, nodes, weights = build(make)
    make.save(tmp_path / "net.onnx", nodes, weights, shape)
    net = from_onnx(tmp_path / "net.onnx").requires_grad_(False)
    x = torch.rand(20, *shape)
    z = net(x)
    assert torch.allclose(layered(net, shape)(x.flatten(1)), z, atol=1e-5)
    y, ball = z.argmax(dim=1), LpBall(1, 0.01)
    assert evaluation.certified(net, x, y, ball).any()
    low, high = bounds.outputs(net, x.double(), ball)
    assert (low <= z + 1e-5).all()
    assert (z <= high + 1e-5).all()


def test_what_is_no_network_is_refused(tmp_path):
    tools()
    with pytest.raises(DataError, match="cannot be read"):
        from_onnx(tmp_path / "missing.onnx")
    (tmp_path / "text.onnx").write_text("no")
    with pytest.raises(DataError, match="not an ONNX network"):
        from_onnx(tmp_path / "text.onnx")
