"""More sets and more runs: their rows at the smallest size are those of the studies they extend."""

import itertools
import shutil

import pytest

from contract import RESULTS, recorded, resumed
from robustcore.errors import DataError
from studies import (
    a2_more_sets,
    a4_decision_regions,
    a4_gd_pgd,
    a4_more_sets,
    a7_more_runs,
    a7_readings,
    a7_widths,
    engine,
)
from studies import a7_cifar as tables
from studies.a7_cifar import programs, train_and_validation
from studies.a7_cifar.baselines import Setting, baseline_rows
from studies.a7_cifar.programs import convex_row
from studies.cifar_pairs import Pair, cifar_pair
from studies.planar_boxes import planar


@pytest.fixture
def results(tmp_path, monkeypatch):
    """The test's own, with the record that settings are read from."""
    shutil.copy(RESULTS / "a7_cifar.grid.json", tmp_path)
    monkeypatch.setenv("ROBUSTCORE_RESULTS", str(tmp_path))


@pytest.fixture
def few_pixels(monkeypatch):
    """Every 20th column, and 20 images to test on."""

    def small(*asked):
        pair = cifar_pair(*asked)
        return Pair(pair.X[:, ::20], pair.y, pair.X_test[:20, ::20], pair.y_test[:20])

    for module in (tables, programs, a7_readings):
        monkeypatch.setattr(module, "cifar_pair", small)


def test_no_sampled_program_beats_the_optimum_and_more_draws_help_on_average():
    rows = a2_more_sets.sampling(2, (8, 256), 3)
    assert min(row["excess"] for row in rows) > -1e-5
    few, many = (sum(r["excess"] for r in rows if r["n_patterns"] == n) for n in (8, 256))
    assert many < few
    assert {row["data"] for row in rows} == {1, 2}  # set 0 is Figure 1's


def test_in_the_plane_128_patterns_are_all_of_them():
    rows = a2_more_sets.rank((2, 4), 2, 128, 1)
    assert max(abs(row["excess"]) for row in rows if row["d"] == 2) < 1e-6
    assert min(row["excess"] for row in rows if row["d"] == 4) > 0


def test_perturbed_data_have_the_patterns_of_clean_data_and_more():
    rows = recorded("a3_more_sets", n_sets=3)["a3_more_sets.patterns"]
    assert len(rows) == 6
    assert all(row["P_hat"] >= row["P"] for row in rows)


@pytest.mark.usefixtures("results")
def test_the_cells_are_the_convex_ones_and_gd_std():
    rows = recorded("a4_more_sets", betas=(1e-2,))["a4_more_sets.cells"]
    assert [row["method"] for row in rows] == ["Algorithm 1", "Algorithm 2", "exact (15)", "GD-std"]
    exact, sampled = (
        next(r for r in rows if r["method"] == m) for m in ("exact (15)", "Algorithm 2")
    )
    assert exact["robust_cost"] <= sampled["robust_cost"] + 1e-6


def test_a_killed_run_goes_on_with_the_next_set(monkeypatch, tmp_path):
    def quick(points, beta, seed):
        return {"Algorithm 1": a4_decision_regions.descend(points, [beta], False, 3, 2, seed)[0]}

    monkeypatch.setattr(a4_decision_regions, "convex_networks", quick)
    monkeypatch.setattr(a4_more_sets, "planar", lambda seed: planar(seed, n=4))
    given = {"seeds": (5, 1, 2), "betas": (1e-2, 1e-6), "width": 3, "n_steps": 2}
    found = resumed("a4_more_sets", "cells", tmp_path, monkeypatch, **given)
    assert [row["data_seed"] for row in found["a4_more_sets.cells"]] == [5] * 4 + [1] * 4 + [2] * 4


@pytest.mark.usefixtures("results")
def test_gd_pgd_on_a_set_of_the_page_is_that_of_the_page():
    given = {"seeds": [1], "width": 8, "n_steps": 3}
    (row,) = recorded("a4_gd_pgd", betas=(1e-2,), **given)["a4_gd_pgd.cells"]
    points = planar(1)
    found = a4_decision_regions.networks(points, 8, 3, 0, [1e-2])
    worst = a4_decision_regions.margins(found, points)
    rows = a4_decision_regions.cell_rows(found, points, worst)
    expected = next(r for r in rows if r["method"] == "GD-PGD")
    assert row == {"data_seed": 1} | {k: v for k, v in expected.items() if k != "differs"}


def test_a_killed_run_of_gd_pgd_goes_on_with_the_next_set(monkeypatch, tmp_path):
    monkeypatch.setattr(a4_gd_pgd, "planar", lambda seed: planar(seed, n=4))
    given = {"seeds": (5, 1, 2), "betas": (1e-2, 1e-6), "width": 3, "n_steps": 2}
    found = resumed("a4_gd_pgd", "cells", tmp_path, monkeypatch, **given)
    assert [row["data_seed"] for row in found["a4_gd_pgd.cells"]] == [5, 5, 1, 1, 2, 2]


