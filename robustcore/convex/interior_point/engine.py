r"""A primal-dual interior-point method that stops on its own proof.

Every program here has blocks u_j with a norm penalty :math:`\beta\|u_j\|_2`, and slacks in cones:
linear inequalities, or lengths. Invariants kept from start to end: the primal point is strictly
feasible, so its objective is the cost of a network; the multipliers are dual candidates at every
iterate, so each iterate carries a closed-form lower bound. The run ends when the two bounds meet.

Steps: Nesterov-Todd directions, Mehrotra's predictor-corrector, up to three of Gondzio's
centrality corrections, separate primal and dual lengths. The programs of a batch share each
operation and nothing else: every one has its own target, lengths and end, and leaves the batch
when it is done.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

import torch

from .batch import Tensors, choose, choose_all, total
from .pairs import SECOND_ORDER, Cone
from .protocol import WAYPOINT, Iterate, Outcome, Program

Progress = Callable[[int, Sequence[float], Sequence[float]], None]
_CORRECTIONS = 3
_CENTRAL = 0.95  # a step this long needs no correction,
_GAIN = 0.02  # and one that lengthens both lengths by less together is not worth its work
_SHORTEST = 1e-8
_BEHIND = 0.01  # of what is missing in the dual equation, where that may lag


def minimise(
    program: Program,
    tolerance: float = 1e-6,
    max_iterations: int = 100,
    progress: Progress | None = None,
    start: Iterate | None = None,
) -> list[Outcome]:
    """Run every program of the batch until objective - lower bound <= tolerance max(1, objective).

    Source: own, from Nesterov-Todd, Mehrotra and Gondzio

    Parameters
    ----------
    program : Program
    tolerance : float
    max_iterations : int
    progress : callable (iteration, objectives, lower bounds), optional
        With one number for each program of the batch.
    start : Iterate, optional
        Waypoints of programs that differ in beta or in the radius; where one is not feasible here,
        or they have another shape, the run starts cold.

    Returns
    -------
    list of Outcome
        Also when interrupted or out of iterations: the best certified point, and why it stopped.
    """
    run = _Run(program, start)
    try:
        for iteration in range(max_iterations + 1):
            run.certify(iteration)
            if progress is not None:
                progress(iteration, *run.bounds())
            run.leave(run.within(tolerance), "optimal: the certified gap is within the tolerance")
            if iteration == max_iterations:
                run.leave_all(
                    f"stopped after {max_iterations} iterations, before the tolerance {tolerance:g}"
                )
            if not run.alive:
                break
            run.leave(~run.advance(), "stopped by rounding at the gap {gap:.1e}")
            if not run.alive:
                break
    except KeyboardInterrupt:
        run.leave_all("interrupted; this is the best certified point so far")
    return [best.outcome() for best in run.best]


@dataclass
class _Best:
    """The best of each bound of one program so far."""

    u: torch.Tensor
    objective: float = math.inf
    lower: float = -math.inf
    proof: Any = None
    status: str = ""
    iterations: int = 0
    seconds: float = 0.0
    history: list[tuple[float, float, float]] = field(default_factory=list)
    waypoint: Iterate | None = None

    def outcome(self) -> Outcome:
        return Outcome(
            self.u, self.objective, self.lower, self.proof, self.status, self.iterations,
            self.seconds, self.history, self.waypoint,
        )  # fmt: skip


class _Run:
    """The iterate of those programs that are not done, and what is known of all."""

    def __init__(self, program: Program, start: Iterate | None) -> None:
        self._clock = time.perf_counter()
        at = program.start()
        if start is not None and [p.shape for p in start.parts] == [p.shape for p in at.parts]:
            at = at.replaced(*program.resume(start))
        self.program, self.at = program, at
        pairs = sum(c.degree(s) for c, s in zip(program.cones, at.slacks, strict=True))
        self.degree = pairs + SECOND_ORDER.degree(at.point)
        self.best = [_Best(u) for u in at.u]
        self.alive = list(range(len(at.u)))

    def certify(self, iteration: int) -> None:
        """Both bounds of every program that is not done."""
        objectives = self.program.objective(self.at.u).tolist()
        bounds, proof = self.program.certificate(self.at)
        seconds = time.perf_counter() - self._clock
        pairs = zip(self.alive, objectives, bounds.tolist(), strict=True)
        for j, (k, objective, lower) in enumerate(pairs):
            best = self.best[k]
            best.iterations, best.seconds = iteration, seconds
            if objective < best.objective:
                best.objective, best.u = objective, self.at.u[j]
            if lower > best.lower:
                best.lower, best.proof = lower, proof.of(j)
            best.history.append((best.objective, best.lower, seconds))
            near = best.objective - best.lower <= WAYPOINT * best.objective
            if best.waypoint is None and near:
                best.waypoint = self.at.mapped(itemgetter(slice(j, j + 1)))

    def bounds(self) -> tuple[list[float], list[float]]:
        """Of all programs, those that are done too."""
        return [best.objective for best in self.best], [best.lower for best in self.best]

    def within(self, tolerance: float) -> torch.Tensor:
        """Which of those left have a small enough gap."""
        left = [self.best[k] for k in self.alive]
        small = [b.objective - b.lower <= tolerance * max(1.0, b.objective) for b in left]
        return torch.tensor(small, device=self.at.point.device)

    def leave(self, done: torch.Tensor, status: str) -> None:
        """Programs that are done take their status and go."""
        gone = done.tolist()
        if not any(gone):
            return
        for k, is_gone in zip(self.alive, gone, strict=True):
            if is_gone:
                best = self.best[k]
                best.status = status.format(gap=best.objective - best.lower)
        self.alive = [k for k, is_gone in zip(self.alive, gone, strict=True) if not is_gone]
        if self.alive:
            self.program, self.at = self.program.subset(~done), self.at.mapped(lambda t: t[~done])

    def leave_all(self, status: str) -> None:
        """The end."""
        self.leave(torch.ones(len(self.alive), dtype=torch.bool), status)

    def advance(self) -> torch.Tensor:
        """One step of each; False where it is too short to matter, or no number."""
        search = _Search(self.program, self.at)
        affine = search.direction(*search.goals(None, None))
        p, d = search.lengths(affine)
        now = self._complementarity()
        target = now * (1 - torch.minimum(p, d)).pow(3).clamp(min=1e-8)
        if self.program.bends:
            missing = total((search.residual * self.at.u).abs()) / self.degree
            target = torch.maximum(target, torch.minimum(now, _BEHIND * missing))
        goals = search.goals(target, affine)
        step = search.direction(*goals)
        p, d = search.lengths(step)
        for _ in range(_CORRECTIONS):
            short = torch.minimum(p, d) <= _CENTRAL
            if not bool(short.any()):
                break
            aims = (p + 0.4).clamp(max=1.0), (d + 0.4).clamp(max=1.0)
            trial = search.corrected(goals, step, aims, target)
            candidate = search.direction(*trial)
            p_next, d_next = search.lengths(candidate)
            better = short & (p_next + d_next >= p + d + _GAIN)
            if not bool(better.any()):
                break
            goals = choose(better, trial[0], goals[0]), choose_all(better, trial[1], goals[1])
            step = step.replaced(candidate, better)
            p, d = torch.where(better, p_next, p), torch.where(better, d_next, d)
        fraction = 0.9 + 0.09 * torch.minimum(p, d)
        self.at = self.at.moved(step, fraction * p, fraction * d)
        parts = self.at.point, self.at.dual
        finite = [torch.isfinite(part).flatten(1).all(1) for part in parts]
        return finite[0] & finite[1] & (torch.maximum(p, d) > _SHORTEST)

    def _complementarity(self) -> torch.Tensor:
        products = total(self.at.point * self.at.dual)
        for slack, multiplier in zip(self.at.slacks, self.at.multipliers, strict=True):
            products = products + total(slack * multiplier)
        return products / self.degree


class _Search:
    """Directions at one iterate: several right sides, one factorisation."""

    def __init__(self, program: Program, at: Iterate) -> None:
        self.program, self.at = program, at
        self.blocks = SECOND_ORDER.pair(at.point, at.dual)
        self.scaling = self.blocks.scaling
        each = zip(program.cones, at.slacks, at.multipliers, strict=True)
        self.pairs = [cone.pair(s, m) for cone, s, m in each]
        self.residual = program.stationarity(at) - at.dual[..., 1:]
        self.newton = program.newton(at, self.scaling, self.residual)

    def goals(
        self, centre: torch.Tensor | None, step: Iterate | None
    ) -> tuple[torch.Tensor, Tensors]:
        """Right sides of complementarity; with Mehrotra's second-order term after a step."""
        at = self.at
        if step is None or centre is None:
            return -at.dual, tuple(-m for m in at.multipliers)
        each = zip(self.pairs, step.slacks, step.multipliers, strict=True)
        return (
            self.blocks.centred(centre, step.point, step.dual),
            tuple(pair.centred(centre, ds, dm) for pair, ds, dm in each),
        )

    def corrected(
        self,
        goals: tuple[torch.Tensor, Tensors],
        step: Iterate,
        lengths: tuple[torch.Tensor, torch.Tensor],
        centre: torch.Tensor,
    ) -> tuple[torch.Tensor, Tensors]:
        """Gondzio: pull the products of the trial point into [0.1, 10] times the target."""
        trial, box = self.at.moved(step, *lengths), (0.1 * centre, 10 * centre)
        each = zip(goals[1], self.pairs, trial.slacks, trial.multipliers, strict=True)
        return goals[0] + self.blocks.pulled(trial.point, trial.dual, *box), tuple(
            goal + pair.pulled(s, m, *box) for goal, pair, s, m in each
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

    def lengths(self, step: Iterate) -> tuple[torch.Tensor, torch.Tensor]:
        """Longest primal and dual steps of each program, at most 1."""
        at, cones = self.at, (SECOND_ORDER, *self.program.cones)
        primal, dual = (at.point, *at.slacks), (at.dual, *at.multipliers)
        p = _longest(cones, primal, (step.point, *step.slacks))
        d = _longest(cones, dual, (step.dual, *step.multipliers))
        if not self.program.one_length:
            return p, d
        both = torch.minimum(torch.minimum(p, d), self.program.longest(at, step))
        return both, both


def _longest(cones: Sequence[Cone], points: Tensors, changes: Tensors) -> torch.Tensor:
    each = zip(cones, points, changes, strict=True)
    return torch.stack([cone.longest_step(x, dx) for cone, x, dx in each]).amin(0)
