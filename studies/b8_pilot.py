"""Whether the reduced grid of the 46 tables moves ranks: a wide one beside it on six of them.

    python -m studies b8_pilot --profile desktop --shard 1/2     cells
    python -m studies b8_pilot --profile desktop                 their record

Wide is what the paper does as far as a desktop goes: constant rates, more of them and more radii,
more updates and steps of PGD, and RUB over all vertices, where the sweep trains at the likeliest.
Everything else, rows, attacks and choice on validation rows, is that of `b8_uci`.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from robustcore.errors import DataError

from . import b8_uci
from .b8_uci import ranking
from .b8_uci.cells import METHODS, Settings, row
from .b8_uci.choosing import chosen
from .engine import Sweep, read

VERSION = 1  # raise it when rows would change
GRIDS = ("reduced", "wide")


def sweep(
    sets: Sequence[str] = ("wine",),
    training_radii: Sequence[float] = (0.1, 1.0),
    rates: Sequence[float] = (3e-3,),
    steps: int = 20,
    pgd_steps: int = 3,
    wide_radii: Sequence[float] = (0.1, 0.3, 1.0),
    wide_rates: Sequence[float] = (1e-3, 1e-2),
    wide_steps: int = 40,
    wide_pgd_steps: int = 6,
    width: int = 20,
    attack_steps: int = 10,
    n_validation: int = 200,
    n_test: int = 500,
) -> Sweep:
    """A cell for each table, method and grid.

    Source: [B] Section 6.1, Hyperparameter Tuning

    Parameters
    ----------
    sets : sequence of str
        Names of tables.
    training_radii, rates, steps, pgd_steps
        Of the reduced grid, whose rates fall and whose RUB is trained at one vertex.
    wide_radii, wide_rates, wide_steps, wide_pgd_steps
        Of the wide one.
    width, attack_steps, n_validation, n_test
        As of `b8_uci.sweep`, for both.
    """
    shared: dict[str, Any] = {"test_radii": b8_uci.TEST_RADII, "published_radii": ()}
    shared |= {"certified_radii": b8_uci.CERTIFIED_RADII, "published_steps": 0}
    shared |= {"attack_steps": attack_steps, "width": width}
    shared |= {"n_validation": n_validation, "n_test": n_test}
    settings = {
        "reduced": Settings(
            training_radii=tuple(training_radii),
            rates=tuple(rates),
            falling=True,
            steps=steps,
            pgd_steps=pgd_steps,
            top=1,
            **shared,
        ),
        "wide": Settings(
            training_radii=tuple(wide_radii),
            rates=tuple(wide_rates),
            falling=False,
            steps=wide_steps,
            pgd_steps=wide_pgd_steps,
            top=None,
            **shared,
        ),
    }
    cells = [
        {"set": name, "grid": grid, "method": method}
        for name in sets
        for grid in GRIDS
        for method in METHODS
    ]
    plain = {grid: one.plain() for grid, one in settings.items()}
    return Sweep("b8_pilot", VERSION, cells, partial(_rows, settings), settings=plain)


def _rows(
    settings: Mapping[str, Settings], cells: Sequence[Mapping[str, Any]], device: str
) -> list[dict[str, Any]]:
    where = {"data": "clean", "split": 0}
    return [row({**cell, **where}, settings[cell["grid"]], device) for cell in cells]


def record(**parameters: Any) -> dict[str, list[dict[str, Any]]]:
    """Ranks over the tables that are done, once for each grid.

    Source: [B] Figure 2; own (two grids)

    Raises
    ------
    DataError
        If no table is done with every method and both grids.
    """
    done = read(sweep(**parameters)).rows
    found = ranks(done)
    if {r["grid"] for r in found} != set(GRIDS):
        raise DataError("no table of b8_pilot is done with both grids; run its cells first.")
    return {"b8_pilot.ranks": found}


record.__signature__ = inspect.signature(sweep)  # type: ignore[attr-defined]


def ranks(done: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """For each grid, attack, radius and method: rank and accuracy, and those of each table.

    Source: [B] Figure 2

    Parameters
    ----------
    done : list of dict
        Rows of the sweep; tables that lack a cell are left out.
    """
    whole = {
        name
        for name in {r["set"] for r in done}
        if sum(r["set"] == name for r in done) == len(GRIDS) * len(METHODS)
    }
    picked = [chosen({**r, "data": r["grid"], "split": 0}) for r in done if r["set"] in whole]
    found = ranking.ranked(picked, b8_uci.TEST_RADII)
    return [{"grid": r.pop("data"), **r} for r in found]
