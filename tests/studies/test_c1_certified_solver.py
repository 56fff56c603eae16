"""The study of our solver: a sample of the campaign, the race in processes of its own, resuming."""

import math
from dataclasses import asdict

import numpy as np
import pytest

from contract import recorded
from robustcore.errors import InputError
from studies import c1_batch, c1_certified_solver
from studies.c1_certified_solver import agreement, benchmark, warm_starts
from studies.c1_certified_solver.jobs import SIZES, Job, Problem, problem


@pytest.mark.parametrize("seed", range(len(agreement.KINDS)))
@pytest.mark.parametrize("program", agreement.PROGRAMS)
def test_both_solvers_agree_and_no_bound_crosses(program, seed):
    """One instance of every kind; the campaign of the page runs the same code on hundreds."""
    row = agreement.compare(agreement.case(program, seed), seed)
    assert row["kind"] == agreement.KINDS[seed]
    assert not row["refused"]
    assert row["gap"] <= 1e-6, row
    if row["clarabel_gap"] is not None and row["clarabel_gap"] <= 1e-6:
        assert row["deviation"] <= 1e-6
    assert row["crossing"] <= 1e-9
    assert row["violation"] <= 1e-9 * (1.0 if "x 1000" not in row["kind"] else 1e3)


def test_the_kinds_are_what_they_say():
    cases = {kind: agreement.case("(15)", k) for k, kind in enumerate(agreement.KINDS)}
    duplicate, wide = cases["duplicate rows"], cases["n < d"]
    assert (duplicate.X[-1] == duplicate.X[0]).all()
    assert duplicate.y[-1] == -duplicate.y[0]
    assert wide.X.shape[0] < wide.X.shape[1]
    assert len(cases["one pattern"].patterns) == 1
    assert not cases["zero row"].X[-1].any()
    row = agreement.compare(cases["none kept"], 7)
    assert row["kept"] == 0
    zero = cases["all-zero optimum"].solve("interior_point")
    assert zero.n_neurons == 0
    assert zero.objective == pytest.approx(1.0, abs=1e-6)


def test_the_summary_counts_what_falls_short():
    row = {"program": "(8)", "refused": False, "reached": True, "clarabel_gap": 1e-9}
    row |= {"deviation": 1e-7, "crossing": 0.0, "gap": 1e-7}
    short = row | {"reached": False, "deviation": 3.0}
    unsure = row | {"clarabel_gap": 1e-3, "deviation": 2.0}
    refused = {"program": "(8)", "refused": True}
    alone = row | {"clarabel_gap": None, "deviation": None}
    (found,) = agreement.summary([row, short, unsure, refused, alone])
    assert (found["instances"], found["both_certified"]) == (5, 1)
    assert found["clarabel_failed"] == 1
    assert (found["refused"], found["short"], found["clarabel_short"]) == (1, 1, 1)
    assert (found["deviation"], found["deviation_of_all"]) == (1e-7, 3.0)


def test_a_job_takes_the_columns_and_patterns_it_names():
    given = problem(Job("(15)", 40, 3, kept=2, radius_255=1.0))
    assert given.X.shape == (40, 49)
    assert len(given.patterns) == 2
    solved = given.solve("interior_point", {})
    assert solved.pattern_kept.all()
    assert solved.ball.radius == 1 / 255
    names = [job.name for job in (*SIZES["quick"], *SIZES["paper"])]
    assert len(set(names)) == len(names)


def test_a_process_of_its_own_measures_time_memory_and_iterations():
    job = Job("(8)", 30, 6, 4)
    given = problem(job)
    here = benchmark.measure(given, "interior_point")
    for solver in ("interior_point", "clarabel"):
        row = benchmark.measure_apart(given, solver, 120.0)
        assert row["objective"] == pytest.approx(here["objective"], abs=2e-6)
        assert 3 <= row["iterations"] <= 100
        assert 0 < row["seconds"] < 120
        assert 50 < row["loaded_mb"] <= row["peak_mb"] < 4000


def test_a_process_that_is_too_slow_or_fails_leaves_a_row():
    given = problem(Job("(8)", 30, 6, 4))
    slow = benchmark.measure_apart(given, "clarabel", 0.01)
    assert slow == {"status": "ended after 0.01 s without a result"}
    broken = Problem(given.job, np.full_like(given.X, np.nan), given.y, given.patterns)
    failed = benchmark.measure_apart(broken, "interior_point", 120.0)
    assert "code 1" in failed["status"]
    assert "InputError" in failed["status"]


def test_a_row_without_a_result_is_printed_with_dashes():
    row = dict.fromkeys(("iterations", "seconds", "gap", "peak_mb"), None)
    row |= {f"clarabel_{key}": None for key in row}
    row |= {"program": "(8)", "n": 30, "d": 25, "patterns_used": 4, "threads": 1}
    text = benchmark.line({**row, "tolerance": 1e-6, "ratio": None})
    assert text.count(" -") == 8
    assert len(text) == len(benchmark.heading())


