"""Bounds, attacks, defenses, training and evaluation follow the device of their inputs."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from second_device import NAME, Elsewhere, moved, second_device
from torch import nn

from robustcore import (
    LpBall,
    attacks,
    bounds,
    convex,
    defenses,
    evaluation,
    networks,
    patterns,
    training,
)
from robustcore.balls import Cut, Hull, PerturbationSet, Radii, Sum, Swaps
from robustcore.methods import METHODS
from robustcore.networks import ReLUNetwork, Scaler, Stack, plain

M, K, N = 6, 3, 5
L1, L2, LINF = LpBall(1, 0.2), LpBall(2, 0.1), LpBall(math.inf, 0.05)
BOXED = LpBall(1, 0.2, box=(0.0, 1.0))
RADII = Radii(math.inf, np.linspace(0.0, 0.1, M))
SWAPS = Swaps([[3, 4, 5]])
SUM = Sum([Radii(1, [0.1, 0.2, 0.1, 0, 0, 0]), SWAPS])
HULL = Hull(torch.rand(3, M, generator=torch.Generator().manual_seed(4)) / 5)
TABLES = (RADII, SWAPS, SUM, HULL)  # what people ask about on tables
BALLS = (BOXED, L2, LINF, Cut(BOXED), Cut(LINF, (0, 1)), Cut(L2, (0, 1)), *TABLES)
BOUNDS: dict[str, tuple[Callable[..., torch.Tensor], PerturbationSet]] = {
    **{
        f"{m.name}-{b}": (m.bound, b)
        for m in METHODS.values()
        for b in BALLS
        if m.bound and m.takes(b)
    },
    "rub_top": (partial(bounds.rub_top, top=2), L1),
}
ATTACKS: dict[str, tuple[Callable[..., torch.Tensor], PerturbationSet]] = {
    "fgm": (attacks.fgm, L1),
    "fgm-boxed": (attacks.fgm, BOXED),
    "pgd-Linf": (partial(attacks.pgd, steps=3), LINF),
    "pgd-L2": (partial(attacks.pgd, steps=3), L2),
    "apgd-L1": (partial(attacks.apgd, steps=4), BOXED),
    "apgd-Linf": (partial(attacks.apgd, steps=4), LINF),
    **{f"apgd-{b}": (partial(attacks.apgd, steps=3), b) for b in TABLES},
    **{f"fgm-{b}": (attacks.fgm, b) for b in TABLES},
    "strongest-swaps": (partial(attacks.strongest, steps=3), SWAPS),
    "pgd-sum": (partial(attacks.pgd, steps=3), SUM),
    "strongest": (partial(attacks.strongest, steps=3), L1),
    "published fgm": (partial(attacks.as_published, method="fgm"), L2),
    "published pgd": (partial(attacks.as_published, random_start=False, steps=3), LINF),
}
DEFENSES: dict[str, defenses.Defense] = {
    "nominal": defenses.nominal(),
    "fgsm": defenses.fgsm(LINF),
    "pgd": defenses.pgd(LINF, steps=2),
    "baseline": defenses.baseline(LINF),
    "arub": defenses.arub(L1),
    "rub": defenses.rub(L1),
    "rub top": defenses.rub(L1, top=1),
    "crown": defenses.crown(LINF),
    "coap": defenses.coap(LINF),
    "ibp": defenses.ibp(LINF),
    "trades": defenses.trades(LINF, steps=2),
    "rub_boxed": defenses.rub_boxed(BOXED, top=2, classes=2),
    "crown radii": defenses.crown(RADII),
    "pgd swaps": defenses.pgd(SWAPS, steps=2),
}


@pytest.fixture(autouse=True)
def _trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Networks are read from plain tensors only; here those of the second device count as such."""
    monkeypatch.setattr(plain, "PLAIN_TENSORS", (*plain.PLAIN_TENSORS, Elsewhere))


def _dense() -> nn.Module:
    scaler = Scaler(torch.full((M,), 0.4).double(), torch.linspace(0.5, 2, M).double())
    generator = torch.Generator().manual_seed(0)
    return ReLUNetwork([M, 7, 6, K], generator, scaler=scaler, dtype=torch.float64)


def _bare() -> nn.Module:
    generator = torch.Generator().manual_seed(0)
    return ReLUNetwork([M, 7, 6, K], generator, dtype=torch.float64)


def _chain() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(M, 7), nn.ReLU(), nn.Linear(7, K)).double()


def _data() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    x = torch.rand(N, M, generator=generator, dtype=torch.float64)
    x[:, 3:] = torch.eye(3, dtype=torch.float64)[torch.arange(N) % 3]  # a category
    return x, torch.arange(N) % K


def _to(net: nn.Module) -> nn.Module:
    """Every parameter and buffer on the second device, in place."""
    for module in net.modules():
        for name, value in list(module.named_parameters(recurse=False)):
            here = nn.Parameter(moved(value.detach()))
            if isinstance(module, nn.ParameterList):
                module[int(name)] = here
            else:
                setattr(module, name, here)
        for name, value in list(module.named_buffers(recurse=False)):
            setattr(module, name, moved(value))
    return net


def _same(found: Any, wanted: torch.Tensor) -> None:
    assert isinstance(found, Elsewhere)
    assert found.device.type == NAME
    torch.testing.assert_close(found.held, wanted.detach(), rtol=1e-9, atol=1e-11)


def test_the_device_refuses_what_a_gpu_refuses() -> None:
    with second_device():
        a = moved(torch.ones(3))
        with pytest.raises(RuntimeError, match="two devices"):
            a + torch.ones(3)
        with pytest.raises(TypeError, match="numpy"):
            a.numpy()
        _same(a + 1.0, torch.full((3,), 2.0))
        _same(torch.zeros(3, device=a.device), torch.zeros(3))
        _same(a[[0, 2]], torch.ones(2))
        assert type(a.cpu()) is torch.Tensor


