"""The bridge between the papers: its theorem as a property, and its smallest instances."""

import math

import pytest
import torch

from robustcore.balls import LpBall
from studies.c4_bridge import descents, hand, theorem
from studies.oracles.instances import instance


@pytest.mark.parametrize("seed", range(9))
def test_no_neuron_switches_in_10(seed):
    """Every second part is sharp: the distances are those of the tolerance, not larger."""
    row = theorem.property_row(seed, theorem.NORMS[(seed // 3) % 3])
    assert row["over"] <= theorem.ROUNDING
    assert row["allowed"] <= row["neurons_times_t"] + theorem.ROUNDING
    assert abs(row["cost_off"]) <= row["cost_allowed"] + theorem.ROUNDING


def test_on_larger_balls_the_error_is_what_is_proved():
    rows = theorem.stretched(3, (0.01, 0.3))
    assert {row["stretch"] for row in rows} == {0.01, 0.3}
    assert all(row["over"] <= 1e-6 for row in rows)  # the tolerance of an integer program
    assert any(row["arub_off"] > 0.9 * row["allowed"] > 1e-4 for row in rows)


def test_a_proof_that_forgets_the_neurons_would_be_found():
    """With half of what is allowed the property speaks."""
    case, solution = theorem.trained(0, math.inf)
    ball = LpBall(math.inf, 1.3 * case.ball.radius)
    net = solution.network().requires_grad_(False)
    found, below, above = theorem.both_ways(net, case.X, ball)
    assert theorem.excess(found, below, above) <= 1e-6
    assert theorem.excess(found, 0.5 * below, 0.5 * above) > 1e-3


def test_the_value_attained_is_the_largest_of_many_points():
    case = instance(3)
    net = hand.network((1.0, 0.5, 2.0, 0.0))
    x, y, ball = torch.from_numpy(case.X[:, :1]), torch.arange(len(case.X)) % 2, LpBall(1, 0.7)
    best = theorem.attained(net, x, y, ball)
    line = torch.linspace(-0.7, 0.7, 201, dtype=torch.float64)
    side = 1.0 - 2.0 * y.double()
    tried = torch.stack([side * net(x + move) for move in line]).amax(0)
    assert (tried <= best + 1e-9).all()
    assert (tried >= best - 0.05).all()


def test_the_smallest_instances_cost_what_they_cost_by_hand():
    for row in hand.by_hand(sizes=(0, 2, 3)):
        assert row["least"] == pytest.approx(row["by_hand"], abs=1e-6), row


def test_descents_are_told_with_their_proofs():
    rows, networks = descents.descents(5, 0, 0.1, 1e-2, 8, 6, 1)
    assert [(r["start"], r["bound"]) for r in rows] == [
        ("(10)", "exact"),
        ("random 0", "exact"),
        ("(10)", "CROWN"),
        ("random 0", "CROWN"),
    ]
    assert set(networks) == {"(10)", "exact", "CROWN"}
    for row in rows:
        assert row["exact"] <= row["cost"] + 1e-12
        assert row["cost"] == row["trail"][-1][1] <= row["first"]
    sets = descents.by_set(rows)
    assert [one["bound"] for one in sets] == ["exact", "CROWN"]
    assert all(one["from_convex"] <= one["convex"] + 1e-6 for one in sets)
