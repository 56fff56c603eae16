"""The rows of the page on our solver: both bounds as they meet, the race, and the global bound."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from robustcore import convex, patterns
from robustcore.convex.solving import load_cvxpy

from . import agreement, benchmark, warm_starts
from .jobs import Job, Problem, images, problem

LOW_RANKS = (2, 3)
_N_LOW = 20  # samples of the low-rank instances: 382 patterns at most
_TIGHT = {"tolerance": 1e-7}
_N_STARTS, _N_STEPS = 300, 200  # of the ascent to the supremum


def by_hand(x: float, y: float, beta: float) -> dict[str, float]:
    """One sample, one pattern, squared loss: what paper and pencil give, and what we compute.

    Source: own (on [A] eqs. (5), (6), (16))

    Parameters
    ----------
    x, y : float
        Positive.
    beta : float
        Below x y, or the network is zero.
    """
    X, target = np.array([[x]]), np.array([y])
    solved = convex.train_standard(
        X,
        target,
        patterns.of(X, np.ones(1)),
        beta,
        "squared",
        "interior_point",
        {"tolerance": 1e-9},
    )
    v = (x * y - beta) / x**2
    theta = x * v - y
    return {
        "v": v,
        "theta": theta,
        "primal": 0.5 * theta**2 + beta * v,
        "dual": -theta * y - 0.5 * theta**2,
        "solver_v": float(solved.v[0, 0]),
        "solver_theta": float(solved.theta[0]) if solved.theta is not None else float("nan"),
        "solver_primal": solved.objective,
        "solver_dual": solved.lower_bound,
    }


def problems(n: int, every: int, n_patterns: int, kept: int, beta: float) -> dict[str, Problem]:
    """One program of each kind on the CIFAR-10 pair, for the live parts of the page.

    Source: own

    Parameters
    ----------
    n : int
    every : int
        Take every so many of the 147 columns.
    n_patterns : int
        Of (8).
    kept : int
        Robust-feasible patterns of (15) and (18).
    beta : float
        Of the hinge programs; (18) takes 100 times as much, its loss being a sum.
    """
    pair = images(n)
    asked = (
        Job("(8)", n, every, n_patterns, beta=beta),
        Job("(15)", n, every, kept=kept, radius_255=1.0, beta=beta),
        Job("(18)", n, every, kept=kept, radius_255=1.0, beta=100 * beta),
    )
    return {job.program: problem(job, pair) for job in asked}


def convergence(given: Mapping[str, Problem]) -> list[dict[str, Any]]:
    """Both bounds after each iteration, run on towards a gap of 1e-9.

    Source: own

    Parameters
    ----------
    given : mapping of str to Problem
    """
    rows: list[dict[str, Any]] = []
    for program, each in given.items():
        steps: list[tuple[int, float, float]] = []
        options = {"tolerance": 1e-9, "progress": lambda *step, to=steps: to.append(step)}
        each.solve("interior_point", options)
        columns = ("iteration", "objective", "lower")
        rows += [{"program": program, **dict(zip(columns, s, strict=True))} for s in steps]
    return rows


def race(given: Mapping[str, Problem]) -> list[dict[str, Any]]:
    """Both solvers on each program, in this process; differences relative to max(1, objective).

    Source: own

    Parameters
    ----------
    given : mapping of str to Problem
    """
    load_cvxpy()  # its import is not its race
    rows = []
    for program, each in given.items():
        ours, theirs = (benchmark.measure(each, s) for s in ("interior_point", "clarabel"))
        size = max(1.0, theirs["objective"])
        rows.append(
            {
                "program": program,
                **ours,
                **{f"clarabel_{key}": value for key, value in theirs.items()},
                "deviation": abs(ours["objective"] - theirs["objective"]) / size,
                "ratio": theirs["seconds"] / ours["seconds"],
            }
        )
    return rows


def low_rank(n_instances: int, beta: float = 1e-2) -> list[dict[str, Any]]:
    """Where all patterns can be listed: the optimum of (5), and both lower bounds of it.

    Source: own (on [A] eqs. (5), (6), (8))

    Parameters
    ----------
    n_instances : int
        For each rank.
    beta : float
    """
    rows = []
    for d in LOW_RANKS:
        for seed in range(n_instances):
            rng = np.random.default_rng([seed, d])
            X = rng.standard_normal((_N_LOW, d))
            y = np.where(np.sin(3 * X[:, 0]) + X[:, 1] > 0, 1.0, -1.0)
            y[:2] = 1.0, -1.0
            few, cells = patterns.sample(X, 8, rng), patterns.enumerate_all(X)
            sampled, best = (
                convex.train_standard(X, y, found, beta, "hinge", "interior_point", _TIGHT)
                for found in (few, cells)
            )
            for source, theta in (("sampled (8)", sampled.theta), ("exact (5)", best.theta)):
                given = (X, y, theta, beta)
                rows.append(
                    {
                        "d": d,
                        "seed": seed,
                        "theta": source,
                        "sampled": sampled.objective,
                        "optimum": best.objective,
                        "optimum_gap": best.gap,
                        "enumerated": convex.global_lower_bound(*given),
                        "relaxed": convex.global_lower_bound(*given, most_cells=0),
                    }
                )
    return rows


def wide(n: int, every: int, counts: Sequence[int], beta: float) -> list[dict[str, Any]]:
    """Where they cannot: how far the global bound is below the sampled optimum.

    Source: own (on [A] eqs. (5), (6), (8))

    Parameters
    ----------
    n : int
    every : int
        Take every so many of the 147 columns.
    counts : list of int
        Numbers of sampled patterns.
    beta : float
    """
    rows, pair = [], images(n)
    for count in counts:
        given = problem(Job("(8)", n, every, count, beta=beta), pair)
        solved = given.solve("interior_point", _TIGHT)
        theta = np.asarray(solved.theta)
        rows.append(
            {
                "n": n,
                "d": given.X.shape[1],
                "patterns": count,
                "objective": solved.objective,
                "lower_bound": solved.lower_bound,
                "global_bound": convex.global_lower_bound(given.X, given.y, theta, beta),
                "relaxed_ratio": convex.gate_supremum_bound(given.X, theta) / beta,
                "reached_ratio": reached_supremum(given.X, theta) / beta,
            }
        )
    return rows


def reached_supremum(X: np.ndarray, theta: np.ndarray, seed: int = 0) -> float:
    """What projected ascent from 300 random gates reaches of sup |theta'(Xu)_+|: a lower bound.

    Source: own (on [A] eq. (6))

    Parameters
    ----------
    X : (n, d) array
    theta : (n,) array
    seed : int
        Of the gates.
    """
    start = np.random.default_rng(seed).standard_normal((X.shape[1], _N_STARTS))
    size = float(np.linalg.norm(X, 2) * np.linalg.norm(theta)) or 1.0
    best = 0.0
    for side in (1.0, -1.0):
        u = start / np.linalg.norm(start, axis=0)
        for k in range(_N_STEPS):
            on = X @ u >= 0
            best = max(best, float((side * theta @ np.where(on, X @ u, 0.0)).max()))
            u = u + 30.0 / size / (1 + 0.2 * k) * side * X.T @ (on * theta[:, None])
            u /= np.linalg.norm(u, axis=0)
    return best


def record(
    n: int = 200,
    every: int = 2,
    n_patterns: int = 12,
    kept: int = 3,
    beta: float = 1e-4,
    counts: Sequence[int] = (6, 24, 72),
    n_low: int = 3,
    betas: Sequence[float] = (1e-3, 5e-4, 2e-4, 1e-4, 5e-5),
    n_instances: int = 13,
    size: str = "quick",
    limit: float = 600.0,
) -> dict[str, list[dict[str, Any]]]:
    """The rows that the page shows.

    Source: own
    """
    return {
        "c1_convergence": convergence(problems(n, every, n_patterns, kept, beta)),
        "c1_global_low_rank": low_rank(n_low),
        "c1_global_wide": wide(n, every, counts, beta),
        "c1_path": warm_starts.both_losses(n, every, n_patterns, betas),
        "c1_agreement": agreement.recorded_campaign(n_instances),
        "c1_benchmark": benchmark.benchmark(size, limit),
    }
