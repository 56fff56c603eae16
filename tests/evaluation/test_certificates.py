"""Certificates within a budget of memory, of no samples, and of inputs as they come."""

import importlib
import subprocess
import sys
import textwrap
import weakref

import pytest
import torch
from torch import nn
from torch.utils._pytree import tree_leaves

from bound_cases import BOUNDS
from robustcore import LpBall, ReLUNetwork, bounds
from robustcore.attacks import pgd
from robustcore.bounds.propagation import in_blocks
from robustcore.errors import InputError
from robustcore.evaluation import certified
from robustcore.networks import Scaler, convolutional_network

METHODS = [m.name for m in BOUNDS.values() if m.sound]


def instance(n=30, dtype=torch.float32):
    g = torch.Generator().manual_seed(0)
    net = ReLUNetwork([6, 8, 7, 3], g, dtype=dtype)
    x = torch.rand(n, 6, generator=g, dtype=dtype)
    return net, x, net(x).argmax(dim=1)


@pytest.mark.parametrize("method", METHODS)
def test_a_small_memory_gives_the_same_certificates(monkeypatch, method):
    net, x, y = instance(6)
    ball = LpBall(1, 0.02, box=(0, 1))
    whole = certified(net, x, y, ball, method)
    monkeypatch.setattr(importlib.import_module("robustcore.bounds.propagation"), "_BLOCK", 1)
    monkeypatch.setattr(importlib.import_module("robustcore.bounds.recursion"), "ENTRIES", 1)
    assert torch.equal(certified(net, x, y, ball, method, memory=1), whole)
    assert whole.any()


@pytest.mark.parametrize("method", METHODS)
def test_no_sample_is_no_certificate(method):
    net, x, y = instance()
    found = certified(net, x[:0], y[:0], LpBall(1, 0.02, box=(0, 1)), method)
    assert found.shape == (0,)
    assert found.dtype == torch.bool


@pytest.mark.parametrize("method", METHODS)
def test_inference_mode_changes_nothing(method):
    net, x, y = instance(5)
    ball = LpBall(1, 0.02, box=(0, 1))
    with torch.inference_mode():
        found = certified(net, x.clone(), y.clone(), ball, method)
    assert torch.equal(found, certified(net, x, y, ball, method))


def test_the_largest_tensor_of_crown_stays_within_the_budget():
    net = ReLUNetwork([40, 300, 300, 3], torch.Generator().manual_seed(0))
    x = torch.rand(100, 40)
    y = net(x).argmax(dim=1)
    largest = Largest()
    with largest:
        certified(net, x, y, LpBall(1, 0.01), "crown")
    assert largest.numbers <= 2**21 < 100 * 600 * 300  # one product of all at once


@pytest.mark.parametrize("method", sorted({*METHODS} - {"exact", "crown_optimised"}))  # too slow
def test_the_largest_tensor_of_a_certificate_fits_the_memory(monkeypatch, method):
    """The budgets of blocks made small, so that a small network needs many of them."""
    monkeypatch.setattr(importlib.import_module("robustcore.bounds.propagation"), "_BLOCK", 2**14)
    monkeypatch.setattr(importlib.import_module("robustcore.bounds.recursion"), "ENTRIES", 2**14)
    net = ReLUNetwork([40, 60, 60, 3], torch.Generator().manual_seed(0))
    x = torch.rand(200, 40)
    y = net(x).argmax(dim=1)
    largest = Largest()
    with largest:
        found = certified(net, x, y, LpBall(1, 0.01, box=(0, 1)), method, memory=2**21)
    assert found.any()
    assert largest.numbers <= 2**14 < 200 * 60 * 3  # the gaps of one layer, all samples at once


class Largest(torch.utils._python_dispatch.TorchDispatchMode):
    """The largest tensor that any operation gives."""

    numbers = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        if "expand" not in func.__name__:
            every = tree_leaves(out)
            sizes = (one.numel() for one in every if isinstance(one, torch.Tensor))
            self.numbers = max(self.numbers, *sizes, 0)
        return out


