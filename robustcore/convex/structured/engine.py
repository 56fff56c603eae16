r"""A primal-dual interior-point method that stops on its own proof.

Every program here has blocks u_j with a norm penalty :math:`\beta\|u_j\|_2`, and linear
inequalities. Invariants kept from start to end: the primal point is strictly feasible, so its
objective is the cost of a network; the multipliers are dual candidates at every iterate, so each
iterate carries a closed-form lower bound. The run ends when the two bounds meet.

Steps: Nesterov-Todd directions, Mehrotra's predictor-corrector, up to three of Gondzio's
centrality corrections, separate primal and dual lengths.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import torch

from ...errors import SolverError
from .cones import Scaling, divide, longest_step, product, pull_to_centre
from .protocol import WAYPOINT, Iterate, Outcome, Program, Tensors

Progress = Callable[[int, float, float], None]
_CORRECTIONS = 3


def minimise(
    program: Program,
    tolerance: float = 1e-6,
    max_iterations: int = 100,
    progress: Progress | None = None,
    start: Iterate | None = None,
) -> Outcome:
    """Run until objective - lower bound <= tolerance max(1, objective).

    Source: own, from Nesterov-Todd, Mehrotra and Gondzio

    Parameters
    ----------
    program : Program
    tolerance : float
    max_iterations : int
    progress : callable (iteration, objective, lower bound), optional
    start : Iterate, optional
        A waypoint of a program that differs in beta or in the radius; where it is not feasible
        here, the run starts cold.

    Returns
    -------
    Outcome
        Also when interrupted or out of iterations: the best certified point, and why it stopped.
    """
    run = _Run(program, start)
    status = f"stopped after {max_iterations} iterations, before the tolerance {tolerance:g}"
    iteration = 0
    try:
        for iteration in range(max_iterations + 1):
            run.certify()
            if progress is not None:
                progress(iteration, run.objective, run.lower)
            if run.objective - run.lower <= tolerance * max(1.0, run.objective):
                status = "optimal: the certified gap is within the tolerance"
                break
            if iteration < max_iterations and not run.advance():
                status = f"stopped by rounding at the gap {run.objective - run.lower:.1e}"
                break
    except KeyboardInterrupt:
        status = "interrupted; this is the best certified point so far"
    except (SolverError, torch.linalg.LinAlgError) as failure:
        status = f"stopped by rounding at the gap {run.objective - run.lower:.1e}: {failure}"
    return Outcome(
        run.best, run.objective, run.lower, run.proof, status, iteration, run.seconds, run.history,
        run.waypoint,
    )  # fmt: skip


class _Run:
    """The iterate, and the best of each bound so far."""

    def __init__(self, program: Program, start: Iterate | None) -> None:
        self._clock = time.perf_counter()
        resumed = None if start is None else program.resume(start)
        self.program, self.at = program, program.start() if resumed is None else resumed
        pairs = sum(s.numel() for s in self.at.slacks)
        self.degree = pairs + self.at.point[..., 0].numel()
        self.objective, self.lower, self.proof = math.inf, -math.inf, None
        self.best = self.at.u
        self.history: list[tuple[float, float, float]] = []
        self.waypoint: Iterate | None = None

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self._clock

    def certify(self) -> None:
        objective = self.program.objective(self.at.u)
        lower, proof = self.program.certificate(self.at)
        if objective < self.objective:
            self.objective, self.best = objective, self.at.u
        if lower > self.lower:
            self.lower, self.proof = lower, proof
        self.history.append((self.objective, self.lower, self.seconds))
        if self.waypoint is None and self.objective - self.lower <= WAYPOINT * self.objective:
            self.waypoint = self.at

    def advance(self) -> bool:
        """One step; False when it is too short to matter."""
        search = _Search(self.program, self.at)
        affine = search.direction(*search.goals(0.0, None))
        p, d = search.lengths(affine)
        target = self._complementarity() * max((1 - min(p, d)) ** 3, 1e-8)
        goals = search.goals(target, affine)
        step = search.direction(*goals)
        p, d = search.lengths(step)
        for _ in range(_CORRECTIONS):
            if min(p, d) > 0.95:
                break
            trial = search.corrected(goals, step, (min(1.0, p + 0.4), min(1.0, d + 0.4)), target)
            candidate = search.direction(*trial)
            p_next, d_next = search.lengths(candidate)
            if p_next + d_next < p + d + 0.02:
                break
            goals, step, p, d = trial, candidate, p_next, d_next
        fraction = 0.9 + 0.09 * min(p, d)
        moved = self.at.moved(step, fraction * p, fraction * d)
        if not all(bool(torch.isfinite(part).all()) for part in (moved.point, moved.dual)):
            return False
        self.at = moved
        return max(p, d) > 1e-8

    def _complementarity(self) -> float:
        total = (self.at.point * self.at.dual).sum()
        for slack, multiplier in zip(self.at.slacks, self.at.multipliers, strict=True):
            total = total + (slack * multiplier).sum()
        return float(total) / self.degree


class _Search:
    """Directions at one iterate: several right sides, one factorisation."""

    def __init__(self, program: Program, at: Iterate) -> None:
        self.program, self.at = program, at
        self.scaling = Scaling.between(at.point, at.dual)
        self.scaled = self.scaling.undo(at.point)
        self.residual = program.stationarity(at) - at.dual[..., 1:]
        self.newton = program.newton(at, self.scaling, self.residual)

    def goals(self, centre: float, step: Iterate | None) -> tuple[torch.Tensor, Tensors]:
        """Right sides of complementarity; with Mehrotra's second-order term after a step."""
        at = self.at
        if step is None:
            return -at.dual, tuple(-m for m in at.multipliers)
        shift = torch.zeros_like(at.point)
        shift[..., 0] = centre
        shift -= product(self.scaling.undo(step.point), self.scaling.apply(step.dual))
        pairs = zip(at.slacks, at.multipliers, step.slacks, step.multipliers, strict=True)
        return (
            -at.dual + self.scaling.undo(divide(self.scaled, shift)),
            tuple(-m + (centre - ds * dm) / s for s, m, ds, dm in pairs),
        )

    def corrected(
        self,
        goals: tuple[torch.Tensor, Tensors],
        step: Iterate,
        lengths: tuple[float, float],
        centre: float,
    ) -> tuple[torch.Tensor, Tensors]:
        """Gondzio: pull the products of the trial point into [0.1, 10] times the target."""
        trial, box = self.at.moved(step, *lengths), (0.1 * centre, 10 * centre)
        cone = product(self.scaling.undo(trial.point), self.scaling.apply(trial.dual))
        missing = self.scaling.undo(divide(self.scaled, pull_to_centre(cone, *box)))
        groups = zip(goals[1], self.at.slacks, trial.slacks, trial.multipliers, strict=True)
        return goals[0] + missing, tuple(
            goal + _missing(s * m, *box) / slack for goal, slack, s, m in groups
        )

    def direction(self, cone: torch.Tensor, goals: Tensors) -> Iterate:
        """Eliminate t, solve for the rest, then t and last z.

        z comes from the dual equation itself: rounding then reaches complementarity, where the
        next step mends it, and not dual feasibility.
        """
        head, tail = self.scaling.w[..., :1], self.scaling.w[..., 1:]
        pivot = 2 * head.square() - 1
        found = self.newton.directions(
            cone[..., 1:] + 2 * head * cone[..., :1] / pivot * tail, goals
        )
        along = (tail * found.u).sum(-1, keepdim=True)
        eta = self.scaling.eta[..., None].square()
        t = (eta * cone[..., :1] + 2 * head * along) / pivot
        z = self.residual + self.program.stationarity_step(self.at, found)
        return Iterate(
            torch.cat([t, found.u], -1),
            torch.cat([torch.zeros_like(t), z], -1),
            found.free,
            found.slacks,
            found.multipliers,
        )

    def lengths(self, step: Iterate) -> tuple[float, float]:
        """Longest primal and dual steps, at most 1."""
        at = self.at
        p, d = longest_step(at.point, step.point), longest_step(at.dual, step.dual)
        p = min([p, *map(_positive_step, at.slacks, step.slacks)])
        d = min([d, *map(_positive_step, at.multipliers, step.multipliers)])
        if not self.program.one_length:
            return p, d
        both = min(p, d, self.program.longest(at, step))
        return both, both


def _positive_step(x: torch.Tensor, dx: torch.Tensor) -> float:
    fastest = float((-dx / x).max()) if x.numel() else 0.0
    return min(1.0, 1.0 / fastest) if fastest > 0 else 1.0


def _missing(v: torch.Tensor, low: float, high: float) -> torch.Tensor:
    return (v.clamp(low, high) - v).clamp(min=-high)
