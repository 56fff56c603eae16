"""From single runs to the lines that the page on Tables I and II prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .baselines import OWN_COST
from .printed_tables import printed

_COSTS = ("objective", "pgd_cost", "certified_cost")


def mean_costs(groups: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """The mean objective, PGD cost and CROWN cost of each group of runs, by label.

    Source: own (on [A] Table I)

    Parameters
    ----------
    groups : mapping of str to list of dict
        Label to runs of one method.
    """
    return [
        {"label": label, "runs": len(runs)}
        | {c: float(np.mean([run[c] for run in runs])) for c in _COSTS}
        for label, runs in groups.items()
    ]


def nearest_settings(grid: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """For each objective that the paper prints for gradient descent, the grid's nearest setting.

    Source: own (on [A] Tables I, II)

    Parameters
    ----------
    grid : list of dict
        From `a7_cifar.baselines.grid_rows`.
    """
    rows = []
    for n_patterns in (36, 24, 18):
        for method in [m for m in OWN_COST if m != "gd_certified"]:
            target = printed(n_patterns, method)["objective"]
            own = [row for row in grid if row["method"] == method]
            best = min(own, key=lambda row: abs(np.log(row["objective"] / target)))
            rows.append({"P_s": n_patterns, "printed": target, **best})
    return rows