def test_no_answer_of_a_block_is_kept_between_the_blocks():
    """Small tensors that stay between large ones let a process grow by every block: 4 GB for CROWN
    on 784-1024-1024-10, where half a GB is enough."""
    kept, alive = [], []

    def bound(rows, offsets):
        alive.append(sum(one() is not None for one in kept))
        part = rows.sum(dim=-1) + offsets
        kept.append(weakref.ref(part))
        return part

    x, W, b = torch.rand(3, 5), torch.rand(64, 7), torch.rand(64)
    layers = [(torch.rand(2**21 // 24, 5), torch.rand(2**21 // 24))]
    with torch.no_grad():
        found = in_blocks(bound, W, b, layers, x)
    assert len(kept) == 8
    assert max(alive) <= 1  # the last one, until the name is given to the next
    assert torch.allclose(found, (W.sum(dim=1) + b).expand(3, -1))


@pytest.mark.parametrize("method", ["crown", "coap", "rub_boxed", "best"])
def test_a_process_that_certifies_stays_small(method):
    """Everything at once would take 1 GB: 200 samples, twice 256 neurons, 784 inputs, copies."""
    program = f"""
        import resource, torch
        from robustcore import LpBall, ReLUNetwork, balls, evaluation
        peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        net = ReLUNetwork([784, 256, 256, 10], torch.Generator().manual_seed(0))
        x = torch.rand(200, 784)
        y = net(x).argmax(1)
        ball = LpBall(1, 1e-3, box=(0, 1))
        ball = balls.Cut(ball) if {method == "best"} else ball
        evaluation.certified(net, x[:1], y[:1], ball, {method!r})
        before = peak()
        proved = evaluation.certified(net, x, y, ball, {method!r})
        assert proved.any()
        print(peak() - before)
    """
    found = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True
    )
    assert int(found.stdout) < 400_000, found.stderr  # kilobytes


def test_the_papers_convolutions_are_bounded_in_their_box():
    net = convolutional_network((1, 12, 12), (32, 64), 16, 10, 5)
    x = torch.rand(1, 144)
    y = net(x).argmax(dim=1)
    ball = LpBall(1, 1e-3, box=(0, 1))
    found = bounds.rub_boxed(net, x.double(), y, ball)
    assert (found <= bounds.rub(net, x.double(), y, ball) + 1e-9).all()


def test_an_input_on_the_border_of_its_box_is_inside_in_every_precision():
    net, x, y = instance()
    ball = LpBall(1, 0.1, box=(0.0, 0.3))
    x = x.clamp(0.0, 0.3)  # float32(0.3) is above 0.3
    pgd(net, x, y, ball)
    assert certified(net, x, y, ball, "rub_boxed").shape == (30,)
    assert bounds.rub_boxed(net, x, y, ball).shape == (30, 3)
    with pytest.raises(InputError, match="must lie in the range"):
        certified(net, x + 1e-4, y, ball, "rub_boxed")
    with pytest.raises(InputError, match="positive number of bytes"):
        certified(net, x, y, ball, memory=0)


@pytest.mark.parametrize("shape", [(), (1,), (6,), (1, 6)])
def test_a_scaler_of_any_shape_that_forward_takes(shape):
    net, x, _ = instance()
    net.scaler = Scaler(torch.full(shape, 0.2), torch.full(shape, 0.5))
    y = net(x).argmax(dim=1)
    found = bounds.rub(net, x.double(), y, LpBall(1, 0.0))
    assert torch.allclose(found, (net(x) - net(x).gather(1, y[:, None])).double(), atol=1e-5)


@pytest.mark.parametrize("shape", [(), (1, 2, 1, 1), (2, 1, 1), (1, 2, 4, 4), (4,)])
def test_a_scaler_of_images(shape):
    torch.manual_seed(0)
    scaler = Scaler(torch.rand(shape), 0.5 + torch.rand(shape))
    net = nn.Sequential(scaler, nn.Conv2d(2, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(12, 3))
    x = torch.rand(5, 2, 4, 4)
    y = net(x).argmax(dim=1)
    found = bounds.rub(net, x.double(), y, LpBall(1, 0.0))
    assert torch.allclose(found, (net(x) - net(x).gather(1, y[:, None])).double(), atol=1e-5)


@pytest.mark.parametrize("shape", [(5,), (2, 6), (1, 1, 6)])
def test_a_scaler_that_does_not_fit_is_refused(shape):
    net, x, y = instance()
    net.scaler = Scaler(torch.zeros(shape), torch.ones(shape))
    with pytest.raises(InputError, match="does not fit samples of shape"):
        bounds.rub(net, x, y, LpBall(1, 0.1))
