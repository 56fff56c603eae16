"""The pilot of the tables' grid: the cells of both grids, and ranks of whole tables alone."""

from __future__ import annotations

import pytest

from robustcore.errors import DataError
from studies import b8_pilot, b8_uci
from studies.b8_uci.choosing import METHODS

from .b8_uci.invented import grid

TINY = {"sets": ("wine",), "steps": 3, "wide_steps": 4, "width": 4, "attack_steps": 2}


def test_the_two_grids_differ_in_training_alone() -> None:
    made = b8_pilot.sweep(**TINY)
    assert len(made.cells) == 2 * len(METHODS)
    cells = [{"set": "wine", "grid": g, "method": "rub"} for g in b8_pilot.GRIDS]
    reduced, wide = made.run(cells, device="cpu")
    assert (reduced["radii"], reduced["rates"]) == ([0.1, 1.0], [3e-3, 3e-3])
    assert (len(wide["radii"]), sorted(set(wide["rates"]))) == (6, [1e-3, 1e-2])
    for name in ("n_test", "n_train", "majority", "M", "K"):
        assert reduced[name] == wide[name]
    settings = made.settings
    assert (settings["reduced"]["top"], settings["wide"]["top"]) == (1, None)
    assert settings["reduced"]["test_radii"] == list(b8_uci.TEST_RADII)


def test_ranks_are_those_of_the_tables_that_are_whole() -> None:
    done = [
        {**{k: v for k, v in row.items() if k not in ("data", "split")}, "grid": g}
        for g in b8_pilot.GRIDS
        for row in grid(["iris", "wine"])
    ]
    found = b8_pilot.ranks(done)
    assert {row["grid"] for row in found} == set(b8_pilot.GRIDS)
    assert {row["sets"] for row in found} == {2}
    one = [r for r in found if (r["attack"], r["radius"], r["grid"]) == ("clean", 0.0, "wide")]
    assert sum(r["rank"] for r in one if r["rank"] is not None) == pytest.approx(21)
    fewer = b8_pilot.ranks(done[:-1])
    assert {row["sets"] for row in fewer} == {1}


def test_without_a_whole_table_there_is_no_record() -> None:
    with pytest.raises(DataError, match="no table of b8_pilot is done"):
        b8_pilot.record(**TINY, pgd_steps=1)
