"""What a default attack finds does not depend on the scale of the logits."""

import math
from functools import partial

import pytest
import torch

from robustcore import attacks, evaluation
from robustcore.balls import LpBall
from robustcore.networks import ReLUNetwork

STRONG = {
    "margin": partial(attacks.pgd, steps=10, loss=attacks.margin),
    "relative": partial(attacks.pgd, steps=10, loss=attacks.relative_cross_entropy),
    "dlr": partial(attacks.apgd, steps=10, losses=(attacks.dlr,)),
    "apgd": partial(attacks.apgd, steps=10),
    "strongest": partial(attacks.strongest, steps=6, targets=2),
}


def scaled(factor, classes=4):
    g = torch.Generator().manual_seed(1)
    net = ReLUNetwork((12, 16, 16, classes), g)
    with torch.no_grad():
        net.layers[-1].weight *= factor
        net.layers[-1].bias *= factor
    return net


def batch(n=40):
    g = torch.Generator().manual_seed(2)
    x = torch.rand(n, 12, generator=g)
    return x, scaled(1.0)(x).argmax(dim=1)


@pytest.mark.parametrize("p", [1, 2, math.inf])
@pytest.mark.parametrize("name", STRONG)
def test_an_attack_finds_the_same_points_at_every_power_of_two(name, p):
    """Powers of two only move the exponent: the answers are the same to the last bit."""
    x, y = batch()
    ball = LpBall(p, {1: 0.6, 2: 0.25, math.inf: 0.08}[p], (0, 1))
    found = STRONG[name](scaled(1.0), x, y, ball)
    assert bool((found != x).any())
    for power in (-20, 20):
        assert torch.equal(STRONG[name](scaled(2.0**power), x, y, ball), found)


def test_the_default_accuracy_is_the_same_at_every_scale():
    x, y = batch()
    ball = LpBall(2, 0.25)
    left = {
        f: evaluation.adversarial_accuracy(scaled(f), x, y, ball).value for f in (1.0, 1e-6, 1e6)
    }
    assert len(set(left.values())) == 1
    assert 0.1 < left[1.0] < 0.9
    published = evaluation.adversarial_accuracy(scaled(1e6), x, y, ball, attacks.pgd).value
    assert published > left[1.0] + 0.1  # as [B] ran it: no gradient is left of the cross-entropy


def test_the_relative_cross_entropy_by_hand():
    z = torch.tensor([[0.0, 1.0, 2.0], [3.0, 3.0, 3.0]], dtype=torch.float64)
    y = torch.tensor([2, 0])
    # spread 2 becomes 30: gaps 0, -15, -30; three equal logits have the gaps 0, 0, 0
    wanted = [math.log1p(math.exp(-15) + math.exp(-30)), math.log(3)]
    found = attacks.relative_cross_entropy(z, y).tolist()
    assert found == pytest.approx(wanted, rel=1e-9)
    assert attacks.relative_cross_entropy(2.0**40 * z, y).tolist() == found


def test_three_equal_logits_have_a_gradient():
    z = torch.ones(1, 4, requires_grad=True)
    for loss in (attacks.dlr, attacks.relative_cross_entropy):
        (gradient,) = torch.autograd.grad(loss(z, torch.tensor([0])).sum(), z)
        assert bool(gradient.isfinite().all())
