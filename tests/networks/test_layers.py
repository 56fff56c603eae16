"""Every layer as it is read: net(x) itself, its matrices, and the refusals."""

import pytest
import torch
from torch import nn

from robustcore import LpBall, bounds, evaluation
from robustcore.errors import UnsupportedLayerError
from robustcore.networks import (
    Beside,
    Chain,
    Dense,
    Diagonal,
    LeakyRectifier,
    Pick,
    PooledRectifier,
    Rectifier,
    Stacked,
    Summed,
    affine_layers,
    expand,
    layered,
    matrices,
)
from studies.oracles import other_layers

NETWORKS = other_layers.networks()


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_is_read_as_it_answers(name):
    net, x = NETWORKS[name]
    x = torch.cat([x, torch.randn(50, *x.shape[1:], dtype=torch.float64)])
    network = layered(net, x.shape[1:])
    z, flat = net(x), x.flatten(1)
    if network.final:
        z = z if network.final == "LogSoftmax" else z.log()
    read = network(flat)
    constant = (z - read).mean(dim=1, keepdim=True) if network.final else 0
    assert torch.allclose(read + constant, z, atol=1e-11)
    h = flat
    layers, leaks = matrices(network)
    for (W, b), leak in zip(layers, [*leaks, torch.ones(3).double()], strict=True):
        h = h @ W.T + b
        h = h.clamp(min=0) if leak is None else torch.maximum(h, leak * h)
    assert torch.allclose(h, read, atol=1e-11)
    h = flat
    *hidden, (W, b) = affine_layers(net, x.shape[1:])
    for W_l, b_l in hidden:
        h = (h @ W_l.T + b_l).clamp(min=0)
    assert torch.allclose(h @ W.T + b, read, atol=1e-11)


MAPS = {
    "pick": Pick(torch.tensor([3, 0, 0, 1]), 5, torch.zeros(()).double()),
    "diagonal": Diagonal(*torch.randn(2, 4).double(), torch.ones(4).double()),
    "diagonal of channels": Diagonal(*torch.randn(2, 3).double(), torch.ones(3).double(), 2),
}
MAPS["stacked"] = Stacked(
    (MAPS["pick"], Dense(*torch.randn(6, 5).double().split([5, 1])[:1], torch.randn(5).double()))
)
MAPS["summed"] = Summed((MAPS["pick"], Dense(torch.randn(4, 5).double(), torch.randn(4).double())))


@pytest.mark.parametrize("name", MAPS)
def test_a_map_is_its_matrix(name):
    one = MAPS[name]
    W, b = expand(one)
    h, rows = torch.randn(3, one.n_inputs).double(), torch.randn(2, 3, one.n_outputs).double()
    assert W.shape == (one.n_outputs, one.n_inputs)
    assert torch.allclose(one(h), h @ W.T + b)
    assert torch.allclose(one.linear(h), h @ W.T)
    assert torch.allclose(one.back(rows), rows @ W)
    assert torch.allclose(one.columns(torch.tensor([[0, 2]])), W.T[torch.tensor([[0, 2]])])
    assert (one.spread(h.abs()) >= h.abs() @ W.abs().T - 1e-12).all()
    absolute = expand(one.absolute())
    assert (absolute.weight >= W.abs() - 1e-12).all()
    assert one.to(torch.zeros(0)).columns(torch.tensor([0])).dtype == torch.float32


def test_activations_side_by_side_are_each_its_own():
    torch.manual_seed(0)
    pool = PooledRectifier.of((1, 2, 2), (2, 2), (2, 2), (0, 0), (1, 1), torch.device("cpu"))
    leaky = LeakyRectifier(torch.tensor([0.0, 0.3, 1.0]).double())
    both = Beside((Rectifier(), pool, leaky), (2, 4, 3))
    z = torch.randn(7, 9).double()
    a, p, l = z.split([2, 4, 3], dim=1)
    assert torch.equal(both(z), torch.cat([a.clamp(min=0), pool(p), leaky(l)], dim=1))
    t = both.slopes(z)
    assert t.shape[1:] == both.slope_shape(9)
    assert both.allowed(t)
    assert torch.allclose(both.below(z[:, None], t)[:, 0], both(z))
    wild = both.nearest(2 * torch.rand(7, *both.slope_shape(9)).double() - 0.5)
    assert both.allowed(wild)
    assert not both.allowed(wild + 1)
    points = 3 * torch.randn(7, 500, 9).double()
    assert (both.below(points, wild) <= both(points) + 1e-12).all()
    rows = torch.randn(7, 2, 6).double()
    direct = torch.einsum("nks,nvs->nkv", rows, both.below(points, wild))
    assert torch.allclose(torch.einsum("nkr,nvr->nkv", both.back(rows, wild), points), direct)


