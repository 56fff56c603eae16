r"""A primal-dual interior-point method for programs (5) and (8) that stops on its own proof.

Invariants kept from start to end: the primal point is strictly feasible, so its objective is the
cost of a network; the multipliers alpha and lambda are dual candidates at every iterate, so each
iterate carries a closed-form lower bound. The run ends when the two bounds meet.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch

from ...errors import InputError, SolverError
from .blocks import HingeBlock, SquaredBlock, positive_step
from .cones import Scaling, centring_correction, divide, longest_step, product, pull_to_centre
from .system import NewtonSystem, Operators

Progress = Callable[[int, float, float], None]
_GONDZIO = 3  # corrections of one direction at most
_BLOCKS: dict[str, Any] = {"hinge": HingeBlock, "squared": SquaredBlock}


@dataclass(frozen=True)
class Outcome:
    """What a run proved.

    Attributes
    ----------
    v, w : (P, d)
        The best feasible point found.
    objective, lower_bound : float
        Its value, and the best lower bound of the sampled program.
    theta : (n,)
        The dual candidate behind the lower bound, before it is scaled into feasibility.
    cone_multipliers : (2, P, n)
        lambda_i of the same certificate, for v and for w.
    status : str
        One sentence: how the run ended.
    iterations : int
    seconds : float
    history : list of (objective, lower bound, seconds)
    """

    v: torch.Tensor
    w: torch.Tensor
    objective: float
    lower_bound: float
    theta: torch.Tensor
    cone_multipliers: torch.Tensor
    status: str
    iterations: int
    seconds: float
    history: list[tuple[float, float, float]] = field(default_factory=list)

    @property
    def gap(self) -> float:
        """objective - lower_bound: the optimum lies in between."""
        return self.objective - self.lower_bound


def solve(
    X: torch.Tensor,
    y: torch.Tensor,
    active: torch.Tensor,
    gates: torch.Tensor,
    beta: float,
    loss: str = "hinge",
    tolerance: float = 1e-6,
    max_iterations: int = 100,
    progress: Progress | None = None,
) -> Outcome:
    r"""Solve (8), or (5) when all patterns are given, for the hinge or the squared loss.

    Source: [A] eqs. (5), (8); method: own, from Nesterov-Todd, Mehrotra and Gondzio

    Parameters
    ----------
    X : (n, d) float64 tensor
        Any device; the whole run stays there.
    y : (n,) tensor
    active : (n, P) bool tensor
    gates : (d, P) tensor
        A strictly interior point of every cell: (2D_i - I) X a_i > 0 in every non-zero row.
    beta : float
        Positive.
    loss : "hinge" or "squared"
    tolerance : float
        On objective - lower bound, relative to max(1, objective).
    max_iterations : int
    progress : callable (iteration, objective, lower bound), optional

    Returns
    -------
    Outcome
        Also when interrupted or out of iterations: the best certified point, and why it stopped.

    Raises
    ------
    InputError
        If a gate lies on the boundary of its cell.
    """
    if not beta > 0:
        raise InputError(f"beta must be positive for the interior-point method, got {beta}.")
    run = _Run.start(X, y, active, gates, beta, loss)
    status = f"stopped after {max_iterations} iterations, before the tolerance {tolerance:g}"
    iteration = 0
    try:
        for iteration in range(max_iterations + 1):
            objective, lower = run.certify()
            if progress is not None:
                progress(iteration, objective, lower)
            if objective - lower <= tolerance * max(1.0, objective):
                status = "optimal: the certified gap is within the tolerance"
                break
            if iteration == max_iterations:
                break
            if not run.advance():
                status = "stopped: the steps became too short for rounding"
                break
    except KeyboardInterrupt:
        status = "interrupted; this is the best certified point so far"
    except SolverError as failure:
        status = f"stopped: {failure}"
    return run.outcome(status, iteration)


class _Run:
    """One run: the iterate, and the best certificate so far.

    Scaled by sigma = ||X||_2 / sqrt(n): X / sigma, beta / sigma, sigma u.
    """

    def __init__(self, maps: Operators, beta: float, sigma: float, block: Any) -> None:
        self.maps, self.beta, self.sigma, self.block = maps, beta, sigma, block
        self.clock, self.history = time.perf_counter(), []  # type: ignore[var-annotated]
        self.objective, self.lower = math.inf, -math.inf

    @classmethod
    def start(
        cls,
        X: torch.Tensor,
        y: torch.Tensor,
        active: torch.Tensor,
        gates: torch.Tensor,
        beta: float,
        loss: str,
    ) -> _Run:
        n = X.shape[0]
        sigma = float(torch.linalg.matrix_norm(X, 2)) / math.sqrt(n) or 1.0
        on = active.T.to(X)
        bound = (X != 0).any(dim=1).to(X)  # a zero row of X constrains nothing
        maps = Operators(
            X / sigma, y if loss == "hinge" else torch.ones_like(y), on, (2 * on - 1) * bound
        )
        run = cls(maps, beta / sigma, sigma, _BLOCKS[loss].start(y))
        direction = (gates / torch.linalg.vector_norm(gates, dim=0)).T
        inside = (maps.slack(direction) > 0) | (maps.facets == 0)
        if not bool(inside.all()):
            worst = int((~inside).any(dim=1).nonzero()[0, 0])
            raise InputError(f"the gate of pattern {worst} is not strictly inside its cell.")
        run._place(direction)
        return run

    def _place(self, direction: torch.Tensor) -> None:
        """v = w along the gates, so that the outputs are 0 and everything is strictly feasible."""
        n, P = self.maps.active.shape[1], self.maps.active.shape[0]
        self.degree = 2 * n * P + 2 * P + self.block.degree
        centre = max(self.block.value(torch.zeros_like(self.maps.sign)), 1e-12) / self.degree
        length = 2 * n * centre / self.beta
        u = (0.5 * length * direction).expand(2, -1, -1)
        self.point = torch.cat([torch.full_like(u[..., :1], length), u], -1)  # (t, u)
        self.slack = self.maps.slack(u) + (self.maps.facets == 0).to(u)
        ratio = centre / self.slack
        self.multiplier = torch.minimum(ratio, 10 * ratio.median())
        self.dual = torch.zeros_like(self.point)  # (beta, z)
        self.dual[..., 0] = self.beta

    def certify(self) -> tuple[float, float]:
        """Both bounds at the current iterate; the best of each is kept."""
        u = self.point[..., 1:]
        norms = torch.linalg.vector_norm(u, dim=-1)
        objective = self.block.value(self.maps.output(u)) + self.beta * float(norms.sum())
        theta = self.block.dual()
        columns = self.maps.slack_adjoint(self.multiplier) + self.maps.output_adjoint(theta)
        largest = float(torch.linalg.vector_norm(columns, dim=-1).max())
        lower = self.block.lower_bound(largest, self.beta)
        if objective < self.objective:
            self.objective, self.best = objective, u
        if lower > self.lower:
            self.lower, self.theta, self.lambdas = lower, theta, self.multiplier
        self.history.append((self.objective, self.lower, time.perf_counter() - self.clock))
        return self.objective, self.lower

    def advance(self) -> bool:
        """One predictor-corrector step; False when it is too short to matter."""
        scaling = Scaling.between(self.point, self.dual)
        system = NewtonSystem(
            self.maps, self.multiplier / self.slack, scaling, self.block.softness()
        )
        newton = _Direction(self, scaling, system)
        centre = self._complementarity()
        affine = newton.towards(newton.targets(0.0, None))
        p, d = newton.lengths(affine)
        target = centre * max((1 - min(p, d)) ** 3, 1e-8)
        goals = newton.targets(target, affine)
        step = newton.towards(goals)
        p, d = newton.lengths(step)
        for _ in range(_GONDZIO):
            if min(p, d) > 0.95:
                break
            trial = newton.corrected(goals, step, (min(1.0, p + 0.4), min(1.0, d + 0.4)), target)
            candidate = newton.towards(trial)
            p_next, d_next = newton.lengths(candidate)
            if p_next + d_next < p + d + 0.02:
                break
            goals, step, p, d = trial, candidate, p_next, d_next
        fraction = 0.9 + 0.09 * min(p, d)
        p, d = fraction * p, fraction * d
        self.point, self.slack = self.point + p * step.point, self.slack + p * step.slack
        self.multiplier = self.multiplier + d * step.multiplier
        self.dual = self.dual + d * step.dual
        self.block = self.block.advance(step.block, p, d)
        return max(p, d) > 1e-8 and math.isfinite(self._complementarity())

    def _complementarity(self) -> float:
        cones = float((self.point * self.dual).sum() + (self.slack * self.multiplier).sum())
        return (cones + self.block.product()) / self.degree

    def outcome(self, status: str, iterations: int) -> Outcome:
        """In the units of the user: u = u_scaled / sigma, lambda likewise."""
        v, w = self.best / self.sigma
        return Outcome(
            v, w, self.objective, self.lower, self.theta * self.maps.sign,
            self.lambdas, status, iterations,
            time.perf_counter() - self.clock, self.history,
        )  # fmt: skip


@dataclass
class _Step:
    point: torch.Tensor
    slack: torch.Tensor
    multiplier: torch.Tensor
    dual: torch.Tensor
    block: Any


@dataclass
class _Goals:
    """Right sides of the three complementarity conditions."""

    cone: torch.Tensor
    facet: torch.Tensor
    block: Any


class _Direction:
    """Newton directions at one iterate: several right sides, one factorisation."""

    def __init__(self, run: _Run, scaling: Scaling, system: NewtonSystem) -> None:
        self.run, self.scaling, self.system = run, scaling, system
        self.scaled = scaling.undo(run.point)
        theta = run.block.alpha
        self.residual = -(
            run.dual[..., 1:] + run.maps.slack_adjoint(run.multiplier)
            + run.maps.output_adjoint(theta)
        )  # fmt: skip
        self.output = run.maps.output(run.point[..., 1:])

    def targets(self, centre: float, step: _Step | None) -> _Goals:
        run = self.run
        shift = torch.zeros_like(run.point)
        shift[..., 0] = centre
        if step is None:
            return _Goals(-run.dual, -run.multiplier, run.block.targets(centre, None))
        shift = shift - product(self.scaling.undo(step.point), self.scaling.apply(step.dual))
        return _Goals(
            -run.dual + self.scaling.undo(divide(self.scaled, shift)),
            -run.multiplier + (centre - step.slack * step.multiplier) / run.slack,
            run.block.targets(centre, step.block),
        )

    def corrected(
        self, goals: _Goals, step: _Step, lengths: tuple[float, float], centre: float
    ) -> _Goals:
        run, (p, d), box = self.run, lengths, (0.1 * centre, 10 * centre)
        facet = (run.slack + p * step.slack) * (run.multiplier + d * step.multiplier)
        cone = product(
            self.scaling.undo(run.point + p * step.point),
            self.scaling.apply(run.dual + d * step.dual),
        )
        missing = self.scaling.undo(divide(self.scaled, pull_to_centre(cone, *box)))
        return _Goals(
            goals.cone + missing,
            goals.facet + centring_correction(facet, *box) / run.slack,
            run.block.corrected(goals.block, step.block, lengths, box),
        )

    def towards(self, goals: _Goals) -> _Step:
        run, maps, scaling = self.run, self.run.maps, self.scaling
        head, tail = scaling.w[..., :1], scaling.w[..., 1:]
        pivot = 2 * head.square() - 1
        eta = scaling.eta[..., None].square()
        b = (
            goals.cone[..., 1:] + 2 * head * goals.cone[..., :1] / pivot * tail
            + maps.slack_adjoint(goals.facet) - self.residual
        )  # fmt: skip
        u, g = self.system.solve(b, run.block.right_side(goals.block, self.output))
        t = (eta * goals.cone[..., :1] + 2 * head * (tail * u).sum(-1, keepdim=True)) / pivot
        slack = maps.slack(u)
        multiplier = goals.facet - run.multiplier / run.slack * slack
        # z last, from the dual equation: rounding reaches complementarity, not dual feasibility
        z = self.residual - maps.slack_adjoint(multiplier) - maps.output_adjoint(g)
        return _Step(
            torch.cat([t, u], -1), slack, multiplier,
            torch.cat([torch.zeros_like(t), z], -1),
            run.block.step(g, maps.output(u), goals.block),
        )  # fmt: skip

    def lengths(self, step: _Step) -> tuple[float, float]:
        run = self.run
        p, d = run.block.lengths(step.block)
        p = min(p, positive_step(run.slack, step.slack), longest_step(run.point, step.point))
        d = min(d, positive_step(run.multiplier, step.multiplier),
                longest_step(run.dual, step.dual))  # fmt: skip
        return p, d
