"""The lines of paper B's proofs: on examples worked by hand, on random networks, and broken."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from robustcore.balls import LpBall
from robustcore.networks import ReLUNetwork
from studies import b4_split
from studies.b2_arub import first_order
from studies.b4_split import proofs
from studies.b5_rub import proof, small, tightness


def test_every_line_of_theorem_5_is_the_worst_gap():
    rows = proofs.theorem_5_rows(6, seed=4)
    assert [r["eq"] for r in rows] == [f"({n})" for n in range(12, 21)]
    assert all(r["distance"] < 1e-9 and r["equal"] == 1 for r in rows)


def test_theorem_5_by_hand():
    """Gap -[z_1]_+ + 3 [z_2]_+ - 2 at x = (1, 1): the worst over the ball of radius 2 is 1."""
    net, x, _ = small.small_network()
    found = proofs.theorem_5_values(net, x[0], LpBall(1, 2.0), np.random.default_rng(0))
    assert found == pytest.approx(dict.fromkeys(found, 1.0), abs=1e-9)


def test_the_lines_see_wrong_conjugates(monkeypatch):
    monkeypatch.setattr(proofs, "_REACH", 0.0)  # conjugates that are 0 everywhere
    wrong = {r["eq"]: r["distance"] for r in proofs.theorem_5_rows(4, seed=4)}
    assert wrong["(14)"] > 0.1
    assert wrong["(17)"] > 0.1
    assert wrong["(18)"] < 1e-9


def test_the_induction_step_is_an_equality_over_affine_values_only():
    """z^2 = (1 - 2[-d]_+, 1 - 2[d]_+) and p - q = -1: (31) is -1, (32) is 0."""
    layers = [
        (np.array([[1.0, 0.0], [-1.0, 0.0]]), np.zeros(2)),
        (np.array([[0.0, -2.0], [-2.0, 0.0]]), np.ones(2)),
        (np.array([[1.0, 1.0]]), np.zeros(1)),
    ]
    net = ReLUNetwork.from_arrays(layers).requires_grad_(False)
    zero, one = torch.zeros(1).double(), torch.ones(1).double()
    left, right = proofs.induction_values(net, torch.zeros(2).double(), LpBall(1, 1.0), zero, one)
    assert left == pytest.approx(-1, abs=1e-9)
    assert right == pytest.approx(0, abs=1e-9)
    affine, hidden = proofs.induction_rows(10, seed=0)
    assert affine["equal"] == 1
    assert max(affine["violation"], hidden["violation"]) < 1e-9


@pytest.mark.parametrize(("apart", "equal"), [(0.05, 0), (1e-5, 0), (1e-10, 1)])
def test_values_that_are_a_little_apart_are_not_equal(apart, equal):
    assert proofs._distances([(1.0, 1.0 + apart), (1.0 + apart, 1.0)])["equal"] == equal
    one = b4_split.Compared("one", 0.0, 1.0, 1.0 + apart, 2.0, None, None)
    assert b4_split.summary([one])[0]["equal"] == equal


def test_lemma_12_and_the_chain():
    for row in proof.lemma_12_rows(5, seed=3):
        assert row["distance"] < 1e-12
        assert row["spread"] > 0.1  # s_l matters: the supremum is not at s_l = 1
    for row in proof.chain_rows(6, seed=3):
        assert row["(38) - (39), at most"] < 1e-8
        assert row["(39) - (40), at most"] < 1e-8
        assert row["(40) to (35), at most"] < 1e-12


def test_lemma_12_by_hand():
    """W = (2, -1), p = 1, q = 0, g(+1) = (3, -1), g(-1) = (-1, 4), t = (1, 1/2)."""
    W, b = torch.tensor([[2.0, -1.0]]).double(), torch.tensor([5.0]).double()
    above = torch.tensor([1.0]).double(), torch.tensor([0.0]).double()
    below = torch.tensor([3.0, -1.0]).double(), torch.tensor([-1.0, 4.0]).double()
    t = torch.tensor([1.0, 0.5]).double()
    sides = proof.lemma_12_sides([(W, b)] * 2, above, below, 2, t)
    assert sides == (2 * 3 + 0.5 * 4, 8)  # 2 [3]_+ + 1 (4 / 2); the bias cancels


def test_a_negative_p_breaks_lemma_12():
    above = torch.tensor([-1.0]).double(), torch.tensor([0.0]).double()
    W, b = torch.tensor([[2.0, -1.0]]).double(), torch.zeros(1).double()
    below = torch.tensor([3.0, -1.0]).double(), torch.tensor([-1.0, 4.0]).double()
    left, right = proof.lemma_12_sides([(W, b)] * 2, above, below, 2, torch.ones(2).double())
    assert left > right + 1


def test_linear_approximation_is_exact_until_a_relu_flips():
    rows = first_order.linear_rows(20, seed=2)
    inside, beyond = rows[::2], rows[1::2]
    assert max(r[eq] for r in inside for eq in ("(8)", "(9)", "(10)")) < 1e-12
    assert min(r[eq] for r in beyond for eq in ("(8)", "(9)")) > 0.1


def test_first_flip_by_hand():
    """z^1 = (1, -1) at x = (1, 1), rows (1, 0), (-1, 1): 1 in L1, 1/sqrt 2 in L2, 1/2 in Linf."""
    net, x, _ = small.small_network()
    flips = [first_order.first_flip(net, x[0], p) for p in (1.0, 2.0, float("inf"))]
    assert flips == pytest.approx([1, 2**-0.5, 0.5])


def test_training_losses_are_the_formulas_and_27_lies_above_2():
    rows = {r["eq"]: r for r in first_order.loss_rows(15, seed=1)}
    assert max(r["twin"] for r in rows.values()) < 1e-12
    assert rows["(27)"]["missing"] < 1e-12
    assert rows["(1)"]["over"] <= 0
    assert rows["(2)"]["over"] <= 1e-12
    assert 0 < rows["(11)"]["below"] < 1
    assert rows["(27)"]["over"] > 0


def test_rises_are_at_least_one_and_grow_with_radius_and_depth():
    rows = tightness.tightness_rows(3, depths=(2, 4), radii=(0.3, 2.0), n_samples=1)
    assert len(rows) == 2 * 3 * 2
    for row in rows:
        assert 1 - 1e-6 <= row["optimised"] <= row["rub"] + 1e-9
        assert row["crown"] >= 1 - 1e-6
    random = {(r["L"], r["radius"]): r["rub"] for r in rows if r["networks"] == "random"}
    assert random[4, 2.0] > random[2, 2.0] > random[2, 0.3] - 1e-9
