r"""Theorem 2 for matrices as Algorithm 1 keeps them, distinct: a proof, its steps, and its limit.

**One more gate.** Let draws have any law p, let S be the first N distinct patterns and V the
probability that one more gate, of the same law, lowers the optimum. Write Q(S) for the probability
that S is the set of the first N distinct ones. For a set B of N + 1 patterns and j in B,

.. math:: Q(B) \ge (N+1)\, p_j\, Q(B \setminus j):

put j at each of the N + 1 places of an order of B without j. The draws after it have j among those
that are discarded, which makes each of them no less likely, so that each order so made has at least
the probability p_j times that of the order without j. Of the patterns of B at most d are such that
the optimum rises without them, d = n + 1 as the paper counts. Hence

.. math:: \mathbb E\,V = \sum_B \sum_{j\text{ needed in }B} p_j\,Q(B\setminus j)
          \le \frac d{N+1}\sum_B Q(B) \le \frac d{N+1},

and Markov's inequality gives Theorem 2 as printed: distinct draws need not be independent.

**The next matrix that Algorithm 1 keeps** is another thing: the next *new* one. It is not covered.
Where most patterns are met often and are of no use, and the few rare ones are, the first draws are
all of the former and the next new matrix is of the latter; `built` is such a data set.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from robustcore import convex, patterns

from . import a2_law, a2_sampling
from .a2_law import Lattice

_NARROW = 1e-3  # distance of the three close inputs of `built`
_SMALL = 1e-2  # length of its others
_N, _D, _BETA = 8, 6, 1e-2  # of `many`: 240 patterns


def built(n_others: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Three points in almost one direction, labelled + - +, and some short ones in others.

    Source: own

    Parameters
    ----------
    n_others : int
        Each adds two of the wide cones, of which there are then 2 (1 + n_others). Between the three
        close lines lie four narrow cones, as many as help.

    Returns
    -------
    X : (3 + n_others, 2) array
    y : (3 + n_others,) array
    beta : float
    """
    close = np.stack([np.ones(3), _NARROW * np.array([-1.0, 0.0, 1.0])], axis=1)
    turn = np.pi * np.arange(1, n_others + 1) / (n_others + 1)
    others = _SMALL * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    y = np.concatenate([[1.0, -1.0, 1.0], np.resize([1.0, -1.0], n_others)])
    return np.concatenate([close, others]), y, 0.1 * _NARROW


def needed(solved: Lattice) -> np.ndarray:
    """Whether the optimum over a set of patterns is higher without one of them.

    Source: [A] Theorem 2 (Appendix B), eqs. (8), (9)

    Returns
    -------
    (2^P, P) bool array
        False where the pattern is not in the set.
    """
    inside = _inside(len(solved.cells))
    without = np.arange(len(inside))[:, None] & ~(1 << np.arange(len(solved.cells)))
    return inside & np.take_along_axis(solved.lowers, without, axis=0)


def insertion(mass: np.ndarray, n_draws: int) -> float:
    """The least of Q(B) over (N + 1) p_j Q(B without j): at least 1, says the proof.

    Source: own

    Parameters
    ----------
    mass : (P,) array
        Of one draw.
    n_draws : int
        N, less than P.
    """
    inside = _inside(len(mass))
    law, longer = (a2_law.law_of_sets(mass, "distinct", n) for n in (n_draws, n_draws + 1))
    B, j = np.nonzero(inside & (inside.sum(axis=1) == n_draws + 1)[:, None])
    return float((longer[B] / ((n_draws + 1) * mass[j] * law[B & ~(1 << j)])).min())


def of_the_next(solved: Lattice, n_draws: int) -> tuple[np.ndarray, np.ndarray]:
    """The chance that the next new pattern lowers the optimum: its values, their probabilities.

    Source: own (on [A] Algorithm 1, Theorem 2)
    """
    mass = solved.masses["gaussian"]
    new = np.where(_inside(len(mass)), 0.0, mass)
    chance = (solved.lowers * new).sum(axis=1) / np.maximum(new.sum(axis=1), 1e-300)
    values, place = np.unique(np.round(chance, 12), return_inverse=True)
    law = a2_law.law_of_sets(mass, "distinct", n_draws)
    return values, np.bincount(place.ravel(), weights=law, minlength=len(values))


