"""Column generation: the optimum of (5) from few of its patterns, and the proof that it is one."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from .. import patterns
from ..errors import EmptyNetworkWarning, InputError
from ..patterns import Patterns
from .dual import Multipliers, in_domain
from .global_bound import global_lower_bound
from .parts import Data, Problem
from .pricing import price, search, worst_first
from .running import warn_of
from .solving import ConvexSolution, Stopwatch
from .standard import train_standard

_ENUMERABLE = 20_000  # up to so many cells are visited; beyond, they are searched
_VIOLATED = 1e-7  # relative: what solvers leave of a constraint that they keep


@dataclass(frozen=True)
class Round:
    """One round of column generation.

    Source: own

    Parameters
    ----------
    patterns : int
        In the program that was solved.
    objective : float
        Its value, an upper bound of the optimum over all cells.
    lower_bound : float
        The best lower bound of the optimum over all cells so far; -inf while none is known.
    excess : float
        The largest pull of any cell that was looked at, over beta; 1 at the optimum.
    """

    patterns: int
    objective: float
    lower_bound: float
    excess: float


@dataclass(frozen=True)
class GrownSolution(ConvexSolution):
    """A solution over patterns that were added where they were needed.

    `lower_bound` and `gap` belong to the program over the patterns that it has, as for any
    `ConvexSolution`; the fields here belong to the program over all cells.

    Source: own (on [A] eqs. (5), (19))

    Parameters
    ----------
    global_lower_bound : float
        A lower bound of (5), or of (8) over the given candidates.
    exhaustive : bool
        Whether every cell was priced. If not, cells were searched by a heuristic; the bound is
        then the relaxed one, sound and usually loose, and `global_gap` does not close.
    history : tuple of Round
    """

    global_lower_bound: float = -np.inf
    exhaustive: bool = False
    history: tuple[Round, ...] = ()

    @property
    def global_gap(self) -> float:
        """How far from the optimum over all cells v and w can be, up to `violation`.

        Source: own
        """
        return self.objective - self.global_lower_bound

    def __repr__(self) -> str:
        pricing = "all cells priced" if self.exhaustive else "cells searched, bound relaxed"
        return (
            f"GrownSolution(objective={self.objective:.6g}, global gap={self.global_gap:.1e}, "
            f"{len(self.patterns)} patterns in {len(self.history)} rounds, {pricing}, "
            f"{self.seconds:.1f} s)"
        )


def train_grown(
    X: np.ndarray,
    y: np.ndarray,
    beta: float,
    loss: str = "hinge",
    *,
    rng: np.random.Generator,
    bias: bool = False,
    candidates: Patterns | None = None,
    start: Patterns | int | None = None,
    tolerance: float = 1e-5,
    per_round: int | None = None,
    max_rounds: int = 50,
    most_cells: int = _ENUMERABLE,
    solver: str = "auto",
    options: Mapping[str, Any] | None = None,
) -> GrownSolution:
    r"""Solve (5) by column generation: solve (8), price the cells, add the worst, repeat.

    A theta of (8) that keeps the constraints of all cells is a theta of (5), and proves that no
    further pattern helps. Scaled into those constraints, it gives a lower bound in every round:

    .. math:: \max_{0\le s\le\beta/\max_i\sup|\theta^\top D_iXu|} -\ell^*(s\theta)
              \;\le\; p^\star_{(5)} \;\le\; p^\star_{(8)}

    Source: own (on [A] eqs. (5), (8), (19), (20))

    Parameters
    ----------
    X : (n, d) array
    y : (n,) array
        As for `train_standard`.
    beta : float
        Positive.
    loss : str
        As for `train_standard`.
    rng : numpy Generator
        Of the first patterns, and of the searches where cells are searched.
    bias : bool
        Append a column of ones to X.
    candidates : Patterns, optional
        Grow among these only: the optimum of (8) over all of them. By default all patterns of X
        where at most `most_cells` can exist, else whatever the search meets.
    start : Patterns or int, optional
        The first patterns, or how many to draw; n by default.
    tolerance : float
        Stop when the global gap is at most this share of the objective.
    per_round : int, optional
        Patterns added in a round at most; n by default.
    max_rounds : int
        Programs solved at most.
    most_cells : int
        See `candidates`; 0 always searches.
    solver, options
        As for `train_standard`.

    Returns
    -------
    GrownSolution
        Its objective is an upper bound of the optimum over all cells, `global_lower_bound` a lower
        one, in any case. `exhaustive` says whether all cells were priced.

    Raises
    ------
    InputError
        For what `train_standard` refuses, or a tolerance, start or number of rounds that is not
        positive.

    Notes
    -----
    Exact within `global_gap`, if every cell is priced. If cells are searched, the objective is an
    upper bound only, the search ends when it finds no violated cell, and the relaxed bound rarely
    meets it. Rounds may also end at `max_rounds` or at the accuracy of the solver: read the gap.
    """
    clock = Stopwatch()
    _check(tolerance, max_rounds, per_round)
    design = patterns.design_matrix(X, bias)
    if candidates is None and _count(design) <= most_cells:
        candidates = patterns.enumerate_all(X, bias)
    grown = _first(X, len(design) if start is None else start, candidates, rng, bias)
    data = Problem.of(X, y, grown if candidates is None else candidates, beta, loss).scaled()
    level = data.beta * (1 + _VIOLATED)
    bound, history = -np.inf, []
    while True:
        with warnings.catch_warnings():  # the last round has neurons, or warns below
            warnings.simplefilter("ignore", EmptyNetworkWarning)
            solved = train_standard(X, y, grown, beta, loss, solver, options)
        theta = in_domain(data, Multipliers(np.asarray(solved.theta))).theta
        found, values = _priced(X, data, candidates, theta, rng, bias)
        excess = float(values.max()) / data.beta
        if candidates is not None:
            bound = max(bound, data.loss.dual_value(theta, data.y, 1.0 / max(excess, 1.0)))
        history.append(Round(len(grown), solved.objective, bound, excess))
        values[grown.contains(found)] = 0.0
        new = worst_first(values, level, per_round or len(design))
        closed = solved.objective - bound <= tolerance * solved.objective
        if closed or not len(new) or len(history) >= max_rounds:
            break
        grown = grown.union(found.take(new))
    if candidates is None:
        bound = global_lower_bound(X, y, theta, beta, loss, bias, most_cells=0)
        history[-1] = replace(history[-1], lower_bound=bound)
    warn_of(solved)
    known = {field.name: getattr(solved, field.name) for field in fields(ConvexSolution)}
    known |= {"seconds": clock(), "history": tuple(history)}
    return GrownSolution(**known, global_lower_bound=bound, exhaustive=candidates is not None)


def _check(tolerance: float, max_rounds: int, per_round: int | None) -> None:
    for name, value in (("tolerance", tolerance), ("max_rounds", max_rounds)):
        if not value > 0:
            raise InputError(f"{name} must be positive, got {value}.")
    if per_round is not None and per_round < 1:
        raise InputError(f"per_round must be at least 1, got {per_round}.")


def _count(design: np.ndarray) -> int:
    return patterns.count(len(design), int(np.linalg.matrix_rank(design)))


def _first(
    X: np.ndarray,
    start: Patterns | int,
    candidates: Patterns | None,
    rng: np.random.Generator,
    bias: bool,
) -> Patterns:
    """The patterns of the first program: given, drawn from the candidates, or from the data."""
    if isinstance(start, Patterns):
        return start
    if start < 1:
        raise InputError(f"start must be at least one pattern, got {start}.")
    if candidates is None:
        return patterns.sample(X, start, rng, bias, at_most=True)
    few = min(start, len(candidates))
    return candidates.take(np.sort(rng.choice(len(candidates), few, replace=False)))


def _priced(
    X: np.ndarray,
    data: Data,
    candidates: Patterns | None,
    theta: np.ndarray,
    rng: np.random.Generator,
    bias: bool,
) -> tuple[Patterns, np.ndarray]:
    """Cells and their pulls, in the units of the prepared data."""
    if candidates is not None:
        return candidates, price(data.design, candidates, theta, floor=data.beta)
    found, values = search(X, theta, rng, bias)
    if values.max() <= data.sigma * data.beta * (1 + _VIOLATED):  # look harder before giving up
        found, values = search(X, theta, rng, bias, n_starts=512, n_best=256)
    return found, values / data.sigma
