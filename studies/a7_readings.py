"""Table I as [A] words it, and Algorithm 2 at other values of S: several runs of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .a7_cifar import train_and_validation
from .a7_cifar.programs import convex_row, reading_rows

WORDS = (1, 7)  # "the second class and the eighth", counted from one: automobiles and horses
CLASSES = (2, 8)  # birds and ships: our reading


def record(
    n: int = 60,
    n_patterns: int = 6,
    n_runs: int = 2,
    n_perturbations: int = 4,
    shares: Sequence[int] = (1, 6),
    beta: float = 1e-4,
    radius_255: float = 10.0,
) -> dict[str, list[dict[str, Any]]]:
    """Both ways of making 147 numbers of an image; and each S in `shares`.

    Source: [A] Table I, Algorithm 2
    """
    radius = radius_255 / 255
    setup = (n, radius, beta, n_patterns, n_perturbations, range(n_runs))
    train, _ = train_and_validation(CLASSES, n, 1, "stride")
    return {
        "a7_readings.words": [
            row
            for down in ("stride", "block")
            for row in reading_rows(WORDS, down, "0..1", *setup)
            if row["method"] != "linear"
        ],
        "a7_readings.samplings": [
            convex_row("algorithm_2", train, radius, beta, n_patterns, s, seed)
            for s in shares
            for seed in range(n_runs)
        ],
    }
