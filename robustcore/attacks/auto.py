r"""APGD: projected gradient ascent that sets its own step sizes, over any Lp ball.

Shape letters: n samples, d inputs after flattening.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from ..balls import LpBall
from ..errors import InputError
from ..losses import PerSampleLoss, cross_entropy
from .batch import AttackedBatch, evaluating
from .gradient import fgm, margin

_MOMENTUM = 0.75
_RISES = 0.75  # share of steps of a period that must climb, or the step is halved
_L1_EVERY = 0.04  # share of the steps between two looks at an L1 attack's sparsity


def apgd(
    net: nn.Module,
    x: torch.Tensor,
    y: torch.Tensor,
    ball: LpBall,
    steps: int = 100,
    restarts: int = 1,
    generator: torch.Generator | None = None,
    losses: Sequence[PerSampleLoss] = (margin, cross_entropy),
) -> torch.Tensor:
    r"""Projected ascent with momentum, halving steps and restarts from the best point.

    For p = inf and 2 the schedule of Croce and Hein (2020): a step of 2 rho at first; at
    checkpoints that come closer together it is halved, and the path returns to its best point, if
    too few steps climbed or nothing changed since the last one. For p = 1 that of Croce and Hein
    (2021): sparse steps whose number of coordinates follows the sparsity of the best point, and
    the exact projection onto the ball cut with the box.

    Source: own; methods of Croce, Hein (2020, 2021)

    Parameters
    ----------
    net : module (n, ...) -> (n, K)
        Any number of classes from two.
    x : (n, ...) tensor
        Inside the box of the ball, if it has one.
    y : (n,) class labels
    ball : LpBall
        Any p; other exponents than 1 take the schedule of p = 2.
    steps : int
        Gradient steps of each path.
    restarts : int
        Paths for each loss. The first starts at x, the others at random points.
    generator : torch.Generator, optional
        Needed with more than one restart.
    losses : sequence of callables (n, K), (n,) -> (n,)
        Each is attacked in turn; the margin does not saturate on confident networks.

    Returns
    -------
    (n, ...) tensor
        For each sample the point of largest margin among all paths, and the `fgm` point, inside
        the ball and the box.

    Raises
    ------
    InputError
        For steps or restarts below 1, no loss, or restarts without a generator.
    """
    if steps < 1 or restarts < 1 or not losses:
        raise InputError(
            f"steps, restarts and losses must be at least 1, got {steps}, {restarts} and "
            f"{len(losses)}."
        )
    if restarts > 1 and generator is None:
        raise InputError("random restarts need generator=torch.Generator().manual_seed(...).")
    judge = AttackedBatch(net, x, y, ball, margin)
    with evaluating(net):
        best_delta = fgm(net, x, y, ball, margin).flatten(1) - judge.x
        best_delta = judge.project(best_delta)
        best = judge.loss(best_delta)
        for loss in losses:
            attacked = AttackedBatch(net, x, y, ball, loss)
            for path in range(restarts):
                start = attacked.random_point(generator) if path else torch.zeros_like(judge.x)
                climb = _climb_l1 if ball.p == 1 else _climb
                found = climb(attacked, start, steps)
                value = judge.loss(found)
                best_delta = torch.where((value > best)[:, None], found, best_delta)
                best = torch.maximum(value, best)
    return judge.settle(best_delta)


@dataclass
class _Path:
    """The point of each sample, and the best one so far with its loss and gradient."""

    attacked: AttackedBatch
    delta: torch.Tensor
    best: torch.Tensor
    best_delta: torch.Tensor
    best_gradient: torch.Tensor
    gradient: torch.Tensor
    value: torch.Tensor

    @classmethod
    def at(cls, attacked: AttackedBatch, delta: torch.Tensor) -> _Path:
        value, gradient = attacked.loss_and_gradient(delta)
        return cls(attacked, delta, value, delta, gradient, gradient, value)

    def move(self, delta: torch.Tensor) -> torch.Tensor:
        """Go to a feasible point; whether each sample's loss rose."""
        before = self.value
        self.delta = delta
        self.value, self.gradient = self.attacked.loss_and_gradient(delta)
        better = self.value > self.best
        self.best = torch.where(better, self.value, self.best)
        self.best_delta = torch.where(better[:, None], delta, self.best_delta)
        self.best_gradient = torch.where(better[:, None], self.gradient, self.best_gradient)
        return self.value > before

    def return_to_best(self, which: torch.Tensor) -> None:
        """Samples `which` go back to their best point."""
        self.delta = torch.where(which[:, None], self.best_delta, self.delta)
        self.gradient = torch.where(which[:, None], self.best_gradient, self.gradient)
        self.value = torch.where(which, self.best, self.value)


