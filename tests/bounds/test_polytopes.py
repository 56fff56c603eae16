"""Vertex sets of tabular threats: what they hold, and RUB over them against the exact value."""

import math

import pytest
import torch

from robustcore import bounds
from robustcore.balls import LpBall, polytopes
from robustcore.errors import InputError
from robustcore.networks import ReLUNetwork, Scaler


def test_equal_radii_are_the_l1_ball():
    vertices = polytopes.feature_radii(torch.full((3,), 0.7, dtype=torch.float64))
    assert torch.equal(vertices, torch.from_numpy(LpBall(1, 0.7).vertices(3)))


def test_a_feature_of_radius_zero_is_left_alone():
    vertices = polytopes.feature_radii(torch.tensor([0.5, 0.0, 2.0]))
    assert vertices.tolist() == [[0.5, 0, 0], [0, 0, 2.0], [-0.5, 0, 0], [0, 0, -2.0]]


def tabular(seed, n=6):
    """Two numbers and a category of three."""
    g = torch.Generator().manual_seed(seed)
    net = ReLUNetwork((5, 6, 6, 3), g, dtype=torch.float64)
    x = torch.randn(n, 5, generator=g, dtype=torch.float64)
    category = torch.randint(3, (n,), generator=g)
    x[:, 2:] = torch.nn.functional.one_hot(category, 3).to(x)
    return net.requires_grad_(False), x, torch.randint(3, (n,), generator=g)


def test_swaps_give_one_hot_rows():
    _, x, _ = tabular(0)
    vertices = polytopes.one_hot_swaps(x, [[2, 3, 4]])
    assert vertices.shape == (6, 4, 5)
    moved = x[:, None] + vertices
    assert torch.equal(moved[:, 0], x)
    for j in range(3):
        assert torch.equal(moved[:, 1 + j, 2:], torch.eye(3).double()[j].expand(6, 3))
    assert torch.equal(moved[..., :2], x[:, None, :2].expand(-1, 4, -1))


def test_a_swap_and_numbers_at_once():
    """The exact value is a program for each swap; every one lies below the bound."""
    for seed in range(4):
        net, x, y = tabular(seed, n=3)
        radii = torch.tensor([0.3, 0.8, 0, 0, 0]).double()
        swaps = polytopes.one_hot_swaps(x, [[2, 3, 4]])
        vertices = polytopes.sum_of(swaps, polytopes.feature_radii(radii))
        assert vertices.shape == (3, 16, 5)
        found = bounds.rub_polytope(net, x, y, vertices)
        layers = [(layer.weight, layer.bias) for layer in net.layers]
        units = torch.where(radii > 0, radii, 1e-9)  # a feature that cannot move, nearly
        scaled = ReLUNetwork.from_arrays(layers, Scaler(torch.zeros(5).double(), 1 / units))
        worst = torch.stack(
            [
                bounds.exact(scaled, (x + swaps[:, j]) / units, y, LpBall(1, 1.0), attained=True)
                for j in range(4)
            ]
        ).amax(0)
        assert (worst <= found + 1e-7).all()


def test_bad_arguments_are_refused():
    _, x, _ = tabular(0)
    with pytest.raises(InputError, match="radii must be one number >= 0"):
        polytopes.feature_radii(torch.tensor([0.1, -0.1]))
    with pytest.raises(InputError, match="at least one of them positive"):
        polytopes.feature_radii(torch.zeros(2))
    with pytest.raises(InputError, match="radii must be finite"):
        polytopes.feature_radii(torch.tensor([math.nan, 1.0]))
    with pytest.raises(InputError, match="must be one-hot"):
        polytopes.one_hot_swaps(x, [[1, 2]])
    with pytest.raises(InputError, match="distinct columns below 5"):
        polytopes.one_hot_swaps(x, [[2, 3, 9]])
    with pytest.raises(InputError, match="distinct columns below 5"):
        polytopes.one_hot_swaps(x, [[2, 3], [3, 4]])
    with pytest.raises(InputError, match="groups not empty"):
        polytopes.one_hot_swaps(x, [])
    with pytest.raises(InputError, match="equal n and M"):
        polytopes.sum_of(torch.zeros(2, 3), torch.zeros(2, 4))
