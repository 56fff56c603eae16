"""What is read from rows of the sweep over the tables: choice, ranks, gains, chance, claims."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from contract import recorded
from robustcore import claims, records
from robustcore.errors import DataError
from studies import __main__ as command
from studies import b8_uci, engine
from studies.b8_uci import again, chance, comparing, overview, ranking, summary
from studies.b8_uci.choosing import METHODS, alike, best, chosen, complete

from .invented import N, grid

ROOT = Path(__file__).resolve().parents[3]
SETS = ("iris", "wine", "seeds", "yeast", "ecoli")
RADII = b8_uci.TEST_RADII


def _sweep() -> engine.Sweep:
    return b8_uci.sweep(sets=("all",), published_radii=(0.1,))


def _picked(rows: list[dict]) -> list[dict]:
    return [chosen(row) for row in rows]


def test_validation_rows_alone_choose() -> None:
    row = grid(["iris"])[0]
    row["validation"]["PGD-L2"][2] = [10, 30, 30, 5, 30]
    row["validation"]["clean"] = [80, 70, 75, 99, 75]
    row["test"]["PGD-L2"][2] = [99, 1, 2, 99, 3]
    found = chosen(row)
    assert found["PGD-L2 of"][2] == 2  # most right under attack, then clean, then the first
    assert found["PGD-L2"][2] == 2
    row["test"]["PGD-L2"][2] = [0, 0, 0, 0, 0]
    assert chosen(row)["PGD-L2 of"] == found["PGD-L2 of"]
    assert best([3, 3, 1], [5, 5, 9]) == 0


def test_the_certified_network_is_the_one_that_the_strong_attack_chooses() -> None:
    """The cell certifies the same candidate, so that proved and attacked belong together."""
    sweep = b8_uci.sweep(
        sets=("iris",), training_radii=(0.1, 1.0), steps=20, width=8, attack_steps=3, top=1
    )
    (row,) = sweep.run([sweep.cells[4]], device="cpu")
    found = chosen({**sweep.cells[4], **row})
    for norm in ("L1", "Linf"):
        at = [RADII.index(r) for r in b8_uci.CERTIFIED_RADII]
        assert [found[f"strong-{norm} of"][i] for i in at] == [
            candidate for candidate, _, _ in row["certified"][norm]
        ]


def test_a_network_that_answers_alike_is_told_from_clean_rows() -> None:
    row = grid(["iris"])[0]
    row["same"] = [N, 50, 50, 50, 50]
    row["validation"]["FGM-L1"][0] = [99, 0, 0, 0, 0]
    row["validation"]["FGM-L1"][1] = [0, 0, 99, 0, 0]
    found = chosen(row)
    assert alike(found, "FGM-L1", 0)
    assert not alike(found, "FGM-L1", 1)
    row["infinite"] = [0, 10]  # ten rows have no answer
    row["same"][2] = N - 10
    assert alike(chosen(row), "FGM-L1", 1)


def test_only_sets_with_every_method_are_compared() -> None:
    rows = _picked(grid(SETS))
    assert list(complete(rows, "clean")) == list(SETS)
    assert list(complete(rows[:-1], "clean")) == list(SETS[:-1])
    assert complete(rows, "published") == {}
    done = overview.done(rows[:-1], _sweep().cells)
    assert done[0] == {
        "data": "clean", "split": 0, "cells": 29, "of": 276, "sets": 4, "of sets": 46
    }  # fmt: skip
    assert done[1]["cells"] == 0


def test_ranks_share_ties_and_sum_to_what_they_must() -> None:
    assert ranking.ranks(np.array([[0.9, 0.5, 0.9]])).tolist() == [[1.5, 3, 1.5]]
    rows = ranking.ranked(_picked(grid(SETS)), RADII)
    point = [r for r in rows if (r["attack"], r["radius"]) == ("PGD-Linf", 0.1)]
    assert sum(r["rank"] for r in point if r["rank"]) == pytest.approx(21)
    assert sum(r["rank of 7"] for r in point) == pytest.approx(28)
    for row in point[:-1]:
        assert row["low"] <= row["rank"] <= row["high"]
        assert np.mean(row["ranks"]) == pytest.approx(row["rank"], abs=1e-4)
        assert np.mean(row["accuracies"]) == pytest.approx(row["accuracy"], abs=1e-4)
    assert len(rows) == 7 * (1 + 9 * len(RADII))


def test_a_method_that_always_wins_has_rank_one_and_a_constant_ties_the_majority() -> None:
    rows = grid(SETS)
    for row in rows:
        for part in ("validation", "test"):
            right = 90 if row["method"] == "rub" else 40  # of 100; the majority class has 40
            row[part]["PGD-L1"] = [[right] * 5 for _ in RADII]
    here = [
        r
        for r in ranking.ranked(_picked(rows), RADII)
        if (r["attack"], r["radius"]) == ("PGD-L1", 1.0)
    ]
    by_method = {r["method"]: r for r in here}
    assert by_method["rub"]["rank"] == by_method["rub"]["rank of 7"] == 1
    assert by_method["rub"]["above"] == len(SETS)
    assert by_method["pgd"]["rank of 7"] == by_method["majority"]["rank of 7"] == 4.5
    assert by_method["pgd"]["above"] == 0


def test_the_critical_difference_is_demsars() -> None:
    """Demšar (2006), Section 3.2.2: four classifiers on 14 sets, q = 2.569."""
    assert ranking.critical_difference(4, 14) == pytest.approx(2.569 * (20 / 84) ** 0.5, rel=1e-3)
    (row,) = [
        r
        for r in ranking.tested(ranking.ranked(_picked(grid(SETS)), RADII))
        if r["attack"] == "clean"
    ]
    assert 0 < row["p"] <= 1
    assert row["sets"] == len(SETS)


def test_gains_are_points_of_one_method_over_another() -> None:
    rows = grid(["iris", "wine", "seeds"])
    for row, right in zip(rows[4::6], (60, 39, 50), strict=True):  # rub
        row["test"]["PGD-L2"][RADII.index(10.0)] = [right] * 5
    for row in rows[5::6]:  # pgd
        row["test"]["PGD-L2"][RADII.index(10.0)] = [40] * 5
    (found,) = [
        r
        for r in comparing.gains(_picked(rows), RADII)
        if (r["figure"], r["attack"], r["radius"]) == (3, "PGD-L2", 10.0)
    ]
    assert found["gains"] == [20, -1, 10]
    assert (found["lower"], found["large"]) == (1, 1)


def test_an_attack_that_weakens_with_more_room_is_counted() -> None:
    rows = grid(["iris"])
    for row in rows:
        row["test"]["PGD-L2"] = [[50] * 5, [40] * 5, [30] * 5, [30, 33, 32, 30, 60]] + [[0] * 5] * 3
    found = {(r["method"], r["attack"]): r for r in comparing.rising(rows)}
    assert found["rub", "PGD-L2"]["networks"] == 5
    assert found["rub", "PGD-L2"]["rising"] == 2  # by 3 and by 30 points; 2 is not more than 2
    assert found["rub", "PGD-L2"]["most"] == 30
    assert sum(found["rub", "PGD-L2"]["shares"]) == pytest.approx(2 / 5)  # of one table's five
    assert found["rub", "FGM-L2"]["rising"] == 0
    (shown,) = [r for r in summary.regaining(comparing.rising(rows)) if r["method"] == "rub"]
    assert (shown["PGD-L2"], shown["FGM-L2"]) == (0.4, 0.0)


def test_shares_of_table_1_are_over_every_network() -> None:
    rows = grid(["iris"])
    for row in rows:
        row["above"]["L1"][0] = [100, 100, 100, 100, 0]
    rows[0]["means"] = {norm: [[1, 1, 1, 0, 0]] * len(RADII) for norm in ("L1", "Linf")}
    (found,) = [
        r for r in comparing.above(rows, RADII) if (r["norm"], r["radius"]) == ("L1", RADII[0])
    ]
    assert (found["networks"], found["share"], found["mostly"]) == (30, 0.8, 0.8)
    assert (found["told"], found["tables"], found["means"]) == (5, 1, 3)  # the first cell has them
    shown = {
        r["norm"]: r[f"{RADII[0]:g}"] for r in summary.above_attacked(comparing.above(rows, RADII))
    }
    assert (shown["L1"], shown["L1, by means"]) == (0.8, 0.6)


def test_speeds_are_means_over_tables_fastest_first() -> None:
    steps = [("RUB", 2.0, 9.0), ("Nominal", 10.0, 1.0), ("RUB", 4.0, 5.0), ("Nominal", 30.0, 1.0)]
    keys = ("method", "batches_per_second", "ratio")
    fast, slow = summary.speeds([dict(zip(keys, one, strict=True)) for one in steps])
    assert (fast["method"], fast["mean"], slow["mean"]) == ("Nominal", 20.0, 3.0)
    assert (slow["tables"], slow["nominal steps"]) == (2, 7.0)
    assert slow["deviation"] == pytest.approx(2**0.5)


def test_updates_a_second_are_over_all_candidates() -> None:
    rows = grid(["iris", "wine"])
    for row in rows:
        row["train_seconds"] = 10.0 if row["method"] == "nominal" else 40.0
    found = {r["method"]: r for r in comparing.seconds(rows, steps=600)}
    assert found["nominal"]["updates a second"] == 300
    assert found["rub"]["ratio"] == 4


def test_chance_of_splits_needs_splits() -> None:
    one = _picked(grid(SETS))
    assert {r["of splits"] for r in chance.noise(one, RADII)} == {None}
    other = [{**r, "split": 1} for r in _picked(grid(SETS[:3], seed=1))]
    found = chance.noise(one + other, RADII)
    assert {(r["splits"], r["sets of splits"]) for r in found} == {(2, 3)}
    assert all(r["of splits"] >= 0 and r["of rows"] > 0 for r in found if r["attack"] == "clean")


def test_the_best_of_a_set_is_told_with_the_majority_class() -> None:
    rows = grid(["iris"])
    for row in rows:
        for part in ("validation", "test"):
            row[part]["strong-Linf"] = [[40] * 5 for _ in RADII]
    (row,) = [r for r in overview.sets(_picked(rows), RADII) if r["set"] == "iris"]
    assert row["best at 1"] == ["majority"]
    for part in ("validation", "test"):
        rows[5][part]["strong-Linf"] = [[41] * 5 for _ in RADII]
    (row,) = [r for r in overview.sets(_picked(rows), RADII) if r["set"] == "iris"]
    assert row["best at 1"] == ["pgd"]
    assert row["leaked"] is None


def test_profile_desktop_is_the_sweep_whose_rows_are_kept() -> None:
    """Other settings would read no row of it."""
    made = b8_uci.sweep(**command.parameters("b8_uci", "desktop", {}, "sweep"))
    assert dict(made.settings) == {
        "training_radii": [0.01, 0.1, 0.3, 1.0, 3.0],
        "published_radii": [0.01, 0.1, 0.3, 1.0, 3.0],
        "test_radii": [0.001, 0.01, 0.1, 0.3, 1.0, 3.0, 10.0],
        "certified_radii": [0.01, 0.1, 0.3, 1.0, 3.0],
        "rates": [0.003],
        "falling": True,
        "steps": 600,
        "published_steps": 300,
        "pgd_steps": 10,
        "top": 1,
        "attack_steps": 20,
        "width": 200,
        "n_validation": 200,
        "n_test": 500,
    }
    assert len(made.cells) == 46 * len(METHODS) * 5


def test_a_record_is_made_of_what_is_done(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("ROBUSTCORE_RESULTS", str(tmp_path))
    assert b8_uci.kept() == []
    small = {"sets": ["iris"], "training_radii": [0.3], "steps": 5, "width": 8, "top": 1}
    with pytest.raises(DataError, match="no cell of sweep b8_uci"):
        b8_uci.record(**small)
    made = b8_uci.sweep(**small)
    engine.run(made, shard=(1, 6), results=tmp_path)
    found = recorded("b8_uci", **small)
    assert set(found) == {
        f"b8_uci.{name}" for name in ("done", "chosen", "rising", "above", "sets", "seconds")
    }  # what needs every method of a set is not there yet
    assert found["b8_uci.done"][0]["cells"] == 1
    assert len(b8_uci.measured(made)) == 1
    (one,) = again.again(made, 3, seed=0)
    assert one["differs"] == []
    assert again.differs({**one["cell"], "same": [1]}, {"same": [2], "train_seconds": 1}) == [
        "same"
    ]
    records.save("b8_uci.done", found["b8_uci.done"], small, folder=tmp_path)
    assert b8_uci.kept() == ["done"]


@pytest.mark.parametrize("data", [("clean",), ("clean", "published")])
def test_every_criterion_on_these_rows_can_be_judged(data: tuple[str, ...]) -> None:
    """While the sweep runs they wait; here they are asked on invented rows."""
    out = b8_uci.analysed(grid(SETS, data), _sweep())
    entries = [c for c in claims.load(ROOT / "claims") if "b8_uci" in str(c.record)]
    assert len(entries) > 10
    for claim in entries:
        at_once = dataclasses.replace(claim, enough_if="1 < 2")
        assert claims.judge(at_once, lambda id: out[id.split(".")[1]]) in claims.VERDICTS
        assert claims.ours(at_once, lambda id: out[id.split(".")[1]])
