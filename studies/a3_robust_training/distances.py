"""How far (10) is from the robust problem (2), in the plane, where the inner maximum is exact."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from robustcore import attacks, convex, patterns
from robustcore.balls import LpBall
from robustcore.convex import ConvexSolution
from robustcore.networks import TwoLayerReLU

from ..oracles.expected import read_from_the_solution
from ..oracles.planar_exact import robust_cost, worst_margins
from ..planar_boxes import Planar
from . import descent

_APART = 0.12  # half the least distance of two points of `ring`, in the maximum norm
_PGD_STEPS = 40
_WIDTH = 16  # neurons of the descent, at least


def ring(n: int, seed: int) -> Planar:
    """Points of the square, boxes of radius .12 apart, labelled by a ring: no line separates them.

    Source: own

    Parameters
    ----------
    n : int
    seed : int
    """
    rng = np.random.default_rng(seed)
    points: list[np.ndarray] = []
    while len(points) < n:
        x = rng.uniform(-1, 1, size=2)
        if all(np.abs(x - other).max() > 2.2 * _APART for other in points):
            points.append(x)
    X = np.array(points)
    reach = np.linalg.norm(X, axis=1)
    return Planar(X, np.where(reach > np.median(reach), 1.0, -1.0), LpBall(math.inf, _APART))


def exact_robust_cost(
    net: TwoLayerReLU, X: np.ndarray, y: np.ndarray, ball: LpBall, beta: float
) -> float:
    """The robust hinge cost of any planar network, its inner maximum exact.

    Source: [A] eqs. (1), (2), (13)
    """
    return robust_cost(net, worst_margins(net, X, y, ball), beta)


@read_from_the_solution()
def distance(
    points: Planar, radii: Sequence[float], beta: float, n_runs: int, n_steps: int
) -> tuple[list[dict[str, Any]], dict[float, dict[str, TwoLayerReLU]]]:
    """(10) over all patterns, and the exact robust cost of networks that it does not allow.

    Source: [A] Theorem 3, eqs. (2), (10), (13)

    Parameters
    ----------
    points : Planar
    radii : sequence of float
    beta : float
    n_runs, n_steps : int
        Of the descent; its first run starts at the optimum of (10), the others at random. It has
        16 neurons, or two more than the network of (10).

    Returns
    -------
    rows : list of dict
        With the certified optimum on clean data, which is a lower bound of (2) at any width.
    networks : dict
        By radius: those of (10), of standard training, and the cheapest of the descent.
    """
    X, y = points.X, points.y
    cells = patterns.enumerate(X, bias=True)
    clean = convex.train_standard(X, y, cells, beta)
    rows, networks = [], {}
    for radius in radii:
        ball = LpBall(math.inf, radius)
        robust = convex.train_robust_hinge(X, y, cells, ball, beta)
        start = descent.starts(_WIDTH, n_runs, 0, robust.network())
        nets = descent.descend(X, y, ball, beta, start, n_steps)
        found = [exact_robust_cost(net, X, y, ball, beta) for net in nets]
        own = exact_robust_cost(robust.network(), X, y, ball, beta)
        rows.append(
            {
                "n": len(y),
                "radius": radius,
                "beta": beta,
                "usable": int(robust.pattern_kept.sum()),
                "clean_lower_bound": clean.lower_bound,
                **without_constraints(clean, X, y, ball),
                "convex": robust.objective,
                "convex_lower_bound": robust.lower_bound,
                "convex_network": own,
                "from_convex": min(found[0], own),
                "from_random": min(found[1:]) if n_runs > 1 else None,
                "above": robust.lower_bound / min(own, *found) - 1,
            }
        )
        networks[radius] = {
            "standard": clean.network(),
            "(10)": robust.network(),
            "descent": nets[int(np.argmin(found))],
        }
    return rows, networks


def without_constraints(
    clean: ConvexSolution, X: np.ndarray, y: np.ndarray, ball: LpBall
) -> dict[str, Any]:
    """The inner maximum of (10a) at a point that breaks (10b), beside the network's true one.

    Source: [A] eqs. (10a), (26)

    Parameters
    ----------
    clean : ConvexSolution
        Of standard training, with a bias.
    X, y, ball
        Planar data.

    Returns
    -------
    dict
        Costs "standard" (true) and "surrogate", and at how many points the surrogate margin is
        above the true one: worst cases that the convex objective does not see.
    """
    net = clean.network()
    penalty = clean.beta * float(net.penalty().detach())
    q = clean.patterns.active @ (clean.v - clean.w)
    linear = y * (q * patterns.design_matrix(X, bias=True)).sum(1) - ball.support(q[:, :2])
    true = worst_margins(net, X, y, ball)
    cost = {
        name: float(np.maximum(1 - margin, 0).mean()) + penalty
        for name, margin in (("standard", true), ("surrogate", linear))
    }
    return {**cost, "unseen": int((linear > true + 1e-6).sum())}


def over_sets(
    n_sets: int, n: int, radius: float, beta: float, n_steps: int
) -> list[dict[str, Any]]:
    """`distance` at one radius, from the optimum of (10) only, for data seeds 0, 1, ...

    Source: [A] Theorem 3
    """
    return [
        {"data_seed": seed, **distance(ring(n, seed), [radius], beta, 1, n_steps)[0][0]}
        for seed in range(n_sets)
    ]


def attacked(
    networks: dict[float, dict[str, TwoLayerReLU]], points: Planar
) -> list[dict[str, Any]]:
    """The inner maximum of (2), exact, beside what (3) finds of it from the clean point.

    Source: [A] eqs. (2), (3)

    Parameters
    ----------
    networks : dict
        From `distance`.
    points : Planar

    Returns
    -------
    list of dict
        Margins missed: at how many points PGD's margin is above the exact one by over 1e-6.
    """
    inputs = torch.from_numpy(points.X)
    target = torch.from_numpy(points.y)
    labels = (target > 0).long()
    rows = []
    for radius, named in networks.items():
        ball = LpBall(math.inf, radius)
        for method, net in named.items():
            classifier = net.as_classifier()
            moved = {
                "PGD": attacks.pgd(
                    classifier, inputs, labels, ball, steps=_PGD_STEPS, random_start=False
                ),
                "FGSM": attacks.fgm(classifier, inputs, labels, ball),
            }
            exact = worst_margins(net, points.X, points.y, ball)
            for attack, places in moved.items():
                with torch.no_grad():
                    margin = (target * net(places)).numpy()
                rows.append(
                    {
                        "radius": radius,
                        "method": method,
                        "attack": attack,
                        "points": len(exact),
                        "missed": int((margin > exact + 1e-6).sum()),
                        "largest_miss": float((margin - exact).max()),
                        "below_exact": float((exact - margin).max()),
                    }
                )
    return rows
