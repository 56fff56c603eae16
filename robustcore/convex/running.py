"""The course of every training call: check, reduce, choose a solver, solve, certify, report."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

import numpy as np

from ..errors import (
    AccuracyWarning,
    EmptyNetworkWarning,
    InputError,
    MissingExtraError,
    RobustcoreError,
    SolverError,
)
from .interior import Solved, solve_interior_point, worthwhile
from .options import OWN, Options
from .parts import Data, Problem, output_of, penalty_of
from .reductions import kept_patterns
from .solving import ConvexSolution, Stopwatch, in_one_sentence, solvers_to_try

TOO_LARGE = "beta is too large for any"
_NO_PATTERN = (
    "no pattern given can carry one; take patterns from sample_robust, or lower the radius"
)


class Told(Protocol):
    """What every solution says of itself."""

    @property
    def objective(self) -> float:
        """Its cost."""

    @property
    def lower_bound(self) -> float:
        """Below every cost."""

    @property
    def status(self) -> str:
        """How it ended."""

    @property
    def solver(self) -> str:
        """Who found it."""


Answer = TypeVar("Answer", bound=Told)
General = Callable[[Data, str, Options], Solved]  # writes a program down and solves it by name
_SHORTEST = 1e-8  # rows below this share of the longest are rounding of the solver
CERTIFIED = 1e-5  # the gap up to which "optimal" is said, where no tolerance is asked for


def train(
    problem: Problem,
    general: General,
    solver: str = "auto",
    reduce: bool = True,
    options: Mapping[str, Any] | None = None,
) -> ConvexSolution:
    """Solve one program over the patterns that can carry a neuron.

    Source: own (what [A] Algorithms 1 and 2 share)

    Parameters
    ----------
    problem : Problem
    general : callable (data, solver name, options) -> Solved
        For the solvers that take the program through cvxpy.
    solver, reduce, options
        As for the public calls.

    Returns
    -------
    ConvexSolution
        "auto" tries one solver after the other until a gap is certified, and answers with the
        smallest.
    """
    clock, read = Stopwatch(), Options.read(options, solver)
    if read.start is not None:
        check_start(read.start, problem)
    task = Task.of(problem, reduce, inside=solver in ("auto", OWN))
    names = solvers_to_try(solver, reduce and worthwhile(task.data), read.only_ours)
    if not task.kept.any():
        nothing = task.solution(None, names[0], clock())
        warn_of(nothing)
        return nothing
    wanted = CERTIFIED if read.tolerance is None else read.tolerance

    def answer(name: str) -> ConvexSolution:
        return task.solution(task.solved(name, read, general), name, clock(), wanted)

    tried = until_certified(names, answer, task.excess, wanted)
    best = min(tried, key=task.excess)
    warn_of(best, [one for one in tried if task.excess(one) > wanted])
    return replace(best, seconds=clock())


def until_certified(
    names: Sequence[str],
    answer: Callable[[str], Answer],
    excess: Callable[[Answer], float],
    wanted: float,
) -> list[Answer]:
    """The answers of one solver after the other, up to the first that is certified.

    Source: own

    Raises
    ------
    SolverError, MissingExtraError, InputError
        What the first of them raised, if none of them has an answer.
    """
    tried: list[Answer] = []
    failed: list[RobustcoreError] = []
    for name in names:
        try:
            tried.append(answer(name))
        except (SolverError, MissingExtraError, InputError) as error:
            failed.append(error)
            continue
        if tried[-1].status.startswith("interrupted") or excess(tried[-1]) <= wanted:
            break
    if not tried:
        raise failed[0]
    return tried


@dataclass(frozen=True)
class Task:
    """One training call: the program over all its patterns, and over those that can carry a neuron.

    `full` and `data` are scaled; `kept` (P,) says which patterns `data` has; `gates` (d', kept)
    are points of their cells, if any are known.
    """

    problem: Problem
    full: Data
    data: Data
    kept: np.ndarray
    gates: np.ndarray | None

    @classmethod
    def of(cls, problem: Problem, reduce: bool = True, inside: bool = True) -> Task:
        """Scale and reduce; `inside` asks for interior points of the robust cells."""
        kept, gates = np.ones(len(problem.patterns), dtype=bool), problem.patterns.gates
        if reduce:
            kept, gates = kept_patterns(problem, inside)
        full = problem.scaled()
        data = full if kept.all() else problem.over(kept).scaled()
        return cls(problem, full, data, kept, None if gates is None else gates[:, kept])

    def solved(self, name: str, options: Options, general: General) -> Solved:
        """By the named solver, whatever goes wrong told in one sentence."""
        with in_one_sentence(name):
            if name == OWN:
                return solve_interior_point(self.data, self.gates, self._resumed(options))
            return general(self.data, name, options)

    def _resumed(self, options: Options) -> Options:
        """With the waypoint of the start, where it belongs to the patterns that are kept."""
        start = options.start
        fits = start is not None and np.array_equal(start.pattern_kept, self.kept)
        return replace(options, start=start.waypoint if fits else None)

    def excess(self, solution: ConvexSolution) -> float:
        """By how much a solution misses its proof: gap and violation, relative; inf for no number.

        A negative gap is as wrong as a positive one: v and w then break their constraints.
        """
        v, w = (part * self.full.sigma for part in (solution.v, solution.w))
        reach = float(np.abs(output_of(self.full, v, w)).max())
        gap = abs(solution.gap) / max(1.0, abs(solution.objective))
        worst = max(gap, solution.violation / max(1.0, reach))
        return worst if math.isfinite(gap + reach + solution.violation) else math.inf

    def solution(
        self, found: Solved | None, solver: str, seconds: float, wanted: float = CERTIFIED
    ) -> ConvexSolution:
        """What the caller gets: in the units of X, and with every number computed from v and w.

        A solver that says "optimal" above the wanted gap is quoted, not believed.
        """
        v, w = np.zeros((2, len(self.kept), self.full.design.shape[1]))
        zero = value_of(self.full, v, w)
        if found is not None and value_of(self.data, found.v, found.w) < zero:
            v[self.kept], w[self.kept] = found.v, found.w  # else beta is too large for any neuron
        solved = ConvexSolution(
            v=v / self.full.sigma,
            w=w / self.full.sigma,
            objective=value_of(self.full, v, w),
            lower_bound=found.bound if found else zero,
            violation=cone_violation(self.full, v, w),
            status=found.status if found else "no pattern kept",
            solver=solver,
            seconds=seconds,
            patterns=self.problem.patterns,
            pattern_kept=self.kept,
            loss=self.problem.loss.name,
            beta=self.problem.beta,
            ball=self.problem.ball,
            perturb_bias=self.problem.perturb_bias,
            theta=found.theta if found else None,
            waypoint=found.waypoint if found else None,
        )
        if solved.status.startswith("optimal") and self.excess(solved) > wanted:
            status = f"not certified: {solver} said '{solved.status}' at a gap of {solved.gap:.1e}"
            return replace(solved, status=status)
        return solved


def warn_of(solution: ConvexSolution, unproven: Sequence[ConvexSolution] = ()) -> None:
    """Tell of a network without neurons, and of the answers that miss the gap asked for.

    Source: own
    """
    warn_of_gaps(solution, unproven, stacklevel=5)
    if solution.n_neurons == 0:
        some = solution.pattern_kept.any()
        warn_of_no_neuron(TOO_LARGE if some else _NO_PATTERN, stacklevel=5)


def warn_of_gaps(solution: Told, unproven: Sequence[Told], stacklevel: int) -> None:
    """Tell of the answers that miss the gap asked for, with both of their bounds.

    Source: own
    """
    if unproven and not solution.status.startswith("interrupted"):
        each = "; ".join(
            f"{one.solver} left the objective {one.objective:.6g} above the lower bound "
            f"{one.lower_bound:.6g} ({one.status})"
            for one in unproven
        )
        worst = any(one is solution for one in unproven)
        answer = "it is the best answer" if worst else f"{solution.solver} went on"
        warnings.warn(f"{each}; {answer}: {solution!r}.", AccuracyWarning, stacklevel=stacklevel)


def warn_of_no_neuron(why: str, stacklevel: int) -> None:
    """Tell of a network without neurons.

    Source: own
    """
    warnings.warn(f"this network has no neuron: {why}.", EmptyNetworkWarning, stacklevel=stacklevel)


def check_start(start: ConvexSolution, problem: Problem) -> None:
    """Refuse a warm start that belongs to another family of programs."""
    if not isinstance(start, ConvexSolution):
        raise InputError(f"start must be a ConvexSolution, got {type(start).__name__}.")
    norms = [None if ball is None else ball.p for ball in (start.ball, problem.ball)]
    same = start.loss == problem.loss.name and norms[0] == norms[1]
    if not (same and np.array_equal(start.patterns.active, problem.patterns.active)):
        raise InputError(
            "start must be a solution with the same patterns and loss, against the same "
            "norm or none; only beta and the radius may differ."
        )


def value_of(data: Data, v: np.ndarray, w: np.ndarray) -> float:
    """The objective of (8), or of (15) or (17) where the ball has a radius.

    Source: [A] eqs. (8), (15), (17)
    """
    q = (data.active @ (v - w))[:, : data.attacked]
    worst = data.ball.support(q) if data.ball.radius else 0.0
    return data.loss.value(output_of(data, v, w), data.y, worst) + penalty_of(data, v, w)


def tidy(v: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Set rows that are zero up to rounding to zero."""
    lengths = np.linalg.norm(np.concatenate([v, w]), axis=1)
    alive = (lengths > _SHORTEST * lengths.max(initial=0.0))[:, None]
    return np.where(alive[: len(v)], v, 0.0), np.where(alive[len(v) :], w, 0.0)


def cone_violation(data: Data, v: np.ndarray, w: np.ndarray) -> float:
    """The largest amount by which (2 D_i - I) X v_i falls short of radius ||v_i||_q.

    Source: [A] eqs. (5), (11)
    """
    short = [
        data.ball.support(u[:, : data.attacked]) - data.signs * (data.design @ u.T)
        for u in (v, w)
        if len(u)
    ]
    return max([0.0, *(float(s.max()) for s in short)])
