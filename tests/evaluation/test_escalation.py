"""Certificates within a time: what each method decides, and that time ends it."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

from robustcore import attacks, bounds, evaluation, methods
from robustcore.balls import LpBall
from robustcore.errors import InputError, TooLargeError
from robustcore.evaluation import certify_within
from robustcore.networks import ReLUNetwork
from studies.oracles.bound_twins import random_instances


@pytest.mark.parametrize(("p", "share"), [(1, 1.0), (math.inf, 0.6), (math.inf, 0.8)])
def test_what_decides_a_sample_of_a_small_network_decides_it_rightly(
    p: float, share: float
) -> None:
    """Naive twin: the exact value. Whoever is proved stands, whoever is broken falls."""
    names = set()
    for case in random_instances(9, seed=5):
        ball = LpBall(p, share * case.radius)
        found = certify_within(case.net, case.x, case.y, ball, seconds=60)
        high = bounds.exact(case.net, case.x, case.y, ball)
        low = bounds.exact(case.net, case.x, case.y, ball, attained=True)
        others = torch.arange(high.shape[1]) != case.y[:, None]
        assert (low[others & found.proved[:, None]] < 0).all()
        worst = high.masked_fill(~others, -math.inf).amax(dim=1)
        assert (worst[found.broken] > -1e-6).all()
        assert not (found.proved & found.broken).any()
        assert (worst[found.open] > -1e-6).all()  # the attack missed what the exact value shows
        assert sum(found.counts().values()) == len(case.y)
        at_least = evaluation.certified(case.net, case.x, case.y, ball)
        assert (found.proved >= at_least).all()
        names |= set(found.counts())
    assert {"best", "attack"} < names
    dear = {(math.inf, 0.6): "crown_optimised", (math.inf, 0.8): "exact"}
    assert dear.get((p, share), "best") in names  # and a dear one had something to do


def test_no_part_begins_after_the_time() -> None:
    case = next(iter(random_instances(1, seed=6)))
    ticks = itertools.count()
    found = certify_within(
        *(case.net, case.x, case.y, LpBall(1, case.radius)),
        seconds=0.5,
        clock=lambda: float(next(ticks)),
    )
    assert not found.proved.any()
    assert set(found.by) <= {"", "clean"}
    assert found.open.sum() == found.by.count("")
    assert found.seconds >= 0.5


def test_who_watches_is_told_how_far_it_is() -> None:
    net = ReLUNetwork((8, 12, 12, 3), torch.Generator().manual_seed(0), dtype=torch.float64)
    x = torch.rand(60, 8, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    y = net(x).argmax(dim=1)
    y[:5] = (y[:5] + 1) % 3
    seen: list[tuple[int, float]] = []
    ball = LpBall(math.inf, 0.1)
    found = certify_within(net, x, y, ball, 60, observe=lambda *told: seen.append(told))
    decided, left = ([one[i] for one in seen] for i in (0, 1))
    assert decided[:2] == [5, 5 + found.by[:6].count("best")]  # wrong as they are; one by a bound
    assert decided == sorted(decided)
    assert len(set(decided)) > 2
    assert decided[-1] < len(x)  # asked before each part
    assert left[0] <= 60
    assert left == sorted(left, reverse=True)


class Paced:
    """A bound that proves nothing and moves a clock: seconds a call, and seconds a sample."""

    def __init__(self, call: float, sample: float) -> None:
        self.call, self.sample, self.now = call, sample, 0.0
        self.sizes: list[int] = []

    def __call__(self, net, x, y, ball) -> torch.Tensor:
        self.sizes.append(len(x))
        self.now += self.call + self.sample * len(x)
        return torch.ones(len(x), 3)

    def clock(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("call", "sample", "seconds", "sizes", "late"),
    [
        (0.0, 1.0, 0.5, [1], 0.5),  # one sample shows the pace: no second one would end in time
        (0.0, 1.0, 4.5, [1, 3], 0.0),  # three are what the time left is for, not four
        (0.0, 0.125, 3.0, [1, 4, 16, 3], 0.0),  # up to four times as many
        (1.0, 0.0, 4.2, [1, 3, 6, 7], 0.0),  # a call costs the same for any number of samples
        (0.0, 0.001, 9.0, [1, 4, 16, 50, 49], 0.0),  # all 120, at most 50 at a time
    ],
)
def test_parts_are_as_large_as_the_time_left_allows(
    monkeypatch: pytest.MonkeyPatch,
    call: float,
    sample: float,
    seconds: float,
    sizes: list[int],
    late: float,
) -> None:
    """A batch that is asked whole, as all were once, takes many times the seconds."""
    net = ReLUNetwork((2, 3, 2), torch.Generator().manual_seed(0))
    x = torch.rand(120, 2)
    bound = Paced(call, sample)
    monkeypatch.setattr(methods, "certificate", lambda name: bound)
    found = certify_within(
        *(net, x, net(x).argmax(dim=1), LpBall(2, 0.1), seconds),
        in_turn=("crown_optimised",),
        attack=None,
        clock=bound.clock,
    )
    assert bound.sizes == sizes
    assert found.seconds == pytest.approx(bound.now)
    assert found.seconds <= seconds + late + 1e-9


def test_an_attack_keeps_the_time_too() -> None:
    case = next(iter(random_instances(1, seed=6)))
    x, ball = case.x[:1].repeat(90, 1), LpBall(2, 10 * case.radius)
    asked = Paced(0.0, 1.0)

    def attack(net, x, y, ball) -> torch.Tensor:
        asked(net, x, y, ball)
        return x

    y = case.net(x).argmax(dim=1)
    certify_within(case.net, x, y, ball, 7.5, ("ibp", "coap"), attack, clock=asked.clock)
    assert asked.sizes == [1, 4, 2]


def test_a_method_that_does_not_take_the_ball_is_passed_over() -> None:
    case = next(iter(random_instances(1, seed=7)))
    found = certify_within(case.net, case.x, case.y, LpBall(2, 1e-6), 60, attack=None)
    assert set(found.by) <= {"best", "clean"}
    assert found.accuracy.value == float(found.proved.double().mean())


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"seconds": 0}, "seconds must be positive"),
        ({"in_turn": ("pgd",)}, "method must be one of"),
        ({"in_turn": ("arub",)}, "arub is an estimate and proves nothing"),
    ],
)
def test_what_cannot_be_is_one_sentence(change: dict, sentence: str) -> None:
    case = next(iter(random_instances(1, seed=8)))
    with pytest.raises(InputError, match=sentence):
        certify_within(case.net, case.x, case.y, LpBall(1, 0.1), **{"seconds": 1.0} | change)


@pytest.mark.parametrize("p", [1, 2, math.inf])
def test_of_a_ball_with_a_box_the_part_inside_is_asked(p: float) -> None:
    """Pixels near their bounds have less room than the ball: more is proved, and rightly."""
    net = ReLUNetwork((8, 12, 12, 3), torch.Generator().manual_seed(0), dtype=torch.float64)
    x = torch.rand(60, 8, generator=torch.Generator().manual_seed(1), dtype=torch.float64).round()
    y = net(x).argmax(dim=1)
    radius = {1: 1.5, 2: 0.6, math.inf: 0.25}[p]
    ball = LpBall(p, radius, (0, 1))
    found = certify_within(net, x, y, ball, seconds=60, in_turn=("best",), attack=None)
    whole = certify_within(net, x, y, LpBall(p, radius), 60, in_turn=("best",), attack=None)
    assert int(found.proved.sum()) > int(whole.proved.sum())
    x_attacked = attacks.strongest(net, x[found.proved], y[found.proved], ball, steps=20)
    assert bool((net(x_attacked).argmax(dim=1) == y[found.proved]).all())


def test_a_bound_that_would_be_too_large_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    def large(*arguments: object) -> torch.Tensor:
        raise TooLargeError("as a matrix, more than 2^26 entries")

    case = next(iter(random_instances(1, seed=6)))
    monkeypatch.setattr(
        methods, "certificate", lambda name: large if name == "crown_optimised" else bounds.ibp
    )
    y = case.net(case.x).argmax(dim=1)
    ball = LpBall(2, 1e-6)
    found = certify_within(case.net, case.x, y, ball, 60, ("crown_optimised", "ibp"), attack=None)
    assert set(found.by) == {"ibp"}
