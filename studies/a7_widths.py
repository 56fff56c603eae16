"""Table II with runs enough to tell: the methods of Table I at a third and half of its width.

    python -m studies a7_widths --profile desktop --shard 1/2     cells
    python -m studies a7_widths --profile desktop                 their record

A run of a gradient method has twice as many neurons as the convex programs beside it have patterns.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from robustcore.errors import DataError

from .a7_cifar import train_and_validation
from .a7_cifar.baselines import Setting, baseline_rows
from .a7_cifar.programs import convex_row
from .cifar_pairs import Pair
from .engine import Sweep, read

VERSION = 1  # raise it when rows would change
CLASSES = (2, 8)  # birds and ships: our reading
GRADIENT = ("gd_std", "gd_fgsm", "gd_pgd")
CONVEX = ("algorithm_1", "algorithm_2")


def sweep(
    n: int = 60,
    n_patterns: Sequence[int] = (6, 3),
    n_runs: int = 2,
    together: int = 2,
    n_perturbations: int = 4,
    beta: float = 1e-4,
    radius_255: float = 10.0,
) -> Sweep:
    """A cell for each method, number of patterns and group of seeds.

    Source: [A] Table II

    Parameters
    ----------
    n : int
        Training images of both classes together.
    n_patterns : sequence of int
        P_s; gradient methods have 2 P_s neurons.
    n_runs, together : int
        Seeds, and those of a cell; gradient methods train them side by side.
    n_perturbations : int
        S of Algorithm 2.
    beta, radius_255 : float
        As in [A] Section VII-D; the radius of pixels of 0..255.
    """
    settings = {"n": n, "n_perturbations": n_perturbations, "beta": beta, "radius_255": radius_255}
    cells = [
        {"method": method, "P_s": p, "first": first, "runs": min(together, n_runs - first)}
        for first in range(0, n_runs, together)
        for p in n_patterns
        for method in (*GRADIENT, *CONVEX)
    ]
    return Sweep("a7_widths", VERSION, cells, partial(_rows, settings), settings=settings)


def _rows(
    settings: Mapping[str, Any], cells: Sequence[Mapping[str, Any]], device: str
) -> list[dict[str, Any]]:
    train, _ = train_and_validation(CLASSES, settings["n"], 1, "stride")
    return [{"rows": _runs(cell, train, settings)} for cell in cells]


def _runs(
    cell: Mapping[str, Any], train: Pair, settings: Mapping[str, Any]
) -> list[dict[str, Any]]:
    method, p, beta = cell["method"], cell["P_s"], settings["beta"]
    radius, seeds = settings["radius_255"] / 255, range(cell["first"], cell["first"] + cell["runs"])
    if method in CONVEX:
        setup = (train, radius, beta, p, settings["n_perturbations"])
        return [convex_row(method, *setup, seed) for seed in seeds]
    found = baseline_rows(train, method, Setting(), 2 * p, seeds, radius, beta)
    return [{"P_s": p, **row} for row in found]


def record(**parameters: Any) -> dict[str, list[dict[str, Any]]]:
    """What the cells that are done say; nothing is run.

    Source: [A] Table II

    Returns
    -------
    dict
        `a7_widths.runs`: a row for each run: the accuracies, and the training cost as `objective`.

    Raises
    ------
    DataError
        If no cell is done.
    """
    kept = ("method", "P_s", "seed", "objective", "clean_accuracy", "fgsm_accuracy", "pgd_accuracy")
    done = [row for cell in read(sweep(**parameters)).rows for row in cell["rows"]]
    if not done:
        raise DataError("no run of a7_widths is done; run some with --shard 1/1.")
    return {"a7_widths.runs": [{key: row[key] for key in kept} for row in done]}


record.__signature__ = inspect.signature(sweep)  # type: ignore[attr-defined]
