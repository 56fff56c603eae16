"""The bridge between the papers: (10) seen by paper B's bounds, and certified descent from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from . import descents, hand, theorem


def record(
    n_instances: int = 6,
    n_stretched: int = 4,
    stretches: Sequence[float] = (1e-6, 1e-3, 1e-1),
    n: int = 12,
    seed: int = 0,
    radius: float = 0.1,
    beta: float = 3e-3,
    width: int = 24,
    steps: int = 200,
    n_random: int = 1,
    n_sets: int = 1,
) -> dict[str, list[dict[str, Any]]]:
    """The rows that the page shows.

    Source: own (on [A] Theorem 3, eqs. (2), (10))
    """
    rows, _ = descents.descents(n, seed, radius, beta, width, steps, n_random)
    return {
        "c4_bridge.theorem": theorem.over_instances(n_instances),
        "c4_bridge.stretched": theorem.stretched(n_stretched, stretches),
        "c4_bridge.hand": hand.by_hand(),
        "c4_bridge.descent": rows,
        "c4_bridge.sets": descents.over_sets(n_sets, n, radius, beta, width, steps, n_random),
    }
