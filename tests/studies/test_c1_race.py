"""The race on equal terms: what is asked of both, and that neither wins by stopping early."""

from __future__ import annotations

import pytest

from studies import c1_race
from studies.c1_certified_solver import pictures
from studies.c1_certified_solver.jobs import Job

TINY = Job("(8)", 30, 6, 4)


def test_the_wanted_gap_is_a_share_of_the_objective_down_to_the_floor() -> None:
    assert c1_race.wanted_gap(0.005, 1e-6, 1e-9) == pytest.approx(5e-9)
    assert c1_race.wanted_gap(3.0, 1e-6, 1e-9) == pytest.approx(3e-6)
    assert c1_race.wanted_gap(1e-5, 1e-6, 1e-9) == 1e-9


def test_both_certify_the_same_gap_and_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    measure = c1_race.measure_apart

    def watched(given, solver, limit, tolerance=None):
        asked.append(solver)
        return measure(given, solver, limit, tolerance)

    monkeypatch.setattr(c1_race, "measure_apart", watched)
    rows = c1_race.race(TINY, 1e-4, 1e-9, 2, 120.0)
    assert asked[-4:] == ["interior_point", "clarabel", "clarabel", "interior_point"]
    for row in rows:
        assert row["wanted"] == pytest.approx(1e-4 * row["objective"])
        assert 0 <= row["gap"] <= row["wanted"]
        assert 0 <= row["clarabel_gap"] <= row["wanted"]
        assert row["ratio"] == pytest.approx(row["clarabel_seconds"] / row["seconds"])


def test_who_does_not_get_there_has_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    def measure(given, solver, limit, tolerance=None):
        gap = 1e-9 if solver == "interior_point" else 1e-3
        return {"gap": gap, "objective": 0.5, "seconds": 1.0, "peak_mb": 1.0}

    monkeypatch.setattr(c1_race, "measure_apart", measure)
    (row,) = c1_race.race(TINY, 1e-6, 1e-9, 1, 1.0)
    assert row["seconds"] == 1.0
    assert row["clarabel_tolerance"] is row["clarabel_seconds"] is row["ratio"] is None


def test_the_first_job_of_each_program_is_raced() -> None:
    raced = c1_race.jobs("paper")
    assert [job.program for job in raced] == ["(8)", "(15)", "(18)", "(15) L1", "(15) L2"]
    assert (raced[0].n, raced[0].every, raced[0].n_patterns) == (600, 1, 36)  # Table I
    assert raced[1].kept == 10
    assert all((job.n, job.every, job.kept) == (300, 1, 10) for job in raced[3:])


def test_medians_are_told_with_their_range_or_say_how_many_got_there() -> None:
    one = {"program": "(8)", "wanted": 1e-6, "clarabel_seconds": 9.0, "ratio": 3.0}
    rows = [one | {"seconds": s} for s in (3.0, 1.0, 2.0)]
    rows += [one | {"program": "(15)", "seconds": s, "ratio": None} for s in (1.0, None)]
    first, second = pictures.medians(rows)
    assert first["seconds"] == "2.00 (1.00 to 3.00)"
    assert first["runs"] == 3
    assert second["seconds"] == "1 of 2 got there"
    assert second["ratio"] == "0 of 2 got there"
