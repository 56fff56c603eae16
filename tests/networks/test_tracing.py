"""A forward of its own is read as it answers, or refused by name; never read as something else."""

import random

import numpy as np
import pytest
import torch
from torch import fx, nn
from torch.nn import functional

from robustcore import LpBall, bounds, defenses, evaluation
from robustcore.errors import InputError, UnsupportedLayerError
from robustcore.networks import layered

M = 4


class Of(nn.Module):
    """Two linear layers and whatever a function makes of them."""

    def __init__(self, function, width=M):
        super().__init__()
        self.a, self.b, self.last = nn.Linear(M, M), nn.Linear(M, M), nn.Linear(width, 3)
        self.scale = nn.Parameter(torch.rand(M))
        self.register_buffer("mask", (torch.arange(M) % 2).float())
        self.relu, self.noise = nn.ReLU(inplace=True), nn.Dropout(0.5)
        self.pick, self.calls, self._calls = function, 0, 0
        self.signs = iter([1.0] * 9 + [-1.0] * 99)

    def forward(self, x):
        return self.pick(self, x)


def read(net, shape=(M,), n=30):
    x = torch.randn(n, *shape)
    network = layered(net.double(), shape)
    return network, torch.allclose(network(x.flatten(1).double()), net(x.double()), atol=1e-12)


