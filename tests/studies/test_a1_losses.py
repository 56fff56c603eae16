"""Theorem 1 for every loss on every instance; the dual's constraint by cells; (31)."""

import numpy as np
import pytest

from robustcore import convex
from studies.a1_convex_training import losses


def test_every_loss_meets_every_instance():
    rows = losses.loss_rows(6, first_seed=500)
    assert [row["loss"] for row in rows] == ["hinge", "squared", "logistic"]
    for row in rows:
        assert row["instances"] == 6
        assert max(row["gap"], row["sampled_gap"]) < 2e-6
        assert row["network"] < 1e-7
        assert row["anywhere"] < 1e-12
        assert row["neurons"] <= 0
        assert row["pruned"] < 1e-6
    assert max(row["before"] for row in rows) > 1, "pruning would have had nothing to do"


def test_the_constraint_of_the_dual_is_its_form_by_cells():
    split = losses.constraint_by_cells(6, first_seed=500)
    assert split["above"] < 1e-8
    assert split["below"] < 1e-12


def test_a_lost_cell_is_seen(monkeypatch):
    whole = convex.cell_supremum
    monkeypatch.setattr(convex, "cell_supremum", lambda *args: 0.5 * whole(*args))
    assert losses.constraint_by_cells(2, first_seed=500)["below"] == pytest.approx(0.5, abs=1e-6)


def test_zero_blocks_are_lost_by_31_and_cost_nothing():
    row = losses.zero_blocks(4, first_seed=500)
    assert 0 < row["undefined"] < row["blocks"]
    assert row["cost"] < 1e-12
    assert np.isfinite(row["cost"])
