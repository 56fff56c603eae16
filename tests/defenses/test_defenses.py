"""Defenses: what they are equal to, how they are ordered, that their gradients are right."""

import math

import pytest
import torch
from torch import nn

from robustcore import attacks, defenses
from robustcore.balls import LpBall
from robustcore.errors import InputError
from robustcore.losses import cross_entropy, multiclass_hinge
from robustcore.networks import ReLUNetwork

L1 = LpBall(1, 0.3)


def batch(seed, n=5, d=6, K=3):
    g = torch.Generator().manual_seed(seed)
    net = ReLUNetwork((d, 7, 7, K), g, dtype=torch.float64)
    x = torch.randn(n, d, generator=g, dtype=torch.float64)
    return net, x, torch.randint(K, (n,), generator=g)


def every(ball):
    found = [
        defenses.nominal(),
        defenses.fgsm(ball),
        defenses.pgd(ball, steps=5),
        defenses.baseline(ball),
        defenses.arub(ball),
        defenses.coap(ball),
        defenses.crown(ball),
        defenses.ibp(ball),
        defenses.ibp(ball, clean_weight=0.3),
    ]
    return [*found, defenses.rub(ball), defenses.rub(ball, top=2)] if ball.p == 1 else found


@pytest.mark.parametrize("p", [1, 1.5, 2, math.inf])
def test_at_radius_zero_every_defense_is_nominal(p):
    net, x, y = batch(0)
    clean = cross_entropy(net(x), y).mean()
    for defense in every(LpBall(p, 0.0)):
        torch.testing.assert_close(defense(net, x, y), clean, rtol=1e-12, atol=1e-12)


def test_order_of_the_losses():
    for seed in range(10):
        net, x, y = batch(seed)
        losses = [d.per_sample(net, x, y) for d in every(L1)]
        clean, fast, slow, _, arub, coap, crown, ibp, mixed, rub, few = losses
        assert bool((torch.maximum(clean, fast) <= slow + 1e-12).all())
        for bound in (rub, coap, crown, ibp):
            assert bool((slow <= bound + 1e-12).all())  # a bound is above every attack
        assert torch.allclose(mixed, 0.3 * clean + 0.7 * ibp, rtol=1e-12)
        assert bool((few <= rub + 1e-12).all())
        assert bool((arub <= rub + 1e-12).all())  # the corollary to Theorem 11
        assert bool((rub > clean).all())


@pytest.mark.parametrize("p", [1, 1.5, 2, math.inf])
def test_gradients_against_finite_differences(p):
    ball = LpBall(p, 0.3)
    for defense in every(ball):
        net, x, y = batch(1)
        loss = defense(net, x, y)
        loss.backward()
        for parameter in (net.layers[0].weight, net.layers[1].bias, net.layers[2].weight):
            direction = torch.randn_like(parameter)
            slope = float((parameter.grad * direction).sum())
            h = 1e-7
            with torch.no_grad():
                parameter += h * direction
                above = attacked_elsewhere(defense, net, x, y, -h * direction, parameter)
                parameter -= 2 * h * direction
                below = attacked_elsewhere(defense, net, x, y, h * direction, parameter)
                parameter += h * direction
            assert (above - below) / (2 * h) == pytest.approx(slope, rel=1e-4, abs=1e-6), defense


def attacked_elsewhere(defense, net, x, y, back, parameter):
    """The loss with the attack held at the unmoved parameters: attacked inputs are constants."""
    if not repr(defense).startswith(("fgsm", "pgd")):
        return float(defense(net, x, y))
    parameter += back
    attack = defense.per_sample.keywords["attack"]
    x_attacked = attack(net, x, y, defense.ball)
    parameter -= back
    return float(cross_entropy(net(x_attacked), y).mean())


def test_losses_are_finite_at_any_radius():
    g = torch.Generator().manual_seed(0)
    net = ReLUNetwork((784, 50, 50, 10), g)
    x, y = torch.rand(4, 784, generator=g), torch.tensor([0, 3, 7, 9])
    balls = [(1, 280.0), (1, 1e6), (2, 280.0), (math.inf, 10.0), (math.inf, 1e6)]
    for p, radius in balls:
        for defense in every(LpBall(p, radius)):
            net.zero_grad()
            loss = defense(net, x, y)
            loss.backward()
            assert bool(torch.isfinite(loss)), defense
            assert all(bool(torch.isfinite(q.grad).all()) for q in net.parameters()), defense


