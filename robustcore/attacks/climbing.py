r"""The climbs of APGD: steps that halve (p > 1), that get sparser (p = 1), from point to point.

Shape letters: n samples, d inputs after flattening.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from .batch import AttackedBatch

_MOMENTUM = 0.75
_RISES = 0.75  # share of steps of a period that must climb, or the step is halved
_L1_EVERY = 0.04  # share of the steps between two looks at an L1 attack's sparsity
_L1_DENSE = 0.2  # share of the coordinates that the first L1 steps move
_SPARSER = 1.5  # so much fewer coordinates than the best point has, and the divisor of the step
_SMALLEST = 10.0  # the last L1 step is radius / 10
_WIDE = ((3.0, 0.3), (2.0, 0.3), (1.0, 0.4))  # (radius, share of the steps) of a wide L1 path


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


def climb(attacked: AttackedBatch, start: torch.Tensor, steps: int) -> torch.Tensor:
    """Momentum, and a step of 2 rho that is halved where it stops paying: (n, d) -> (n, d).

    Source: own; Croce, Hein (2020), Algorithm 1
    """
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


def climb_by_points(attacked: AttackedBatch, start: torch.Tensor, steps: int) -> torch.Tensor:
    r"""Towards the best point of the linearised loss, ever shorter: (n, d) -> (n, d).

    .. math:: \delta_{t+1} = \delta_t + \tfrac2{t+2}\,(s_t-\delta_t),\qquad
              s_t\in\arg\max_{s\in U}s^\top\nabla_xL(x+\delta_t)

    Source: own; Frank, Wolfe (1956)

    Notes
    -----
    It needs no projection: a set that is convex holds the way between two of its points.
    """
    path = _Path.at(attacked, start)
    for step in range(steps):
        towards = attacked.ball.maximiser(path.gradient)
        path.move(path.delta + 2 / (step + 2) * (towards - path.delta))
    return path.best_delta


def climb_l1(
    attacked: AttackedBatch, start: torch.Tensor, steps: int, sparsity: torch.Tensor | None = None
) -> torch.Tensor:
    """Sparse steps that follow the sparsity of the best point: (n, d) -> (n, d).

    Source: own; Croce, Hein (2021), Algorithm 1

    Notes
    -----
    A step moves only coordinates that the box leaves free to go; Croce and Hein count the others
    too.
    """
    d, radius = start.shape[1], attacked.ball.radius
    path = _Path.at(attacked, start)
    if sparsity is None:
        sparsity = torch.full_like(path.value, float(d))
        count = torch.full_like(path.value, max(1.0, _L1_DENSE * d))
    else:
        count = (sparsity / _SPARSER).clamp(min=1)
    size = torch.full_like(path.value, radius)
    every = max(1, math.ceil(_L1_EVERY * steps))
    for step in range(1, steps + 1):
        free = path.gradient * (attacked.room(path.gradient, path.delta) > 0)
        path.move(attacked.project(path.delta + size[:, None] * _sparse_sign(free, count)))
        if step % every == 0:
            nonzero = (path.best_delta != 0).sum(dim=1).to(sparsity)
            sparser = nonzero < 0.95 * sparsity
            count = (nonzero / _SPARSER).clamp(min=1)
            size = torch.where(sparser, torch.full_like(size, radius), size / _SPARSER)
            size = size.clamp(min=radius / _SMALLEST)
            path.return_to_best(sparser)
            sparsity = nonzero
    return path.best_delta


def climb_l1_from_afar(attacked: AttackedBatch, start: torch.Tensor, steps: int) -> torch.Tensor:
    """An L1 climb in balls of three, two and one times the radius: (n, d) -> (n, d).

    Source: own; Croce, Hein (2021), Section 3.3
    """
    delta, sparsity = start, None
    for times, share in _WIDE:
        wide = attacked.within(attacked.ball.with_radius(times * attacked.ball.radius))
        delta = wide.project(delta)
        delta = climb_l1(wide, delta, max(1, math.ceil(share * steps)), sparsity)
        sparsity = (delta != 0).sum(dim=1).to(delta).clamp(min=1)
    return delta


def _sparse_sign(gradient: torch.Tensor, count: torch.Tensor) -> torch.Tensor:
    """Signs of the `count` largest coordinates of each row, with L1 norm 1."""
    most = min(gradient.shape[1], math.ceil(max(count.tolist(), default=0)))
    top = gradient.abs().topk(most, dim=1).indices
    rank = torch.arange(most, device=gradient.device)
    signs = torch.sign(gradient.gather(1, top)) * (rank < count[:, None])
    signs = signs / signs.abs().sum(dim=1, keepdim=True).clamp(min=1)
    return torch.zeros_like(gradient).scatter(1, top, signs)
