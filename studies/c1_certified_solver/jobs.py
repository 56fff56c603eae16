"""The programs of the race, on the real CIFAR-10 pair: what is solved, and how large."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from robustcore import convex, patterns
from robustcore.balls import LpBall
from robustcore.patterns import Patterns

from ..cifar_pairs import Pair, cifar_pair

CLASSES = (1, 7)  # automobile and horse
SEED = 0  # of the patterns
_DRAWS = 400  # patterns among which the robust-feasible ones are looked for
BALLS: Mapping[str, float] = MappingProxyType({"Linf": math.inf, "L1": 1.0, "L2": 2.0})
_TRIED_AT_ONCE = 8  # linear programs between two looks at the count


@dataclass(frozen=True)
class Job:
    """One row of the table.

    Source: own

    Parameters
    ----------
    program : str
        "(8)", "(15)" or "(18)"; the robust ones are against a ball of `BALLS`, Linf where none is
        named, as in "(15) L2".
    n : int
        The first so many images of the CIFAR-10 pair at 7 x 7 x 3.
    every : int
        Take every so many of the 147 columns.
    n_patterns : int
        Sampled patterns; in the robust programs see `kept`.
    kept : int or None
        The first so many robust-feasible of 400 sampled patterns; None: every robust-feasible one
        of `n_patterns`. For L1 and L2 balls as many of `patterns.sample_robust`.
    radius_255 : float
        Radius in 255ths of the pixel range.
    beta : float
    tolerance : float
        On the certified gap, relative to max(1, objective).
    threads : int
    clarabel : bool
        Whether Clarabel runs too.
    """

    program: str
    n: int
    every: int = 1
    n_patterns: int = 36
    kept: int | None = None
    radius_255: float = 0.0
    beta: float = 1e-4
    tolerance: float = 1e-6
    threads: int = 1
    clarabel: bool = True

    @property
    def ball(self) -> LpBall:
        """That of a robust program."""
        norm = next((word for word in self.program.split() if word in BALLS), "Linf")
        return LpBall(BALLS[norm], self.radius_255 / 255)

    @property
    def name(self) -> str:
        """Fit for a record id."""
        count = f"k{self.kept}" if self.kept else f"p{self.n_patterns}"
        head = "-".join(word.strip("()") for word in self.program.split())
        return f"{head}-n{self.n}-e{self.every}-{count}-t{self.threads}"


_ROBUST = Job("(15)", 600, radius_255=1.0)
SIZES: Mapping[str, tuple[Job, ...]] = {
    "quick": (
        Job("(8)", 80, 3, 6),
        Job("(8)", 160, 3, 6),
        Job("(8)", 80, 2, 6),
        Job("(8)", 80, 3, 12),
        Job("(15)", 60, 3, kept=3, radius_255=1.0),
        Job("(18)", 40, 3, kept=3, radius_255=1.0, beta=1e-2),
        Job("(15) L1", 60, 3, kept=3, radius_255=12.0),
        Job("(15) L2", 60, 3, kept=3, radius_255=3.5),
    ),
    "paper": (
        Job("(8)", 600, 1, 36),
        Job("(8)", 300, 2, 18),
        Job("(8)", 300, 1, 36),
        Job("(8)", 1200, 1, 36, clarabel=False),
        Job("(8)", 600, 4, 36),
        Job("(8)", 600, 2, 36),
        Job("(8)", 600, 1, 9),
        Job("(8)", 600, 1, 18),
        Job("(8)", 600, 1, 72, clarabel=False),
        replace(_ROBUST, kept=10),
        Job("(18)", 300, 2, kept=18, radius_255=1.0, beta=1e-2),
        Job("(15) L1", 300, kept=10, radius_255=36.0),  # a quarter of 147, and half its root:
        Job("(15) L2", 300, kept=10, radius_255=6.0),  # the sizes of c4_comparison
        replace(_ROBUST, threads=2, tolerance=1e-4),
        Job("(8)", 2000, 1, 100, threads=2, clarabel=False),
    ),
}


@dataclass(frozen=True)
class Problem:
    """What a job asks to solve.

    Source: own
    """

    job: Job
    X: np.ndarray
    y: np.ndarray
    patterns: Patterns

    def solve(self, solver: str, options: Mapping[str, Any]) -> convex.ConvexSolution:
        """One call of the library, by the named solver or not at all."""
        job, given = self.job, (self.X, self.y, self.patterns)
        if job.program == "(8)":
            return convex.train_standard(*given, job.beta, "hinge", solver, options)
        robust = {"(15)": convex.train_robust_hinge, "(18)": convex.train_robust_squared}
        train = robust[job.program.split()[0]]
        return train(*given, job.ball, job.beta, solver=solver, options=options)


def images(n: int) -> Pair:
    """The first images of the pair.

    Source: [A] Section VII-D
    """
    return cifar_pair(CLASSES, n)


def problem(job: Job, pair: Pair | None = None) -> Problem:
    """Take the images and draw the patterns of a job.

    Source: own; the task is that of [A] Table I

    Parameters
    ----------
    job : Job
    pair : Pair, optional
        Images loaded before, as many as the job needs.
    """
    pair = images(job.n) if pair is None else pair
    X, y = np.ascontiguousarray(pair.X[: job.n, :: job.every]), pair.y[: job.n]
    rng = np.random.default_rng(SEED)
    if job.radius_255 and not math.isinf(job.ball.p):
        cleared = patterns.sample_robust(X, job.ball, job.kept or job.n_patterns, rng)
        return Problem(job, X, y, cleared)
    found = patterns.sample(X, _DRAWS if job.kept else job.n_patterns, rng)
    if job.radius_255:
        found = _feasible(X, found, job)
    return Problem(job, X, y, found)


def _feasible(X: np.ndarray, found: Patterns, job: Job) -> Patterns:
    """The robust-feasible patterns, in their order, no more than the job keeps."""
    ball, wanted = job.ball, job.kept or len(found)
    alive = np.zeros(len(found), dtype=bool)
    for at in range(0, len(found), _TRIED_AT_ONCE):
        some = np.arange(at, min(at + _TRIED_AT_ONCE, len(found)))
        alive[some] = patterns.robust_feasible(X, found.take(some), ball)
        if alive.sum() >= wanted:
            break
    return found.take(alive & (np.cumsum(alive) <= wanted))
