"""CROWN with chosen slopes: never looser than CROWN, never below what the network attains."""

import math

import pytest
import torch
from torch import nn

from robustcore import bounds
from robustcore.balls import LpBall
from robustcore.losses import gaps
from robustcore.networks import ReLUNetwork
from studies.oracles.bound_twins import random_instances


def test_by_hand():
    """-[z]_+ on [-1, 1.2]: CROWN takes the line z below, and says 1; the line 0 says 0, exactly."""
    one = (torch.tensor([[1.0]]).double(), torch.zeros(1).double())
    last = (torch.tensor([[0.0], [-1.0]]).double(), torch.zeros(2).double())
    net = ReLUNetwork.from_arrays([one, last])
    given = (net, torch.full((1, 1), 0.1).double(), torch.tensor([0]), LpBall(math.inf, 1.1))
    assert bounds.crown(*given)[0, 1].item() == pytest.approx(1.0)
    assert bounds.crown_optimised(*given)[0, 1].item() == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("p", [1, math.inf])
def test_never_above_crown_and_sometimes_below(p):
    tighter = []
    for instance in random_instances(12, seed=41):
        given = (instance.net, instance.x, instance.y, LpBall(p, instance.radius))
        found, crown = bounds.crown_optimised(*given, steps=8), bounds.crown(*given)
        assert (found <= crown).all()
        tighter.append(float((crown - found).max()))
    assert max(tighter) > 0.01


def test_every_choice_of_slopes_is_a_bound_and_none_touches_the_network():
    """A rate that throws the slopes from end to end; the gradients of the network stay away."""
    for instance in random_instances(6, seed=42):
        ball = LpBall(2, instance.radius)
        found = bounds.crown_optimised(
            instance.net, instance.x, instance.y, ball, steps=5, learning_rate=5.0
        )
        direction = torch.randn(200, *instance.x.shape, dtype=torch.float64)
        delta = ball.radius * direction / direction.norm(dim=-1, keepdim=True)
        tried = torch.stack([gaps(instance.net(instance.x + d), instance.y) for d in delta])
        assert (tried.amax(0) <= found + 1e-12).all()
        assert all(p.grad is None for p in instance.net.parameters())
        assert not found.requires_grad


def test_leaking_neurons_keep_their_slope():
    torch.manual_seed(0)
    net = nn.Sequential(
        *(nn.Linear(3, 6), nn.LeakyReLU(0.3), nn.Linear(6, 5), nn.LeakyReLU(0.1), nn.Linear(5, 3))
    ).double()
    x, y, ball = torch.randn(4, 3).double(), torch.tensor([0, 1, 2, 0]), LpBall(math.inf, 0.4)
    found = bounds.crown_optimised(net, x, y, ball)
    corners = torch.cartesian_prod(*[torch.tensor([-0.4, 0.0, 0.4]).double()] * 3)
    tried = torch.stack([gaps(net(x + d), y) for d in corners])
    assert (tried.amax(0) <= found + 1e-12).all()
    assert (found <= bounds.crown(net, x, y, ball)).all()


def test_it_certifies_by_its_name_and_where_nothing_is_recorded():
    instance = next(iter(random_instances(1, seed=43)))
    given = (instance.net, instance.x, instance.y, LpBall(1, instance.radius / 4))
    with torch.inference_mode():
        inside = bounds.crown_optimised(*given)
    assert torch.equal(inside, bounds.crown_optimised(*given))
