"""How the number of patterns grows: with the samples at fixed rank, and with both together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from robustcore import patterns


def row(n: int, rank: int) -> dict[str, Any]:
    """Every pattern of n samples of rank r in general position, counted one by one.

    Source: [A] Abstract, Sections I, II-C
    """
    X = np.random.default_rng(n).standard_normal((n, rank))
    return {"n": n, "rank": rank, "patterns": patterns.enumerate_all(X).active.shape[1]}


def record(
    ranks: Sequence[int] = (2,), sizes: Sequence[int] = (5, 10, 20), most: int = 5
) -> dict[str, list[dict[str, Any]]]:
    """Sizes that double at each rank, and n = r up to `most`.

    Source: [A] Abstract, Sections I, II-C
    """
    return {
        "a2_growth.fixed_rank": [row(n, rank) for rank in ranks for n in sizes],
        "a2_growth.full_rank": [row(n, n) for n in range(2, most + 1)],
    }
