"""[B] Section 6.2: six ways of training on 46 tables, under attacks of three norms.

A cell trains one method on one split of one table, with as many candidates as every other method
has, and attacks all of them on the same rows. The row keeps every count; what a figure shows is
chosen from it on validation rows alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from robustcore import records
from robustcore.datasets.catalogue import uci_sets
from robustcore.errors import DataError
from studies.engine import Sweep, read

from . import chance, comparing, overview, ranking
from .cells import METHODS, Settings, rows
from .choosing import chosen

VERSION = 2
# radii of the balls in standard deviations; those of L1 and L2 are sqrt(M) times as large
TEST_RADII = (0.001, 0.01, 0.1, 0.3, 1.0, 3.0, 10.0)
CERTIFIED_RADII = (0.01, 0.1, 0.3, 1.0, 3.0)
SHIPPED = ("haberman-survival", "wine", "hayes-roth")  # come with the package


def sweep(
    sets: Sequence[str] = SHIPPED,
    splits: int = 1,
    training_radii: Sequence[float] = (0.1, 0.5, 3.0),
    published_radii: Sequence[float] = (),
    rates: Sequence[float] = (1e-2,),
    falling: bool = True,
    steps: int = 100,
    published_steps: int = 50,
    pgd_steps: int = 5,
    top: int | None = None,
    width: int = 50,
    attack_steps: int = 20,
    n_validation: int = 200,
    n_test: int = 500,
) -> Sweep:
    """The cells: first one split of every clean table, then every leaked one, then more splits.

    Source: [B] Section 6.1, 6.2

    Parameters
    ----------
    sets : sequence of str
        Names of tables; ("all",) are the 46, in a shuffled order, so that any first part is a fair
        sample of them.
    splits : int
        Split 0 is the published one, the others are drawn.
    training_radii, published_radii, rates : sequence of float
        The candidates of a method: every rate with every radius. Nominal training, which has no
        radius, gets as many, by seed. `published_radii` are those for the leaked tables, the
        published matrices with the label among the features; with none these are left out.
    falling : bool
        Rates fall to 0 along half a cosine; the paper's are constant.
    steps, published_steps : int
        Updates of Adam, 256 rows each.
    pgd_steps : int
        Of PGD training. The paper: 40 steps of radius / 30.
    top : int or None
        RUB at so many vertices while training; None is all of them, as printed.
    width : int
        Neurons of each of the three hidden layers.
    attack_steps : int
        Gradient steps of the strong attack.
    n_validation, n_test : int
        At most so many rows of each part are attacked.
    """
    names = shuffled() if tuple(sets) == ("all",) else list(sets)
    passes = [("clean", 0), *([("published", 0)] if published_radii else [])]
    passes += [("clean", split) for split in range(1, splits)]
    cells = [
        {"set": name, "data": data, "split": split, "method": method}
        for data, split in passes
        for name in names
        for method in METHODS
    ]
    settings = Settings(
        training_radii=tuple(training_radii),
        published_radii=tuple(published_radii),
        test_radii=TEST_RADII,
        certified_radii=CERTIFIED_RADII,
        rates=tuple(rates),
        falling=falling,
        steps=steps,
        published_steps=published_steps,
        pgd_steps=pgd_steps,
        top=top,
        attack_steps=attack_steps,
        width=width,
        n_validation=n_validation,
        n_test=n_test,
    )
    return Sweep("b8_uci", VERSION, cells, settings.run(rows), cost=cost, settings=settings.plain())


def record(
    sets: Sequence[str] = SHIPPED,
    splits: int = 1,
    training_radii: Sequence[float] = (0.1, 0.5, 3.0),
    published_radii: Sequence[float] = (),
    rates: Sequence[float] = (1e-2,),
    falling: bool = True,
    steps: int = 100,
    published_steps: int = 50,
    pgd_steps: int = 5,
    top: int | None = None,
    width: int = 50,
) -> dict[str, list[dict[str, Any]]]:
    """The rows of the page, from what is done of the sweep with these arguments.

    Source: [B] Section 6.2, Figures 2 to 4, Tables 1, 2

    Raises
    ------
    DataError
        If no cell of it is done.
    """
    made = sweep(**locals())
    grid = read(made).rows
    if not grid:
        raise DataError(
            "no cell of sweep b8_uci with these parameters is done; run some first, for example "
            "python -m studies b8_uci --profile desktop --seconds 3600."
        )
    return {f"b8_uci.{name}": found for name, found in analysed(grid, made).items() if found}


def analysed(grid: Sequence[Mapping[str, Any]], made: Sweep) -> dict[str, list[dict[str, Any]]]:
    """What the page shows, by name, from rows of the sweep.

    Source: [B] Section 6.2
    """
    picked = [chosen(row) for row in grid]
    ranks = ranking.ranked(picked, TEST_RADII)
    return {
        "done": overview.done(picked, made.cells),
        "chosen": picked,
        "ranks": ranks,
        "tests": ranking.tested(ranks),
        "gains": comparing.gains(picked, TEST_RADII),
        "certified": comparing.certified(picked, TEST_RADII, CERTIFIED_RADII),
        "rising": comparing.rising(grid),
        "above": comparing.above(grid, TEST_RADII),
        "noise": chance.noise(picked, TEST_RADII),
        "sets": overview.sets(picked, TEST_RADII),
        "seconds": comparing.seconds(grid, made.settings["steps"]),
    }


def measured(made: Sweep) -> list[dict[str, Any]]:
    """Rows of a sweep: those in `results/`; if there are none, all cells are run, and kept nowhere.

    Source: own
    """
    found = read(made).rows
    return found or [{**cell, **made.run([cell], device="cpu")[0]} for cell in made.cells]


def kept() -> list[str]:
    """The names of this study's records; none in a checkout that has not recorded any.

    Source: own
    """
    ids = (id.partition(".") for id in records.identifiers())
    return [name for study, _, name in ids if study == "b8_uci"]


def shuffled() -> list[str]:
    """The 46 names in the order of the sweep.

    Source: own
    """
    names = sorted(uci_sets())
    return [names[i] for i in np.random.default_rng(46).permutation(len(names))]


def cost(cell: Mapping[str, Any]) -> float:
    """Roughly proportional to a cell's seconds: rows that are trained on and attacked.

    Source: own
    """
    entry = uci_sets()[cell["set"]]
    batch, attacked = min(256, 0.6 * entry.rows), min(700, 0.4 * entry.rows)
    updates = 1.0 if cell["data"] == "clean" else 0.4
    weight = {"rub": 2.5 + 1.5 * len(entry.class_labels), "pgd": 9, "arub_l1": 4, "arub_linf": 4}
    return updates * weight.get(cell["method"], 1.5) * batch + 25 * attacked + entry.features
