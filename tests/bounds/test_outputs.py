"""The outputs themselves between their bounds, for classifiers and regressions."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from robustcore import LpBall, TwoLayerReLU, bounds
from robustcore.errors import UnsupportedLayerError
from studies.oracles.other_layers import Residual


def regression():
    generator = torch.Generator().manual_seed(0)
    return TwoLayerReLU.initialise(4, 6, generator, bias=True).requires_grad_(False)


def classifier():
    torch.manual_seed(0)
    return Residual().double().eval().requires_grad_(False)


@pytest.mark.parametrize("make", [regression, classifier])
@pytest.mark.parametrize(
    ("p", "bound"),
    [
        (1.0, bounds.tightest),
        (1.0, bounds.rub),
        (1.0, bounds.exact),
        (2.0, bounds.crown),
        (math.inf, bounds.ibp),
        (math.inf, bounds.coap),
    ],
)
def test_every_output_stays_between_its_bounds(make, p, bound):
    net, x = make(), torch.rand(5, 4, generator=torch.Generator().manual_seed(1)).double()
    ball = LpBall(p, 0.3)
    low, high = bounds.outputs(net, x, ball, bound)
    deltas = ball.sample((500, 4), np.random.default_rng(0))
    moved = x + torch.from_numpy(np.concatenate([deltas, ball.radius * np.eye(4)]))[:, None]
    z = net(moved.flatten(0, 1)).view(len(moved), 5, -1)
    assert low.shape == high.shape == z.shape[1:]
    assert (low - 1e-7 <= z).all()
    assert (z <= high + 1e-7).all()
    if bound is bounds.exact:  # and no wider than what is reached
        assert torch.allclose(z.amax(0), high, atol=0.25 * float((high - low).max()))
    low, high = bounds.outputs(net, x, ball.with_radius(0.0), bound)
    assert torch.allclose(low, net(x).view(5, -1), atol=1e-6)
    assert torch.allclose(high, low, atol=1e-6)


def test_probabilities_are_not_what_is_bounded():
    net = nn.Sequential(nn.Linear(4, 3), nn.Softmax(dim=1)).double()
    with pytest.raises(UnsupportedLayerError, match="must be the last layer"):
        bounds.outputs(net, torch.rand(2, 4).double(), LpBall(1, 0.1))