def test_a_campaign_and_a_race_that_are_cut_off_go_on(monkeypatch, tmp_path):
    monkeypatch.setenv("ROBUSTCORE_RESULTS", str(tmp_path))
    monkeypatch.setattr(agreement, "PROGRAMS", agreement.PROGRAMS[:2])
    compared = []

    def once(given, seed):
        compared.append((given.program, seed))
        if len(compared) == 3:
            raise KeyboardInterrupt
        return {"program": given.program, "seed": seed}

    monkeypatch.setattr(agreement, "compare", once)
    with pytest.raises(KeyboardInterrupt):
        agreement.recorded_campaign(2)
    rows = agreement.recorded_campaign(2)
    every = [(program, seed) for program in agreement.PROGRAMS for seed in (0, 1)]
    assert [(row["program"], row["seed"]) for row in rows] == every
    assert compared == [*every[:3], *every[2:]]

    measured = []

    def row(job, limit):
        measured.append(job)
        if len(measured) == 2:
            raise KeyboardInterrupt
        return {"ratio": 2.0}

    monkeypatch.setattr(benchmark, "row", row)
    monkeypatch.setattr(benchmark, "line", str)
    with pytest.raises(KeyboardInterrupt):
        benchmark.benchmark("quick", 1.0)
    rows = benchmark.benchmark("quick", 1.0)
    assert [Job(**{k: r[k] for k in asdict(Job("", 1))}) for r in rows] == list(SIZES["quick"])
    assert measured == [*SIZES["quick"][:2], *SIZES["quick"][1:]]
    assert not any((tmp_path / "sweeps").iterdir())  # the next run measures afresh


def test_the_path_counts_what_warm_starts_save():
    rows = warm_starts.warm_path(60, 6, 5, (1e-2, 5e-3, 2e-3), "hinge")
    assert [row["first"] for row in rows] == [True, False, False] * 2
    assert all(row["cold"] == row["warm"] for row in rows if row["first"])
    down, up = warm_starts.saved(rows)
    assert (down["way"], up["way"]) == ("down", "up")
    assert down["cold"] == sum(row["cold"] for row in rows[1:3])
    assert max(down["deviation"], up["deviation"]) < 2e-6


def test_ascent_stays_below_the_relaxation():
    rng = np.random.default_rng(0)
    X, theta = rng.standard_normal((20, 3)), rng.standard_normal(20)
    (low, high) = (
        c1_certified_solver.reached_supremum(X, theta),
        c1_certified_solver.convex.gate_supremum_bound(X, theta),
    )
    assert 0.8 * high <= low <= high


def test_by_hand_is_refused_where_it_does_not_apply():
    hand = c1_certified_solver.by_hand(2.0, 3.0, 0.4)
    assert math.isclose(hand["primal"], hand["dual"])
    assert hand["solver_v"] == pytest.approx(hand["v"], abs=1e-6)
    with pytest.raises(InputError, match="beta"):
        c1_certified_solver.by_hand(2.0, 3.0, 0.0)


def test_a_batch_and_its_programs_alone_end_at_the_same_optima():
    """The recorded study at its smallest: one row a size on a machine without a GPU."""
    sizes = (("(8)", 40, 20, 4), ("(15)", 40, 20, 3))
    rows = recorded("c1_batch", sizes=sizes, n_draws=3, repeats=1, device="cpu")["c1_batch"]
    assert [(r["program"], r["d"], r["device"]) for r in rows] == [
        ("(8)", 8, "cpu"),
        ("(15)", 8, "cpu"),
    ]
    for row in rows:
        assert row["gap"] <= 1.01e-6
        assert row["deviation"] <= 1e-6
        assert row["ratio"] == pytest.approx(row["seconds_alone"] / row["seconds_batch"])
        assert len(c1_batch.line(row)) == len(c1_batch.heading())


def test_the_images_travel_in_a_file(tmp_path):
    """What a machine without CIFAR-10 measures is what this one measures."""
    file = str(tmp_path / "pair.npz")
    c1_batch.write_pair(file, 40)
    sizes = (("(8)", 40, 20, 3),)
    there, here = (
        c1_batch.record(sizes, n_draws=2, repeats=1, device="cpu", pair_file=name)["c1_batch"][0]
        for name in (file, "")
    )
    timed = {"seconds_batch", "seconds_alone", "ratio"}
    assert {k: v for k, v in there.items() if k not in timed} == {
        k: v for k, v in here.items() if k not in timed
    }


@pytest.mark.parametrize("norm", ["L1", "L2"])
def test_a_job_names_its_ball(norm):
    job = Job(f"(15) {norm}", 40, 6, kept=3, radius_255=4.0)
    given = problem(job)
    assert (job.name, len(given.patterns)) == (f"15-{norm}-n40-e6-k3-t1", 3)
    solved = given.solve("interior_point", {})
    assert solved.ball == job.ball
    assert solved.ball.p == {"L1": 1, "L2": 2}[norm]
    assert solved.pattern_kept.all()
    assert Job("(15)", 40, radius_255=1.0).ball.p == math.inf
