"""Networks by hand, and the affine form that the bounds start from."""

import pytest
import torch
from torch import nn

from robustcore.errors import InputError, UnsupportedLayerError
from robustcore.networks import ReLUNetwork, Scaler, TwoLayerReLU, affine_layers


def run(layers, x):
    for W, b in layers[:-1]:
        x = (x @ W.T + b).clamp(min=0)
    return x @ layers[-1][0].T + layers[-1][1]


def test_two_layer_by_hand():
    # y = (x1)_+ * 2 - (x2 - 1)_+ * 3 at (1, 3): 2 - 6
    net = TwoLayerReLU(torch.eye(2), torch.tensor([2.0, -3.0]), torch.tensor([0.0, -1.0]))
    assert net(torch.tensor([[1.0, 3.0]])).tolist() == [-4.0]
    assert net.penalty().item() == 0.5 * (2 + 1 + 13)


def test_the_empty_network_is_zero():
    net = TwoLayerReLU(torch.zeros(0, 3), torch.zeros(0))
    assert net(torch.ones(2, 3)).tolist() == [0.0, 0.0]
    assert net.penalty().item() == 0.0


def test_the_zero_function_is_a_classifier_too():
    net = TwoLayerReLU(torch.zeros(0, 3), torch.zeros(0))
    assert (net.as_classifier()(torch.randn(4, 3)) == 0).all()


def test_as_classifier_keeps_the_decision():
    generator = torch.Generator().manual_seed(0)
    net = TwoLayerReLU.initialise(3, 5, generator, bias=True)
    x = torch.randn(20, 3, generator=generator, dtype=torch.float64)
    z = net.as_classifier()(x)
    assert torch.equal(z[:, 0], torch.zeros(20, dtype=torch.float64))
    assert torch.allclose(z[:, 1], net(x))


def test_relu_network_by_hand():
    net = ReLUNetwork.from_arrays(
        [
            (torch.tensor([[1.0, 1.0], [1.0, -1.0]]), torch.tensor([0.0, -1.0])),
            (torch.tensor([[1.0, 2.0]]), torch.tensor([0.5])),
        ]
    )
    assert net(torch.tensor([[1.0, 2.0], [3.0, 1.0]])).tolist() == [[3.5], [6.5]]


def test_initialisation_is_glorot_uniform_with_biases_of_a_tenth():
    net = ReLUNetwork([100, 200, 10], torch.Generator().manual_seed(0))
    W = net.layers[0].weight
    limit = (6 / 300) ** 0.5
    assert W.abs().max() <= limit
    assert W.std().item() == pytest.approx(limit / 3**0.5, rel=0.02)
    assert (net.layers[0].bias == 0.1).all()


def test_affine_layers_fold_the_scaler_and_consecutive_maps():
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(30, 4, generator=generator, dtype=torch.float64) * 5 + 2
    net = nn.Sequential(
        nn.Flatten(),
        Scaler.fit(x),
        nn.Linear(4, 6),
        nn.Linear(6, 5, bias=False),
        nn.ReLU(),
        nn.Identity(),
        nn.Sequential(nn.Linear(5, 5), nn.ReLU()),
        nn.Linear(5, 3),
    ).double()
    layers = affine_layers(net)
    assert [tuple(W.shape) for W, _ in layers] == [(5, 4), (5, 5), (3, 5)]
    assert torch.allclose(run(layers, x), net(x), atol=1e-12)


def test_affine_layers_of_a_relu_network_with_scaler():
    generator = torch.Generator().manual_seed(2)
    x = torch.randn(30, 4, generator=generator, dtype=torch.float64) * 5 + 2
    net = ReLUNetwork([4, 6, 3], generator, Scaler.fit(x), dtype=torch.float64)
    assert torch.allclose(run(affine_layers(net), x), net(x), atol=1e-12)


def test_a_constant_feature_is_not_divided_by_zero():
    scaler = Scaler.fit(torch.tensor([[1.0, 2.0], [1.0, 4.0]]))
    assert scaler.std[0] == 1
    assert torch.isfinite(scaler(torch.ones(1, 2))).all()


@pytest.mark.parametrize(
    ("net", "message"),
    [
        (nn.Sequential(nn.Linear(2, 2), nn.Sigmoid(), nn.Linear(2, 2)), "Sigmoid"),
        (nn.Sequential(nn.Linear(2, 2), nn.ReLU()), "must end with a Linear"),
        (nn.Sequential(nn.ReLU(), nn.Linear(2, 2)), "ReLU must follow"),
        (nn.Sequential(nn.Dropout(0.5), nn.Linear(2, 2)), "net.eval"),
        (nn.Sequential(nn.Linear(2, 2), Scaler(torch.zeros(2), torch.ones(2))), "Scaler"),
    ],
)
def test_an_unsupported_network_is_named(net, message):
    with pytest.raises(UnsupportedLayerError, match=message):
        affine_layers(net)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: ReLUNetwork([3]), "sizes must be"),
        (lambda: ReLUNetwork.from_arrays([(torch.ones(2, 3), torch.ones(3))]), "layer 1"),
        (
            lambda: ReLUNetwork.from_arrays(
                [(torch.ones(2, 3), torch.ones(2)), (torch.ones(2, 3), torch.ones(2))]
            ),
            "layer 2 takes 3 inputs",
        ),
        (lambda: Scaler(torch.zeros(2), torch.zeros(2)), "std must be positive"),
        (lambda: TwoLayerReLU(torch.ones(2, 3), torch.ones(3)), "u must be"),
        (
            lambda: ReLUNetwork.from_arrays([(torch.tensor([[torch.nan]]), torch.ones(1))]),
            "must be finite",
        ),
    ],
)
def test_bad_networks_are_refused(build, message):
    with pytest.raises(InputError, match=message):
        build()
