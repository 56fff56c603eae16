r"""The strongest attack of the house: several attacks, and for each sample the worst of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import torch
from torch import nn

from ..balls import PROJECTION, PerturbationSet
from ..doors import as_tensor, read_batch
from ..errors import InputError, check_count, check_finite
from .auto import apgd
from .batch import AttackedBatch, check_generator, check_inside, evaluating
from .gradient import fgm, pgd
from .objectives import margin, relative_cross_entropy, towards

_Attack = Callable[[torch.Tensor], torch.Tensor]  # rows -> perturbed inputs of these rows


def strongest(
    net: nn.Module,
    x: torch.Tensor,
    y: torch.Tensor,
    ball: PerturbationSet,
    steps: int = 100,
    restarts: int = 1,
    targets: int = 9,
    generator: torch.Generator | None = None,
    candidates: Sequence[torch.Tensor] = (),
    stop_when_wrong: bool = True,
) -> torch.Tensor:
    r"""For each sample the point of largest margin that any of several attacks finds.

    In turn: the candidates; `fgm`; `pgd` on the relative cross-entropy; `apgd` on that and on the
    margin, from x and from `restarts` - 1 random points; `apgd` on the gap of each of the `targets`
    classes with the largest logits at x. A sample that one of them turned is spared the others.
    What is found does not depend on the scale of the logits.

    Source: own; methods of Croce, Hein (2020, 2021)

    Parameters
    ----------
    net : module (n, ...) -> (n, K)
        Any number of classes from two.
    x : (n, ...) tensor
        Inside the box of the ball, if it has one.
    y : (n,) class labels
    ball : PerturbationSet
        A ball of any p, or another set; `pgd` is left out where it has no projection.
    steps : int
        Gradient steps of each path.
    restarts : int
        Paths of `apgd` for each of the two losses; all but the first start at random points.
    targets : int
        At most K - 1 are attacked; 0 leaves this part out.
    generator : torch.Generator, optional
        Needed with more than one restart.
    candidates : sequence of (n, ...) tensors
        Perturbed inputs from elsewhere: found on another network, in a smaller ball, by another
        library. They are projected first, or must lie inside a set that has no projection. With
        the points of a smaller radius among them, robust accuracy never rises with the radius.
    stop_when_wrong : bool
        False attacks every sample to the end, for the largest loss and not only for an error.

    Returns
    -------
    (n, ...) tensor
        Inside the ball and the box. Never weaker than any of its parts.

    Raises
    ------
    InputError
        For steps or restarts below 1, targets below 0, restarts without a generator, or a
        candidate of another shape than x.

    Notes
    -----
    A sample that withstands all of it costs 1 + steps (1 + 2 restarts + min(targets, K - 1))
    gradients: 1201 by default with ten classes. An estimate of robustness from above: no
    attack proves it.
    """
    check_count("steps", steps)
    check_count("targets", targets, least=0)
    if check_count("restarts", restarts) > 1:
        check_generator(generator)
    x, y = read_batch(net, x, y)
    judge = AttackedBatch(net, x, y, ball, margin)
    with evaluating(net):
        best_point = judge.x.clone()
        best = judge.loss(torch.zeros_like(judge.x))
        for attack in _attacks(judge, x, y, steps, restarts, targets, generator, candidates):
            rows = (best < 0).nonzero()[:, 0] if stop_when_wrong else torch.arange(len(x))
            if len(rows) == 0:
                break
            rows = rows.to(x.device)
            point = attack(rows).flatten(1)
            value = judge.at(rows).loss_at(point)
            better = value > best[rows]
            best[rows] = torch.where(better, value, best[rows])
            best_point[rows] = torch.where(better[:, None], point, best_point[rows])
    return best_point.view(x.shape)


def _attacks(
    judge: AttackedBatch,
    x: torch.Tensor,
    y: torch.Tensor,
    steps: int,
    restarts: int,
    targets: int,
    generator: torch.Generator | None,
    candidates: Sequence[torch.Tensor],
) -> Iterator[_Attack]:
    """The parts of `strongest`, cheapest first."""
    for candidate in candidates:
        candidate = as_tensor("a candidate", candidate)
        if candidate.shape != x.shape:
            raise InputError(
                f"a candidate must have the shape {tuple(x.shape)} of x, got "
                f"{tuple(candidate.shape)}."
            )
        check_finite("a candidate", candidate)
        if judge.ball.lacks(PROJECTION):
            check_inside(candidate.to(x), x, judge.ball)
        moved = candidate.detach().flatten(1).to(judge.x) - judge.x
        inside = judge.settle(judge.inside(moved))
        yield partial(_taken, inside)

    def run(rows: torch.Tensor, attack: Callable[..., torch.Tensor]) -> torch.Tensor:
        return attack(judge.net, x[rows], y[rows], judge.ball.at(rows))

    yield partial(run, attack=partial(fgm, loss=margin))
    if judge.ball.lacks(PROJECTION) is None:
        yield partial(run, attack=partial(pgd, steps=steps, loss=relative_cross_entropy))
    for loss in (relative_cross_entropy, margin):
        climb = partial(apgd, steps=steps, restarts=restarts, generator=generator, losses=(loss,))
        yield partial(run, attack=climb)
    order = judge.wrong_classes()
    for rank in range(min(targets, order.shape[1])):

        def aimed(rows: torch.Tensor, target: torch.Tensor = order[:, rank]) -> torch.Tensor:
            return run(rows, partial(apgd, steps=steps, losses=(towards(target[rows]),)))

        yield aimed


def _taken(points: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    return points[rows]
