"""What a forward pass in its own precision may add to a gap, against passes that try to."""

import itertools

import numpy as np
import pytest
import torch
from torch import nn

from robustcore import LpBall, ReLUNetwork, bounds
from robustcore.bounds.faithful import check_answers
from robustcore.errors import UnsupportedLayerError
from robustcore.evaluation import certified
from robustcore.networks import Scaler, convolutional_network, layered
from robustcore.networks.rounding import Arithmetic, forward_error


def network(kind, seed):
    g = torch.Generator().manual_seed(seed)
    net = ReLUNetwork([30, 40, 40, 3], g)
    for layer in net.layers:
        with torch.no_grad():
            if kind == "positive":  # no cancellation: sums grow, and so do their roundings
                layer.weight.abs_()
            if kind == "constant":  # the same rounding again and again, in every neuron
                layer.weight.fill_(0.1)
            if kind == "scaled":
                layer.weight.mul_(torch.logspace(-3, 3, layer.weight.shape[1]))
    if kind == "offset":
        net.scaler = Scaler(torch.full((30,), 1e4), torch.full((30,), 10.0))
    return net


def sequential(net, x, order):
    """The float32 pass that sums one product after the other, in an order of its own."""
    h = x.numpy().astype(np.float32)
    if net.scaler is not None:
        h = (h - net.scaler.mean.numpy()) / net.scaler.std.numpy()
    for l, layer in enumerate(net.layers):
        W, total = layer.weight.detach().numpy(), np.zeros((len(h), len(layer.weight)), np.float32)
        keys = {
            "forward": np.arange(W.shape[1]),
            "backward": np.arange(W.shape[1])[::-1],
            "by size": np.argsort(-np.abs(W).sum(0) * np.abs(h).mean(0)),
            "positive first": np.argsort(-(W[0] * h[0])),
        }
        for k in keys[order]:
            total += h[:, k, None] * W[:, k]
        h = total + layer.bias.detach().numpy()
        if l + 1 < len(net.layers):
            h = np.maximum(h, 0)
    return torch.from_numpy(h).double()


def gaps(z, y):
    return z - z.gather(1, y[:, None])


@pytest.mark.parametrize("kind", ["random", "positive", "constant", "scaled", "offset"])
@pytest.mark.parametrize("p", [1.0, float("inf")])
def test_no_order_of_summation_adds_more(kind, p):
    for seed in range(3):
        net, g = network(kind, seed), torch.Generator().manual_seed(seed + 100)
        centre = 1e4 if kind == "offset" else 0.0
        x = centre + 3 * torch.randn(20, 30, generator=g)
        y = net(x).argmax(dim=1)
        ball = LpBall(p, 0.3)
        likely = bounds.rounding(net, x.double(), y, ball)
        proved = bounds.rounding(net, x.double(), y, ball, proved=True)
        assert (likely.gather(1, y[:, None]) == 0).all()
        assert torch.isfinite(proved).all()
        directions = torch.randn(20, 20, 30, generator=g, dtype=torch.float64)
        moved = torch.stack([x.double() + ball.maximiser(d) for d in directions])
        exact = ReLUNetwork.from_arrays(
            [(layer.weight.double(), layer.bias.double()) for layer in net.layers],
            None if net.scaler is None else net.scaler.double(),
        )
        true = [gaps(exact(d), y) for d in moved]
        if net.scaler is not None:
            net.scaler.float()
        for d, at in zip(moved, true, strict=True):
            passes = [net(d.float()).double(), net(d.float()[:7]).double()]
            passes += [
                sequential(net, d.float(), o)
                for o in ("forward", "backward", "by size", "positive first")
            ]
            for z in passes:
                n = len(z)
                apart = (gaps(z, y[:n]) - at[:n]).abs()
                assert (apart <= proved[:n]).all()
                assert (apart <= likely[:n]).all()


