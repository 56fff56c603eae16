"""Convex start, certified descent in the plane: from (10) and from random starts, by two bounds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from robustcore import bounds, convex, patterns
from robustcore.balls import LpBall
from robustcore.networks import TwoLayerReLU
from robustcore.training.certified import CertifiedNetwork, fit_certified

from ..a3_robust_training.distances import exact_robust_cost, ring
from ..oracles.expected import read_from_the_solution
from .exact import planar_exact

BOUNDS = {"exact": planar_exact, "CROWN": bounds.crown}
RATES = {"(10)": (0.03, 0.01), "random": (0.1, 0.03)}


@read_from_the_solution()
def descents(
    n: int, data_seed: int, radius: float, beta: float, width: int, steps: int, n_random: int
) -> tuple[list[dict[str, Any]], dict[str, TwoLayerReLU]]:
    """(10) over all patterns of a planar set, and what descent makes of it and of random starts.

    Source: own (on [A] eqs. (2), (10), (13))

    Parameters
    ----------
    n, data_seed : int
        Of `a3_robust_training.distances.ring`.
    radius : float
        Of the boxes.
    beta : float
    width, steps : int
        Of `training.fit_certified`, the same for every start.
    n_random : int
        Random starts for each bound.

    Returns
    -------
    rows : list of dict
        start, bound, `first` and `cost`, both proved by that bound, `exact`, the cost with an exact
        inner maximum, `convex` and `violation` of (10), and the trail of proofs.
    networks : dict
        "(10)" and, by bound, what descent from it ends at.
    """
    points = ring(n, data_seed)
    X, y, ball = points.X, points.y, LpBall(math.inf, radius)
    convex_one = convex.train_robust_hinge(X, y, patterns.enumerate(X, bias=True), ball, beta)
    starts = {"(10)": convex_one.network()}
    starts |= {f"random {k}": random_start(width, k) for k in range(n_random)}
    rows, networks = [], {"(10)": convex_one.network()}
    for name, bound in BOUNDS.items():
        for start, net in starts.items():
            found = fit_certified(
                *(X, y, ball, beta),
                width=width,
                steps=steps,
                rng=np.random.default_rng(data_seed),
                start=net,
                bound=bound,
                rates=RATES[start.split()[0]],
            )
            cost = exact_robust_cost(found.network, X, y, ball, beta)
            about = {"data_seed": data_seed, "n": n, "radius": radius, "beta": beta}
            about |= {"convex": convex_one.objective, "convex_gap": convex_one.gap}
            about |= {"allowed": convex_one.n_neurons * convex_one.violation}
            rows.append({**about, "start": start, "bound": name, "exact": cost, **_told(found)})
            if start == "(10)":
                networks[name] = found.network
    return rows, networks


def _told(found: CertifiedNetwork) -> dict[str, Any]:
    trail = [[step, cost] for step, cost in found.trail]
    return {"first": trail[0][1], "cost": found.cost, "steps": found.steps, "trail": trail}


def random_start(width: int, seed: int) -> TwoLayerReLU:
    """Weights of size 1, as the descents of the page on robust training begin.

    Source: own
    """
    generator = torch.Generator().manual_seed(seed)
    u = torch.randn(width, 2, generator=generator, dtype=torch.float64)
    b = 0.5 * torch.randn(width, generator=generator, dtype=torch.float64)
    alpha = width**-0.5 * torch.randn(width, generator=generator, dtype=torch.float64)
    return TwoLayerReLU(u, alpha, b)


def over_sets(
    n_sets: int, n: int, radius: float, beta: float, width: int, steps: int, n_random: int
) -> list[dict[str, Any]]:
    """`descents` for data seeds 0, 1, ..., without the trails.

    Source: own (on [A] eqs. (2), (10))
    """
    found = [descents(n, seed, radius, beta, width, steps, n_random)[0] for seed in range(n_sets)]
    return [{k: v for k, v in row.items() if k != "trail"} for rows in found for row in rows]


def by_set(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """For each set and bound: (10), the end of descent from it, and the best from random starts.

    Source: own
    """
    keys = dict.fromkeys((row["data_seed"], row["bound"]) for row in rows)
    told = []
    for seed, bound in keys:
        own = [r for r in rows if (r["data_seed"], r["bound"]) == (seed, bound)]
        (start,) = (r for r in own if r["start"] == "(10)")
        told.append(
            {
                "data_seed": seed,
                "bound": bound,
                "convex": start["convex"],
                "from_convex": start["cost"],
                "from_random": min((r["cost"] for r in own if r["start"] != "(10)"), default=None),
                "below": 1 - start["cost"] / start["first"],
            }
        )
    return told
