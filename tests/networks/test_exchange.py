"""Networks with the layers of verification benchmarks, from ONNX files to certificates."""

import re
import sys
import warnings

import numpy as np
import pytest
import torch
from torch import nn

from robustcore import LpBall, bounds, evaluation
from robustcore.errors import DataError, MissingExtraError, UnsupportedLayerError
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

    def save(self, path, nodes, weights, shape, opset=13, batch="n"):
        helper, kind = self.onnx.helper, self.onnx.TensorProto.FLOAT
        graph = helper.make_graph(
            nodes,
            "net",
            [helper.make_tensor_value_info("x", kind, [batch, *shape])],
            [helper.make_tensor_value_info("y", kind, [batch, 5])],
            weights,
        )
        opsets = [helper.make_opsetid("", opset)]
        self.onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), str(path))

    def sizes(self, name, *values):
        return self.onnx.numpy_helper.from_array(np.array(values, np.int64), name)


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


def pooled(make):
    first, kernels = _convolution(make, 1)
    pool = make.node("AveragePool", ["r"], ["p"], kernel_shape=[2, 2], strides=[2, 2])
    flat = make.node("Reshape", ["p", "sizes"], ["f"], allowzero=1)
    last = make.node("Gemm", ["f", "W", "b"], ["y"], transB=1)
    weights = [make.sizes("sizes", 1, 12), *make.weights(W=(5, 12), b=(5,))]
    return (1, 4, 4), [*first, pool, flat, last], [*kernels, *weights]


def averaged(make):
    first, kernels = _convolution(make, 1)
    half = make.onnx.numpy_helper.from_array(np.float32(0.5), "half")
    nodes = [
        make.node("ReduceMean", ["r", "axes"], ["p"], keepdims=0),
        make.node("Constant", [], ["c1"], value=half),
        make.node("Mul", ["p", "c1"], ["q"]),
        make.node("Identity", ["q"], ["i"]),
        make.node("Gemm", ["i", "W", "b"], ["y"], transB=1),
    ]
    weights = [make.sizes("axes", 2, 3), *make.weights(W=(5, 3), b=(5,))]
    return (1, 4, 4), [*first, *nodes], [*kernels, *weights]


@pytest.mark.parametrize("opset", [19, 20])
@pytest.mark.parametrize("build", [pooled, averaged])
def test_operators_newer_than_the_converter_are_read_through_older_ones(build, opset, tmp_path):
    """As torch writes them, with the batch of 1 that it was shown; the network takes any."""
    onnx = tools()
    make = Maker(onnx)
    shape, nodes, weights = build(make)
    make.save(tmp_path / "net.onnx", nodes, weights, shape, opset, batch=1)
    net = from_onnx(tmp_path / "net.onnx").requires_grad_(False)
    reference = onnx.reference.ReferenceEvaluator(str(tmp_path / "net.onnx"))
    x = torch.randn(20, *shape)
    z = torch.cat(
        [torch.from_numpy(reference.run(None, {"x": one.numpy()})[0]) for one in x[:, None]]
    )
    assert torch.allclose(net(x), z, atol=1e-5)
    assert evaluation.certified(net, x, z.argmax(dim=1), LpBall(1, 0.001)).any()


def test_sizes_of_zero_keep_their_meaning(tmp_path):
    """Without the attribute a 0 stands for the size that comes, with it for none."""
    onnx = tools()
    make = Maker(onnx)
    shape, nodes, weights = mnist_fc(make)
    nodes[0] = make.node("Reshape", ["x", "sizes"], ["f"])
    make.save(tmp_path / "net.onnx", nodes, [*weights, make.sizes("sizes", 0, -1)], shape, 19)
    x = torch.randn(3, *shape)
    (wanted,) = onnx.reference.ReferenceEvaluator(str(tmp_path / "net.onnx")).run(
        None, {"x": x.numpy()}
    )
    got = from_onnx(tmp_path / "net.onnx")(x)
    assert torch.allclose(got, torch.from_numpy(wanted), atol=1e-5)


