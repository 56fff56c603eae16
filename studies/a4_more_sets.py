"""Figures 2 and 6 of paper A on sets of points that nobody picked: three ways to train.

The pages show set 3, picked because standard training cuts boxes in it, beside sets 0 and 1.
GD-PGD is left out: it costs minutes a set.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from . import a4_decision_regions, engine
from .planar_boxes import BETAS, planar

VERSION = 1  # of the rows; raise it when they would change


def cells(seed: int, betas: Sequence[float], width: int, n_steps: int) -> list[dict[str, Any]]:
    """The cells of Figure 6 but GD-PGD's, for one set.

    Source: [A] Figures 2, 6

    Parameters
    ----------
    seed : int
        Of the points; patterns and starts have seed 0.
    betas : sequence of float
    width, n_steps : int
        Of GD-std.
    """
    points = planar(seed)
    found: a4_decision_regions.Networks = {}
    for beta in betas:
        for method, net in a4_decision_regions.convex_networks(points, beta, 0).items():
            found[method, beta] = net
    trained = a4_decision_regions.descend(points, betas, False, width, n_steps, 0)
    found |= {("GD-std", beta): net for beta, net in zip(betas, trained, strict=True)}
    worst = a4_decision_regions.margins(found, points)
    rows = a4_decision_regions.cell_rows(found, points, worst)
    return [{"data_seed": seed, **row} for row in rows]


def record(
    seeds: Sequence[int] = (0,),
    betas: Sequence[float] = BETAS[1:2],
    width: int = 30,
    n_steps: int = 50,
) -> dict[str, list[dict[str, Any]]]:
    """The rows of the pages on the hinge loss and on Figure 6 that concern unpicked sets.

    Sets that are done are kept until all are.

    Source: [A] Figures 2, 6
    """
    settings = dict(locals())

    def rows(sets: Sequence[Mapping[str, Any]], device: str) -> list[dict[str, Any]]:
        return [{"rows": cells(one["data_seed"], betas, width, n_steps)} for one in sets]

    each = [{"data_seed": seed} for seed in seeds]
    sweep = engine.Sweep("a4_more_sets", VERSION, each, rows, settings=settings)
    found = [row for one in engine.complete(sweep).rows for row in one["rows"]]
    engine.forget(sweep)
    return {"a4_more_sets.cells": found}
