"""Theorem 3 and Lemma 7 of paper A: the rows of the page on robust training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..oracles import robust_twins
from ..planar_boxes import planar
from . import counts, distances


def twins(n_instances: int) -> list[dict[str, Any]]:
    """Largest violation of each statement of this page, over small, often degenerate instances.

    Source: own
    """
    return [robust_twins.run_check(name, n_instances) for name in robust_twins.CHECKS]


def record(
    n: int = 12,
    seed: int = 0,
    beta: float = 3e-3,
    radii: Sequence[float] = (0.04, 0.08, 0.12),
    n_runs: int = 3,
    n_steps: int = 400,
    n_sets: int = 2,
    n_exact: int = 10,
    pattern_radii: Sequence[float] = (0.0, 0.02, 0.05, 0.1, 0.2, 0.4),
    n_points: int = 16,
    n_patterns: int = 100,
    n_instances: int = 6,
) -> dict[str, list[dict[str, Any]]]:
    """The rows that the page shows.

    Source: [A] Theorem 3, Lemma 7, eqs. (10)-(13)
    """
    points = distances.ring(n, seed)
    rows, networks = distances.distance(points, radii, beta, n_runs, n_steps)
    return {
        "a3_robust_training.twins": twins(n_instances),
        "a3_robust_training.minimiser": robust_twins.minimiser_signs(n_instances),
        "a3_robust_training.patterns": counts.exact_counts(n_exact, seed, pattern_radii),
        "a3_robust_training.sampled": counts.sampled_counts(
            planar(3, n_points), pattern_radii, n_patterns, seed
        ),
        "a3_robust_training.distance": rows,
        "a3_robust_training.sets": distances.over_sets(n_sets, n, max(radii), beta, n_steps),
        "a3_robust_training.attacks": distances.attacked(networks, points),
    }
