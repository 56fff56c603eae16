"""The race with pyscnn: skipped where it is not, and rows that say what was compared."""

from __future__ import annotations

import importlib.util
import sys

import pytest

from robustcore.errors import MissingExtraError
from studies import c1_peer

SMALL = {"sizes": ((30, 12, 4),), "tolerances": (1e-4, 1e-8)}


@pytest.mark.parametrize("program", c1_peer.PROGRAMS)
def test_the_cost_of_our_answer_is_its_objective(program: str) -> None:
    X, y, cells = c1_peer.task(30, 12, 4, 0)
    best = c1_peer.ours(program, X, y, cells, 1.0)
    parts = (best.weights,) if program == "gated" else (best.v, best.w)
    found = c1_peer.cost(parts, X, y, cells, 1.0)
    assert found["objective"] == pytest.approx(best.objective, rel=1e-9)
    assert found["violation"] <= 1e-9


def test_a_cell_that_is_left_is_a_violation() -> None:
    X, y, cells = c1_peer.task(30, 12, 4, 0)
    outside = -cells.gates.T
    found = c1_peer.cost((outside, outside), X, y, cells, 1.0)
    assert found["violation"] == pytest.approx(float((cells.signs * (X @ cells.gates)).max()))


def test_rows_say_how_far_above_the_proof_each_answer_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def stand_in(program, X, y, cells, beta, tolerance):
        best = c1_peer.ours(program, X, y, cells, beta)
        parts = (best.weights,) if program == "gated" else (best.v, best.w)
        return tuple((1 + tolerance) * part for part in parts), 1.0

    monkeypatch.setattr(c1_peer, "theirs", stand_in)
    rows = c1_peer.record(**SMALL)["c1_peer"]
    assert [row["solver"] for row in rows] == 2 * ["interior_point", "pyscnn", "pyscnn"]
    assert all(-1e-9 <= row["above"] <= 1e-2 for row in rows)
    assert rows[1]["above"] > rows[2]["above"]
    gated, relu = rows[0], rows[3]
    assert gated["lower_bound"] <= relu["objective"]  # the same patterns, without facets


def test_without_it_nothing_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scnn", None)
    with pytest.raises(MissingExtraError, match="the race needs pyscnn"):
        c1_peer.record(**SMALL)


@pytest.mark.skipif(importlib.util.find_spec("scnn") is None, reason="pyscnn is not installed")
def test_both_come_to_one_optimum() -> None:
    rows = c1_peer.record(**SMALL)["c1_peer"]
    assert rows[2]["above"] < 1e-2  # gated, at the smaller tolerance
