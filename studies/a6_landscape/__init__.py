"""Figure 3 of paper A: where the convex loss is the loss of the network, and where that ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from robustcore import convex, patterns
from robustcore.convex import ConvexSolution

from ..oracles.planar_exact import worst_margins
from ..planar_boxes import Planar, planar
from .certificate import certificate_radius, difference, flipped, window

METHODS = ("Algorithm 1", "Algorithm 2")
WIDE = 0.3  # the left panel of Figure 3; the right one has the radius of training
_ZERO, _VISIBLE = 1e-4, 1e-2  # of the hinge loss; what interior points leave is below both


def train(points: Planar, beta: float, n_patterns: int, seed: int) -> dict[str, ConvexSolution]:
    """Algorithms 1 and 2 as in Section VII-B.

    Source: [A] Section VII-C, Algorithms 1 and 2

    Parameters
    ----------
    points : Planar
    beta : float
    n_patterns : int
        P_s, or fewer where the data has not as many.
    seed : int
        Of the patterns.
    """
    rng = np.random.default_rng(seed)
    X, y, ball = points.X, points.y, points.ball
    clean = patterns.sample(X, n_patterns, rng, bias=True, at_most=True)
    perturbed = patterns.sample_perturbed(
        X, ball, n_patterns, rng, n_gates=10 * n_patterns, n_perturbations=4, bias=True,
        at_most=True,
    )  # fmt: skip
    return {
        "Algorithm 1": convex.train_standard(X, y, clean, beta),
        "Algorithm 2": convex.train_robust_hinge(X, y, perturbed, ball, beta),
    }


def point_rows(solutions: dict[str, ConvexSolution], points: Planar) -> list[dict[str, Any]]:
    """Figure 3 for every training point: the difference inside the box, and in the wide window.

    Source: [A] Figure 3
    """
    rows = []
    inner, outer = window(points.ball.radius), window(WIDE)
    for method, solution in solutions.items():
        net = solution.network()
        reach = certificate_radius(net, points.X, points.ball)
        for k in range(len(points.y)):
            near = difference(solution, points, k, inner)
            far = difference(solution, points, k, outer)
            rows.append(
                {
                    "method": method,
                    "beta": solution.beta,
                    "point": k,
                    "certificate_radius": float(reach[k]),
                    "inside": float(np.abs(near).max()),
                    "above": float(far.max()),
                    "below": float(far.min()),
                    "exact_share": float((np.abs(far) < _ZERO).mean()),
                    "by_flips": float(np.abs(far - flipped(solution, points, k, outer)).max()),
                }
            )
    return rows


def summary(rows: Sequence[dict[str, Any]], run: str) -> list[dict[str, Any]]:
    """`point_rows` in one line for each method, with the name of the run.

    Source: [A] Figure 3
    """
    lines = []
    for method in METHODS:
        mine = [row for row in rows if row["method"] == method]
        lines.append(
            {
                "run": run,
                "method": method,
                "points": len(mine),
                "exact": sum(row["inside"] < _ZERO for row in mine),
                "too_low": sum(row["below"] < -_VISIBLE for row in mine),
                "too_high": sum(row["above"] > _VISIBLE for row in mine),
            }
        )
    return lines


def beyond(
    solutions: dict[str, ConvexSolution], points: Planar, radii: Sequence[float]
) -> list[dict[str, Any]]:
    """The robust hinge loss that (15) names at other radii than its own, beside the true one.

    Source: [A] eqs. (10a), (15); the comparison is own

    Parameters
    ----------
    solutions : dict
        Of `train`.
    points : Planar
    radii : sequence of float

    Returns
    -------
    list of dict
        Means over the points, the penalty left out; "true" is exact, by `oracles.planar_exact`.
    """
    rows = []
    design = patterns.design_matrix(points.X, bias=True)
    for method, solution in solutions.items():
        q = solution.patterns.active @ (solution.v - solution.w)
        clean = points.y * (q * design).sum(axis=1)
        for radius in radii:
            ball = points.ball.with_radius(radius)
            linear = clean - ball.support(q[:, :2])
            true = worst_margins(solution.network(), points.X, points.y, ball)
            rows.append(
                {
                    "method": method,
                    "beta": solution.beta,
                    "radius": radius,
                    "convex": float(np.maximum(1 - linear, 0).mean()),
                    "true": float(np.maximum(1 - true, 0).mean()),
                    "too_low": int((linear > true + 1e-6).sum()),
                    "too_high": int((linear < true - 1e-6).sum()),
                    "points": len(true),
                }
            )
    return rows


def along_beta(
    points: Planar, betas: Sequence[float], n_patterns: int, seed: int
) -> list[dict[str, Any]]:
    """How well the solver met (11) and the optimum at each beta, down to the 1e-9 of Figure 3.

    Source: [A] Figure 3
    """
    rows = []
    for beta in betas:
        solution = train(points, beta, n_patterns, seed)["Algorithm 2"]
        mine = point_rows({"Algorithm 2": solution}, points)
        rows.append(
            {
                "beta": beta,
                "objective": solution.objective,
                "uncertified": solution.gap / solution.objective,
                "violation": solution.violation,
                "inside": max(row["inside"] for row in mine),
                "least_radius": min(row["certificate_radius"] for row in mine),
                "neurons": solution.n_neurons,
            }
        )
    return rows


def over_sets(n_sets: int, n: int, beta: float, n_patterns: int) -> list[dict[str, Any]]:
    """Figure 3 on further sets of points: the largest difference inside any box of each.

    Source: [A] Figure 3
    """
    rows = []
    for seed in range(n_sets):
        points = planar(seed, n)
        for method, solution in train(points, beta, n_patterns, seed).items():
            mine = point_rows({method: solution}, points)
            rows.append(
                {
                    "data_seed": seed,
                    "method": method,
                    "boxes": len(mine),
                    "inside": max(row["inside"] for row in mine),
                    "exact_boxes": sum(row["inside"] < _ZERO for row in mine),
                    "least_radius": min(row["certificate_radius"] for row in mine),
                    "above": max(row["above"] for row in mine),
                    "below": min(row["below"] for row in mine),
                    "by_flips": max(row["by_flips"] for row in mine),
                }
            )
    return rows


def record(
    n: int = 34,
    data_seed: int = 3,
    seed: int = 0,
    n_patterns: int = 360,
    beta: float = 1e-3,
    betas: Sequence[float] = (1e-3, 1e-9),
    radii: Sequence[float] = (0.0, 0.04, 0.08, 0.12, 0.16, 0.2, 0.25, 0.3),
    n_sets: int = 1,
    point: int = 1,
) -> dict[str, list[dict[str, Any]]]:
    """The rows that the page shows; `point` is the one that it draws, all are recorded.

    Source: [A] Section VII-C, Figure 3
    """
    points = planar(data_seed, n)
    solutions = train(points, beta, n_patterns, seed)
    return {
        "a6_landscape.points": point_rows(solutions, points),
        "a6_landscape.beyond": beyond(solutions, points, radii),
        "a6_landscape.betas": along_beta(points, betas, n_patterns, seed),
        "a6_landscape.sets": over_sets(n_sets, n, beta, n_patterns),
    }