@pytest.mark.parametrize("p", [1, 1.5, 2, math.inf])
def test_the_loss_of_a_batch_is_the_mean_over_its_samples(p):
    """Value and gradient: no sample sees another."""
    net, x, y = batch(2)
    parameters = list(net.parameters())
    for defense in every(LpBall(p, 0.3)):
        losses = [defense(net, x[i : i + 1], y[i : i + 1]) for i in range(len(x))]
        together, alone = defense(net, x, y), torch.stack(losses).mean()
        torch.testing.assert_close(together, alone, rtol=1e-12, atol=0)
        pairs = (torch.autograd.grad(value, parameters) for value in (together, alone))
        for one, other in zip(*pairs, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-14, msg=repr(defense))


def test_training_on_a_bound_lowers_it():
    """A few steps of descent on each bound: the gradient points where it should."""
    for make in (defenses.coap, defenses.crown, defenses.ibp, defenses.rub):
        net, x, _ = batch(5, n=20)
        y = x[:, :3].argmax(1)
        defense = make(L1)
        before = float(defense(net, x, y).detach())
        optimiser = torch.optim.SGD(net.parameters(), lr=0.1)
        for _ in range(20):
            optimiser.zero_grad()
            defense(net, x, y).backward()
            optimiser.step()
        assert float(defense(net, x, y).detach()) < 0.8 * before, defense


def test_another_loss():
    net, x, y = batch(3)
    rub = defenses.rub(L1, loss=multiclass_hinge).per_sample(net, x, y)
    worst = attacks.pgd(net, x, y, L1, loss=multiclass_hinge)
    assert bool((multiclass_hinge(net(worst), y) <= rub + 1e-12).all())


def test_random_starts_draw_from_the_generator():
    net, x, y = batch(4)
    for make in (defenses.fgsm, defenses.pgd):
        with pytest.raises(InputError, match="needs generator"):
            make(L1, random_start=True)
        g = torch.Generator().manual_seed(0)
        before = g.get_state()
        make(L1, random_start=True, generator=g)(net, x, y)
        assert not torch.equal(before, g.get_state())


def test_a_defense_reads_as_its_call():
    ball = LpBall(math.inf, 0.1, (0, 1))
    text = "LpBall(inf, 0.1, box=(0, 1))"
    assert repr(defenses.nominal()) == "nominal()"
    assert repr(defenses.arub(ball)) == f"arub({text})"
    assert repr(defenses.pgd(ball, steps=7)) == f"pgd({text}, steps=7)"
    assert repr(defenses.rub(LpBall(1, 2.8))) == "rub(LpBall(1, 2.8))"
    assert repr(defenses.coap(ball)) == f"coap({text})"
    assert repr(defenses.crown(ball)) == f"crown({text})"
    assert repr(defenses.ibp(ball)) == f"ibp({text})"
    assert repr(defenses.ibp(ball, clean_weight=0.5)) == f"ibp({text}, clean_weight=0.5)"


def test_rub_refuses_another_ball():
    with pytest.raises(InputError, match=r"needs an L1 ball, got p=inf; use arub, or LpBall\(1"):
        defenses.rub(LpBall(math.inf, 0.1))


def test_the_weight_of_the_clean_loss_is_a_share():
    with pytest.raises(InputError, match=r"clean_weight must be between 0 and 1, got 1\.5"):
        defenses.ibp(L1, clean_weight=1.5)
    net, x, y = batch(6)
    only_clean = defenses.ibp(L1, clean_weight=1.0)(net, x, y)
    torch.testing.assert_close(only_clean, defenses.nominal()(net, x, y))


def test_rub_at_few_vertices_is_below_the_full_one_and_says_so():
    net, x, y = batch(0)
    ball = LpBall(1, 0.5)
    few, full = defenses.rub(ball, top=1), defenses.rub(ball)
    assert repr(few) == "rub(LpBall(1, 0.5), top=1)"
    assert float(few(net, x, y).detach()) <= float(full(net, x, y).detach()) + 1e-12


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_softmax_at_the_end_is_refused_and_a_log_softmax_changes_nothing(wrapped):
    """Bounds leave it out and attacks do not: CROWN's loss would lie below PGD's."""
    _, x, y = batch(0)
    chain = nn.Sequential(*[nn.Linear(6, 7), nn.ReLU(), nn.Linear(7, 3)]).double()
    ended = nn.Sequential(chain, nn.Softmax(dim=1)) if wrapped else chain.append(nn.Softmax(dim=1))
    for defense in every(L1):
        with pytest.raises(InputError, match="ends with a Softmax"):
            defense(ended, x, y)
    plain = nn.Sequential(*list(chain.children())[:3])
    logged = nn.Sequential(plain, nn.LogSoftmax(dim=1))
    for defense in every(L1):
        assert torch.allclose(defense(plain, x, y), defense(logged, x, y), atol=1e-12)
