"""Clean and adversarial accuracy, and what an accuracy is: a share with its interval."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from scipy.stats import beta
from torch import nn

from .. import attacks
from ..balls import PerturbationSet, posed
from ..doors import answer, read_batch
from ..errors import InputError, check_number

Attack = Callable[[nn.Module, torch.Tensor, torch.Tensor, Any], torch.Tensor]


@dataclass(frozen=True)
class Accuracy:
    r"""A share of samples, with the exact (Clopper-Pearson) confidence interval of its mean.

    Source: own (Clopper, Pearson 1934)

    Parameters
    ----------
    value : float
        Between 0 and 1.
    low, high : float
        Ends of the interval, 95 % unless it was made otherwise.
    n : int
        Number of samples.

    Notes
    -----
    The interval is about samples drawn from the same distribution. It says nothing about other
    seeds of the training.
    """

    value: float
    low: float
    high: float
    n: int

    @classmethod
    def of(cls, correct: torch.Tensor, confidence: float = 0.95) -> Accuracy:
        """The accuracy of a mask of samples that passed.

        Source: own

        Parameters
        ----------
        correct : (n,) tensor of booleans
        confidence : float
            Coverage of the interval, between 0 and 1.

        Returns
        -------
        Accuracy
        """
        n, k = correct.numel(), int(correct.sum())
        if n == 0:
            raise InputError("an accuracy needs at least one sample, got none.")
        if not 0 < check_number("confidence", confidence) < 1:
            raise InputError(f"confidence must be between 0 and 1, got {confidence}.")
        tail = (1 - confidence) / 2
        low = float(beta.ppf(tail, k, n - k + 1)) if k else 0.0
        high = float(beta.ppf(1 - tail, k + 1, n - k)) if k < n else 1.0
        return cls(k / n, low, high, n)

    def __str__(self) -> str:
        return f"{self.value:.1%} [{self.low:.1%}, {self.high:.1%}] of {self.n}"


def clean_accuracy(net: nn.Module, x: torch.Tensor, y: torch.Tensor) -> Accuracy:
    """Share of samples whose true class has strictly the largest logit.

    Source: [B] Section 6

    Parameters
    ----------
    net : module (n, ...) -> (n, K)
    x : (n, ...) tensor
    y : (n,) class labels

    Returns
    -------
    Accuracy
        A tie counts as an error.
    """
    return Accuracy.of(correct(net, x, y))


def adversarial_accuracy(
    net: nn.Module,
    x: torch.Tensor,
    y: torch.Tensor,
    ball: PerturbationSet,
    attack: Attack | Sequence[Attack] = attacks.apgd,
) -> Accuracy:
    """Share of samples that are correct on the clean input and after every attack.

    Source: [B] Section 6

    Parameters
    ----------
    net : module (n, ...) -> (n, K)
    x : (n, ...) tensor
    y : (n,) class labels
    ball : PerturbationSet
    attack : callable (net, x, y, ball) -> (n, ...) tensor, or a sequence of them
        A sample counts as robust only if it withstands all. Give options by
        `functools.partial`. Default: `apgd`, two losses of 100 steps each, whose answer does not
        depend on the scale of the logits; `attacks.pgd` is what [B] ran.

    Returns
    -------
    Accuracy
        An upper estimate of the robust accuracy: attacks can miss. Where a feature of the set leaps
        (`Swaps`, whole numbers), what counts is the point at which an answer lands.

    Raises
    ------
    RobustcoreError
        If an attack leaves the ball or the box, or answers with something else than points like x.
    """
    return Accuracy.of(withstands(net, x, y, ball, attack))


def correct(net: nn.Module, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Which samples have strictly the largest logit at their true class: (n,) booleans.

    Source: [B] Section 6

    Parameters
    ----------
    net : module (n, ...) -> (n, K)
    x : (n, ...) tensor
    y : (n,) class labels

    Returns
    -------
    (n,) tensor of booleans
    """
    x, y = read_batch(net, x, y)
    with attacks.evaluating(net), torch.no_grad():
        z = answer(net, x)
    return attacks.margin(z, y) < 0


def withstands(
    net: nn.Module,
    x: torch.Tensor,
    y: torch.Tensor,
    ball: PerturbationSet,
    attack: Attack | Sequence[Attack] = attacks.apgd,
) -> torch.Tensor:
    """Which samples stay correct under every attack: (n,) booleans.

    Source: [B] Section 6

    Parameters
    ----------
    net, x, y, ball, attack
        As for :func:`adversarial_accuracy`.

    Returns
    -------
    (n,) tensor of booleans
    """
    x, y = read_batch(net, x, y)
    ball = posed(ball, x, "an attack")
    standing = correct(net, x, y)
    for one in _attacks(attack):
        rows = standing.nonzero()[:, 0]  # what is already wrong needs no attack
        if len(rows) == 0:
            break
        there = ball.at(rows)
        attacked = one(net, x[rows], y[rows], there)
        attacks.check_inside(attacked, x[rows], there)
        real = attacks.landed(attacked.detach(), x[rows], there)
        standing[rows] = correct(net, real, y[rows])
    return standing


def _attacks(attack: Attack | Sequence[Attack]) -> list[Attack]:
    several = [attack] if callable(attack) else list(attack)
    if not several or not all(callable(one) for one in several):
        raise InputError(
            f"attack must be a callable (net, x, y, ball) -> points, or several, got {attack!r}."
        )
    return several
