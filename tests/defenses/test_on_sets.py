"""Defenses over other sets than balls: their losses are upper bounds, and they train."""

import math

import numpy as np
import pytest
import torch

from robustcore import attacks, defenses, evaluation, training
from robustcore.balls import Hull, Radii, Swaps
from robustcore.errors import InputError
from robustcore.losses import cross_entropy
from robustcore.networks import ReLUNetwork, Stack

SETS = {
    "radii, L1": Radii(1, [0.3, 0.1, 0.0, 0.2, 0.2]),
    "radii, Linf": Radii(math.inf, [0.1, 0.1, 0.0, 0.05, 0.05]),
    "swaps and numbers": Swaps([[2, 3, 4]], Radii(1, [0.3, 0.2, 0, 0, 0])),
    "a hull": Hull(0.2 * np.random.default_rng(0).standard_normal((4, 5))),
}
BOUNDS = ("rub", "crown", "ibp", "coap")


def task(n=40):
    g = torch.Generator().manual_seed(0)
    net = ReLUNetwork((5, 8, 8, 3), g, dtype=torch.float64)
    x = torch.randn(n, 5, generator=g, dtype=torch.float64)
    category = torch.randint(3, (n,), generator=g)
    x[:, 2:] = torch.nn.functional.one_hot(category, 3).to(x)
    return net, x, (x[:, 0] > 0).long() + (category == 2), g


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("defense", BOUNDS)
def test_a_bounded_loss_is_above_that_of_every_attack(defense, name):
    net, x, y, _ = task()
    there = SETS[name]
    if defense == "rub" and there.lacks("the extreme points"):
        with pytest.raises(InputError, match="rub asks for the extreme points"):
            defenses.rub(there)
        return
    loss = getattr(defenses, defense)(there).per_sample(net, x, y)
    for attack in (attacks.fgm, attacks.apgd):
        assert (cross_entropy(net(attack(net, x, y, there)), y) <= loss + 1e-9).all()
    nothing = getattr(defenses, defense)(there.with_radius(0.0)).per_sample(net, x, y)
    assert torch.allclose(nothing, cross_entropy(net(x), y), atol=1e-9)


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("defense", ["arub", "baseline", "fgsm", "crown"])
def test_a_stack_takes_the_set_as_its_networks_do(defense, name):
    net, x, y, g = task()
    other = ReLUNetwork((5, 8, 8, 3), g, dtype=torch.float64)
    made = getattr(defenses, defense)(SETS[name])
    each = made.of_each(Stack([net, other]), x, y)
    alone = torch.stack([made.per_sample(one, x, y) for one in (net, other)])
    assert torch.allclose(each, alone, atol=1e-12)


def test_training_on_a_threat_certifies_more_of_it():
    _, x, y, g = task(120)
    there = SETS["swaps and numbers"]
    shares = []
    for defense in (defenses.nominal(), defenses.rub(there)):
        net = ReLUNetwork((5, 8, 8, 3), torch.Generator().manual_seed(1), dtype=torch.float64)
        training.fit(
            net, (x, y), defense, steps=300, batch_size=40, learning_rate=1e-2, generator=g,
            progress=False, radius_schedule=training.rising(),
        )  # fmt: skip
        shares.append(evaluation.certified_accuracy(net, x, y, there, "rub").value)
    assert shares[1] > shares[0] + 0.1


def test_a_set_for_certain_samples_is_not_trained_on_as_batches_are_drawn():
    net, x, y, g = task()
    for there in (Radii(2, torch.ones(len(x), 1)), Hull(torch.ones(len(x), 2, 5))):
        defense = defenses.crown(there)
        assert torch.isfinite(defense(net, x, y))
        with pytest.raises(InputError, match="has a set for each of certain samples, and batches"):
            training.fit(
                net, (x, y), defense, steps=1, batch_size=len(x), learning_rate=0.1, generator=g
            )
