"""Maps between images against torch and against their matrices; what is refused is named."""

import pytest
import torch
from torch import nn

from robustcore.errors import InputError, UnsupportedLayerError
from robustcore.networks import (
    Chain,
    PooledRectifier,
    affine_layers,
    convolutional_network,
    expand,
    layered,
)

SHAPE = (4, 7, 6)
MAPS = {
    "plain": nn.Conv2d(4, 3, 3),
    "stride": nn.Conv2d(4, 3, 3, stride=(2, 3), padding=(1, 2)),
    "stride that leaves a rest": nn.Conv2d(4, 2, 2, stride=3),
    "dilation": nn.Conv2d(4, 3, (3, 2), dilation=(2, 3), padding=1),
    "groups": nn.Conv2d(4, 6, 3, padding=1, groups=2),
    "depthwise": nn.Conv2d(4, 4, 3, groups=4, bias=False),
    "same": nn.Conv2d(4, 2, 5, padding="same"),
    "valid": nn.Conv2d(4, 2, 3, padding="valid"),
    "mean": nn.AvgPool2d(2),
    "mean, padded": nn.AvgPool2d(3, stride=2, padding=1),
    "mean of what is there": nn.AvgPool2d(3, stride=2, padding=1, count_include_pad=False),
    "mean, rounded up": nn.AvgPool2d(4, stride=3, ceil_mode=True),
    "sum": nn.AvgPool2d(2, divisor_override=1),
    "chain": nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(4, 3, 2, padding=1)),
}


def one_map(module):
    net = nn.Sequential(module, nn.Flatten()).double().requires_grad_(False)
    (one,) = layered(net, SHAPE, like=torch.zeros((), dtype=torch.float64)).maps
    return net, one


@pytest.mark.parametrize("name", MAPS)
def test_a_map_is_its_layer_and_its_matrix(name):
    net, one = one_map(MAPS[name])
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(5, 4 * 7 * 6, generator=generator, dtype=torch.float64)
    W, b = expand(one)
    assert (one.n_outputs, one.n_inputs) == W.shape
    out = net(x.view(5, *SHAPE))
    assert torch.allclose(one(x), out, atol=1e-12, rtol=0)
    assert torch.allclose(x @ W.T + b, out, atol=1e-12, rtol=0)
    assert torch.allclose(one.linear(x), x @ W.T, atol=1e-12, rtol=0)
    rows = torch.randn(2, 3, one.n_outputs, generator=generator, dtype=torch.float64)
    assert torch.allclose(one.back(rows), rows @ W, atol=1e-12, rtol=0)
    index = torch.tensor([[0, 5], [41, 100]])
    assert torch.allclose(one.columns(index), W.T[index], atol=1e-12, rtol=0)
    spread = one.spread(x.abs())
    assert torch.allclose(spread, x.abs() @ W.abs().T, atol=1e-12, rtol=0)


def test_overlapping_means_before_a_convolution_spread_wider_never_narrower():
    torch.manual_seed(0)
    _, one = one_map(nn.Sequential(nn.AvgPool2d(3, stride=1), nn.Conv2d(4, 3, 2)))
    radius = torch.rand(6, one.n_inputs, dtype=torch.float64)
    exact = radius @ expand(one).weight.abs().T
    assert isinstance(one, Chain)
    assert (one.spread(radius) >= exact - 1e-12).all()
    assert (one.spread(radius) > 1.05 * exact).any()  # paths of both signs cancel in the product


@pytest.mark.parametrize(
    "pool",
    [
        nn.MaxPool2d(2),
        nn.MaxPool2d(3, 1),
        nn.MaxPool2d(3, 2, padding=1),
        nn.MaxPool2d((1, 3), 2, dilation=(1, 2)),
        nn.MaxPool2d(1),
    ],
    ids=["disjoint", "overlapping", "padded", "dilated", "of one"],
)
@pytest.mark.parametrize("relu_first", [True, False])
def test_a_max_pool_is_torchs_and_the_tournaments(pool, relu_first):
    torch.manual_seed(0)
    between = [nn.ReLU(), pool]
    features = pool(torch.zeros(1, 2, 7, 6)).numel()
    net = nn.Sequential(
        nn.Conv2d(4, 2, 3, padding=1),
        *(between if relu_first else between[::-1]),
        nn.Flatten(),
        nn.Linear(features, 3),
    )
    net = net.double().requires_grad_(False)
    network = layered(net, SHAPE)
    (activation,) = network.activations
    assert isinstance(activation, PooledRectifier)
    x = torch.randn(9, *SHAPE, dtype=torch.float64)
    out = net(x)
    first, last = network.maps
    z = first(x.flatten(1))
    assert torch.allclose(last(activation(z)), out, atol=1e-12)
    t = activation.slopes(z)
    assert activation.allowed(t)
    assert torch.allclose(activation.below(z[:, None], t)[:, 0], activation(z), atol=1e-12)
    h = x.flatten(1)
    *hidden, (W, b) = affine_layers(net, SHAPE)
    for W_l, b_l in hidden:
        h = (h @ W_l.T + b_l).clamp(min=0)
    assert torch.allclose(h @ W.T + b, out, atol=1e-12)


