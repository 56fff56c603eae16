r"""APGD: projected gradient ascent that sets its own step sizes, over any Lp ball.

Shape letters: n samples, d inputs after flattening.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import nn

from ..balls import EXTREME_POINTS, PROJECTION, LpBall, PerturbationSet, Sum
from ..errors import InputError, check_count
from ..losses import PerSampleLoss
from .batch import AttackedBatch, check_generator, evaluating
from .climbing import climb, climb_by_points, climb_l1, climb_l1_from_afar
from .gradient import fgm
from .objectives import margin, relative_cross_entropy


def apgd(
    net: nn.Module,
    x: torch.Tensor,
    y: torch.Tensor,
    ball: PerturbationSet,
    steps: int = 100,
    restarts: int = 1,
    generator: torch.Generator | None = None,
    losses: Sequence[PerSampleLoss] = (margin, relative_cross_entropy),
) -> torch.Tensor:
    r"""Projected ascent with momentum, halving steps and restarts from the best point.

    For p = inf and 2 the schedule of Croce and Hein (2020): a step of 2 rho at first; at
    checkpoints that come closer together it is halved, and the path returns to its best point, if
    too few steps climbed or nothing changed since the last one. For p = 1 that of Croce and Hein
    (2021): sparse steps whose number of coordinates follows the sparsity of the best point, and
    the exact projection onto the ball cut with the box. Every other path, the first too, goes
    through balls of three and two times the radius first.

    Source: own; methods of Croce, Hein (2020, 2021)

    Parameters
    ----------
    net : module (n, ...) -> (n, K)
        Any number of classes from two.
    x : (n, ...) tensor
        Inside the box of the ball, if it has one.
    y : (n,) class labels
    ball : PerturbationSet
        A ball of any p, other exponents than 1 taking the schedule of p = 2; or another set. Over
        one without a projection the path goes towards one of its extreme points at a time.
    steps : int
        Gradient steps of each path.
    restarts : int
        Paths for each loss. The first starts at x, the others at random points.
    generator : torch.Generator, optional
        Needed with more than one restart.
    losses : sequence of callables (n, K), (n,) -> (n,)
        Each is attacked in turn. The default ones do not saturate on confident networks, and find
        the same points whatever the scale of the logits.

    Returns
    -------
    (n, ...) tensor
        For each sample the point of largest margin among all paths and the `fgm` point, inside
        the ball and the box; over a set without a projection also among all points that make it,
        or its sets, so that no single swap of a category is better. Features that leap, categories
        and whole numbers, have a value that they can have.

    Raises
    ------
    InputError
        For steps or restarts below 1, no loss, or restarts without a generator.
    """
    check_count("steps", steps)
    if check_count("restarts", restarts) > 1:
        check_generator(generator)
    if callable(losses) or len(losses) == 0:
        raise InputError("losses must be a list of at least one loss, as [margin].")
    judge = AttackedBatch(net, x, y, ball, margin)
    with evaluating(net):
        best_delta = fgm(net, x, y, ball, margin).flatten(1) - judge.x
        best_delta = judge.inside(best_delta)
        best = judge.loss(best_delta)
        for point in _listed(judge):
            value = judge.loss(point)
            best_delta = torch.where((value > best)[:, None], point, best_delta)
            best = torch.maximum(value, best)
        for loss in losses:
            attacked = AttackedBatch(net, x, y, ball, loss)
            for path in range(restarts):
                start = attacked.random_point(generator) if path else torch.zeros_like(judge.x)
                found = _climber(ball, path)(attacked, start, steps)
                value = judge.loss(found)
                best_delta = torch.where((value > best)[:, None], found, best_delta)
                best = torch.maximum(value, best)
    return judge.settle(best_delta)


def _listed(judge: AttackedBatch) -> Iterator[torch.Tensor]:
    """The points that make a set without a projection, one of each sample at a time: (n, d).

    Where few points do not make a sum, those of each of its sets, alone and beside what is best of
    the linearised loss in the other sets.
    """
    ball, x = judge.ball, judge.x
    if not isinstance(ball, Sum) or ball.lacks(EXTREME_POINTS) is None:
        yield from _points(ball, x)
        return
    for part in ball.parts:
        own = part.moves(x.shape[1]).to(x.device)
        for point in _points(part.scaled(ball.radius), x):
            yield point
            _, gradient = judge.loss_and_gradient(point)
            yield torch.where(own, point, ball.maximiser(gradient))


def _points(ball: PerturbationSet, x: torch.Tensor) -> Iterator[torch.Tensor]:
    if ball.lacks(PROJECTION) and ball.lacks(EXTREME_POINTS) is None and ball.holds_its_points:
        points = ball.extreme_points(x.shape[1]).to(x)
        yield from points.expand(len(x), *points.shape[-2:]).unbind(dim=1)


def _climber(ball: PerturbationSet, path: int) -> Callable[..., torch.Tensor]:
    if ball.lacks(PROJECTION):
        return climb_by_points
    if not (isinstance(ball, LpBall) and ball.p == 1):
        return climb
    return climb_l1 if path % 2 else climb_l1_from_afar