def row(solved: Lattice, n_draws: int) -> dict[str, Any]:
    """The law of V for one more gate, and that of the next new pattern, beside the bounds.

    Source: [A] Theorem 2, Algorithm 1

    Returns
    -------
    dict
        `excess_gate` and `excess_next`: the most by which P{V > psi} exceeds what Theorem 2
        allows, over psi. `needed`: the most patterns needed, of any so many and one more.
    """
    count = len(solved.cells)
    gate = a2_law.violation_law(solved, "distinct", "gaussian", "gaussian", n_draws)
    following = of_the_next(solved, n_draws)
    size = _inside(count).sum(axis=1)
    most = int(needed(solved)[size == n_draws + 1].sum(axis=1).max())
    return {
        "n": solved.n,
        "patterns": count,
        "n_draws": n_draws,
        "mean_bound": patterns.mean_violation_bound(solved.n, n_draws),
        "needed": most,
        "needed_bound": most / (n_draws + 1),
        "mean_gate": float(gate[0] @ gate[1]),
        "mean_next": float(following[0] @ following[1]),
        "excess_gate": _excess(*gate, solved.n, n_draws),
        "excess_next": _excess(*following, solved.n, n_draws),
        "insertion": insertion(solved.masses["gaussian"], n_draws),
    }


def many(n_sets: int, counts: Sequence[int], n_runs: int) -> list[dict[str, Any]]:
    """V for one more gate after distinct draws, on data with 240 patterns.

    Source: [A] Theorem 2, Algorithm 1

    Parameters
    ----------
    n_sets : int
        Sets of 8 Gaussian points in 6 dimensions.
    counts : sequence of int
        N.
    n_runs : int
        For each set and N.

    Notes
    -----
    An estimate, from one theta and 20000 gates; see `a2_sampling.violation`.
    """
    rows = []
    for seed in range(n_sets):
        rng = np.random.default_rng(seed)
        X = rng.standard_normal((_N, _D))
        y = rng.permutation(np.resize([1.0, -1.0], _N))
        of = a2_sampling.Task(X, y, False, _BETA, patterns.enumerate(X), np.nan)
        for n_draws, run in itertools.product(counts, range(n_runs)):
            found = a2_sampling.draw(of, "distinct", n_draws, rng)
            solved = convex.train_standard(X, y, found, _BETA)
            rows.append(
                {
                    "data": seed,
                    "n_draws": n_draws,
                    "run": run,
                    "mean_bound": patterns.mean_violation_bound(_N, n_draws),
                    "violation": a2_sampling.violation(of, solved, rng)["gaussian"],
                }
            )
    return rows


def record(
    n_instances: int = 8,
    n_others: Sequence[int] = (2,),
    n_sets: int = 1,
    counts: Sequence[int] = (12, 48),
    n_runs: int = 3,
) -> dict[str, list[dict[str, Any]]]:
    """The rows of the page on sampling that concern distinct draws.

    Source: [A] Theorem 2, Algorithm 1
    """
    made = {k: a2_law.lattice(*built(k)) for k in n_others}
    return {
        "a2_distinct.instances": [
            {"data": seed, **row(one, n_draws)}
            for seed, one in enumerate(a2_law.lattices(n_instances))
            for n_draws in range(1, len(one.cells))
        ],
        "a2_distinct.built": [
            {"others": k, **row(one, n_draws)}
            for k, one in made.items()
            for n_draws in range(1, len(one.cells))
        ],
        "a2_distinct.many": many(n_sets, counts, n_runs),
    }


def _inside(count: int) -> np.ndarray:
    return (np.arange(2**count)[:, None] >> np.arange(count)) & 1 > 0


def _excess(values: np.ndarray, chance: np.ndarray, n: int, n_draws: int) -> float:
    """V is a staircase and P{V > psi} largest just below a step, where the bound is that there."""
    beyond = np.cumsum(chance[::-1])[::-1]  # P{V >= value}
    excess = -1.0
    for value, tail in zip(values, beyond, strict=True):
        if value > 0:
            psi = min(float(value), 1 - 1e-12)
            excess = max(excess, float(tail) - patterns.failure_level(n, n_draws, psi))
    return excess
