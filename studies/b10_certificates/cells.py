"""From a cell to its row: train one network for one radius, average its weights, certify it.

In pixels the loss is RUB in the ball cut with the box, at as many vertices as it takes to spend the
radius; in standardised units, which have no box, RUB at the vertices of the largest first order.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import torch
from torch import nn

from robustcore import LpBall, attacks, bounds, defenses, evaluation, training
from robustcore.networks import ReLUNetwork, Stack
from studies.b9_images.cells import Images, images
from studies.b9_images.certificates import certify

_MOST = 32  # vertices a class, at most
_LATE = 4  # times larger batches, and times more vertices in standardised units
_LOOKED_AT = 60  # validation images on which CROWN is compared with RUB


@dataclass(frozen=True)
class Recipe:
    """What all cells share: see `studies.b10_certificates.sweep`.

    Source: own
    """

    steps: int
    late_steps: int
    width: int
    slack: float
    rate: float
    batch_size: int
    n_validation: int
    n_test: int
    attack_steps: int

    def plain(self) -> dict[str, Any]:
        """JSON values."""
        return asdict(self)

    def run(
        self, rows: Callable[..., Sequence[Mapping[str, Any]]]
    ) -> Callable[..., Sequence[Mapping[str, Any]]]:
        """The function of the sweep."""
        return partial(rows, recipe=self)

    @property
    def early(self) -> float:
        """Share of all updates that come before the late ones."""
        return self.steps / (self.steps + self.late_steps)


def rows(
    cells: Sequence[Mapping[str, Any]], recipe: Recipe, device: str = "cpu"
) -> list[dict[str, Any]]:
    """One row a cell.

    Source: own
    """
    return [row(cell, recipe, device) for cell in cells]


def row(cell: Mapping[str, Any], recipe: Recipe, device: str) -> dict[str, Any]:
    """Train, average and judge one network.

    Source: own
    """
    data = images(cell["data"], cell["unit"], recipe.n_validation, recipe.n_test, device)
    ball = LpBall(1, cell["radius"], data.box)
    started = time.perf_counter()
    candidates = trained(data, ball, recipe)
    seconds = time.perf_counter() - started
    x, y = data.validation
    proved = {name: int(_proved(net, x, y, ball).sum()) for name, net in candidates.items()}
    kept = max(candidates, key=lambda name: proved[name])
    return {
        "M": data.n_pixels,
        "kept": kept,
        "validation": proved,
        "n_validation": len(y),
        "crown_tighter": crown_tighter(candidates[kept], x[:_LOOKED_AT], y[:_LOOKED_AT], ball),
        **judged(candidates[kept], data, ball, recipe),
        "train_seconds": round(seconds, 1),
        "judge_seconds": round(time.perf_counter() - started - seconds, 1),
    }


def trained(data: Images, ball: LpBall, recipe: Recipe) -> dict[str, ReLUNetwork]:
    """The last network, and the average over the second half of the late updates.

    Source: own (on [B] eq. (27))
    """
    generator = torch.Generator().manual_seed(round(100 * ball.radius))
    K = int(data.train[1].max()) + 1
    sizes = [data.n_pixels, *3 * [recipe.width], K]
    stack = Stack([ReLUNetwork(sizes, generator)]).to(data.train[0].device)
    wide = ball.with_radius(ball.radius * recipe.slack)
    rate, early = training.warm_then_falling(), recipe.early
    average = Average(after=recipe.late_steps // 2)
    fit = partial(training.fit, stack, data.train, learning_rate=recipe.rate, progress=False)
    fit(
        defense(wide, late=False),
        steps=recipe.steps,
        batch_size=recipe.batch_size,
        generator=generator,
        rate_schedule=lambda share: rate(early * share),
        radius_schedule=training.rising(0.4 / early),
    )
    fit(
        defense(wide, late=True),
        steps=recipe.late_steps,
        batch_size=_LATE * recipe.batch_size,
        generator=generator,
        rate_schedule=lambda share: rate(early + (1 - early) * share),
        observe=average,
        observe_every=1,
    )
    stack.requires_grad_(False)
    return {"last": stack.unstack()[0], "average": average.network(stack)}


def defense(ball: LpBall, late: bool) -> defenses.Defense:
    """The loss: few vertices and classes first, more of both late.

    Source: own (on [B] Theorem 11)
    """
    if ball.box is None:
        return defenses.rub(ball, top=_LATE if late else 1)
    needed = math.ceil(1.25 * ball.radius) + late * math.ceil(0.5 * ball.radius)
    return defenses.rub_boxed(ball, top=min(_MOST, needed), classes=4 if late else 2)


class Average:
    """The mean of a network's weights over the updates after the first so many.

    Source: own
    """

    def __init__(self, after: int) -> None:
        self.after, self.seen = after, -1  # the first observation is before any update
        self.mean: list[torch.Tensor] = []

    def __call__(self, stack: nn.Module) -> None:
        """Take in the weights as they are."""
        self.seen += 1
        now = [part.detach() for part in stack.parameters()]
        if self.seen <= self.after or not self.mean:
            self.mean = [part.clone() for part in now]
            return
        share = 1 / (self.seen - self.after)
        for mean, part in zip(self.mean, now, strict=True):
            mean.lerp_(part, share)

    def network(self, like: Stack) -> ReLUNetwork:
        """The averaged network, of the shape of a stack of one."""
        half = len(self.mean) // 2  # weights stand before biases
        pairs = zip(self.mean[:half], self.mean[half:], strict=True)
        return ReLUNetwork.from_arrays([(W[0], b[0]) for W, b in pairs], like.scaler)


def judged(net: ReLUNetwork, data: Images, ball: LpBall, recipe: Recipe) -> dict[str, int]:
    """Test images that are right, withstand APGD, are proved by RUB, and by the tightest bound.

    Source: own (on [B] Tables 7, 8, 9)

    Returns
    -------
    dict
        Counts of `n`. `crossings`: images that the attack turned and a bound certifies, which are
        0 unless a certificate is false.
    """
    x, y = data.test
    clean = evaluation.correct(net, x, y)
    standing = evaluation.withstands(
        net, x, y, ball, partial(attacks.apgd, steps=recipe.attack_steps)
    )
    proved = certify(net, x, y, [ball], [standing])
    fallen = certify(net, x, y, [ball], [~standing])
    return {
        "n": len(y),
        "clean": int(clean.sum()),
        "standing": int(standing.sum()),
        "rub": proved["rub"][0],
        "tightest": proved["tightest"][0],
        "crossings": fallen["tightest"][0],
    }


def crown_tighter(net: ReLUNetwork, x: torch.Tensor, y: torch.Tensor, ball: LpBall) -> float:
    """Share of the gaps that CROWN bounds lower than RUB (in pixels: than RUB in the box).

    Source: own
    """
    x = x.double()
    with torch.no_grad():
        own = (bounds.rub_boxed if ball.box is not None else bounds.rub)(net, x, y, ball)
        other = bounds.crown(net, x, y, ball)
    wrong = torch.arange(own.shape[1], device=y.device) != y[:, None]
    return round(float((other < own)[wrong].double().mean()), 4)


def _proved(net: ReLUNetwork, x: torch.Tensor, y: torch.Tensor, ball: LpBall) -> torch.Tensor:
    """Images that the bound of training proves: RUB, in the box where there is one."""
    method = "rub" if ball.box is None else "rub_boxed"
    return evaluation.certified(net, x, y, ball, method)
