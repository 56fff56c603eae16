"""The course of every training call: check, reduce, choose a solver, solve, certify, report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..balls import LpBall
from ..errors import InputError
from ..patterns import Patterns
from .interior import Solved, try_structured, worthwhile
from .parts import Data, loss_of, output_of, penalty_of, prepare
from .reductions import kept_patterns
from .solving import ConvexSolution, Stopwatch, choose_solver

General = Callable[[Data, str], Solved]  # writes a prepared program down and solves it by name
_SHORTEST = 1e-8  # rows below this share of the longest are rounding of the solver


def train(
    X: np.ndarray,
    y: np.ndarray,
    patterns: Patterns,
    beta: float,
    loss: str,
    general: General,
    ball: LpBall | None = None,
    perturb_bias: bool = False,
    solver: str = "auto",
    reduce: bool = True,
    options: Mapping[str, Any] | None = None,
) -> ConvexSolution:
    """Solve one program over the patterns that can carry a neuron.

    Source: own (what [A] Algorithms 1 and 2 share)

    Parameters
    ----------
    X, y, patterns, beta, loss, ball, perturb_bias, solver, reduce, options
        As for the public calls; `ball` is None for standard training.
    general : callable (data, solver name) -> Solved
        For the solvers that take the program through cvxpy.

    Returns
    -------
    ConvexSolution
    """
    clock = Stopwatch()
    options = dict(options or {})
    start = options.pop("start", None)
    if start is not None:
        check_start(start, patterns, loss, ball)
    inside = solver in ("auto", "structured")
    task = Task.of(X, y, patterns, beta, loss, ball, perturb_bias, reduce, inside)
    chosen = choose_solver(solver, reduce and worthwhile(task.data))
    if not task.kept.any():
        return task.solution(None, chosen, clock())
    found = None
    if chosen == "structured":
        if start is not None and np.array_equal(start.pattern_kept, task.kept):
            options["start"] = start.waypoint
        found = try_structured(task.data, task.gates, options, solver == "structured")
        options.pop("start", None)
        chosen = chosen if found else choose_solver("auto")
    found = found or general(task.data, chosen)
    return task.solution(found, chosen, clock())


@dataclass(frozen=True)
class Task:
    """One training call: the program over all its patterns, and over those that can carry a neuron.

    `full` and `data` are prepared; `kept` (P,) says which patterns `data` has; `gates` (d', kept)
    are points of their cells, if any are known.
    """

    patterns: Patterns
    full: Data
    data: Data
    kept: np.ndarray
    gates: np.ndarray | None
    beta: float
    ball: LpBall | None
    perturb_bias: bool

    @classmethod
    def of(
        cls,
        X: np.ndarray,
        y: np.ndarray,
        patterns: Patterns,
        beta: float,
        loss: str,
        ball: LpBall | None,
        perturb_bias: bool,
        reduce: bool = True,
        inside: bool = True,
    ) -> Task:
        """Check and reduce; `inside` asks for interior points of the robust cells."""
        full = data = prepare(X, y, patterns, beta, loss, ball, perturb_bias)
        kept, gates = np.ones(len(patterns), dtype=bool), patterns.gates
        if ball is not None and reduce:
            kept, gates = kept_patterns(X, patterns, ball, perturb_bias, inside)
        if not kept.all():
            data = prepare(X, y, patterns.take(kept), beta, loss, ball, perturb_bias)
        gates = None if gates is None else gates[:, kept]
        return cls(patterns, full, data, kept, gates, beta, ball, perturb_bias)

    def solution(self, found: Solved | None, solver: str, seconds: float) -> ConvexSolution:
        """What the caller gets: in the units of X, and with every number computed from v and w."""
        v, w = np.zeros((2, len(self.patterns), self.full.design.shape[1]))
        zero = value_of(self.full, v, w)
        if found is not None and value_of(self.data, found.v, found.w) < zero:
            v[self.kept], w[self.kept] = found.v, found.w  # else beta is too large for any neuron
        return ConvexSolution(
            v=v / self.full.sigma,
            w=w / self.full.sigma,
            objective=value_of(self.full, v, w),
            lower_bound=found.bound if found else zero,
            violation=cone_violation(self.full, v, w),
            status=found.status if found else "no pattern kept",
            solver=solver,
            seconds=seconds,
            patterns=self.patterns,
            pattern_kept=self.kept,
            loss=self.full.loss,
            beta=self.beta,
            ball=self.ball,
            perturb_bias=self.perturb_bias,
            theta=found.theta if found else None,
            waypoint=found.waypoint if found else None,
        )


def check_start(start: ConvexSolution, patterns: Patterns, loss: str, ball: LpBall | None) -> None:
    """Refuse a warm start that belongs to another family of programs."""
    if not isinstance(start, ConvexSolution):
        raise InputError(f"start must be a ConvexSolution, got {type(start).__name__}.")
    same = start.loss == loss and (start.ball is None) == (ball is None)
    if not (same and np.array_equal(start.patterns.active, patterns.active)):
        raise InputError(
            "start must be a solution with the same patterns and loss, robust or not alike; "
            "only beta and the radius may differ."
        )


def value_of(data: Data, v: np.ndarray, w: np.ndarray) -> float:
    """The objective of (8), or of (15) or (17) where the ball has a radius.

    Source: [A] eqs. (8), (15), (17)
    """
    q = (data.active @ (v - w))[:, : data.attacked]
    worst = data.ball.support(q) if data.ball.radius else 0.0
    return loss_of(data, output_of(data, v, w), worst) + penalty_of(data, v, w)


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
