"""Figure 1 of paper A and the rank on more sets of points: what one set cannot tell.

No bias, as Section VII-A counts its patterns. The sets are seeds 1, 2, ...; Figure 1 has seed 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from robustcore import convex, patterns

from . import a2_sampling
from .a2_sampling import N_POINTS

_DRAWS = 1_000_000  # at most, for distinct patterns


def sampling(n_sets: int, counts: Sequence[int], n_repeats: int) -> list[dict[str, Any]]:
    """Independent draws against the certified optimum, on each of several sets of 40 points.

    Source: [A] Figure 1, eq. (8)

    Returns
    -------
    list of dict
        data, n_patterns, repeat, `excess` over the optimum, relative to it.
    """
    rows = []
    for seed in range(1, n_sets + 1):
        of = a2_sampling.task(seed, bias=False)
        for count in counts:
            for repeat in range(n_repeats):
                rng = np.random.default_rng((seed, count, repeat))
                found = a2_sampling.draw(of, "independent", count, rng)
                solved = convex.train_standard(of.X, of.y, found, of.beta)
                head = {"data": seed, "n_patterns": count, "repeat": repeat}
                rows.append({**head, "excess": solved.objective / of.optimum - 1})
    return rows


def rank(
    dimensions: Sequence[int], n_sets: int, n_patterns: int, n_repeats: int, beta: float = 1e-2
) -> list[dict[str, Any]]:
    """Sampling against searched column generation as the rank grows, several sets a dimension.

    Source: own (on [A] Section III: P_s is independent of r)

    Notes
    -----
    The grown objective is an upper bound of the optimum: the excess is at least what is shown.
    """
    rows = []
    for d in dimensions:
        for seed in range(n_sets):
            rng = np.random.default_rng((d, seed))
            X = rng.standard_normal((N_POINTS, d))
            y = np.where(rng.random(N_POINTS) < 0.5, 1.0, -1.0)
            grown = convex.train_grown(X, y, beta, rng=rng).objective
            for repeat in range(n_repeats):
                found = patterns.sample(X, n_patterns, rng, at_most=True, max_draws=_DRAWS)
                sampled = convex.train_standard(X, y, found, beta).objective
                head = {"d": d, "data": seed, "repeat": repeat, "patterns": len(found)}
                rows.append({**head, "excess": sampled / grown - 1})
    return rows


def record(
    n_sets: int = 2,
    counts: Sequence[int] = (32, 128),
    n_repeats: int = 2,
    dimensions: Sequence[int] = (2, 5),
    n_rank_sets: int = 2,
    n_rank_repeats: int = 2,
) -> dict[str, list[dict[str, Any]]]:
    """The rows of the page on sampling that concern more than one set of points.

    Source: [A] Section III, Figure 1
    """
    return {
        "a2_more_sets.sampling": sampling(n_sets, counts, n_repeats),
        "a2_more_sets.rank": rank(dimensions, n_rank_sets, 128, n_rank_repeats),
    }