def test_a_normalisation_goes_into_the_weights_before_it():
    for name in ("BatchNorm1d", "BatchNorm2d"):
        net, x = NETWORKS[name]
        network = layered(net, x.shape[1:])
        assert not any(isinstance(one, (Chain, Diagonal)) for one in network.maps)
        assert any(isinstance(part, Diagonal) for parts in network.parts for part in parts)


TRAINED = [nn.Linear(4, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 2)]


@pytest.mark.parametrize(
    ("layers", "shape", "message"),
    [
        (TRAINED, (4,), r"BatchNorm1d in training.*net.eval\(\)"),
        (
            [nn.Linear(4, 4), nn.BatchNorm1d(4, track_running_stats=False).eval()],
            (4,),
            "running statistics",
        ),
        ([nn.Linear(4, 3), nn.BatchNorm1d(4).eval()], (4,), "4 channels needs values"),
        ([nn.Linear(4, 4), nn.LeakyReLU(-0.1), nn.Linear(4, 2)], (4,), "slopes from 0 to 1"),
        ([nn.Linear(4, 4), nn.LeakyReLU(1.5), nn.Linear(4, 2)], (4,), "slopes from 0 to 1"),
        ([nn.Linear(4, 4), nn.PReLU(3), nn.Linear(4, 2)], (4,), "3 slopes"),
        ([nn.LeakyReLU(0.1), nn.Linear(4, 2)], (4,), "must follow a Linear"),
        ([nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 2)], (4,), "Tanh"),
        ([nn.Linear(4, 4), nn.Softmax(dim=1), nn.Linear(4, 2)], (4,), "must be the last layer"),
        ([nn.Linear(4, 4), nn.Softmax(dim=0)], (4,), "over the outputs"),
        ([nn.Linear(4, 1), nn.LogSoftmax(dim=1)], (4,), "constant"),
        ([nn.Linear(4, 1), nn.Sigmoid()], (4,), "Sigmoid"),
        ([nn.AdaptiveAvgPool2d(3), nn.Flatten(), nn.Linear(18, 2)], (2, 4, 4), "multiples"),
        (
            [nn.Conv2d(2, 2, 9, padding=4, padding_mode="reflect")],
            (2, 4, 4),
            "cannot pad images",
        ),
        (
            [nn.Conv2d(2, 2, 3), nn.LeakyReLU(0.1), nn.MaxPool2d(2), nn.Flatten()],
            (2, 4, 4),
            "ReLU of its own",
        ),
    ],
)
def test_what_has_no_bound_is_refused_by_name(layers, shape, message):
    with pytest.raises(UnsupportedLayerError, match=message) as caught:
        layered(nn.Sequential(*layers), shape)
    assert "\n" not in str(caught.value)


def test_a_lead_that_a_softmax_rounds_away_is_no_certificate():
    """The logits differ by 1e-9, the float32 probabilities not at all."""
    net = nn.Sequential(nn.Linear(1, 2), nn.Softmax(dim=1)).requires_grad_(False)
    net[0].weight.zero_()
    net[0].bias.copy_(torch.tensor([0.0, -2e-9]))
    x, y, ball = torch.zeros(1, 1), torch.zeros(1, dtype=torch.long), LpBall(1, 0.1)
    assert net(x)[0, 0] == net(x)[0, 1]
    assert bounds.rub(net, x.double(), y, ball)[0, 1] < -1e-9
    assert not evaluation.certified(net, x, y, ball).any()
    net[0].bias.copy_(torch.tensor([0.0, -1e-3]))
    assert evaluation.certified(net, x, y, ball).all()