def test_an_operator_without_older_form_is_refused_with_what_to_export(tmp_path):
    make = Maker(tools())
    shape, nodes, weights = mnist_fc(make)
    nodes[2] = make.node("Gelu", ["z"], ["r"])
    make.save(tmp_path / "net.onnx", nodes, weights, shape, 20)
    said = "does not read, the operator Gelu; export .*dynamo=False, opset_version=17"
    with pytest.raises(UnsupportedLayerError, match=said) as refused:
        from_onnx(tmp_path / "net.onnx")
    assert "\n" not in str(refused.value)


def test_a_batch_that_is_mixed_is_refused(tmp_path):
    """At the batch of 1 that the file is for it is what it says; at others it would not be."""
    make = Maker(tools())
    _, nodes, weights = mnist_fc(make)
    turned = [
        make.node("Transpose", ["x"], ["t"], perm=[1, 0, 2, 3]),
        make.node("Reshape", ["t", "sizes"], ["u"]),
        *nodes[1:],
    ]
    turned[2].input[0] = "u"
    weights = [*weights, make.sizes("sizes", 1, 16)]
    make.save(tmp_path / "one.onnx", turned, weights, (1, 4, 4), batch=1)
    from_onnx(tmp_path / "one.onnx")
    turned[0].attribute[0].ints[:] = [2, 0, 1, 3]
    make.save(tmp_path / "net.onnx", turned, weights, (1, 4, 4), batch=1)
    with pytest.raises(UnsupportedLayerError, match="answers otherwise"):
        from_onnx(tmp_path / "net.onnx")


def test_a_network_in_double_precision_stays_in_it(tmp_path):
    onnx = tools()
    make = Maker(onnx)
    shape, nodes, weights = mnist_fc(make)
    make.save(tmp_path / "net.onnx", nodes, weights, shape)
    model = onnx.load(str(tmp_path / "net.onnx"))
    for one in model.graph.initializer:
        wide = onnx.numpy_helper.to_array(one).astype(np.float64)
        one.CopyFrom(onnx.numpy_helper.from_array(wide, one.name))
    for one in (*model.graph.input, *model.graph.output):
        one.type.tensor_type.elem_type = onnx.TensorProto.DOUBLE
    onnx.save(model, str(tmp_path / "net.onnx"))
    assert from_onnx(tmp_path / "net.onnx")(torch.rand(2, *shape).double()).dtype == torch.float64


@pytest.mark.parametrize("dynamo", [True, False])
def test_what_torch_exports_answers_as_before(dynamo, tmp_path):
    tools()
    pytest.importorskip("onnxscript")
    net = nn.Sequential(
        nn.Conv2d(1, 2, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(18, 3)
    ).eval()  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        given = (torch.randn(1, 1, 6, 6),), tmp_path / "net.onnx"
        torch.onnx.export(net, *given, dynamo=dynamo, verbose=False)
    x = torch.randn(7, 1, 6, 6)
    assert torch.allclose(from_onnx(tmp_path / "net.onnx")(x), net(x), atol=1e-5)


def test_a_network_that_the_checker_refuses_is_called_one(tmp_path):
    onnx = tools()
    make = Maker(onnx)
    shape, nodes, weights = mnist_fc(make)
    make.save(tmp_path / "net.onnx", nodes, weights, shape)
    model = onnx.load(str(tmp_path / "net.onnx"))
    model.ir_version = 99
    onnx.save(model, str(tmp_path / "net.onnx"))
    with pytest.raises(DataError, match=r"checker refuses .*ir_version 99 .*; export") as refused:
        from_onnx(tmp_path / "net.onnx")
    assert "\n" not in str(refused.value)


def test_what_is_no_network_is_refused(tmp_path):
    tools()
    with pytest.raises(DataError, match="cannot be read"):
        from_onnx(tmp_path / "missing.onnx")
    (tmp_path / "text.onnx").write_text("no")
    with pytest.raises(DataError, match="not an ONNX network"):
        from_onnx(tmp_path / "text.onnx")