READ = {
    "operators": lambda m, x: m.last(2 * torch.relu(m.a(x)) - m.b(x) / 3 + 1 - x),
    "methods": lambda m, x: m.last(m.a(x).relu().add(m.b(x)).mul(0.5).sub(x).neg()),
    "functions of weights": lambda m, x: m.last(
        functional.linear(x, m.a.weight * m.scale, m.a.bias).relu() @ (m.b.weight.T * m.mask)
    ),
    "a constant before a value": lambda m, x: m.last(torch.relu(1 - m.a(x)) * m.scale),
    "constants of its own": lambda m, x: m.last(torch.relu(m.a(x) + torch.arange(4.0).double())),
    "added to itself": lambda m, x: m.last((h := torch.relu(m.a(x))) + h),
    "clamped": lambda m, x: m.last(m.a(x).clamp(min=0) + torch.clamp(m.b(x), min=0)),
    "in place, and not used after": lambda m, x: m.last(m.relu(m.a(x)) + functional.relu_(m.b(x))),
    "a copy of what is then written in place": lambda m, x: m.last(_kept(m.a(x)) + x.clone()),
    "+=": lambda m, x: m.last(torch.relu(_plus(m.a(x), x))),
    "picked features": lambda m, x: m.last(
        torch.relu(m.a(x))[:, [3, 1, 1, 0]] + m.b(x)[:, torch.tensor([0, 1, 2, 3])]
    ),
    "halves": lambda m, x: m.last(
        torch.cat([torch.relu(m.a(x))[:, 2:], m.b(x)[:, : x.size(1) // 2]], dim=-1)
    ),
    "shapes": lambda m, x: m.last(
        torch.relu(m.a(x)).view(x.shape[0], 2, 2).transpose(1, 2).reshape(-1, M)
        + m.b(x).unflatten(1, (2, 2)).flatten(1)
    ),
    "unused layers": lambda m, x: (m.noise.eval()(m.b(x)), m.last(torch.relu(m.a(x))))[1],
    "a softmax at the end": lambda m, x: m.last(torch.relu(m.a(x))).log_softmax(dim=-1),
    "the same layer twice": lambda m, x: m.last(torch.relu(m.a(torch.relu(m.a(x))))),
    "dropout by its flag": lambda m, x: m.last(
        functional.dropout(torch.relu(m.a(x)), 0.5, training=m.training)
    ),
    "affine alone": lambda m, x: m.last(x + m.a(x)),
}


def _plus(h, x):
    h += x
    return h


def _kept(h):
    copied = h.clone()
    return functional.relu_(h) + torch.clone(copied)


@pytest.mark.parametrize("name", READ)
def test_a_forward_is_read_as_it_answers(name):
    torch.manual_seed(0)
    net = Of(READ[name]).eval()
    attributes = set(vars(net))
    network, same = read(net)
    assert same or network.final == "LogSoftmax"
    assert set(vars(net)) == attributes
    x, y = torch.rand(6, M).double(), torch.arange(6) % 3
    gaps = bounds.rub(net, x, y, LpBall(1, 0.0))
    z = net(x)
    assert torch.allclose(gaps, z - z.gather(1, y[:, None]), atol=1e-12)


def _counting(m, x):
    m.calls += 1
    return m.last(torch.relu(m.a(x)))


def _counting_in_private(m, x):
    m._calls += 1
    return m.last(torch.relu(m.a(x) if m._calls < 30 else m.b(x)))


def _swapping(m, x):
    m.a, m.b = m.b, m.a
    return m.last(torch.relu(m.a(x)))


def _remembering(m, x):
    m.mask.add_(1)
    return m.last(torch.relu(m.a(x)) * m.mask)


def _overwritten(m, x):
    h = m.a(x)
    return m.last(m.relu(h) + h)


def _view_overwritten(m, x):
    h = m.a(x)
    flat = h.view(-1, M)
    return m.last(functional.relu(h, inplace=True) + flat)


def _dead_step(m, x):
    h = m.a(x)
    h.mul_(2)
    return m.last(torch.relu(h))


REFUSED = {
    "a step that looks at numbers": (
        lambda m, x: m.last(torch.relu(m.a(x)) if x.sum() > 0 else m.b(x)),
        "cannot be recorded",
    ),
    "a loop over numbers": (
        lambda m, x: m.last(sum(torch.relu(m.a(x)) for _ in range(int(x[0, 0])))),
        "cannot be recorded",
    ),
    "a step that looks at the shape": (
        lambda m, x: m.last(torch.relu(m.a(x) if x.size(0) > 9 else m.b(x))),
        "cannot be recorded",
    ),
    "random numbers": (
        lambda m, x: m.last(torch.relu(m.a(x)) + torch.randn(M)),
        "other tensors in every call|random numbers",
    ),
    "random numbers of Python": (
        lambda m, x: m.last(torch.relu(m.a(x)) * random.random()),
        "random numbers",
    ),
    "random numbers of NumPy": (
        lambda m, x: m.last(torch.relu(m.a(x)) * float(np.random.rand())),  # noqa: NPY002
        "random numbers",
    ),
    "noise like x": (lambda m, x: m.last(torch.relu(m.a(x)) + torch.rand_like(x)), "rand_like"),
    "functional dropout": (
        lambda m, x: m.last(functional.dropout(torch.relu(m.a(x)))),
        "random while training",
    ),
    "a count of calls": (_counting, "changes itself"),
    "a private count of calls": (_counting_in_private, "changes itself"),
    "layers that change places": (_swapping, "in another call|changes itself"),
    "one sign after another": (lambda m, x: next(m.signs) * m.last(x), "changes itself"),
    "another answer while gradients are recorded": (
        lambda m, x: m.last(torch.relu(m.a(x) if torch.is_grad_enabled() else m.b(x))),
        "where gradients are recorded",
    ),
    "another answer in inference": (
        lambda m, x: m.last(torch.relu(m.a(x) * (1 - 2 * torch.is_inference_mode_enabled()))),
        "where gradients are recorded",
    ),
    "a buffer that changes": (_remembering, "changes itself"),
    "used after it was overwritten": (_overwritten, "overwritten in place"),
    "a view used after it was overwritten": (_view_overwritten, "overwritten in place"),
    "a step whose result is not used": (_dead_step, "overwritten in place"),
    "the input overwritten": (
        lambda m, x: m.last(torch.relu(m.a(x.mul_(2)))),
        "writes into its input",
    ),
    "tanh": (lambda m, x: m.last(torch.tanh(m.a(x))), "no bound is implemented for tanh"),
    "sigmoid as a module": (lambda m, x: m.last(nn.Sigmoid()(m.a(x))), "Sigmoid|recorded"),
    "a product of values": (lambda m, x: m.last(m.a(x) * torch.relu(m.b(x))), "two values"),
    "a quotient of values": (lambda m, x: m.last(m.a(x) / m.b(x)), "two values"),
    "a maximum": (lambda m, x: m.last(torch.maximum(m.a(x), m.b(x))), "maximum"),
    "a condition on each value": (
        lambda m, x: m.last(torch.where(m.a(x) > 0, m.a(x), m.b(x))),
        "in a forward",
    ),
    "a cast": (lambda m, x: m.last(torch.relu(m.a(x)).float().double()), "float"),
    "detached": (lambda m, x: m.last(torch.relu(m.a(x)).detach()), "detach"),
    "samples that mix": (
        lambda m, x: m.last(torch.relu(m.a(x)).t().reshape(-1, M)),
        "keep the samples of a batch apart|for t in",
    ),
    "a mean over the batch": (lambda m, x: m.last(torch.relu(m.a(x) - m.a(x).mean(0))), "mean"),
    "two answers": (lambda m, x: (m.last(x), m.last(x)), "one tensor of logits"),
    "no answer of x": (lambda m, x: m.scale, "one tensor of logits"),
    "a constant of the batch": (
        lambda m, x: m.last(torch.relu(m.a(x)) + torch.arange(24.0).view(6, 4)),
        "does not fit samples",
    ),
    "a shape that broadcasts": (
        lambda m, x: m.last(torch.relu(m.a(x)) + m.b(x)[:, :1]),
        r"shapes \(4,\) and \(1,\)",
    ),
    "an option": (lambda m, x: m.last(torch.add(m.a(x), m.b(x), alpha=2).relu()), "alpha"),
    "ends with a ReLU": (lambda m, x: torch.relu(m.last(x)), "must end with a Linear"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_proved_is_refused_in_one_sentence(name):
    torch.manual_seed(0)
    function, message = REFUSED[name]
    net = Of(function).eval().double()
    x, y = torch.rand(6, M).double(), torch.arange(6) % 3
    with pytest.raises(UnsupportedLayerError, match=message) as caught:
        evaluation.certified(net, x, y, LpBall(1, 0.01))
    assert "\n" not in str(caught.value)


def test_hooks_calls_and_forwards_of_instances_are_refused():
    x, y = torch.rand(6, M).double(), torch.arange(6) % 3

    def refuse(change, message):
        net = Of(READ["operators"]).eval().double()
        change(net)
        with pytest.raises(UnsupportedLayerError, match=message):
            bounds.crown(net, x, y, LpBall(1, 0.01))

    refuse(lambda net: net.register_forward_hook(lambda m, x, z: -z), "forward hook")
    refuse(lambda net: net.a.register_forward_hook(lambda m, x, z: -z), "forward hook")
    refuse(lambda net: setattr(net, "forward", lambda x: net.last(x)), "not its class's")
    refuse(lambda net: setattr(net.a, "forward", lambda x: x), "forward of its own")
    refuse(lambda net: nn.utils.parametrizations.weight_norm(net.a), "parametrization")

    class Called(Of):
        def __call__(self, x):
            return -super().__call__(x)

    with pytest.raises(UnsupportedLayerError, match="__call__ of its own"):
        bounds.crown(Called(READ["operators"]).eval().double(), x, y, LpBall(1, 0.01))


def test_an_answer_that_depends_on_the_kind_of_its_input_is_found_out():
    def by_kind(m, x):
        return m.last(torch.relu(m.a(x) if isinstance(x, torch.Tensor) else m.b(x)))

    net = Of(by_kind).eval().double()
    with pytest.raises(UnsupportedLayerError, match="more than rounding apart"):
        bounds.rub(net, torch.rand(6, M).double(), torch.zeros(6).long(), LpBall(1, 0.01))


def test_a_difference_away_from_the_samples_is_found_out():
    """Hidden from the recording, and the same at x: only far from it the two part."""

    def hidden(m, x):
        far = not isinstance(x, fx.Proxy) and bool((x.abs() > 3).any())
        return m.last(torch.relu(m.b(x) if far else m.a(x)))

    net = Of(hidden).eval().double()
    with pytest.raises(UnsupportedLayerError, match="more than rounding apart"):
        bounds.rub(net, torch.rand(6, M).double(), torch.zeros(6).long(), LpBall(1, 0.01))


def test_every_sample_is_compared_whether_or_not_gradients_are_recorded():
    """Only the last sample answers otherwise, and no point around the others does."""

    def hidden(m, x):
        odd = not isinstance(x, fx.Proxy) and bool((x[:, 0] == 7).any())
        return m.last(torch.relu(m.b(x) if odd else m.a(x)))

    net = Of(hidden).eval().double()
    x = torch.rand(6, M).double()
    x[-1, 0] = 7
    labels, ball = torch.zeros(6).long(), LpBall(1, 0.01)
    for bound in (bounds.rub, bounds.crown, bounds.ibp, bounds.coap, bounds.outputs):
        some = (net, x) if bound is bounds.outputs else (net, x, labels)
        with pytest.raises(UnsupportedLayerError, match="more than rounding apart"):
            bound(*some, ball)
    assert defenses.rub(ball)(net, x, labels).isfinite()  # a loss, which compares one sample


def test_an_answer_that_depends_on_the_other_samples_is_found_out():
    """The same as recorded for this batch, and another where the first sample comes last."""

    def of_the_batch(m, x):
        odd = not isinstance(x, fx.Proxy) and bool(x[0, 0] == 7)
        return m.last(torch.relu(m.b(x) if odd else m.a(x)))

    net = Of(of_the_batch).eval().double()
    x = torch.rand(6, M).double()
    x[-1, 0] = 7
    with pytest.raises(UnsupportedLayerError, match="more than rounding apart"):
        bounds.rub(net, x, torch.zeros(6).long(), LpBall(1, 0.01))


def test_a_graph_module_is_read_by_what_it_runs_not_by_its_graph():
    net = fx.symbolic_trace(nn.Sequential(nn.Linear(M, M), nn.ReLU(), nn.Linear(M, 3)))
    _, same = read(net)
    assert same
    for node in net.graph.nodes:  # the graph says otherwise, the code is what it was
        if node.target == "1":
            node.replace_all_uses_with(node.args[0])
    _, same = read(net)
    assert same


def test_gradients_reach_the_parameters_through_every_connection():
    from studies.oracles.other_layers import Residual

    torch.manual_seed(0)
    net = Residual().double().eval()
    x, y = torch.rand(5, M).double(), torch.arange(5) % 3
    ball = LpBall(1, 0.1)
    for method in (bounds.rub, bounds.crown, bounds.ibp, bounds.coap, bounds.arub):
        gradients = torch.autograd.grad(method(net, x, y, ball).sum(), list(net.parameters()))
        assert all(torch.isfinite(g).all() for g in gradients)
        weight = net.first.weight
        step = 1e-6
        with torch.no_grad():
            before = method(net, x, y, ball).sum()
            weight[0, 0] += step
            after = method(net, x, y, ball).sum()
            weight[0, 0] -= step
        assert torch.allclose((after - before) / step, gradients[0][0, 0], atol=1e-3)


def test_the_shape_of_a_sample_is_asked_for():
    with pytest.raises(UnsupportedLayerError, match="give input_shape"):
        layered(Of(READ["operators"]).eval())
    with pytest.raises(InputError, match=r"takes 4 values a sample, got shape \(5,\)"):
        layered(Of(READ["operators"]).eval(), (5,))
