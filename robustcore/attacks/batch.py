"""One batch under attack: what every attack needs, and the promise that it keeps.

Perturbations are (n, d) tensors, whatever the shape of the inputs.
"""

from __future__ import annotations

import contextlib
import copy
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import nn

from ..balls import MAXIMISER, PROJECTION, LpBall, PerturbationSet, check_set, posed
from ..doors import answer, classes, per_sample, read_batch
from ..errors import InputError, RobustcoreError, check_finite
from ..losses import PerSampleLoss

_L1_SHARE = 0.01  # of the coordinates move in the first L1 step, one in the last


def check_inside(x_perturbed: torch.Tensor, x: torch.Tensor, ball: PerturbationSet) -> None:
    """Refuse perturbed inputs that leave the ball or the box, or are none at all.

    Source: own

    Parameters
    ----------
    x_perturbed, x : (n, ...) tensors
    ball : PerturbationSet

    Raises
    ------
    RobustcoreError
        Naming how many samples are outside and by how much, or what is wrong with the answer: no
        tensor, another shape, type or device than x, or NaN.

    Notes
    -----
    Tolerated are 1e-6 of the radius, and the rounding of an addition x + delta in the precision
    of x: one unit in the last place of each coordinate. `fgm` and `pgd` need neither.
    """
    check_like("an attack's answer", x_perturbed, x)
    ball = posed(ball, x, "check_inside")
    flat = x.flatten(1).double()
    delta = x_perturbed.flatten(1).double() - flat
    rounding = torch.finfo(x.dtype).eps * (flat.abs() + delta.abs())
    excess = ball.excess(delta, rounding)
    outside = excess > 0
    if ball.box is not None:
        low, high = ball.box
        outside |= ((x_perturbed < low) | (x_perturbed > high)).flatten(1).any(-1)
    if bool(outside.any()):
        raise RobustcoreError(
            f"{int(outside.sum())} of {len(x)} perturbed inputs are outside {ball!r} "
            f"(by up to {max(float(excess.max()), 0.0):.3g} in norm); project them first."
        )


def landed(x_perturbed: torch.Tensor, x: torch.Tensor, ball: PerturbationSet) -> torch.Tensor:
    """Perturbed inputs whose features that leap have a value: a category, a whole number.

    Source: own

    Parameters
    ----------
    x_perturbed, x : (n, ...) tensors
        Inside the ball, which is placed at x.
    ball : PerturbationSet
    """
    flat = x.flatten(1).double()
    if not bool(ball.leaps(flat.shape[1]).any()):
        return x_perturbed
    delta = ball.land(x_perturbed.flatten(1).double() - flat)
    return (flat + delta).to(x).view(x.shape)


def check_like(name: str, points: Any, x: torch.Tensor) -> None:
    """Refuse what does not stand for x: another shape, precision or device, or NaN.

    Source: own
    """
    if not isinstance(points, torch.Tensor):
        raise InputError(f"{name} must be a tensor like x, got {type(points).__name__}.")
    wanted, got = ((tuple(t.shape), t.dtype, t.device) for t in (x, points))
    if got != wanted:
        raise InputError(
            f"{name} must be like x, {wanted[0]} {wanted[1]} on {wanted[2]}, got {got[0]} {got[1]} "
            f"on {got[2]}."
        )
    check_finite(name, points)


def check_generator(generator: Any) -> None:
    """Refuse a random start without a generator.

    Source: own
    """
    if not isinstance(generator, torch.Generator):
        raise InputError(
            "a random start or a restart needs generator=torch.Generator().manual_seed(...)."
        )


@contextlib.contextmanager
def evaluating(net: nn.Module) -> Iterator[None]:
    """The network in evaluation mode, every module's own mode restored afterwards.

    Source: own
    """
    modes = [(module, module.training) for module in net.modules()]
    net.eval()
    try:
        with torch.inference_mode(False), torch.enable_grad():
            yield
    finally:
        for module, training in modes:
            module.training = training


