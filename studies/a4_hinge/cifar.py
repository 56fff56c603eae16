"""Algorithms 1 and 2 of paper A on pairs of CIFAR-10 classes at 7 x 7 x 3."""

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

from ..cifar_pairs import Pair

METHODS = ("algorithm_1", "algorithm_2", "linear")
COUNTED = (1 / 255, 4 / 255, 10 / 255)  # radii at which feasible patterns are counted
_N_COUNTS = 7


def feasible_counts(pair: Pair, n_patterns: int, n_perturbations: int) -> list[dict[str, Any]]:
    """How many of Algorithm 2's patterns are robust-feasible, at three radii and for seven seeds.

    Source: own (on [A] Algorithm 2)

    Parameters
    ----------
    pair : Pair
    n_patterns : int
        P_s.
    n_perturbations : int
        S of Algorithm 2.
    """
    rows = []
    for radius in COUNTED:
        ball = LpBall(math.inf, radius)
        for seed in range(_N_COUNTS):
            sampled = _sampled(pair, ball, n_patterns, n_perturbations, seed)
            alive = patterns.robust_feasible(pair.X, sampled, ball)
            rows.append(
                {
                    "radius": radius,
                    "seed": seed,
                    "patterns": n_patterns,
                    "feasible": int(alive.sum()),
                }
            )
    return rows


def _sampled(
    pair: Pair, ball: LpBall, n_patterns: int, n_perturbations: int, seed: int
) -> patterns.Patterns:
    rng = np.random.default_rng(seed)
    return patterns.sample_perturbed(
        pair.X, ball, n_patterns, rng, n_gates=10 * n_patterns, n_perturbations=n_perturbations
    )


def algorithm(
    method: str,
    pair: Pair,
    radius: float,
    beta: float,
    n_patterns: int,
    s: int,
    seed: int,
) -> ConvexSolution:
    """One training run: "algorithm_1", "algorithm_2", or "linear" (the all-active pattern alone).

    Source: [A] Algorithms 1 and 2, Section VII-D

    Parameters
    ----------
    method : str
    pair : Pair
    radius : float
    beta : float
    n_patterns : int
        P_s.
    s : int
        S of Algorithm 2.
    seed : int
    """
    ball = LpBall(math.inf, radius)
    if method == "algorithm_1":
        sampled = patterns.sample(pair.X, n_patterns, np.random.default_rng(seed))
        return convex.train_standard(pair.X, pair.y, sampled, beta)
    if method == "linear":
        sampled = patterns.of(pair.X, np.ones(pair.X.shape[1]))
    else:
        sampled = _sampled(pair, ball, n_patterns, s, seed)
    return convex.train_robust_hinge(pair.X, pair.y, sampled, ball, beta)


def accuracies(net: TwoLayerReLU, pair: Pair, radius: float) -> dict[str, float]:
    """Accuracy on the test images as they are, under FGSM, and under PGD (40 steps of radius / 30).

    Source: [A] Section VII-D

    Parameters
    ----------
    net : TwoLayerReLU
        The zero network has accuracy 0: a tie counts as an error.
    pair : Pair
    radius : float

    Notes
    -----
    The attacks maximise the margin and PGD recomputes its gradient at every step; the paper's
    printed step does not. Accuracy under attack is an upper bound of the robust accuracy.
    """
    names = ("clean_accuracy", "fgsm_accuracy", "pgd_accuracy")
    if not len(net.alpha):
        return dict.fromkeys(names, 0.0)
    x, y = torch.from_numpy(pair.X_test), torch.from_numpy((pair.y_test > 0).astype(np.int64))
    found = []
    with torch.no_grad():
        for inputs in (x, *moved(net, x, y, radius)):
            found.append(_correct(net.as_classifier()(inputs), y))
    return dict(zip(names, found, strict=True))


