"""Theorem 4 and Figure 2 of paper A, and the rows of the page on the hinge loss."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from robustcore.convex import ConvexSolution
from robustcore.networks import TwoLayerReLU

from ..cifar_pairs import cifar_pair
from ..oracles import convex_twins
from ..planar_boxes import BETAS, Planar, figure_2, planar
from . import cifar

STATEMENTS = (
    "inner_maximum",
    "robust_duality",
    "reductions",
    "feasibility_filter",
    "dead_patterns",
)
_BOX_GRID = 21  # points a side at which a planar box is searched


def boxes_separated(net: TwoLayerReLU, points: Planar) -> int:
    """How many boxes lie on the right side, over a 21 by 21 grid of each box.

    Source: own

    Notes
    -----
    Exact for solutions of (15), whose worst points are corners; at most one grid step too kind to
    other networks.
    """
    side = np.linspace(-points.ball.radius, points.ball.radius, _BOX_GRID)
    offsets = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 1, 2)
    with torch.no_grad():
        score = net(torch.from_numpy(points.X + offsets).reshape(-1, 2)).numpy()
    return int((points.y * score.reshape(len(offsets), -1) > 0).all(axis=0).sum())


def planar_rows(solutions: dict[str, ConvexSolution], points: Planar) -> list[dict[str, Any]]:
    """What Figure 2 shows, in numbers.

    Source: [A] Figure 2
    """
    return [
        {
            "method": method,
            "beta": solution.beta,
            "patterns": len(solution.patterns),
            "kept": int(solution.pattern_kept.sum()),
            "objective": solution.objective,
            "gap": solution.gap,
            "neurons": solution.n_neurons,
            "boxes": boxes_separated(solution.network(), points),
        }
        for method, solution in solutions.items()
    ]


def along_beta(points: Planar, seed: int = 0) -> list[dict[str, Any]]:
    """The rows of Figure 2 for each beta of Figure 6, down to the 1e-9 of Figure 2.

    Source: [A] Figures 2, 6
    """
    rows = []
    for beta in BETAS:
        for row in planar_rows(figure_2(points, beta, seed), points):
            rows.append({**row, "relative_gap": row["gap"] / row["objective"]})
    return rows


def over_data_sets(n_sets: int, beta: float) -> list[dict[str, Any]]:
    """The rows of Figure 2 for data seeds 0, 1, ...: is what one picture shows the rule?

    Source: own (on [A] Figure 2)
    """
    rows = []
    for seed in range(n_sets):
        points = planar(seed)
        for row in planar_rows(figure_2(points, beta, seed), points):
            rows.append({"data_seed": seed, **row})
    return rows


def twins(n_instances: int) -> list[dict[str, Any]]:
    """Largest violation of each statement of this page, over small, often degenerate instances.

    Source: own
    """
    return [convex_twins.run_check(name, n_instances) for name in STATEMENTS]


def record(
    planar_seed: int = 3,
    planar_beta: float = 1e-3,
    n_data_sets: int = 3,
    classes: Sequence[int] = (1, 7),
    downsample: str = "stride",
    n: int = 80,
    n_patterns: int = 8,
    n_perturbations: int = 4,
    beta: float = 1e-4,
    radii_255: Sequence[float] = (4, 10),
    n_seeds: int = 1,
    n_instances: int = 6,
) -> dict[str, list[dict[str, Any]]]:
    """The rows that the page shows.

    Source: [A] Theorem 4, Figure 2, Table I
    """
    points = planar(planar_seed)
    pair = cifar_pair(classes, n, downsample)
    return {
        "a4_hinge.twins": twins(n_instances),
        "a4_hinge.figure_2": along_beta(points),
        "a4_hinge.data_sets": over_data_sets(n_data_sets, planar_beta),
        "a4_hinge.feasible": cifar.feasible_counts(pair, n_patterns, n_perturbations),
        "a4_hinge.cifar": cifar.cifar_rows(
            pair, [r / 255 for r in radii_255], beta, n_patterns, n_perturbations, range(n_seeds)
        ),
    }