class AttackedBatch:
    """Inputs, labels, network, ball and loss of one attack, as the user gave them.

    Source: own
    """

    def __init__(
        self, net: nn.Module, x: Any, y: Any, ball: PerturbationSet, loss: PerSampleLoss
    ) -> None:
        check_set(ball, "an attack", MAXIMISER)
        if not callable(loss):
            raise InputError(f"loss must be a callable (n, K), (n,) -> (n,), got {loss!r}.")
        x, y = read_batch(net, x, y)
        if ball.box is not None and bool(((x < ball.box[0]) | (x > ball.box[1])).any()):
            raise InputError(f"x must lie in the box of {ball!r}; clip or rescale it first.")
        self.net, self.ball, self.per_sample = net, ball.around(x.detach().flatten(1)), loss
        self.shape: tuple[int, ...] = tuple(x.shape)
        self.y = y
        self.x = x.detach().flatten(1)

    def at(self, rows: torch.Tensor) -> AttackedBatch:
        """Some of the samples: rows of x and y."""
        other = copy.copy(self)
        other.x, other.y, other.shape = self.x[rows], self.y[rows], (len(rows), *self.shape[1:])
        other.ball = self.ball.at(rows)
        return other

    def within(self, ball: PerturbationSet) -> AttackedBatch:
        """The same samples, network and loss in another ball."""
        other = copy.copy(self)
        other.ball = ball
        return other

    def _evaluate(self, delta: torch.Tensor) -> torch.Tensor:
        return self._judge((self.x + delta).view(self.shape))

    def _judge(self, points: torch.Tensor) -> torch.Tensor:
        z, y = classes(answer(self.net, points), self.y)
        return per_sample(self.per_sample, z, y)

    @torch.no_grad()
    def loss(self, delta: torch.Tensor) -> torch.Tensor:
        """(n, d) -> (n,), where delta lands."""
        return self._evaluate(self.ball.land(delta))

    @torch.no_grad()
    def loss_at(self, point: torch.Tensor) -> torch.Tensor:
        """The loss of perturbed inputs to the last bit, (n, d) -> (n,): x + (x' - x) rounds."""
        return self._judge(point.view(self.shape))

    def loss_and_gradient(self, delta: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(n, d) -> (n,) and (n, d), where delta lands; parameters get no gradient."""
        delta = self.ball.land(delta.detach()).detach().requires_grad_()
        value = self._evaluate(delta)
        gradient = None
        if value.requires_grad:
            (gradient,) = torch.autograd.grad(value.sum(), delta, allow_unused=True)
        if gradient is None:
            raise InputError("autograd finds no way from x to the loss; attack another loss.")
        check_finite("the loss", value.detach())
        check_finite("the gradient of the loss", gradient)
        return value.detach(), gradient

    @torch.no_grad()
    def wrong_classes(self) -> torch.Tensor:
        """The classes other than the label, by falling logit at x: (n, K - 1)."""
        z, y = classes(answer(self.net, self.x.view(self.shape)), self.y)
        own = torch.nn.functional.one_hot(y, z.shape[1]) == 1
        return z.masked_fill(own, -math.inf).argsort(dim=1, descending=True)[:, :-1]

    def project(self, delta: torch.Tensor) -> torch.Tensor:
        """The nearest perturbation that is inside the ball and the box."""
        return self.ball.project(delta, self.x if self.ball.box is not None else None)

    def random_point(self, generator: torch.Generator | None) -> torch.Tensor:
        """Uniform in the ball, then projected into the box; one number drawn from `generator`."""
        assert generator is not None  # refused at the door
        seed = torch.randint(2**62, (1,), generator=generator, device=generator.device)
        drawn = self.ball.sample(tuple(self.x.shape), np.random.default_rng(int(seed)))
        return self.inside(torch.as_tensor(drawn).to(self.x))

    def inside(self, delta: torch.Tensor) -> torch.Tensor:
        """Projected where the set has a projection; else a point of it as it is."""
        return delta if self.ball.lacks(PROJECTION) else self.project(delta)

    def room(self, direction: torch.Tensor, delta: torch.Tensor) -> torch.Tensor:
        """How far each coordinate of x + delta can go along the sign of `direction`."""
        if self.ball.box is None:
            return torch.full_like(direction, math.inf)
        low, high = self.ball.box
        moved = self.x + delta
        return torch.where(direction > 0, high - moved, moved - low).clamp(min=0)

    def linear_maximiser(self, gradient: torch.Tensor) -> torch.Tensor:
        """The best perturbation of the linearised loss over the ball cut with the box."""
        if self.ball.box is None:
            return self.inside(self.ball.maximiser(gradient))
        if not (isinstance(self.ball, LpBall) and self.ball.p == 1):
            return self.project(self.ball.maximiser(gradient))
        order = gradient.abs().argsort(dim=-1, descending=True, stable=True)
        room = self.room(gradient, torch.zeros_like(gradient)).gather(-1, order)
        before = room.cumsum(dim=-1) - room  # radius already spent on better coordinates
        spent = torch.minimum((self.ball.radius - before).clamp(min=0), room)
        return torch.sign(gradient) * torch.zeros_like(room).scatter(-1, order, spent)

    def step(self, gradient: torch.Tensor, delta: torch.Tensor, done: float) -> torch.Tensor:
        """A steepest direction of unit p-norm; `done`, in [0, 1), is the share of steps taken.

        For p = 1 spread over a few free coordinates at first, a true steepest step at the end.
        """
        if not (isinstance(self.ball, LpBall) and self.ball.p == 1):
            return self.ball.with_radius(1.0).maximiser(gradient)
        free = gradient * (self.room(gradient, delta) > 0)
        k = max(1, round((_L1_SHARE * free.shape[-1]) ** (1 - done)))
        top = free.abs().topk(k, dim=-1).indices
        return torch.zeros_like(free).scatter(-1, top, torch.sign(free.gather(-1, top)) / k)

    def settle(self, delta: torch.Tensor) -> torch.Tensor:
        """x + delta in the precision of x, rounded towards x so that nothing leaves the ball."""
        exact = landed = self.ball.land(delta.double())
        if not self.ball.solid:
            return (self.x.double() + exact).to(self.x).view(self.shape)
        excess = (self.ball.norm(exact) / self.ball.radius).clamp(min=1.0)  # rounding only
        exact = exact / excess[:, None] if self.ball.radius > 0 else torch.zeros_like(exact)
        moved = (self.x.double() + exact).to(self.x)
        too_far = (moved.double() - self.x.double()).abs() > exact.abs()
        moved = torch.where(too_far, torch.nextafter(moved, self.x), moved)
        leaps = self.ball.leaps(moved.shape[1]).to(moved.device)
        moved = torch.where(leaps, (self.x.double() + landed).to(moved), moved)
        if self.ball.box is not None:
            moved = moved.clamp(*self.ball.box)
        return moved.view(self.shape)
