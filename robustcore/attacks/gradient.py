r"""Gradient attacks: one step (fgm) and projected ascent (pgd), over any Lp ball.

Shape letters: n samples, d inputs after flattening, K classes.
"""

from __future__ import annotations

import torch
from torch import nn

from ..balls import MAXIMISER, PROJECTION, PerturbationSet, check_set
from ..errors import check_count, check_nonnegative
from ..losses import PerSampleLoss, cross_entropy
from .batch import AttackedBatch, check_generator, evaluating
from .climbing import climb_by_points


def fgm(
    net: nn.Module,
    x: torch.Tensor,
    y: torch.Tensor,
    ball: PerturbationSet,
    loss: PerSampleLoss = cross_entropy,
) -> torch.Tensor:
    r"""Fast gradient method: the point of the ball at which the linearised loss is largest.

    .. math:: x + \arg\max_{\|\delta\|_p\le\rho} \delta^\top\nabla_x L(y, z(x))

    For p = inf it is the fast gradient *sign* method.

    Source: [B] Section 6.1 (FGM-Lp); [A] Section II-B (FGSM)

    Parameters
    ----------
    net : module (n, ...) -> (n, K)
    x : (n, ...) tensor
        Inside the box of the ball, if it has one.
    y : (n,) class labels
    ball : PerturbationSet
    loss : callable (n, K), (n,) -> (n,)
        As published the cross-entropy, whose gradient vanishes where the logits are large.

    Returns
    -------
    (n, ...) tensor
        Perturbed inputs, inside the ball and the box. A lower bound of the adversarial loss once
        evaluated.

    Notes
    -----
    With a box the maximum is taken over the ball cut with the box for p = 1 (fill the coordinates
    in the order of the gradient) and p = inf; for other p the point is projected.
    """
    attacked = AttackedBatch(net, x, y, ball, loss)
    with evaluating(net):
        _, gradient = attacked.loss_and_gradient(torch.zeros_like(attacked.x))
    return attacked.settle(attacked.linear_maximiser(gradient))


def pgd(
    net: nn.Module,
    x: torch.Tensor,
    y: torch.Tensor,
    ball: PerturbationSet,
    steps: int = 40,
    step_size: float | None = None,
    random_start: bool = False,
    restarts: int = 1,
    generator: torch.Generator | None = None,
    loss: PerSampleLoss = cross_entropy,
) -> torch.Tensor:
    r"""Projected gradient ascent on the loss, the best point of every path kept.

    .. math:: \delta_{t+1} = \Pi_{U\cap\text{box}}\bigl(\delta_t + \eta\, s_t\bigr),\qquad
              s_t \in \arg\max_{\|s\|_p\le 1} s^\top\nabla_x L(y, z(x+\delta_t))

    Source: [A] eq. (3); [B] Section 6.1 (PGD-Lp)

    Parameters
    ----------
    net : module (n, ...) -> (n, K)
    x : (n, ...) tensor
        Inside the box of the ball, if it has one.
    y : (n,) class labels
    ball : PerturbationSet
    steps : int
        Gradient steps of each path.
    step_size : float, optional
        eta, the p-norm of a step, in the units of x. Default: 2.5 radius / steps. The published
        code of [B] takes radius / 30 with 40 steps for p = inf.
    random_start : bool
        Start the first path at a point drawn uniformly from the ball instead of at x.
    restarts : int
        Number of paths; all after the first start at random points.
    generator : torch.Generator, optional
        Needed as soon as anything is random.
    loss : callable (n, K), (n,) -> (n,)
        As published the cross-entropy, whose gradient vanishes where the logits are large: what it
        finds depends on their scale. `relative_cross_entropy` and `margin` do not.

    Returns
    -------
    (n, ...) tensor
        For each sample the point of largest loss among x, all iterates and the `fgm` point, inside
        the ball and the box. So `pgd` is never weaker than `fgm`, nor `fgm` on x itself.

    Raises
    ------
    InputError
        For inputs outside the box, steps or restarts below 1, a negative step size, or a random
        start without generator.

    Notes
    -----
    The projection is the Euclidean one (the published code rescales for p = 1 and 2). Over a set
    without one the path goes towards one of its extreme points at a time. For p = 1 the
    step moves the largest coordinates of the gradient that the box leaves free, equally far: 1 %
    of them at first (sparse steps: Tramer, Boneh 2019), falling geometrically to one. On networks
    of 3 x 200 on MNIST that found the same or more than any fixed number; 5 % was the weakest.
    The gradient is taken at the iterate, not with the ReLU pattern of the clean x
    as [A] prints it beside Table I. Estimates from below: no attack proves robustness.
    """
    check_count("steps", steps)
    check_count("restarts", restarts)
    if random_start or restarts > 1:
        check_generator(generator)
    if step_size is not None:
        check_nonnegative("step_size", step_size)
    free = random_start or restarts > 1 or step_size is not None
    check_set(ball, "pgd", MAXIMISER, *((PROJECTION,) if free else ()))
    attacked = AttackedBatch(net, x, y, ball, loss)
    if attacked.ball.lacks(PROJECTION):
        with evaluating(net):
            return attacked.settle(climb_by_points(attacked, torch.zeros_like(attacked.x), steps))
    size = 2.5 * ball.radius / steps if step_size is None else step_size
    with evaluating(net):
        origin = torch.zeros_like(attacked.x)
        best, gradient = attacked.loss_and_gradient(origin)
        best_delta = origin
        first = attacked.linear_maximiser(gradient)
        best, best_delta = _keep_best(best, best_delta, attacked.loss(first), first)
        for path in range(restarts):
            random = random_start or path > 0
            delta = attacked.random_point(generator) if random else origin
            for t in range(steps):
                value, gradient = attacked.loss_and_gradient(delta)
                best, best_delta = _keep_best(best, best_delta, value, delta)
                delta = attacked.project(delta + size * attacked.step(gradient, delta, t / steps))
            best, best_delta = _keep_best(best, best_delta, attacked.loss(delta), delta)
    return attacked.settle(best_delta)


def _keep_best(
    best: torch.Tensor, best_delta: torch.Tensor, value: torch.Tensor, delta: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    better = value > best
    return torch.where(better, value, best), torch.where(better[:, None], delta, best_delta)