def test_the_linear_function_lies_below_for_all_allowed_slopes():
    torch.manual_seed(1)
    net = nn.Sequential(
        nn.Conv2d(4, 2, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.LazyLinear(1)
    )
    net(torch.zeros(1, *SHAPE))
    (activation,) = layered(net, SHAPE).activations
    z = 3 * torch.randn(4, 1000, 2 * 5 * 4, dtype=torch.float64)
    t = activation.nearest(
        2 * torch.rand(4, *activation.slope_shape(40), dtype=torch.float64) - 0.5
    )
    assert activation.allowed(t)
    assert not activation.allowed(t + 0.3)
    assert (activation.below(z, t) <= activation(z) + 1e-12).all()


def test_the_maps_take_the_precision_that_is_asked_for():
    net = nn.Sequential(
        nn.AvgPool2d(2), nn.Conv2d(4, 2, 2), nn.ReLU(), nn.Flatten(), nn.LazyLinear(2)
    )
    net(torch.zeros(1, *SHAPE))
    like = torch.zeros(0, dtype=torch.float64)
    assert all(W.dtype == torch.float64 for W, _ in affine_layers(net, SHAPE, like))
    assert affine_layers(net, SHAPE)[0][0].dtype == torch.float32


def test_the_papers_network_has_its_sizes():
    net = convolutional_network()
    assert [tuple(p.shape) for p in net.parameters() if p.ndim > 1] == [
        (32, 1, 5, 5),
        (64, 32, 5, 5),
        (1024, 7 * 7 * 64),
        (10, 1024),
    ]
    assert all((p == 0.1).all() for p in net.parameters() if p.ndim == 1)
    limit = (6 / (25 * (32 + 64))) ** 0.5
    assert 0.95 * limit < net[4].weight.abs().max() <= limit
    assert net(torch.zeros(3, 784)).shape == (3, 10)


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([nn.Conv2d(4, 2, 3, padding=7, padding_mode="reflect")], "mode 'reflect'"),
        ([nn.Conv2d(4, 2, 2, padding="same")], "odd kernels"),
        ([nn.Conv2d(3, 2, 2)], "takes 3 channels, the image before it has 4"),
        ([nn.Conv2d(4, 2, 9)], "window larger than its image"),
        ([nn.BatchNorm2d(4)], "BatchNorm2d in training"),
        ([nn.Conv2d(4, 2, 3), nn.MaxPool2d(2), nn.Flatten()], "next to a ReLU"),
        ([nn.MaxPool2d(2), nn.Conv2d(4, 2, 2)], "next to a ReLU"),
        ([nn.Conv2d(4, 2, 3), nn.ReLU(), nn.MaxPool2d(2, ceil_mode=True)], "ceil_mode"),
        ([nn.Conv2d(4, 2, 3), nn.ReLU(), nn.MaxPool2d(2), nn.MaxPool2d(2)], "ReLU of its own"),
        ([nn.Conv2d(4, 2, 3), nn.ReLU(), nn.Linear(4, 2)], "needs a Flatten"),
        ([nn.Flatten(2), nn.Linear(42, 2)], "keep the batch alone"),
        ([nn.Flatten(), nn.Conv2d(4, 2, 3)], "Conv2d needs images"),
        ([nn.Flatten(), nn.Unflatten(1, (2, 5, 5)), nn.Conv2d(2, 2, 3)], "takes 50 values"),
        ([nn.AvgPool2d(2, divisor_override=-1), nn.Flatten()], "positive divisor"),
    ],
)
def test_an_unsupported_layer_is_named(layers, message):
    with pytest.raises(UnsupportedLayerError, match=message):
        layered(nn.Sequential(*layers), SHAPE)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pool": "median"}, "pool must be one of max, average"),
        ({"kernel": 4}, "kernel must be odd"),
        ({"image_shape": (1, 3, 14)}, "at least 4, got 3 x 14"),
    ],
)
def test_a_network_that_cannot_be_built_is_refused(options, message):
    with pytest.raises(InputError, match=message):
        convolutional_network(**options)
