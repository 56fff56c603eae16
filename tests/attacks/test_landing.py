"""Where features leap, from one category or whole number to the next, no attack ends between."""

from __future__ import annotations

import functools
import itertools
import math

import pytest
import torch
from torch import nn

from robustcore import attacks, bounds, evaluation
from robustcore.balls import Cut, Hull, PerturbationSet, Radii, Sum, Swaps
from robustcore.networks import ReLUNetwork

ATTACKS = {
    "fgm": attacks.fgm,
    "pgd": attacks.pgd,
    "apgd": attacks.apgd,
    "strongest": functools.partial(attacks.strongest, stop_when_wrong=False),
}
Y = torch.zeros(2, dtype=torch.long)


def valley(dtype: torch.dtype, first: list[list[float]], bias: list[float]) -> nn.Sequential:
    """Right where |v| of one direction v is large, wrong between."""
    net = nn.Sequential(nn.Linear(len(first[0]), 2), nn.ReLU(), nn.Linear(2, 2)).to(dtype)
    with torch.no_grad():
        net[0].weight.copy_(torch.tensor(first))
        net[0].bias.copy_(torch.tensor(bias))
        net[2].weight.copy_(torch.tensor([[1.0, 1.0], [0.0, 0.0]]))
        net[2].bias.copy_(torch.tensor([0.0, 0.4]))
    return net


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    "there",
    [
        Swaps([[0, 1]]),
        Swaps([[0, 1]], radius=2.0),
        Swaps([[0, 1]], Radii(1, [0, 0, 0.1])),
        Sum([Radii(2, [0, 0, 0.1]), Swaps([[0, 1]])]),
        Sum([Radii(1, [0, 0, 0.1]), Swaps([[0, 1]])]),
    ],
)
def test_a_mix_of_two_categories_turns_nothing(dtype: torch.dtype, there: PerturbationSet) -> None:
    """|x_1 - x_2| is 1 at both categories and 0 between; the hull holds what turns, no row does."""
    net = valley(dtype, [[1.0, -1.0, 0.0], [-1.0, 1.0, 0.0]], [0.0, 0.0])
    x = torch.tensor([[1, 0, 0.3], [0, 1, 0.3]], dtype=dtype)
    assert evaluation.certify_within(net, x, Y, there, 9.0, ("best",)).by == ["", ""]
    assert not evaluation.certified(net, x, Y, there).any()
    for name, attack in ATTACKS.items():
        if name != "pgd":
            found = attack(net, x, Y, there)
            assert torch.equal(found[:, :2].sort(dim=1).values, torch.tensor([[0, 1]] * 2).to(x))
            attacks.check_inside(found, x, there)
    mixed = Hull(torch.tensor([[-1.0, 1, 0], [1, -1, 0]]))
    assert evaluation.certify_within(net, x, Y, mixed, 9.0, ("best",)).by == ["attack", "attack"]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("p", [1, 2, math.inf])
def test_between_two_whole_numbers_turns_nothing(dtype: torch.dtype, p: float) -> None:
    """|x - .5| exceeds .4 at -1, 0, 1 and 2, and not between 0 and 1."""
    net = valley(dtype, [[1.0], [-1.0]], [-0.5, 0.5])
    x = torch.tensor([[0.0], [1.0]], dtype=dtype)
    assert evaluation.certify_within(net, x, Y, Radii(p, [1.0]), 9.0, ("best",)).by == [
        "attack",
        "attack",
    ]
    whole = Radii(p, [1.0], whole=[0])
    for there in (whole, Cut(whole, (-1, 2)), Sum([whole])):
        assert evaluation.certify_within(net, x, Y, there, 9.0, ("best",)).by == ["", ""]
        assert not evaluation.certified(net, x, Y, there).any()
        for name, attack in ATTACKS.items():
            if name != "pgd" or p > 1 or there is whole:
                found = attack(net, x, Y, there)
                assert torch.equal(found, found.round())


def test_what_an_attack_of_others_finds_between_counts_where_it_lands() -> None:
    net = valley(torch.float64, [[1.0], [-1.0]], [-0.5, 0.5])
    x = torch.tensor([[0.0], [1.0]], dtype=torch.float64)

    def between(net, x, y, ball) -> torch.Tensor:
        return torch.full_like(x, 0.5)

    assert not evaluation.withstands(net, x, Y, Radii(2, [1.0]), between).any()
    assert evaluation.withstands(net, x, Y, Radii(2, [1.0], whole=[0]), between).all()
    found = attacks.strongest(net, x, Y, Radii(2, [1.0], whole=[0]), candidates=[x + 0.5 - x])
    assert torch.equal(found, found.round())


@pytest.mark.parametrize("p", [1, 2, math.inf])
def test_among_categories_and_numbers_an_attack_finds_what_a_search_of_all_finds(p: float) -> None:
    """Naive twin: every category by itself, the numbers attacked beside it."""
    turned = missed = 0
    for seed in range(2):
        g = torch.Generator().manual_seed(seed)
        net = ReLUNetwork((6, 12, 12, 3), g, dtype=torch.float64).requires_grad_(False)
        x = torch.randn(30, 6, generator=g, dtype=torch.float64)
        x[:, 2:] = nn.functional.one_hot(torch.randint(4, (30,), generator=g), 4).to(x)
        y = net(x).argmax(dim=1)
        numbers, standing = Radii(p, [0.2, 0.1, 0, 0, 0, 0]), torch.ones(30, dtype=torch.bool)
        for category in torch.eye(4).to(x):
            swapped = torch.cat([x[:, :2], category.expand(30, 4)], dim=1)
            standing &= evaluation.withstands(net, swapped, y, numbers)
        found = evaluation.withstands(net, x, y, Sum([numbers, Swaps([[2, 3, 4, 5]])]))
        assert (standing <= found).all()
        turned, missed = turned + int((~standing).sum()), missed + int((found & ~standing).sum())
    assert turned > 10
    assert missed <= 0.1 * turned


@pytest.mark.parametrize("p", [1, 2, math.inf])
def test_whole_steps_are_inside_and_turn_what_such_a_step_turns(p: float) -> None:
    """Naive twin: every step."""
    turned = missed = 0
    grid = torch.tensor(list(itertools.product(range(-3, 4), repeat=3))).double()
    for seed in range(4):
        g = torch.Generator().manual_seed(seed)
        net = ReLUNetwork((3, 9, 3), g, dtype=torch.float64).requires_grad_(False)
        x = torch.randn(30, 3, generator=g, dtype=torch.float64)
        y = net(x).argmax(dim=1)
        there = Radii(p, [1.2, 3.5, 0.4], 0.9, [0, 1, 2])
        steps = grid[there.norm(grid) <= 0.9]
        every = torch.stack([evaluation.correct(net, x + step, y) for step in steps])
        found = attacks.apgd(net, x, y, there)
        attacks.check_inside(found, x, there)
        assert ((found - x)[:, None] - steps).abs().amax(dim=2).amin(dim=1).max() < 1e-12
        standing = evaluation.withstands(net, x, y, there)
        assert (every.all(dim=0) <= standing).all()
        turned += int((~every.all(dim=0)).sum())
        missed += int((standing & ~every.all(dim=0)).sum())
        free = Radii(p, there.radii, 0.9)
        assert torch.equal(bounds.crown(net, x, y, there), bounds.crown(net, x, y, free))
    assert turned > 20
    assert missed <= 0.2 * turned
