"""Theorem 2 and Figure 1 of paper A: what sampled patterns give, against the exact optimum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from robustcore import convex, patterns
from robustcore.convex import ConvexSolution, pricing
from robustcore.patterns import Patterns

from .tables import NARROW, guarantees

N_POINTS, BETA = 40, 1e-4  # Section VII-A
_VIOLATED = 1e-5  # relative; a solver keeps its own constraints to 1e-7
_DRAWS = 1_000_000  # at most, for distinct patterns
_FRESH = 20_000  # gates by which the Gaussian measure is estimated


@dataclass(frozen=True)
class Task:
    """Points with labels, all their patterns, and the optimum of (5) over them.

    Source: [A] Section VII-A
    """

    X: np.ndarray
    y: np.ndarray
    bias: bool
    beta: float
    cells: Patterns
    optimum: float

    @property
    def design(self) -> np.ndarray:
        """X, with a column of ones where there is a bias."""
        return patterns.design_matrix(self.X, self.bias)


def task(seed: int, bias: bool, beta: float = BETA, n: int = N_POINTS, scale: float = 1.0) -> Task:
    """Random points in the plane, the exact optimum found by column generation.

    Source: [A] Section VII-A (which does not give its points)

    Parameters
    ----------
    seed : int
    bias : bool
        Append a column of ones; [A] do not say, and count patterns as if there were none.
    beta : float
    n : int
    scale : float
        1 for Gaussian points with random labels. Else uniform points whose second input is in
        other units, this many times smaller, with labels that alternate along it.
    """
    rng = np.random.default_rng(seed)
    if scale == 1.0:
        X = rng.standard_normal((n, 2))
        y = np.where(rng.random(n) < 0.5, 1.0, -1.0)
    else:
        X = rng.uniform(-1, 1, (n, 2))
        y = np.where(np.sin(6 * X[:, 1]) > 0, 1.0, -1.0)
        X = X * np.array([1.0, scale])
    cells = patterns.enumerate(X, bias)
    grown = convex.train_grown(X, y, beta, candidates=cells, rng=rng)
    return Task(X, y, bias, beta, cells, grown.objective)


def exact(of: Task, seed: int = 0) -> list[dict[str, Any]]:
    """The optimum of (5) by enumeration and by column generation, each with its certificate.

    Source: [A] eqs. (5), (19), (20)
    """
    rng = np.random.default_rng(seed)
    full = convex.train_standard(of.X, of.y, of.cells, of.beta)
    grown = convex.train_grown(of.X, of.y, of.beta, bias=of.bias, rng=rng)
    searched = convex.train_grown(of.X, of.y, of.beta, bias=of.bias, rng=rng, most_cells=0)
    return [
        {
            "bias": of.bias,
            "method": method,
            "patterns": len(solved.patterns),
            "objective": solved.objective,
            "lower_bound": bound,
            "relative_gap": (solved.objective - bound) / solved.objective,
        }
        for method, solved, bound in (
            ("enumeration", full, full.lower_bound),
            ("column generation", grown, grown.global_lower_bound),
            ("searched cells", searched, searched.global_lower_bound),
        )
    ]


def draw(of: Task, scheme: str, n_patterns: int, rng: np.random.Generator) -> Patterns:
    """Patterns as Algorithm 1 has them ("distinct") or as Theorem 2 has them ("independent").

    Source: [A] Algorithm 1, line 1; Theorem 2
    """
    if scheme == "independent":
        return patterns.of(of.X, rng.standard_normal((of.design.shape[1], n_patterns)), of.bias)
    wanted = min(n_patterns, len(of.cells))
    return patterns.sample(of.X, wanted, rng, of.bias, max_draws=_DRAWS, at_most=True)


def figure_1(of: Task, counts: Sequence[int], n_repeats: int) -> list[dict[str, Any]]:
    """Algorithm 1 for each number of patterns, drawn in two ways.

    Source: [A] Figure 1, eq. (8)
    """
    rows = []
    for scheme in ("distinct", "independent"):
        for count in counts:
            if scheme == "distinct" and count > len(of.cells):
                continue  # so many do not exist
            for repeat in range(n_repeats):
                rng = np.random.default_rng((count, repeat))
                found = draw(of, scheme, count, rng)
                solved = convex.train_standard(of.X, of.y, found, of.beta)
                rows.append(
                    {
                        "bias": of.bias,
                        "scheme": scheme,
                        "n_patterns": count,
                        "repeat": repeat,
                        "distinct": len(found),
                        "objective": solved.objective,
                        "gap": solved.gap,
                        "excess": solved.objective / of.optimum - 1,
                    }
                )
    return rows


def violation(of: Task, solved: ConvexSolution, rng: np.random.Generator) -> dict[str, float]:
    """How likely a further pattern lowers the optimum: over all cells, and over Gaussian gates.

    Source: [A] Theorem 2 (P{p_s2 < p_s1})

    Notes
    -----
    The first is exact where the dual optimum is unique, else too large at most; the second is an
    estimate from 20000 gates.
    """
    pulls = pricing.price(of.design, of.cells, np.asarray(solved.theta), floor=of.beta)
    violated = of.cells.take(pulls > of.beta * (1 + _VIOLATED))
    fresh = of.design @ rng.standard_normal((of.design.shape[1], _FRESH)) >= 0
    keys = {column.tobytes() for column in np.packbits(violated.active, axis=0).T}
    hits = sum(column.tobytes() in keys for column in np.packbits(fresh, axis=0).T)
    return {"uniform": len(violated) / len(of.cells), "gaussian": hits / _FRESH}


def repeated(of: Task, n_patterns: int, n_repeats: int, label: int | str) -> list[dict[str, Any]]:
    """At one number of patterns: excess over the optimum, and both violation probabilities.

    Source: [A] Theorem 2, Figure 1
    """
    rows = []
    for repeat in range(n_repeats):
        rng = np.random.default_rng((7, repeat))
        solved = convex.train_standard(of.X, of.y, draw(of, "distinct", n_patterns, rng), of.beta)
        likely = violation(of, solved, rng)
        rows.append(
            {
                "data": label,
                "bias": of.bias,
                "n_patterns": n_patterns,
                "repeat": repeat,
                "excess": solved.objective / of.optimum - 1,
                "violation_uniform": likely["uniform"],
                "violation_gaussian": likely["gaussian"],
            }
        )
    return rows


def over_rank(
    dimensions: Sequence[int], n_patterns: int, n_repeats: int, beta: float = 1e-2
) -> list[dict[str, Any]]:
    """Sampling against searched column generation as the rank grows.

    Source: own (on [A] Section III: P_s is independent of r)

    Notes
    -----
    The grown objective is an upper bound of the optimum: the excess is at least what is shown.
    """
    rows = []
    for d in dimensions:
        rng = np.random.default_rng(d)
        X = rng.standard_normal((N_POINTS, d))
        y = np.where(rng.random(N_POINTS) < 0.5, 1.0, -1.0)
        grown = convex.train_grown(X, y, beta, rng=rng)
        for repeat in range(n_repeats):
            found = patterns.sample(X, n_patterns, rng, at_most=True, max_draws=_DRAWS)
            sampled = convex.train_standard(X, y, found, beta).objective
            rows.append(
                {
                    "d": d,
                    "repeat": repeat,
                    "patterns": len(found),
                    "sampled": sampled,
                    "grown": grown.objective,
                    "grown_patterns": len(grown.patterns),
                    "exhaustive": grown.exhaustive,
                    "excess": sampled / grown.objective - 1,
                }
            )
    return rows


def record(
    seed: int = 0,
    beta: float = BETA,
    counts: Sequence[int] = (8, 32, 128),
    n_repeats: int = 3,
    n_data_sets: int = 1,
    dimensions: Sequence[int] = (2, 5),
) -> dict[str, list[dict[str, Any]]]:
    """The rows that the page shows; those of its probability statement are `a2_law`'s.

    Source: [A] Theorem 2, Figure 1, eqs. (8), (9)
    """
    both = [task(seed, bias, beta) for bias in (False, True)]
    sets = [task(k, bias, beta) for k in range(n_data_sets) for bias in (False, True)]
    labels = [k for k in range(n_data_sets) for _ in range(2)]
    narrow = task(0, True, beta, scale=0.03)
    return {
        "a2_sampling.guarantees": guarantees(),
        "a2_sampling.exact": [row for of in both for row in exact(of)],
        "a2_sampling.figure_1": [row for of in both for row in figure_1(of, counts, n_repeats)],
        "a2_sampling.data_sets": [
            row
            for of, label in zip(sets, labels, strict=True)
            for row in repeated(of, 128, n_repeats, label)
        ],
        "a2_sampling.narrow": repeated(narrow, 128, n_repeats, NARROW),
        "a2_sampling.rank": over_rank(dimensions, 128, n_repeats),
    }
