"""A stack trains as its networks do one by one, on every defense, each at its own radius."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from robustcore import LpBall, defenses, training
from robustcore.defenses import Defense
from robustcore.errors import DivergenceError, InputError
from robustcore.networks import ReLUNetwork, RowsOf, Scaler, Stack

RADII = (0.05, 0.2, 0.7)
M, K = 6, 4
Make = Callable[[LpBall], Defense]
DEFENSES: dict[str, tuple[Make, LpBall]] = {
    "nominal": (lambda ball: defenses.nominal(), LpBall(2, 0.1)),
    "fgsm": (defenses.fgsm, LpBall(math.inf, 0.1)),
    "fgsm-L2": (defenses.fgsm, LpBall(2, 0.1)),
    "pgd": (lambda ball: defenses.pgd(ball, steps=4), LpBall(math.inf, 0.1)),
    "pgd-box": (lambda ball: defenses.pgd(ball, steps=4), LpBall(math.inf, 0.1, box=(0, 1))),
    "pgd-L2": (lambda ball: defenses.pgd(ball, steps=4), LpBall(2, 0.1)),
    "pgd-L1": (lambda ball: defenses.pgd(ball, steps=4), LpBall(1, 0.1)),
    "pgd-size": (lambda ball: defenses.pgd(ball, 3, 0.05), LpBall(math.inf, 0.1)),
    "baseline": (defenses.baseline, LpBall(math.inf, 0.1)),
    "baseline-L3": (defenses.baseline, LpBall(3, 0.1)),
    "arub-Linf": (defenses.arub, LpBall(math.inf, 0.1)),
    "arub-L1": (defenses.arub, LpBall(1, 0.1)),
    "arub-L2": (defenses.arub, LpBall(2, 0.1)),
    "rub": (defenses.rub, LpBall(1, 0.1)),
    "rub-top-1": (lambda ball: defenses.rub(ball, top=1), LpBall(1, 0.1)),
    "rub-top-3": (lambda ball: defenses.rub(ball, top=3), LpBall(1, 0.1)),
    "crown": (defenses.crown, LpBall(math.inf, 0.1)),
    "coap": (defenses.coap, LpBall(1, 0.1)),
    "ibp": (lambda ball: defenses.ibp(ball, clean_weight=0.5), LpBall(math.inf, 0.1)),
}


def _networks(sizes: tuple[int, ...] = (M, 8, 7, K)) -> list[ReLUNetwork]:
    generator = torch.Generator().manual_seed(1)
    scaler = Scaler(torch.full((M,), 0.4).double(), torch.linspace(0.5, 2, M).double())
    return [ReLUNetwork(sizes, generator, scaler=scaler, dtype=torch.float64) for _ in RADII]


def _data(n: int = 20) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(2)
    x = torch.rand(n, M, generator=generator, dtype=torch.float64)
    return x, torch.randint(K, (n,), generator=generator)


@pytest.mark.parametrize("name", DEFENSES)
@pytest.mark.parametrize("sizes", [(M, 8, 7, K), (M, 9, K), (M, K), (M, 5, 5, 5, K)])
def test_losses_and_gradients_are_those_of_the_networks_one_by_one(
    name: str, sizes: tuple[int, ...]
) -> None:
    make, ball = DEFENSES[name]
    networks, (x, y) = _networks(sizes), _data()
    stack = Stack(networks)
    losses = make(ball).of_each(stack, x, y, torch.tensor(RADII, dtype=torch.float64))
    losses.mean(dim=1).sum().backward()
    for s, (net, radius) in enumerate(zip(networks, RADII, strict=True)):
        alone = make(ball).with_radius(radius).per_sample(net, x, y)
        torch.testing.assert_close(losses[s], alone, rtol=1e-11, atol=1e-12)
        alone.mean().backward()
        for l, layer in enumerate(net.layers):
            for stacked, own in ((stack.weights, layer.weight), (stack.biases, layer.bias)):
                torch.testing.assert_close(stacked[l].grad[s], own.grad, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", ["nominal", "pgd", "arub-L1", "rub-top-1", "crown"])
def test_training_together_is_training_one_by_one(name: str) -> None:
    make, ball = DEFENSES[name]
    networks, rates = _networks(), (1e-2, 3e-3, 1e-3)
    stack = Stack(networks)
    options = {
        "steps": 25,
        "batch_size": 8,
        "progress": False,
        "rate_schedule": training.falling,
        "radius_schedule": training.rising(0.4),
    }
    record = training.fit(
        stack,
        _data(),
        make(ball),
        learning_rate=torch.tensor(rates),
        radius=torch.tensor(RADII, dtype=torch.float64),
        generator=torch.Generator().manual_seed(3),
        **options,
    )
    assert record.losses.shape == (25, 3)
    assert record.diverged is not None
    assert not record.diverged.any()
    for s, (net, found) in enumerate(zip(networks, stack.unstack(), strict=True)):
        alone = training.fit(
            net,
            _data(),
            make(ball).with_radius(RADII[s]),
            learning_rate=rates[s],
            generator=torch.Generator().manual_seed(3),
            **options,
        )
        np.testing.assert_allclose(record.losses[:, s], alone.losses, rtol=1e-6)
        x = _data()[0]
        torch.testing.assert_close(found(x), net(x), rtol=1e-5, atol=1e-6)
        assert not torch.equal(net(x), _networks()[s](x))  # it did train


def test_a_network_that_diverges_freezes_and_the_others_go_on() -> None:
    networks = _networks()
    with torch.no_grad():
        networks[1].layers[0].weight.mul_(1e200)
        networks[1].layers[1].weight.mul_(1e200)  # type: ignore[operator]
    stack, healthy = Stack(networks), Stack([networks[0], networks[2]])
    options = {
        "steps": 5,
        "batch_size": 8,
        "learning_rate": 1e-2,
        "progress": False,
    }
    record = training.fit(
        stack,
        _data(),
        defenses.nominal(),
        generator=torch.Generator().manual_seed(3),
        **options,
    )
    alone = training.fit(
        healthy,
        _data(),
        defenses.nominal(),
        generator=torch.Generator().manual_seed(3),
        **options,
    )
    assert record.diverged is not None
    assert record.diverged.tolist() == [0, 1, 0]
    assert np.isnan(record.losses[:, 1]).all()
    np.testing.assert_array_equal(record.losses[:, [0, 2]], alone.losses)
    for before, after in zip(
        networks[1].parameters(), stack.unstack()[1].parameters(), strict=True
    ):
        assert torch.equal(before, after)


def test_when_all_diverge_the_step_is_named() -> None:
    networks = _networks()
    for net in networks:
        with torch.no_grad():
            net.layers[0].weight.mul_(1e200)
            net.layers[1].weight.mul_(1e200)  # type: ignore[operator]
    with pytest.raises(DivergenceError, match="all 3 networks, the last at step 1 of 2"):
        training.fit(
            Stack(networks),
            _data(),
            defenses.nominal(),
            steps=2,
            batch_size=8,
            learning_rate=1e-2,
            generator=torch.Generator(),
            progress=False,
        )


def test_rows_of_a_stack_are_its_networks_one_after_the_other() -> None:
    stack, (x, _) = Stack(_networks()), _data()
    together = RowsOf(stack)(x.repeat(3, 1)).view(3, len(x), K)
    torch.testing.assert_close(together, stack(x))
    for s, net in enumerate(stack.unstack()):
        torch.testing.assert_close(together[s], net(x))


def test_what_a_stack_is_not_made_of() -> None:
    first = _networks()[0]
    with pytest.raises(InputError, match="at least one network"):
        Stack([])
    with pytest.raises(InputError, match="one shape"):
        Stack([first, ReLUNetwork([M, 3, K], scaler=first.scaler)])
    with pytest.raises(InputError, match="one scaler"):
        Stack([first, ReLUNetwork([M, 8, 7, K], dtype=torch.float64)])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"learning_rate": torch.ones(2)}, r"learning_rate must be a number or \(3,\), got \(2,\)"),
        ({"radius": torch.ones(4)}, r"radius must be a number or \(3,\), got \(4,\)"),
        ({"optimiser": "sgd"}, "a stack trains by 'adam'"),
        ({"defense": lambda net, x, y: net(x).sum()}, "a stack trains by 'adam'"),
        ({"learning_rate": 0.0}, "must be positive"),
    ],
)
def test_options_that_do_not_fit_a_stack(options: dict[str, object], message: str) -> None:
    given = {"defense": defenses.nominal(), "learning_rate": 1e-3, **options}
    with pytest.raises(InputError, match=message):
        training.fit(
            Stack(_networks()),
            _data(),
            steps=2,
            batch_size=8,
            generator=torch.Generator(),
            progress=False,
            **given,
        )


def test_a_single_network_takes_no_radius_for_each() -> None:
    with pytest.raises(InputError, match="needs a Stack"):
        training.fit(
            _networks()[0],
            _data(),
            defenses.nominal(),
            steps=1,
            batch_size=8,
            learning_rate=1e-3,
            radius=torch.ones(1),
            generator=torch.Generator(),
        )


def _never(*arguments: object) -> torch.Tensor:
    raise AssertionError("not this way")


EXPLICIT = [name for name in DEFENSES if DEFENSES[name][0](DEFENSES[name][1]).explicit is not None]


@pytest.mark.parametrize("name", EXPLICIT)
@pytest.mark.parametrize("outputs", [K, 1])
def test_a_dense_network_alone_trains_by_the_explicit_form(name: str, outputs: int) -> None:
    make, ball = DEFENSES[name]
    defense = make(ball)
    net = ReLUNetwork((M, 8, 7, outputs), torch.Generator().manual_seed(1), dtype=torch.float64)
    (x, y), found = _data(), {}
    y = y if outputs > 1 else 2 * (y % 2) - 1
    ways = {"as it is": defense, "by autograd": replace(defense, explicit=None)}
    if defense.ball is not None:
        ways["explicitly"] = replace(defense, per_sample=_never)
    for way, loss in ways.items():
        net.zero_grad()
        value = loss(net, x, y)
        value.backward()
        found[way] = [value.detach(), *(part.grad for part in net.parameters())]
    for way in ways:
        torch.testing.assert_close(found[way], found["by autograd"], rtol=1e-9, atol=1e-12)


class Doubled(ReLUNetwork):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 2 * super().forward(x)


def test_what_is_not_plain_and_dense_goes_the_ordinary_way() -> None:
    (x, y), sizes = _data(), (M, 8, K)
    defense = replace(defenses.pgd(LpBall(math.inf, 0.1), steps=4), explicit=_never)
    plain = ReLUNetwork(sizes, dtype=torch.float64)
    with pytest.raises(AssertionError, match="not this way"):
        defense(plain, x, y)
    with torch.no_grad():
        assert defense(plain, x, y) > 0
    scaled = ReLUNetwork(sizes, scaler=Scaler.fit(x), dtype=torch.float64)
    hooked = ReLUNetwork(sizes, dtype=torch.float64)
    hooked.layers[0].register_forward_hook(lambda layer, given, z: 2 * z)
    for net in (scaled, hooked, Doubled(sizes, dtype=torch.float64)):
        assert defense(net, x, y) > 0
    with pytest.raises(InputError):
        defense(plain, x[:, 1:], y)


@pytest.mark.parametrize("name", ["fgsm", "pgd"])
def test_random_starts_of_a_stack_are_those_of_its_networks(name: str) -> None:
    ball, (x, y), networks = LpBall(math.inf, 0.3), _data(), _networks()
    generator = torch.Generator().manual_seed(5)
    options = {"random_start": True, "generator": generator}
    defense = getattr(defenses, name)(ball, **options)
    losses = defense.of_each(Stack(networks), x, y, torch.tensor(RADII, dtype=torch.float64))
    after = generator.get_state()
    for s, (net, radius) in enumerate(zip(networks, RADII, strict=True)):
        generator.manual_seed(5)
        alone = defense.with_radius(radius).per_sample(net, x, y)
        torch.testing.assert_close(losses[s], alone, rtol=1e-11, atol=1e-12)
        assert torch.equal(generator.get_state(), after)
