"""Algorithms 1 and 2 at the setting of Tables I and II, other readings, other patterns."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from robustcore import convex, patterns
from robustcore.balls import LpBall
from robustcore.convex import ConvexSolution

from ..a4_hinge.cifar import accuracies, algorithm
from ..cifar_pairs import Pair, cifar_pair
from .cost import costs
from .printed_tables import printed

SCALES = {"0..1": 1.0, "0..255": 255.0}  # of the pixels that beta belongs to


def convex_row(
    method: str, pair: Pair, radius: float, beta: float, n_patterns: int, s: int, seed: int
) -> dict[str, Any]:
    """Train by one convex program and measure: accuracies, costs, patterns, seconds.

    Source: [A] Tables I, II

    Parameters
    ----------
    method : str
        "algorithm_1", "algorithm_2", or "linear", the all-active pattern alone.
    pair : Pair
    radius : float
    beta : float
    n_patterns : int
        P_s.
    s : int
        S of Algorithm 2.
    seed : int

    Returns
    -------
    dict
        `minority` is the largest number of training images that a used pattern sets apart from the
        rest: 0 where every neuron is linear on all of them.
    """
    solution = algorithm(method, pair, radius, beta, n_patterns, s, seed)
    return {
        "method": method,
        "P_s": n_patterns,
        "S": s,
        "seed": seed,
        **_measured(solution, pair, radius),
    }


def convex_rows(
    pair: Pair, radius: float, beta: float, n_patterns: int, s: int, seeds: Sequence[int]
) -> list[dict[str, Any]]:
    """The linear classifier once, and Algorithms 1 and 2 for each seed.

    Source: [A] Tables I, II

    Returns
    -------
    list of dict
        Those of `convex_row`, and `agreement`: the share of test images that get the sign which
        the linear classifier gives them.
    """
    jobs = [("linear", seeds[0])]
    jobs += [(method, seed) for seed in seeds for method in ("algorithm_1", "algorithm_2")]
    rows, reference = [], None
    for method, seed in jobs:
        solution = algorithm(method, pair, radius, beta, n_patterns, s, seed)
        with torch.no_grad():
            signs = torch.sign(solution.network()(torch.from_numpy(pair.X_test)))
        reference = signs if reference is None else reference
        same = float((signs == reference).double().mean())
        head = {"method": method, "P_s": n_patterns, "S": s, "seed": seed}
        rows.append({**head, **_measured(solution, pair, radius), "agreement": same})
    return rows


def _measured(solution: ConvexSolution, pair: Pair, radius: float) -> dict[str, Any]:
    net = solution.network()
    used = solution.patterns.active[:, solution.pattern_kept].sum(axis=0)
    return {
        "patterns": len(solution.patterns),
        "kept": int(solution.pattern_kept.sum()),
        "minority": int(np.minimum(used, len(pair.y) - used).max(initial=0)),
        "neurons": solution.n_neurons,
        "objective": solution.objective,
        "gap": solution.gap,
        **accuracies(net, pair, radius),
        **costs(net, pair, radius, solution.beta),
        "solver": solution.solver,
        "seconds": round(solution.seconds, 1),
    }


def distance(row: dict[str, Any], n_patterns: int) -> float:
    """How far a run lies from the printed row of its method, in the paper's deviations.

    The root mean square over clean accuracy, PGD accuracy and objective, against Table I.

    Source: own (on [A] Table I)

    Parameters
    ----------
    row : dict
        method, clean_accuracy, pgd_accuracy, objective.
    n_patterns : int
        36: the paper prints deviations in Table I alone.
    """
    paper = printed(n_patterns, row["method"])
    names = ("clean_accuracy", "pgd_accuracy", "objective")
    off = [(row[name] - paper[name]) / paper[f"{name}_deviation"] for name in names]
    return float(np.sqrt(np.mean(np.square(off))))


def reading_rows(
    classes: Sequence[int],
    downsample: str,
    scale: str,
    n: int,
    radius: float,
    beta: float,
    n_patterns: int,
    s: int,
    seeds: Sequence[int],
) -> list[dict[str, Any]]:
    """Algorithms 1 and 2 and the linear classifier under one reading of the set-up.

    Source: own (on [A] Section VII-D)

    Parameters
    ----------
    classes, downsample, n
        As `cifar_pair` takes them.
    scale : str
        "0..1" or "0..255": the pixels that beta belongs to. X times 255 is v over 255, so that
        beta on 0..255 is beta / 255 on 0..1.
    radius : float
        In units of the range 0..1.
    beta : float
    n_patterns : int
    s : int
    seeds : sequence of int
        The linear classifier has no randomness and runs once.
    """
    pair = cifar_pair(classes, n, downsample)
    reading = {"classes": list(classes), "downsample": downsample, "scale": scale}
    rows = []
    for method in ("algorithm_1", "algorithm_2", "linear"):
        for seed in seeds[:1] if method == "linear" else seeds:
            row = convex_row(method, pair, radius, beta / SCALES[scale], n_patterns, s, seed)
            near = None if method == "linear" else distance(row, 36)
            rows.append({**reading, **row, "distance": near})
    return rows


def sampler_row(
    sampler: str, pair: Pair, radius: float, beta: float, n_patterns: int, s: int, seed: int
) -> dict[str, Any]:
    """(15) on as many patterns, drawn as Algorithm 2 draws them or as we do.

    Source: own (on [A] Algorithm 2, eq. (15))

    Parameters
    ----------
    sampler : str
        "algorithm_2" or "robust".
    pair : Pair
    radius : float
    beta : float
    n_patterns : int
        Asked for; at large radii fewer robust ones are found.
    s : int
        S of Algorithm 2.
    seed : int
    """
    if sampler == "algorithm_2":
        solution = algorithm("algorithm_2", pair, radius, beta, n_patterns, s, seed)
    else:
        ball = LpBall(math.inf, radius)
        drawn = patterns.sample_robust(
            pair.X, ball, n_patterns, np.random.default_rng(seed), at_most=True
        )
        solution = convex.train_robust_hinge(pair.X, pair.y, drawn, ball, beta)
    head = {"sampler": sampler, "radius_255": round(255 * radius, 6), "seed": seed}
    return {**head, "n": len(pair.y), "asked": n_patterns, **_measured(solution, pair, radius)}
