"""Theorem 4 and Figure 2 of paper A, and the rows of the page on the hinge loss."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from .. import convex, patterns
from ..balls import LpBall
from ..convex import ConvexSolution
from ..networks import TwoLayerReLU
from . import a4_cifar, a_twins

STATEMENTS = (
    "inner_maximum",
    "robust_duality",
    "reductions",
    "feasibility_filter",
    "dead_patterns",
)
_BOX_GRID = 21  # points a side at which a planar box is searched


@dataclass(frozen=True)
class Planar:
    """Labelled points in the plane whose boxes do not overlap."""

    X: np.ndarray
    y: np.ndarray
    ball: LpBall


def planar(n: int, radius: float, seed: int, frequency: float = 4.0) -> Planar:
    """`n` uniform points of the square [-1, 1]^2, no two boxes overlapping, split by a wave.

    Source: [A] Section VII-B (which does not give its points)

    Parameters
    ----------
    n : int
    radius : float
        Half the side of the boxes; points are at least 2.2 radii apart in the maximum norm, and at
        least two radii above or below the wave.
    seed : int
    frequency : float
        Of the wave that separates the classes.
    """
    rng = np.random.default_rng(seed)
    points: list[np.ndarray] = []
    labels: list[float] = []
    while len(points) < n:
        x = rng.uniform(-1, 1, size=2)
        height = x[1] - 0.5 * math.sin(frequency * x[0])
        apart = all(np.abs(x - other).max() > 2.2 * radius for other in points)
        if apart and abs(height) > 2 * radius:
            points.append(x)
            labels.append(math.copysign(1.0, height))
    return Planar(np.array(points), np.array(labels), LpBall(math.inf, radius))


def figure_2(points: Planar, n_patterns: int, beta: float, seed: int) -> dict[str, ConvexSolution]:
    """Algorithm 1, Algorithm 2, and (15) over every robust-feasible pattern.

    Source: [A] Figure 2, Section VII-B

    Parameters
    ----------
    points : Planar
    n_patterns : int
        P_s of both algorithms.
    beta : float
    seed : int
    """
    rng = np.random.default_rng(seed)
    X, y, ball = points.X, points.y, points.ball
    clean = patterns.sample(X, n_patterns, rng, bias=True)
    perturbed = patterns.sample_perturbed(
        X, ball, n_patterns, rng, n_gates=n_patterns, n_perturbations=4, bias=True
    )
    cells = patterns.enumerate(X, bias=True)
    return {
        "Algorithm 1": convex.train_standard(X, y, clean, beta),
        "Algorithm 2": convex.train_robust_hinge(X, y, perturbed, ball, beta),
        "exact (15)": convex.train_robust_hinge(X, y, cells, ball, beta),
    }


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


def small_beta(points: Planar, n_patterns: int, betas: Sequence[float], seed: int) -> list[Any]:
    """Algorithm 2's rows along a path of beta, down to the 1e-9 of the paper.

    Source: [A] Section VII-B
    """
    rows = []
    for beta in betas:
        solutions = figure_2(points, n_patterns, beta, seed)
        for row in planar_rows(solutions, points):
            rows.append({**row, "relative_gap": row["gap"] / row["objective"]})
    return rows


def over_data_sets(
    n: int, radius: float, n_patterns: int, beta: float, n_sets: int
) -> list[dict[str, Any]]:
    """The rows of Figure 2 for data seeds 0, 1, ...: is what one picture shows the rule?

    Source: own (on [A] Figure 2)
    """
    rows = []
    for seed in range(n_sets):
        points = planar(n, radius, seed)
        for row in planar_rows(figure_2(points, n_patterns, beta, seed), points):
            rows.append({"data_seed": seed, **row})
    return rows


def twins(n_instances: int) -> list[dict[str, Any]]:
    """Largest violation of each statement of this page, over small, often degenerate instances.

    Source: own
    """
    return [a_twins.run_check(name, n_instances) for name in STATEMENTS]


def record(
    n_points: int = 34,
    planar_radius: float = 0.08,
    planar_patterns: int = 360,
    planar_seed: int = 3,
    planar_beta: float = 1e-3,
    planar_betas: Sequence[float] = (1e-2, 1e-3, 1e-6, 1e-9),
    n_data_sets: int = 4,
    classes: Sequence[int] = (1, 7),
    downsample: str = "stride",
    n: int = 80,
    n_test: int = 2000,
    n_patterns: int = 8,
    n_perturbations: int = 4,
    beta: float = 1e-4,
    radii_255: Sequence[float] = (4, 10),
    count_radii_255: Sequence[float] = (1, 4, 10),
    n_count_seeds: int = 7,
    n_seeds: int = 1,
    n_instances: int = 6,
    seed: int = 0,
    solver: str = "auto",
) -> dict[str, list[dict[str, Any]]]:
    """The rows that the page shows.

    Source: [A] Theorem 4, Figure 2, Table I
    """
    points = planar(n_points, planar_radius, planar_seed)
    pair = a4_cifar.cifar_pair(classes, n, n_test, downsample)
    seeds = range(seed, seed + n_seeds)
    radii = [r / 255 for r in radii_255]
    counted = [r / 255 for r in count_radii_255]
    return {
        "a4_hinge.twins": twins(n_instances),
        "a4_hinge.figure_2": small_beta(points, planar_patterns, planar_betas, planar_seed),
        "a4_hinge.data_sets": over_data_sets(
            n_points, planar_radius, planar_patterns, planar_beta, n_data_sets
        ),
        "a4_hinge.feasible": a4_cifar.feasible_counts(
            pair, n_patterns, counted, n_count_seeds, n_perturbations
        ),
        "a4_hinge.cifar": a4_cifar.cifar_rows(
            pair, radii, beta, n_patterns, n_perturbations, seeds
        ),
    }
