r"""Theorem 2 for the robust program: how many patterns it needs, and what one more draw does.

Theorem 2 counts the unknowns of the dual (6), one for each sample and a slack, n + 1: no more
patterns than that can be needed at once. The dual of (10) has more unknowns, since the worst
perturbation of a sample goes with it. In the primal: the outputs of (5) are n numbers, so that n
patterns suffice for them, but the robust loss of sample k sees the whole vector

.. math:: q_k = \sum_i d_{ik}(v_i - w_i) \in \mathbb R^d .

By Caratheodory's theorem n d patterns suffice for all q_k at no higher penalty, and those that an
optimum does without are not needed. So for draws that are independent, or distinct as in
`a2_distinct`, Theorem 2 extends with n d in the place of n + 1. With n + 1 it does not, as is seen
here.

The inputs are orthogonal, so that all 2^n patterns exist and a Gaussian gate meets each with the
same probability: the law of one draw is exact, and Theorem 2's "uniformly sampled" holds as well.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from robustcore import convex, patterns
from robustcore.balls import LpBall
from robustcore.convex import ConvexSolution
from robustcore.patterns import Patterns

from .oracles.expected import read_from_the_solution

SCHEMES = ("independent", "Algorithm 2")
_BETA = 3e-3
_PERTURBATIONS = 4  # S of Algorithm 2, which the paper does not give
_LOWER = 1e-4  # relative: a smaller fall of the optimum is not counted
_LOSSES = {"squared": convex.train_robust_squared, "hinge": convex.train_robust_hinge}


def data(n: int, seed: int, loss: str) -> tuple[np.ndarray, np.ndarray]:
    """n orthogonal inputs in n dimensions, of the length of Gaussian ones, and their targets.

    Source: own
    """
    rng = np.random.default_rng(seed)
    X = math.sqrt(n) * np.linalg.qr(rng.standard_normal((n, n)))[0]
    labels = rng.permutation(np.resize([1.0, -1.0], n))
    return X, rng.standard_normal(n) if loss == "squared" else labels


@read_from_the_solution()
def solve(X: np.ndarray, y: np.ndarray, some: Patterns, radius: float, loss: str) -> ConvexSolution:
    """(12) over some patterns, for an L-infinity ball, no bias.

    Source: [A] eqs. (12), (15), (18)
    """
    return _LOSSES[loss](X, y, some, LpBall(math.inf, radius), _BETA)


def falls(more: ConvexSolution, fewer: ConvexSolution) -> bool:
    """Whether the optimum is lower with more patterns: by 1e-4 of itself, and certified.

    Source: [A] Theorem 2 (p_s2 < p_s1)
    """
    return more.objective < (1 - _LOWER) * fewer.lower_bound


def needed(n: int, seed: int, radius: float, loss: str) -> dict[str, Any]:
    """How many of all patterns are such that the optimum of (10) is higher without them.

    Source: [A] eq. (10), Theorem 2 (Appendix B)
    """
    X, y = data(n, seed, loss)
    cells = patterns.enumerate(X)
    full = solve(X, y, cells, radius, loss)
    without = [
        solve(X, y, cells.take(np.delete(np.arange(len(cells)), j)), radius, loss)
        for j in range(len(cells))
    ]
    return {
        "n": n,
        "data": seed,
        "radius": radius,
        "loss": loss,
        "patterns": len(cells),
        "needed": sum(falls(full, fewer) for fewer in without),
        "printed": n + 1,
        "dimension": n * n,
    }


def violation(
    n: int, seed: int, run: int, radius: float, loss: str, scheme: str, n_draws: int
) -> dict[str, Any]:
    """V after so many draws: the probability that the pattern of one more gate lowers (12).

    Source: [A] Theorem 2, Algorithm 2

    Parameters
    ----------
    n, seed
        Of `data`.
    run : int
        Number of the draws.
    radius : float
    loss : str
        "squared" or "hinge".
    scheme : str
        "independent" draws of gates on clean data, repeats counted, or "Algorithm 2": four
        patterns a gate, one of them on clean data, until so many distinct ones are there.
    n_draws : int
        P_s.

    Notes
    -----
    Each pattern that was not drawn is added, and (12) solved again; V is no less than what is
    counted.
    """
    X, y = data(n, seed, loss)
    cells, rng = patterns.enumerate(X), np.random.default_rng((seed, run))
    drawn = cells.take(np.unique(rng.integers(len(cells), size=n_draws)))
    if scheme == "Algorithm 2":
        drawn = patterns.sample_perturbed(
            X, LpBall(math.inf, radius), n_draws, rng, n_gates=50 * n_draws,
            n_perturbations=_PERTURBATIONS,
        )  # fmt: skip
    solved = solve(X, y, drawn, radius, loss)
    lowers = [
        falls(solve(X, y, drawn.union(cells.take(np.array([j]))), radius, loss), solved)
        for j in np.flatnonzero(~drawn.contains(cells))
    ]
    return {
        "n": n,
        "data": seed,
        "run": run,
        "radius": radius,
        "loss": loss,
        "scheme": scheme,
        "n_draws": n_draws,
        "distinct": len(drawn),
        "violation": sum(lowers) / len(cells),
        "mean_bound": patterns.mean_violation_bound(n, n_draws),
    }


def record(
    n_small: int = 3,
    n_instances: int = 2,
    n: int = 4,
    n_draws: int = 10,
    n_sets: int = 1,
    n_runs: int = 2,
    n_beside: int = 1,
    radius: float = 0.2,
) -> dict[str, list[dict[str, Any]]]:
    """The rows of the page on robust training that concern the draws of Algorithm 2.

    Source: [A] Theorem 2, Algorithm 2, eqs. (10), (12)

    Parameters
    ----------
    n_small, n_instances : int
        Samples and sets of `needed`.
    n, n_draws, n_sets : int
        Of `violation`.
    n_runs : int
        On each set, of independent draws with the squared loss.
    n_beside : int
        On each set, at radius 0, of Algorithm 2's draws, and with the hinge loss.
    radius : float
    """
    cases = (
        ("squared", radius, "independent", n_runs),
        ("squared", 0.0, "independent", n_beside),
        ("squared", radius, "Algorithm 2", n_beside),
        ("hinge", radius, "independent", n_beside),
    )
    return {
        "a3_draws.needed": [
            needed(n_small, seed, r, loss)
            for loss in _LOSSES
            for r in (0.0, radius)
            for seed in range(n_instances)
        ],
        "a3_draws.violation": [
            violation(n, seed, run, r, loss, scheme, n_draws)
            for loss, r, scheme, runs in cases
            for seed in range(n_sets)
            for run in range(runs)
        ],
    }