def test_the_likely_margin_is_smaller_and_both_are_nothing_in_float64():
    net = ReLUNetwork([100, 100, 100, 3], torch.Generator().manual_seed(0))
    x = torch.randn(5, 100, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    y = net(x.float()).argmax(dim=1)
    both = [bounds.rounding(net, x, y, LpBall(1, 0.1), proved) for proved in (False, True)]
    assert both[0].max() < both[1].max() / 5 < 1e-2
    net.double()
    assert bounds.rounding(net, x, y, LpBall(1, 0.1), proved=True).max() < 1e-9


def test_convolutions_and_pools_are_covered():
    net = convolutional_network((1, 8, 8), (2, 3), 8, 3, 3, "max", torch.Generator().manual_seed(0))
    g = torch.Generator().manual_seed(1)
    x = torch.rand(6, 64, generator=g)
    y = net(x).argmax(dim=1)
    ball = LpBall(1, 0.5)
    likely = bounds.rounding(net, x.double(), y, ball)
    assert likely.max() < 1e-2
    points = [x + ball.maximiser(torch.randn(6, 64, generator=g)) for _ in range(30)]
    own = [gaps(net(d).double(), y) for d in points]
    net.double()
    for d, found in zip(points, own, strict=True):
        assert ((found - gaps(net(d.double()), y)).abs() <= likely).all()


def test_a_number_too_large_for_float32_is_never_certified():
    net = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2))
    with torch.no_grad():
        for layer in (net[0], net[2]):
            layer.weight.copy_(torch.eye(2) * 1e25)
            layer.bias.zero_()
    x, y, ball = torch.tensor([[2.9e-12, 0.0]]), torch.tensor([0]), LpBall(1, 1e-13)
    assert torch.isinf(bounds.rounding(net, x.double(), y, ball)[0, 1])
    assert certified(net, x, y, ball, rounding="none").all()  # 2.9e38 is nearly too much
    assert not certified(net, x, y, ball).any()


def test_products_that_torch_may_shorten_are_counted():
    like = torch.zeros(0)
    try:
        found = []
        for setting in ("highest", "high", "medium"):
            torch.set_float32_matmul_precision(setting)
            found.append(Arithmetic.of(like).worst(10))
    finally:
        torch.set_float32_matmul_precision("highest")
    assert found == sorted(found)
    assert found[0] < 1e-6 < 9e-4 < found[1] < found[2]
    assert Arithmetic.of(like.double()).worst(2**60) == float("inf")


def test_a_scaler_far_from_zero_certifies_nothing_wrong():
    """27 of 60000 were, at radius 0, when 1/std and mean/std were formed in float32."""
    g = torch.Generator().manual_seed(0)
    net = ReLUNetwork([4, 20, 3], g, Scaler(torch.full((4,), 1e6), torch.full((4,), 10.0)))
    x = 1e6 + 10 * torch.randn(20000, 4, generator=g)
    z = net(x)
    top = z.topk(2, dim=1)
    y = top.indices[:, 1]  # wrong everywhere, and nearly right somewhere
    assert (top.values[:, 0] - top.values[:, 1]).min() < 1e-3
    for method in ("ibp", "rub"):
        assert not certified(net, x, y, LpBall(1, 0.0), method, margin=0.0).any()
    right = certified(net, x, top.indices[:, 0], LpBall(1, 0.0), "rub")
    assert right.double().mean() > 0.9


@pytest.mark.parametrize("share", [0.9, -0.9, 1.2, -1.2])
def test_where_rounding_ends_and_another_network_begins(share):
    """One bias moved by a share of what the two passes may round together."""
    g = torch.Generator().manual_seed(0)
    net = ReLUNetwork([40, 60, 3], g, dtype=torch.float64)
    x = torch.randn(1, 40, generator=g, dtype=torch.float64)
    read = layered(net, x.shape[1:], like=x)
    other = ReLUNetwork.from_arrays([(m.weight.clone(), m.bias.clone()) for m in net.layers])
    with torch.no_grad():
        other.layers[-1].bias[2] += share * 2 * forward_error(read, x, Arithmetic.of(x))[0, 2]
        if abs(share) < 1:
            check_answers(other, read, x)
            return
        with pytest.raises(UnsupportedLayerError, match=r"output 2 of sample 0, .* than rounding"):
            check_answers(other, read, x)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_each_rounding_certifies_no_more_than_the_next(dtype):
    g = torch.Generator().manual_seed(3)
    net = ReLUNetwork([20, 60, 60, 3], g, dtype=dtype)
    x = torch.randn(300, 20, generator=g, dtype=dtype)
    y = net(x).argmax(dim=1)
    found = [
        certified(net, x, y, LpBall(1, 0.02), "rub", rounding=how)
        for how in ("proved", "likely", "none")
    ]
    for fewer, more in itertools.pairwise(found):
        assert not (fewer & ~more).any()
    assert found[1].sum() > 0.95 * found[2].sum() > 0
    with pytest.raises(ValueError, match="rounding must be one of likely, proved, none"):
        certified(net, x, y, LpBall(1, 0.02), rounding="some")