def checkpoints(steps: int) -> list[int]:
    """Steps after which the step size is looked at: w_j = ceil(p_j steps).

    p_0 = 0, p_1 = 0.22, p_{j+1} = p_j + max(p_j - p_{j-1} - 0.03, 0.06).

    Source: own; Croce, Hein (2020), Section 4.1
    """
    shares = [0.0, 0.22]
    while shares[-1] < 1:
        shares.append(shares[-1] + max(shares[-1] - shares[-2] - 0.03, 0.06))
    return sorted({math.ceil(round(p * steps, 6)) for p in shares[1:] if p < 1} | {steps})


def _climb(attacked: AttackedBatch, start: torch.Tensor, steps: int) -> torch.Tensor:
    path = _Path.at(attacked, start)
    size = torch.full_like(path.value, 2 * attacked.ball.radius)[:, None]
    last_delta, looks = start, checkpoints(steps)
    rises = torch.zeros_like(path.value)
    halved = torch.ones_like(path.value, dtype=torch.bool)
    last_best, last_look = path.best, 0
    for step in range(1, steps + 1):
        direction = attacked.step(path.gradient, path.delta, 1.0)
        target = attacked.project(path.delta + size * direction)
        if step > 1:
            mixed = _MOMENTUM * (target - path.delta)
            mixed = mixed + (1 - _MOMENTUM) * (path.delta - last_delta)
            target = attacked.project(path.delta + mixed)
        last_delta = path.delta
        rises = rises + path.move(target)
        if step in looks:
            stuck = ~halved & (path.best <= last_best)
            slow = rises < _RISES * (step - last_look)
            halved = slow | stuck
            size = torch.where(halved[:, None], size / 2, size)
            path.return_to_best(halved)
            last_delta = torch.where(halved[:, None], path.delta, last_delta)
            rises, last_best, last_look = torch.zeros_like(rises), path.best, step
    return path.best_delta


def _climb_l1(attacked: AttackedBatch, start: torch.Tensor, steps: int) -> torch.Tensor:
    d, radius = start.shape[1], attacked.ball.radius
    path = _Path.at(attacked, start)
    count = torch.full_like(path.value, max(1.0, 0.2 * d))
    size = torch.full_like(path.value, radius)
    sparsity = torch.full_like(path.value, float(d))
    every = max(1, math.ceil(_L1_EVERY * steps))
    for step in range(1, steps + 1):
        free = path.gradient * (attacked.room(path.gradient, path.delta) > 0)
        path.move(attacked.project(path.delta + size[:, None] * _sparse_sign(free, count)))
        if step % every == 0:
            nonzero = (path.best_delta != 0).sum(dim=1).to(sparsity)
            sparser = nonzero < 0.95 * sparsity
            count = (nonzero / 1.5).clamp(min=1)
            size = torch.where(sparser, torch.full_like(size, radius), size / 1.5)
            size = size.clamp(min=radius / 10)
            path.return_to_best(sparser)
            sparsity = nonzero
    return path.best_delta


def _sparse_sign(gradient: torch.Tensor, count: torch.Tensor) -> torch.Tensor:
    """Signs of the `count` largest coordinates of each row, with L1 norm 1."""
    order = gradient.abs().argsort(dim=1, descending=True, stable=True)
    rank = torch.empty_like(order).scatter_(
        1, order, torch.arange(order.shape[1], device=order.device).expand_as(order)
    )
    signs = torch.sign(gradient) * (rank < count[:, None])
    return signs / signs.abs().sum(dim=1, keepdim=True).clamp(min=1)
