import dataclasses
import math
from functools import partial

import numpy as np
import pytest
import torch
from scipy.stats import binom

from robustcore import attacks, bounds, defenses, evaluation, training
from robustcore.balls import LpBall
from robustcore.errors import InputError, RobustcoreError
from robustcore.evaluation import Accuracy
from robustcore.networks import ReLUNetwork


def trained(seed, n=40):
    g = torch.Generator().manual_seed(seed)
    y = torch.arange(n) % 3
    centres = torch.randn(3, 4, generator=g)
    x = 2 * centres[y] + 0.8 * torch.randn(n, 4, generator=g)
    net = ReLUNetwork((4, 10, 10, 3), g)
    training.fit(
        net,
        (x, y),
        defenses.nominal(),
        steps=60,
        batch_size=20,
        learning_rate=1e-2,
        generator=g,
        progress=False,
    )
    return net, x, y


def test_certified_is_at_most_exact_is_at_most_adversarial_is_at_most_clean():
    strict = {"certified": 0, "adversarial": 0}
    for seed in range(3):
        net, x, y = trained(seed)
        for radius in (0.0, 0.6, 2.0):
            ball = LpBall(1, radius)
            clean = evaluation.correct(net, x, y)
            stands = evaluation.withstands(net, x, y, ball)
            proved = evaluation.certified(net, x, y, ball, method="rub")
            exact = evaluation.certified(net, x[:4], y[:4], ball, method="exact")
            assert bool((proved <= stands).all())
            assert bool((stands <= clean).all())
            assert bool((proved[:4] <= exact).all())
            assert bool((exact <= stands[:4]).all())
            strict["certified"] += int((stands & ~proved).sum())
            strict["adversarial"] += int((clean & ~stands).sum())
            if radius == 0:
                assert torch.equal(proved, clean)
    assert min(strict.values()) > 0  # the three differ somewhere, or the test is empty


@pytest.mark.parametrize("p", [1, 2, math.inf])
def test_best_certifies_whatever_one_method_does(p):
    methods = ("rub", "crown", "ibp") if p == 1 else ("crown", "ibp")
    for seed in range(3):
        net, x, y = trained(seed)
        ball = LpBall(p, 0.4)
        best = evaluation.certified(net, x, y, ball)
        each = torch.stack([evaluation.certified(net, x, y, ball, method) for method in methods])
        assert bool((each <= best).all())
        assert bool((best <= evaluation.withstands(net, x, y, ball)).all())
        assert int(best.sum()) > 0


def test_certified_samples_withstand_thousands_of_random_points():
    net, x, y = trained(1)
    ball = LpBall(1, 0.8)
    proved = evaluation.certified(net, x, y, ball)
    assert 0 < int(proved.sum()) < len(x)
    x, y = x[proved].double(), y[proved]
    delta = np.concatenate([ball.vertices(4), ball.sample((2000, 4), np.random.default_rng(0))])
    points = x[:, None] + torch.as_tensor(delta)
    z = net.double()(points.reshape(-1, 4))
    assert bool((z.argmax(-1).reshape(len(y), -1) == y[:, None]).all())


def test_certification_is_in_float64_whatever_the_network():
    net, x, y = trained(0)
    ball = LpBall(1, 0.5)
    bound = bounds.rub(net, x.double(), y, ball).detach()
    others = torch.nn.functional.one_hot(y, 3) == 0
    worst = bound[others].reshape(len(y), 2).amax(-1)
    at = float(worst[worst < 0].max())  # the sample nearest to the line
    certified = partial(evaluation.certified, net, x, y, ball, rounding="none")
    before = certified(margin=-at * (1 - 1e-12)).sum()
    after = certified(margin=-at * (1 + 1e-12)).sum()
    assert int(before) == int(after) + 1


def test_a_sample_falls_to_the_strongest_of_several_attacks():
    net, x, y = trained(2)
    ball = LpBall(math.inf, 0.6)
    several = [attacks.fgm, partial(attacks.pgd, loss=attacks.margin)]
    both = evaluation.withstands(net, x, y, ball, several)
    alone = [evaluation.withstands(net, x, y, ball, one) for one in several]
    assert torch.equal(both, alone[0] & alone[1])
    assert int(both.sum()) < int(evaluation.correct(net, x, y).sum())


def test_an_attack_that_cheats_is_refused():
    net, x, y = trained(0)
    with pytest.raises(RobustcoreError, match="are outside LpBall"):
        evaluation.adversarial_accuracy(net, x, y, LpBall(1, 0.1), lambda net, x, y, ball: x + 1)


@pytest.mark.parametrize(("k", "n"), [(0, 20), (1, 20), (13, 20), (20, 20), (970, 1000)])
def test_the_interval_is_the_exact_one(k, n):
    accuracy = Accuracy.of(torch.arange(n) < k)
    assert accuracy.value == k / n
    assert accuracy.low <= accuracy.value <= accuracy.high
    # at each end the observed count sits exactly in the 2.5 % tail
    assert k == 0 or binom.sf(k - 1, n, accuracy.low) == pytest.approx(0.025, rel=1e-6)
    assert k == n or binom.cdf(k, n, accuracy.high) == pytest.approx(0.025, rel=1e-6)
    wider = Accuracy.of(torch.arange(n) < k, confidence=0.99)
    assert wider.high - wider.low > accuracy.high - accuracy.low


def test_an_accuracy_is_a_frozen_sentence():
    accuracy = Accuracy.of(torch.tensor([True, True, True, False]))
    assert str(accuracy) == "75.0% [19.4%, 99.4%] of 4"
    with pytest.raises(dataclasses.FrozenInstanceError):
        accuracy.value = 1.0


def test_a_tie_is_an_error():
    net = ReLUNetwork.from_arrays([(torch.zeros(2, 1), torch.zeros(2))])
    x, y = torch.zeros(3, 1), torch.tensor([0, 1, 0])
    assert evaluation.clean_accuracy(net, x, y).value == 0.0
    assert evaluation.certified_accuracy(net, x, y, LpBall(1, 0.0)).value == 0.0


def test_evaluation_restores_the_mode():
    net, x, y = trained(0)
    net.train()
    evaluation.clean_accuracy(net, x, y)
    assert net.training


def test_refusals():
    net, x, y = trained(0)
    ball = LpBall(1, 0.1)
    with pytest.raises(InputError, match="arub is an estimate and proves nothing"):
        evaluation.certified_accuracy(net, x, y, ball, method="arub")
    with pytest.raises(
        InputError, match="coap, crown, crown_optimised, ibp, exact, best, got 'luck'"
    ):
        evaluation.certified_accuracy(net, x, y, ball, method="luck")
    with pytest.raises(InputError, match="RUB needs an L1 ball, got p=2"):
        evaluation.certified_accuracy(net, x, y, LpBall(2, 0.1), method="rub")
    with pytest.raises(InputError, match="margin must be"):
        evaluation.certified_accuracy(net, x, y, ball, margin=-1.0)
    with pytest.raises(InputError, match="at least one sample"):
        evaluation.clean_accuracy(net, x[:0], y[:0])
    with pytest.raises(InputError, match="y must have shape"):
        evaluation.clean_accuracy(net, x, y[:-1])
