"""The distance of (10) from the robust problem (2) as the radius goes to zero, between two proofs.

Training on clean data costs no more than (2) and (2) no more than (10), so that the certified
optimum of (5) over all patterns and that of (10) hold the unknown optimum of (2) between them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from robustcore import convex, patterns
from robustcore.balls import LpBall

from .a3_robust_training import distances
from .oracles.expected import read_from_the_solution


@read_from_the_solution()
def sandwich(n: int, seed: int, beta: float, radii: Sequence[float]) -> list[dict[str, Any]]:
    """(10) over all patterns at each radius, above the certified optimum of clean training.

    Source: [A] Theorem 3, Appendix D, eqs. (2), (5), (10)

    Parameters
    ----------
    n : int
        Points of `distances.ring`.
    seed : int
    beta : float
    radii : sequence of float

    Returns
    -------
    list of dict
        `gap_at_most`: an upper bound of (optimum of (10)) / (optimum of (2)) - 1.
    """
    points = distances.ring(n, seed)
    X, y = points.X, points.y
    cells = patterns.enumerate(X, bias=True)
    clean = convex.train_standard(X, y, cells, beta)
    rows = []
    for radius in radii:
        ball = LpBall(math.inf, radius)
        robust = convex.train_robust_hinge(X, y, cells, ball, beta)
        rows.append(
            {
                "data_seed": seed,
                "n": n,
                "beta": beta,
                "radius": radius,
                "usable": int(robust.pattern_kept.sum()),
                "clean_lower_bound": clean.lower_bound,
                "convex": robust.objective,
                "gap_at_most": robust.objective / clean.lower_bound - 1,
            }
        )
    return rows


def record(
    n: int = 12,
    beta: float = 3e-3,
    n_sets: int = 2,
    radii: Sequence[float] = (1e-3, 1e-2, 1e-1),
) -> dict[str, list[dict[str, Any]]]:
    """The rows of the page on robust training that concern small radii.

    Source: [A] Theorem 3, Appendix D
    """
    found = [sandwich(n, seed, beta, radii) for seed in range(n_sets)]
    return {"a3_small_radii": [row for rows in found for row in rows]}
