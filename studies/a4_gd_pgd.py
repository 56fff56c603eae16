"""GD-PGD of Figure 6 of paper A on ten sets of points that nobody picked.

The other methods on these sets are rows of `a4_more_sets`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from . import a4_decision_regions, engine
from .planar_boxes import BETAS, planar

VERSION = 1  # of the rows; raise it when they would change


def cells(seed: int, betas: Sequence[float], width: int, n_steps: int) -> list[dict[str, Any]]:
    """GD-PGD's cells of Figure 6 for one set, as `a4_decision_regions` trains them.

    Source: [A] Figure 6

    Parameters
    ----------
    seed : int
        Of the points; starts have seed 0.
    betas : sequence of float
    width, n_steps : int

    Returns
    -------
    list of dict
        Columns as of `a4_decision_regions.cell_rows`, but for `differs`, which needs Algorithm 1.
    """
    points = planar(seed)
    trained = a4_decision_regions.descend(points, betas, True, width, n_steps, 0)
    found: a4_decision_regions.Networks = {
        ("GD-PGD", beta): net for beta, net in zip(betas, trained, strict=True)
    }
    worst = a4_decision_regions.margins(found, points)
    rows = a4_decision_regions.cell_rows(found, points, worst)
    return [
        {"data_seed": seed, **{key: v for key, v in row.items() if key != "differs"}}
        for row in rows
    ]


def record(
    seeds: Sequence[int] = (0,),
    betas: Sequence[float] = BETAS[1:2],
    width: int = 30,
    n_steps: int = 50,
) -> dict[str, list[dict[str, Any]]]:
    """The rows of the page on Figure 6 that concern GD-PGD on unpicked sets.

    Sets that are done are kept until all are.

    Source: [A] Figure 6
    """
    settings = dict(locals())

    def rows(sets: Sequence[Mapping[str, Any]], device: str) -> list[dict[str, Any]]:
        return [{"rows": cells(one["data_seed"], betas, width, n_steps)} for one in sets]

    each = [{"data_seed": seed} for seed in seeds]
    sweep = engine.Sweep("a4_gd_pgd", VERSION, each, rows, settings=settings)
    found = [row for one in engine.complete(sweep).rows for row in one["rows"]]
    engine.forget(sweep)
    return {"a4_gd_pgd.cells": found}
