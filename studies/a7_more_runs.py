"""More runs of Table I, where seven cannot tell: the same images, settings and seeds from 0 on.

The tuned settings are those that `a7_cifar` chose on held-out images, and those of its grid that
have the least training cost.
"""

from __future__ import annotations

from typing import Any

from robustcore import records

from .a7_cifar import train_and_validation
from .a7_cifar.baselines import Setting, baseline_rows, chosen
from .a7_cifar.programs import convex_row

CLASSES = (2, 8)  # birds and ships: our reading
METHODS = ("gd_std", "gd_fgsm", "gd_pgd")


def settings() -> dict[str, dict[str, Setting]]:
    """Every setting of gradient descent that is run again: its name and method to the setting.

    Source: own (on [A] Section VII-D)
    """
    grid = records.load("a7_cifar.grid").rows
    by = {"tuned": chosen(grid), "lowest": chosen(grid, by="objective")}
    return {"plain": dict.fromkeys(METHODS, Setting()), **by}


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

    Source: [A] Table I

    Notes
    -----
    `n_few`: runs of GD-PGD at its plain setting and at that of least training cost.
    """
    train, _ = train_and_validation(CLASSES, n, 1, "stride")
    radius = radius_255 / 255
    found: list[dict[str, Any]] = []
    for name, by_method in settings().items():
        for method in METHODS:
            few = method == "gd_pgd" and name != "tuned"
            seeds = range(n_few if few else n_runs)
            run = (by_method[method], 2 * n_patterns, seeds, radius, beta)
            found += [{"setting": name, **row} for row in baseline_rows(train, method, *run)]
    setup = (train, radius, beta, n_patterns, n_perturbations)
    return {
        "a7_more_runs.gradient": found,
        "a7_more_runs.convex": [
            convex_row(method, *setup, seed)
            for method in ("algorithm_1", "algorithm_2")
            for seed in range(n_runs)
        ],
    }