@pytest.mark.parametrize("make", [_dense, _chain])
@pytest.mark.parametrize("name", BOUNDS)
def test_bounds(name: str, make: Callable[[], nn.Module]) -> None:
    bound, ball = BOUNDS[name]
    x, y = _data()
    wanted = bound(make(), x, y, ball)
    with second_device():
        _same(bound(_to(make()), moved(x), moved(y), ball), wanted)


@pytest.mark.parametrize("name", ATTACKS)
def test_attacks(name: str) -> None:
    attack, ball = ATTACKS[name]
    x, y = _data()
    wanted = attack(_dense(), x, y, ball)
    with second_device():
        _same(attack(_to(_dense()), moved(x), moved(y), ball), wanted)


@pytest.mark.parametrize("make", [_dense, _bare])  # by autograd, and by explicit forms
@pytest.mark.parametrize("name", DEFENSES)
def test_defenses_and_their_gradients(name: str, make: Callable[[], nn.Module]) -> None:
    defense, net, (x, y) = DEFENSES[name], make(), _data()
    loss = defense(net, x, y)
    loss.backward()
    with second_device():
        other = _to(make())
        found = defense(other, moved(x), moved(y))
        _same(found, loss)
        found.backward()
        for one, wanted in zip(other.parameters(), net.parameters(), strict=True):
            assert wanted.grad is not None
            _same(one.grad, wanted.grad)


@pytest.mark.parametrize("name", DEFENSES)
def test_stacks(name: str) -> None:
    x, y = _data()

    def stack() -> Stack:
        return Stack([_dense(), _dense()])  # type: ignore[list-item]

    radius = torch.tensor([0.05, 0.2], dtype=torch.float64)
    wanted = DEFENSES[name].of_each(stack(), x, y, radius)
    with second_device():
        found = DEFENSES[name].of_each(_to(stack()), moved(x), moved(y), moved(radius))
        _same(found, wanted)


@pytest.mark.parametrize("stacked", [False, True])
def test_training(stacked: bool) -> None:
    def net() -> nn.Module:
        return Stack([_dense(), _dense()]) if stacked else _dense()  # type: ignore[list-item]

    def train(one: nn.Module, x: torch.Tensor, y: torch.Tensor) -> training.TrainingRecord:
        return training.fit(
            one,
            (x, y),
            defenses.pgd(LINF, steps=2),
            steps=3,
            batch_size=3,
            learning_rate=1e-2,
            generator=torch.Generator().manual_seed(0),
            progress=False,
        )

    x, y = _data()
    wanted = train(net(), x, y)
    with second_device():
        found = train(_to(net()), moved(x), moved(y))
    torch.testing.assert_close(torch.tensor(found.losses), torch.tensor(wanted.losses))


@pytest.mark.parametrize("method", ["best", "rub", "crown", "rub_boxed"])
def test_certificates(method: str) -> None:
    x, y = _data()
    wanted = evaluation.certified(_dense(), x, y, BOXED, method)
    with second_device():
        _same(evaluation.certified(_to(_dense()), moved(x), moved(y), BOXED, method), wanted)


def test_accuracy_and_radius() -> None:
    x, y = _data()
    wanted = evaluation.adversarial_accuracy(_dense(), x, y, L1)
    clean = evaluation.clean_accuracy(_dense(), x, y)
    with second_device():
        net, here, labels = _to(_dense()), moved(x), moved(y)
        assert evaluation.adversarial_accuracy(net, here, labels, L1) == wanted
        assert evaluation.clean_accuracy(net, here, labels) == clean


@pytest.mark.parametrize("ball", [L1, LINF, RADII])
def test_the_certified_radius_of_each_sample(ball: PerturbationSet) -> None:
    x, y = _data()
    wanted = evaluation.certified_radius(_dense(), x, y, ball)
    with second_device():
        _same(evaluation.certified_radius(_to(_dense()), moved(x), moved(y), ball), wanted)


@pytest.mark.parametrize("ball", [LINF, SWAPS, SUM])
def test_as_many_certificates_as_a_time_allows(ball: PerturbationSet) -> None:
    x, y = _data()
    wanted = evaluation.certify_within(_dense(), x, y, ball, seconds=60)
    with second_device():
        found = evaluation.certify_within(_to(_dense()), moved(x), moved(y), ball, seconds=60)
    assert found.by == wanted.by


@pytest.mark.parametrize("ball", [None, LpBall(math.inf, 0.05), LpBall(2, 0.05), LpBall(1, 0.05)])
@pytest.mark.parametrize("loss", ["hinge", "squared", "logistic"])
def test_convex_programs(loss: str, ball: LpBall | None) -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((16, 3))
    y = np.where(X[:, 0] > 0, 1.0, -1.0)
    draws = [patterns.sample(X, 4, rng) for _ in range(2)]
    ask = partial(convex.train_batch, X, y, draws, beta=1e-2, loss=loss, ball=ball)
    wanted = ask()
    with second_device():
        found = ask(options={"device": NAME})
    for one, other in zip(found, wanted, strict=True):
        assert one.gap < 1e-6
        assert abs(one.objective - other.objective) < 2e-6


def test_a_convolutional_network() -> None:
    def net() -> nn.Module:
        torch.manual_seed(0)
        return networks.convolutional_network((1, 8, 8), (2, 3), 5, K, kernel=3).double()

    x = torch.rand(2, 64, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    y = torch.tensor([0, 2])
    wanted = bounds.rub(net(), x, y, L1)
    with second_device():
        _same(bounds.rub(_to(net()), moved(x), moved(y), L1), wanted)