@pytest.mark.usefixtures("results")
def test_more_runs_are_runs_of_table_1():
    found = recorded("a7_more_runs", n=40, n_patterns=4, n_runs=2, n_few=1)
    train, _ = train_and_validation((2, 8), 40, 1, "stride")
    again = convex_row("algorithm_2", train, 10 / 255, 1e-4, 4, 4, 1)
    row = found["a7_more_runs.convex"][-1]
    timed = {"seconds"}
    assert {k: v for k, v in row.items() if k not in timed} == {
        k: v for k, v in again.items() if k not in timed
    }
    runs = found["a7_more_runs.gradient"]
    counts = [sum((r["setting"], r["method"]) == key for r in runs) for key in (
        ("plain", "gd_std"), ("tuned", "gd_pgd"), ("plain", "gd_pgd"), ("lowest", "gd_pgd"),
    )]  # fmt: skip
    assert counts == [2, 2, 1, 1]


@pytest.mark.usefixtures("few_pixels")
def test_killed_runs_of_table_1_go_on(monkeypatch, tmp_path):
    monkeypatch.setattr(a7_more_runs, "METHODS", ("gd_pgd",))
    one = {"gd_pgd": Setting(epochs=1)}
    monkeypatch.setattr(a7_more_runs, "settings", lambda: {"plain": one, "tuned": one})
    given = {"n": 12, "n_patterns": 3, "n_runs": 2, "n_few": 1, "radius_255": 1.0}
    found = resumed("a7_more_runs", "part", tmp_path, monkeypatch, ["seconds"], **given)
    assert list(found) == ["a7_more_runs.gradient", "a7_more_runs.convex"]
    gradient, convex = found.values()
    runs = [(row["setting"], row["seed"]) for row in gradient]
    assert runs == [("plain", 0), ("tuned", 0), ("tuned", 1)]
    runs = [(row["method"], row["seed"]) for row in convex]
    assert runs == [(m, s) for m in ("algorithm_1", "algorithm_2") for s in (0, 1)]


@pytest.mark.usefixtures("results")
def test_readings_have_both_samplings_of_an_image_and_every_s():
    found = recorded("a7_readings", n=40, n_patterns=4, n_runs=1, shares=(1, 4))
    words = found["a7_readings.words"]
    assert [(r["downsample"], r["method"]) for r in words] == [
        (d, m) for d in ("stride", "block") for m in ("algorithm_1", "algorithm_2")
    ]
    assert all(row["classes"] == [1, 7] for row in words)
    assert [row["S"] for row in found["a7_readings.samplings"]] == [1, 4]


@pytest.mark.usefixtures("few_pixels")
def test_killed_readings_go_on(monkeypatch, tmp_path):
    given = {"n": 12, "n_patterns": 3, "n_runs": 1, "shares": (1,), "radius_255": 1.0}
    found = resumed("a7_readings", "run", tmp_path, monkeypatch, ["seconds"], **given)
    assert list(found) == ["a7_readings.words", "a7_readings.samplings"]
    setup = (12, 1 / 255, 1e-4, 3, 4, range(1))
    page = programs.reading_rows((1, 7), "block", "0..1", *setup)  # as Table I's page has them
    for row, its in zip(found["a7_readings.words"][2:], page, strict=False):
        assert list(row) == list(its)
        assert row | {"seconds": 0} == its | {"seconds": 0}


def test_pgd_as_printed_ends_where_fgsm_does():
    rows = recorded("a7_printed_pgd", n_networks=3, n=8, d=20, width=30)["a7_printed_pgd"]
    assert max(row["printed"] for row in rows) < 1e-5  # float32, in radii
    assert min(row["proper"] for row in rows) > 0.1


@pytest.mark.usefixtures("few_pixels")
def test_runs_of_every_width_are_runs_of_table_2(monkeypatch, tmp_path):
    monkeypatch.setenv("ROBUSTCORE_RESULTS", str(tmp_path))
    monkeypatch.setattr(a7_widths, "GRADIENT", ("gd_fgsm",))
    asked = {"n": 12, "n_patterns": (4, 3), "n_runs": 3, "n_perturbations": 2, "radius_255": 1.0}
    with pytest.raises(DataError, match="no run of a7_widths is done"):
        a7_widths.record(**asked)
    engine.run(a7_widths.sweep(**asked))
    rows = a7_widths.record(**asked)["a7_widths.runs"]
    found = {(r["method"], r["P_s"], r["seed"]): r for r in rows}
    methods = ("gd_fgsm", "algorithm_1", "algorithm_2")
    assert set(found) == set(itertools.product(methods, (4, 3), (0, 1, 2)))
    assert len(found) == len(rows)
    train, _ = train_and_validation((2, 8), 12, 1, "stride")
    (alone,) = baseline_rows(train, "gd_fgsm", Setting(), 6, [2], 1 / 255, 1e-4)
    assert found["gd_fgsm", 3, 2]["objective"] == pytest.approx(alone["objective"], rel=1e-6)
    again = convex_row("algorithm_2", train, 1 / 255, 1e-4, 3, 2, 1)
    assert found["algorithm_2", 3, 1]["objective"] == again["objective"]
