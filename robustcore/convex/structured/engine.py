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
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch

from ...errors import SolverError
from .cones import Scaling, divide, longest_step, product, pull_to_centre

Tensors = tuple[torch.Tensor, ...]
Progress = Callable[[int, float, float], None]
_CORRECTIONS = 3


@dataclass(frozen=True)
class Iterate:
    """Everything that moves; also the type of a direction.

    `point` (2, P, 1 + d) holds (t, u) of each block, `dual` (beta, z); `free` the variables of the
    program that lie in no cone; `slacks` and `multipliers` the non-negative pairs, in the order of
    the program.
    """

    point: torch.Tensor
    dual: torch.Tensor
    free: Tensors
    slacks: Tensors
    multipliers: Tensors

    @property
    def u(self) -> torch.Tensor:
        """(2, P, d): v, then w."""
        return self.point[..., 1:]

    def moved(self, step: Iterate, p: float, d: float) -> Iterate:
        """Primal parts by p, dual parts by d."""
        return Iterate(
            self.point + p * step.point,
            self.dual + d * step.dual,
            _axpy(self.free, p, step.free),
            _axpy(self.slacks, p, step.slacks),
            _axpy(self.multipliers, d, step.multipliers),
        )


@dataclass(frozen=True)
class Partial:
    """What a program's Newton system answers; t and z follow from it."""

    u: torch.Tensor
    free: Tensors
    slacks: Tensors
    multipliers: Tensors


class Newton(Protocol):
    """One factorised Newton system."""

    def directions(self, cone: torch.Tensor, goals: Tensors) -> Partial:
        """For a right side `cone` of the blocks and `goals` of the complementarities."""


class Program(Protocol):
    """What the engine must know of a program."""

    beta: float
    one_length: bool  # whether primal and dual must take the same step

    def start(self) -> Iterate:
        """A strictly feasible primal point, positive multipliers."""

    def objective(self, u: torch.Tensor) -> float:
        """The program's value at feasible blocks."""

    def certificate(self, at: Iterate) -> tuple[float, Any]:
        """A lower bound of the optimum, and what proves it."""

    def stationarity(self, at: Iterate) -> torch.Tensor:
        """The gradient of the Lagrangian in u, without z; z equals it at the optimum."""

    def stationarity_step(self, step: Partial) -> torch.Tensor:
        """Its change along a direction."""

    def newton(self, at: Iterate, scaling: Scaling, residual: torch.Tensor) -> Newton:
        """Factorise."""


@dataclass(frozen=True)
class Outcome:
    """What a run proved.

    Attributes
    ----------
    u : (2, P, d)
        The best feasible point found, v then w, in the program's units.
    objective, lower_bound : float
        Its value, and the best lower bound.
    proof : object
        The multipliers behind the lower bound, as the program names them.
    status : str
        One sentence: how the run ended.
    iterations : int
    seconds : float
    history : list of (objective, lower bound, seconds)
    """

    u: torch.Tensor
    objective: float
    lower_bound: float
    proof: Any
    status: str
    iterations: int
    seconds: float
    history: list[tuple[float, float, float]] = field(default_factory=list)

    @property
    def gap(self) -> float:
        """objective - lower_bound: the optimum lies in between."""
        return self.objective - self.lower_bound

    @property
    def optimal(self) -> bool:
        """Whether the tolerance was reached."""
        return self.status.startswith("optimal")


def minimise(
    program: Program,
    tolerance: float = 1e-6,
    max_iterations: int = 100,
    progress: Progress | None = None,
) -> Outcome:
    """Run until objective - lower bound <= tolerance max(1, objective).

    Source: own, from Nesterov-Todd, Mehrotra and Gondzio

    Parameters
    ----------
    program : Program
    tolerance : float
    max_iterations : int
    progress : callable (iteration, objective, lower bound), optional

    Returns
    -------
    Outcome
        Also when interrupted or out of iterations: the best certified point, and why it stopped.
    """
    run = _Run(program)
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
                status = "stopped: the steps became too short for rounding"
                break
    except KeyboardInterrupt:
        status = "interrupted; this is the best certified point so far"
    except SolverError as failure:
        status = f"stopped: {failure}"
    return Outcome(
        run.best, run.objective, run.lower, run.proof, status, iteration, run.seconds, run.history
    )


class _Run:
    """The iterate, and the best of each bound so far."""

    def __init__(self, program: Program) -> None:
        self._clock = time.perf_counter()
        self.program, self.at = program, program.start()
        pairs = sum(s.numel() for s in self.at.slacks)
        self.degree = pairs + self.at.point[..., 0].numel()
        self.objective, self.lower, self.proof = math.inf, -math.inf, None
        self.best = self.at.u
        self.history: list[tuple[float, float, float]] = []

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
        if not bool(torch.isfinite(moved.point).all()):
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
        z = self.residual + self.program.stationarity_step(found)
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
        return (min(p, d), min(p, d)) if self.program.one_length else (p, d)


def _positive_step(x: torch.Tensor, dx: torch.Tensor) -> float:
    fastest = float((-dx / x).max()) if x.numel() else 0.0
    return min(1.0, 1.0 / fastest) if fastest > 0 else 1.0


def _missing(v: torch.Tensor, low: float, high: float) -> torch.Tensor:
    return (v.clamp(low, high) - v).clamp(min=-high)


def _axpy(x: Sequence[torch.Tensor], a: float, dx: Sequence[torch.Tensor]) -> Tensors:
    return tuple(value + a * change for value, change in zip(x, dx, strict=True))