def moved(
    net: TwoLayerReLU, x: torch.Tensor, y: torch.Tensor, radius: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Where FGSM and PGD take each input.

    Source: [A] Section VII-D

    Parameters
    ----------
    net : TwoLayerReLU
    x : (n, d) tensor
    y : (n,) class labels 0 and 1
    radius : float

    Returns
    -------
    ((n, d) tensor, (n, d) tensor)
    """
    ball, form, loss = LpBall(math.inf, radius), net.as_classifier(), attacks.margin
    with torch.enable_grad():
        fast = attacks.fgm(form, x, y, ball, loss=loss)
        slow = attacks.pgd(form, x, y, ball, step_size=radius / 30, loss=loss)
    return fast.detach(), slow.detach()


def _correct(z: torch.Tensor, y: torch.Tensor) -> float:
    own = z.gather(1, y[:, None])[:, 0]
    other = z.gather(1, 1 - y[:, None])[:, 0]
    return float((own > other).double().mean())  # a tie counts as an error


def attacked_cost(solution: ConvexSolution, pair: Pair, radius: float) -> float:
    """The training cost under PGD: a lower bound of the robust cost.

    Source: [A] eq. (2)
    """
    net = solution.network()
    x, y = torch.from_numpy(pair.X), torch.from_numpy((pair.y > 0).astype(np.int64))
    _, worst = moved(net, x, y, radius)
    return convex.training_cost(net, worst.numpy(), pair.y, solution.beta)


def cifar_rows(
    pair: Pair,
    radii: Sequence[float],
    beta: float,
    n_patterns: int,
    n_perturbations: int,
    seeds: Sequence[int],
    methods: Sequence[str] = METHODS,
) -> list[dict[str, Any]]:
    """Train and attack; the robust cost is certified for (15) and attacked for Algorithm 1.

    Source: [A] Table I

    Parameters
    ----------
    pair : Pair
    radii : sequence of float
    beta : float
    n_patterns : int
    n_perturbations : int
    seeds : sequence of int
    methods : sequence of str
    """
    rows = []
    for seed in seeds:
        plain = None
        for radius in radii:
            for method in methods:
                if method == "linear" and seed != seeds[0]:
                    continue  # it has no randomness
                if method == "algorithm_1" and plain is not None:
                    solution = plain  # nor has it a radius
                else:
                    solution = algorithm(
                        method, pair, radius, beta, n_patterns, n_perturbations, seed
                    )
                plain = solution if method == "algorithm_1" else plain
                rows.append(_row(method, solution, pair, radius, seed))
    return rows


def _row(
    method: str, solution: ConvexSolution, pair: Pair, radius: float, seed: int
) -> dict[str, Any]:
    certified = solution.ball is not None
    cost = solution.objective if certified else attacked_cost(solution, pair, radius)
    return {
        "method": method,
        "radius": radius,
        "seed": seed,
        "n": len(pair.y),
        "patterns": len(solution.patterns),
        "kept": int(solution.pattern_kept.sum()),
        "neurons": solution.n_neurons,
        "all_active": _all_active(solution.network(), pair),
        "objective": solution.objective,
        "gap": solution.gap,
        "robust_cost": cost,
        "robust_cost_is": "exact" if certified else "a lower bound (PGD)",
        **accuracies(solution.network(), pair, radius),
        "solver": solution.solver,
        "seconds": round(solution.seconds, 1),
    }


def _all_active(net: TwoLayerReLU, pair: Pair) -> float:
    """Share of the test images on which every neuron is active: there the network is linear."""
    with torch.no_grad():
        z = torch.from_numpy(pair.X_test) @ net.u.T + net.b
    return float((z > 0).all(1).double().mean())


def summary(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Means over the seeds, one row for each method and radius.

    Source: [A] Table I

    Parameters
    ----------
    rows : list of dict
        From `cifar_rows`.
    """
    columns = ("kept", "objective", "robust_cost", "clean_accuracy", "pgd_accuracy")
    groups: dict[tuple[str, float], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["method"], row["radius"]), []).append(row)
    return [
        {
            "method": method,
            "radius": radius,
            "runs": len(group),
            **{c: float(np.mean([row[c] for row in group])) for c in columns},
        }
        for (method, radius), group in groups.items()
    ]
