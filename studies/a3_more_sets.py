"""How many patterns perturbed data have beside clean data, on several sets of points."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .a3_robust_training import counts


def record(
    n: int = 8, n_sets: int = 2, radii: Sequence[float] = (0.02, 0.08)
) -> dict[str, list[dict[str, Any]]]:
    """P and P-hat, counted exactly: planar, without a bias.

    Source: [A] Section IV
    """
    return {
        "a3_more_sets.patterns": [
            {"data": seed, **row}
            for seed in range(n_sets)
            for row in counts.exact_counts(n, seed, radii)
        ]
    }
