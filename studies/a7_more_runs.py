"""More runs of Table I, where seven cannot tell: the same images, settings and seeds from 0 on.

The tuned settings are those that `a7_cifar` chose on held-out images, and those of its grid that
have the least training cost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from robustcore import records

from . import engine
from .a7_cifar import train_and_validation
from .a7_cifar.baselines import Setting, baseline_rows, chosen
from .a7_cifar.programs import convex_row
from .cifar_pairs import Pair

VERSION = 1  # of the rows; raise it when they would change
CLASSES = (2, 8)  # birds and ships: our reading
METHODS = ("gd_std", "gd_fgsm", "gd_pgd")


def settings() -> dict[str, dict[str, Setting]]:
    """Every setting of gradient descent that is run again: its name and method to the setting.

    Source: own (on [A] Section VII-D)
    """
    grid = records.load("a7_cifar.grid").rows
    by = {"tuned": chosen(grid), "lowest": chosen(grid, by="objective")}
    return {"plain": dict.fromkeys(METHODS, Setting()), **by}


def part(cell: Mapping[str, Any], train: Pair, given: Mapping[str, Any]) -> list[dict[str, Any]]:
    """All runs of a gradient method at one setting, side by side; or one of a convex program.

    Source: [A] Table I

    Parameters
    ----------
    cell : mapping
        Of the sweep in `record`.
    train : Pair
    given : mapping
        What `record` was given.
    """
    radius, beta, n_patterns = given["radius_255"] / 255, given["beta"], given["n_patterns"]
    if cell["record"] == "convex":
        setup = (train, radius, beta, n_patterns, given["n_perturbations"])
        return [convex_row(cell["method"], *setup, cell["seed"])]
    setting = Setting(cell["rate"], cell["epochs"], cell["batch"])
    run = (setting, 2 * n_patterns, range(cell["runs"]), radius, beta)
    return [{"setting": cell["setting"], **r} for r in baseline_rows(train, cell["method"], *run)]


def record(
    n: int = 60,
    n_patterns: int = 6,
    n_runs: int = 2,
    n_few: int = 2,
    n_perturbations: int = 4,
    beta: float = 1e-4,
    radius_255: float = 10.0,
) -> dict[str, list[dict[str, Any]]]:
    """Algorithms 1 and 2 and the tuned gradient methods `n_runs` times, GD-PGD's others fewer.

    Runs that are done are kept until all are.

    Source: [A] Table I

    Notes
    -----
    `n_few`: runs of GD-PGD at its plain setting and at that of least training cost.
    """
    given = dict(locals())
    train, _ = train_and_validation(CLASSES, n, 1, "stride")

    def rows(cells: Sequence[Mapping[str, Any]], device: str) -> list[dict[str, Any]]:
        return [{"rows": part(cell, train, given)} for cell in cells]

    cells: list[dict[str, Any]] = []
    for name, by_method in settings().items():
        for method in METHODS:
            few = method == "gd_pgd" and name != "tuned"
            cell = {"record": "gradient", "setting": name, "method": method}
            cells.append({**cell, **asdict(by_method[method]), "runs": n_few if few else n_runs})
    for method in ("algorithm_1", "algorithm_2"):
        cells += [{"record": "convex", "method": method, "seed": s} for s in range(n_runs)]
    sweep = engine.Sweep("a7_more_runs", VERSION, cells, rows, settings=given)
    found: dict[str, list[dict[str, Any]]] = {}
    for done in engine.complete(sweep).rows:
        found.setdefault(f"a7_more_runs.{done['record']}", []).extend(done["rows"])
    engine.forget(sweep)
    return found
