"""The clean loss, and beside it how far an attack moves the answer."""

from __future__ import annotations

from functools import partial

import torch
from torch import nn

from .. import attacks
from ..balls import MAXIMISER, PerturbationSet, check_set
from ..doors import answer, classes
from ..errors import check_count, check_nonnegative
from ..losses import cross_entropy
from .defense import Defense


def trades(ball: PerturbationSet, weight: float = 6.0, steps: int = 10) -> Defense:
    r"""The clean cross-entropy, and the divergence of the answer at an attacked point from it.

    .. math:: L\bigl(y, z(x)\bigr)
              + \lambda\, \mathrm{KL}\bigl(\sigma(z(x))\,\|\,\sigma(z(x'))\bigr)

    Source: own; method of Zhang et al. (2019)

    Parameters
    ----------
    ball : PerturbationSet
    weight : float
        lambda >= 0: how much clean accuracy may be paid for robustness. With 0 it is Nominal.
    steps : int
        Of projected gradient ascent.

    Returns
    -------
    Defense
        No bound. The attacked inputs are constants; gradients flow through both answers.

    Notes
    -----
    x' is what PGD finds for the cross-entropy. The original climbs the divergence itself, which has
    no slope at x, from a random point; this one gives the same loss whenever it is asked.
    """
    check_set(ball, "trades", MAXIMISER)
    check_nonnegative("weight", weight)
    check_count("steps", steps)
    attack = partial(attacks.pgd, ball=ball, steps=steps)
    return Defense(
        f"trades({ball!r}, weight={weight:g}, steps={steps})",
        partial(_per_sample, attack=attack, weight=weight),
        ball,
        partial(trades, weight=weight, steps=steps),
    )


def _per_sample(
    net: nn.Module, x: torch.Tensor, y: torch.Tensor, attack: partial[torch.Tensor], weight: float
) -> torch.Tensor:
    there = attack(net, x, y)
    clean, labels = classes(answer(net, x), y)
    moved, _ = classes(answer(net, there), y)
    here, away = clean.log_softmax(dim=-1), moved.log_softmax(dim=-1)
    return cross_entropy(clean, labels) + weight * (here.exp() * (here - away)).sum(dim=-1)
