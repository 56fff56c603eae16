"""TRADES: what it adds to the clean loss, and that it trains."""

import math

import pytest
import torch

from robustcore import attacks, defenses, training
from robustcore.balls import Hull, LpBall, Radii
from robustcore.errors import InputError
from robustcore.losses import cross_entropy
from robustcore.networks import ReLUNetwork


def task(n=30, outputs=3):
    g = torch.Generator().manual_seed(0)
    net = ReLUNetwork((4, 8, outputs), g, dtype=torch.float64)
    return net, torch.randn(n, 4, generator=g, dtype=torch.float64), torch.arange(n) % 3


@pytest.mark.parametrize("there", [LpBall(1, 0.3), LpBall(math.inf, 0.1), Radii(2, [0.3] * 4)])
def test_it_adds_the_divergence_at_the_attacked_point(there):
    net, x, y = task()
    loss = defenses.trades(there, weight=2.0, steps=5).per_sample(net, x, y)
    p, q = net(x).softmax(-1), net(attacks.pgd(net, x, y, there, steps=5)).softmax(-1)
    added = (p * (p / q).log()).sum(-1)
    assert (added > 1e-6).all()
    torch.testing.assert_close(loss, cross_entropy(net(x), y) + 2 * added)


def test_by_hand():
    """z = (0, x): at x = 0 both classes have 1/2, at x = 1/2 the second has 1/(1 + e^-1/2)."""
    net = torch.nn.Linear(1, 2).double()
    with torch.no_grad():
        net.weight.copy_(torch.tensor([[0.0], [1.0]]))
        net.bias.zero_()
    x, y = torch.zeros(1, 1, dtype=torch.float64), torch.tensor([0])
    q = 1 / (1 + math.exp(-0.5))
    expected = math.log(2) + 3 * (0.5 * math.log(0.5 / q) + 0.5 * math.log(0.5 / (1 - q)))
    loss = defenses.trades(LpBall(2, 0.5), weight=3.0)(net, x, y).detach()
    assert abs(float(loss) - expected) < 1e-9


def test_without_weight_or_radius_it_is_nominal():
    net, x, y = task()
    clean = cross_entropy(net(x), y).mean()
    ball = LpBall(2, 0.3)
    for made in (defenses.trades(ball, weight=0.0), defenses.trades(ball).with_radius(0.0)):
        torch.testing.assert_close(made(net, x, y), clean)


def test_gradients_flow_through_both_answers():
    """In one dimension x' stays at the end of the ball, so the loss is smooth in the parameters."""
    g = torch.Generator().manual_seed(1)
    net = ReLUNetwork((1, 2), g, dtype=torch.float64)
    x, y = torch.tensor([[0.4], [-0.7]], dtype=torch.float64), torch.tensor([0, 1])
    made = defenses.trades(LpBall(2, 0.5), weight=2.0)
    weight = net.layers[0].weight
    (slope,) = torch.autograd.grad(made(net, x, y), weight)
    for k in range(2):
        values = []
        for step in (1e-6, -1e-6):
            with torch.no_grad():
                weight[k, 0] += step
                values.append(float(made(net, x, y).detach()))
                weight[k, 0] -= step
        assert abs((values[0] - values[1]) / 2e-6 - slope[k, 0]) < 1e-7


def test_one_output_trains():
    net, x, y = task(outputs=1)
    record = training.fit(
        net, (x, (y == 0).long()), defenses.trades(LpBall(2, 0.1), steps=3), steps=40,
        batch_size=30, learning_rate=1e-2, generator=torch.Generator(), progress=False,
    )  # fmt: skip
    assert record.losses[-5:].mean() < record.losses[:5].mean()


def test_refusals():
    with pytest.raises(InputError, match="weight must be"):
        defenses.trades(LpBall(2, 0.1), weight=-1)


@pytest.mark.parametrize("make", [defenses.trades, defenses.pgd])
def test_over_a_set_without_projection_it_climbs_towards_its_points(make):
    net, x, y = task()
    hull = Hull(0.3 * torch.randn(5, x.shape[1], generator=torch.Generator().manual_seed(0)))
    worst = defenses.pgd(hull, steps=20)(net, x, y)
    assert defenses.nominal()(net, x, y) < defenses.fgsm(hull)(net, x, y) <= worst + 1e-6
    loss = make(hull)(net, x, y)
    loss.backward()
    assert all(part.grad.isfinite().all() for part in net.parameters())
    with pytest.raises(InputError, match="pgd asks for the projection of the set, which Hull"):
        defenses.pgd(hull, step_size=0.1)
