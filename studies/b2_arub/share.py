"""How often aRUB's loss is above what attacks find: the counterpart of paper B's Table 1."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from functools import partial

import torch
from torch import nn

from robustcore import attacks
from robustcore.balls import LpBall
from robustcore.losses import cross_entropy
from robustcore.methods import defense as make_defense

from ..mnist_networks import Images, train_network

_ROUNDING = 1e-5  # float32: a bound counts as above within this, relative to 1 + the loss
_BATCH_SIZE, _LEARNING_RATE = 32, 1e-3  # as the caption of Figure 1 says

Batch = tuple[torch.Tensor, torch.Tensor]


def attacked_losses(
    net: nn.Module, x: torch.Tensor, y: torch.Tensor, ball: LpBall, strong_restarts: int, seed: int
) -> dict[str, torch.Tensor]:
    """The cross-entropy of each sample at the points that three attacks find.

    Source: [B] eq. (2), Section 6.1 (attacks)

    Returns
    -------
    dict of (n,) tensors
        "fgm"; "pgd", with the paper's step radius/30, 40 steps and a random start; "strong", the
        largest of these, of `strong_restarts` further paths with a longer step, and of the points
        that a margin attack finds.

    Notes
    -----
    No box: eq. (2) is about the whole ball.
    """
    generator = torch.Generator().manual_seed(seed)
    paper = partial(
        attacks.pgd,
        step_size=ball.radius / 30,
        steps=40,
        random_start=True,
        generator=generator,
    )
    strong = partial(attacks.pgd, steps=40, restarts=strong_restarts, generator=generator)
    margin = partial(attacks.pgd, steps=40, loss=attacks.margin)
    with torch.no_grad():
        fgm, pgd, further, other = (
            cross_entropy(net(attack(net, x, y, ball)), y)
            for attack in (attacks.fgm, paper, strong, margin)
        )
    return {"fgm": fgm, "pgd": pgd, "strong": torch.stack([fgm, pgd, further, other]).amax(0)}


def share_above(
    images: Images,
    epsilons: Sequence[float] = (0.0, 0.001, 0.01, 0.1, 0.3, 1.0),
    trainings: Sequence[tuple[str, float]] = (("nominal", 0.0), ("arub", 0.01), ("arub", 0.1)),
    exponents: Sequence[float] = (math.inf, 1),
    width: int = 200,
    steps: int = 300,
    n_measured: int = 100,
    strong_restarts: int = 2,
    seed: int = 0,
) -> list[dict[str, object]]:
    """How often the loss of aRUB is at least the attacked loss, over the radius.

    Source: [B] Table 1

    Returns
    -------
    list of dict
        A row for each (p, training, epsilon, attack): `share` of test images on which aRUB's loss
        is at least the attacked one, `mean_above`, whether that holds for the means over the images
        (the paper's unit: one comparison a network), and the two means `bound` and `attacked`.

    Notes
    -----
    The paper counts networks and checkpoints on 46 tables; here three networks on images, counted
    by image. A bound counts as above within rounding, 1e-5 (1 + loss).
    """
    x, y = (part[:n_measured] for part in images.test)
    rows: list[dict[str, object]] = []
    for p, (method, epsilon) in itertools.product(exponents, trainings):
        net, _ = train_network(
            images,
            make_defense(method, images.ball(p, epsilon)),
            width=width,
            steps=steps,
            batch_size=_BATCH_SIZE,
            learning_rate=_LEARNING_RATE,
            seed=seed,
        )
        name = method if method == "nominal" else f"{method}, {epsilon:g}"
        for tested in epsilons:
            about = {"p": f"{p:g}", "training": name, "epsilon": tested}
            ball = images.ball(p, tested)
            rows += [about | r for r in _compared(net, (x, y), ball, strong_restarts, seed)]
    return rows


def _compared(
    net: nn.Module, batch: Batch, ball: LpBall, strong_restarts: int, seed: int
) -> list[dict[str, object]]:
    with torch.no_grad():
        bound = make_defense("arub", ball).per_sample(net, *batch)
    rows: list[dict[str, object]] = []
    for attack, loss in attacked_losses(net, *batch, ball, strong_restarts, seed).items():
        allowed = bound + _ROUNDING * (1 + loss)
        rows.append(
            {
                "radius": ball.radius,
                "attack": attack,
                "share": (allowed >= loss).double().mean().item(),
                "mean_above": bool(allowed.mean() >= loss.mean()),
                "bound": bound.mean().item(),
                "attacked": loss.mean().item(),
                "n": len(loss),
            }
        )
    return rows


def least_share(rows: Sequence[dict], attack: str) -> float:
    """The smallest share of images over all networks and radii under one attack.

    Source: [B] Table 1
    """
    return min(r["share"] for r in rows if r["attack"] == attack)


def share_of_means(rows: Sequence[dict], attack: str, **where: object) -> float:
    """The share of (network, radius) whose mean bound is above the mean attacked loss.

    Source: [B] Table 1 (the paper's unit)

    Parameters
    ----------
    rows : list of dict
    attack : str
    **where
        Further columns that must have these values, for example p="1".
    """
    wanted = {"attack": attack, **where}
    counted = [r["mean_above"] for r in rows if wanted.items() <= r.items()]
    return sum(counted) / len(counted)
