r"""Defenses: what a training step minimises, as small callables (network, x, y) -> loss.

Each is the mean over the batch of a loss of one sample: of the clean inputs, of attacked inputs, or
of an upper bound (or estimate) of the worst gaps put through Lemma 1. All are differentiable in the
parameters of the network, and finite at any radius: the cross-entropy is a log-sum-exp.

The cost of a step rises in the order nominal, fgsm, baseline, arub, pgd, rub.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import nn

from . import attacks, bounds
from .balls import LpBall
from .errors import InputError
from .losses import PerSampleLoss, adversarial_loss_bound, cross_entropy

PerSampleDefense = Callable[[nn.Module, torch.Tensor, torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Defense:
    """A training loss: `defense(net, x, y)` is the mean over the batch, a scalar.

    Source: own

    Parameters
    ----------
    call : str
        The call that makes it, which is also its `repr`.
    per_sample : callable (net, x, y) -> (n,) tensor
        The loss of each sample, without the mean.
    ball : LpBall or None
        The perturbations it defends against.
    """

    call: str
    per_sample: PerSampleDefense = field(repr=False)
    ball: LpBall | None = None

    def __call__(self, net: nn.Module, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Mean over the batch of the losses of the samples; a scalar tensor."""
        return self.per_sample(net, x, y).mean()

    def __repr__(self) -> str:
        return self.call


def nominal(loss: PerSampleLoss = cross_entropy) -> Defense:
    r"""The clean loss :math:`L(y, z(x))`: no defense.

    Source: [B] eq. (1)

    Parameters
    ----------
    loss : callable (n, K), (n,) -> (n,)

    Returns
    -------
    Defense
    """
    return Defense("nominal()", partial(_nominal, loss=loss))


def fgsm(
    ball: LpBall,
    random_start: bool = False,
    generator: torch.Generator | None = None,
    loss: PerSampleLoss = cross_entropy,
) -> Defense:
    r"""The loss at the fast gradient point, a lower bound of the adversarial loss.

    .. math:: L\bigl(y, z(x+\delta)\bigr),\qquad
              \delta \in \arg\max_{\|\delta\|_p\le\rho}\delta^\top\nabla_x L(y, z(x))

    Source: [B] Section 6.3 (FGSM)

    Parameters
    ----------
    ball : LpBall
    random_start : bool
        One step of length 1.25 radius from a uniform point of the ball, as Wong, Rice, Kolter
        (2020) do it.
    generator : torch.Generator, optional
        Needed with a random start.
    loss : callable (n, K), (n,) -> (n,)

    Returns
    -------
    Defense

    Notes
    -----
    The attacked inputs are constants: no gradient flows through the attack. With a random start
    the better of three points is kept: the start, the step from it, and the plain fast gradient.
    """
    if random_start:
        attack = partial(
            attacks.pgd,
            steps=1,
            step_size=1.25 * ball.radius,
            random_start=True,
            generator=_needed(generator),
        )
        return Defense(f"fgsm({ball!r}, random_start=True)", _on(attack, ball, loss), ball)
    return Defense(f"fgsm({ball!r})", _on(attacks.fgm, ball, loss), ball)


def pgd(
    ball: LpBall,
    steps: int = 40,
    step_size: float | None = None,
    random_start: bool = False,
    generator: torch.Generator | None = None,
    loss: PerSampleLoss = cross_entropy,
) -> Defense:
    r"""The loss at inputs found by projected gradient ascent.

    Source: [B] Section 6.1 (PGD-Lp); [A] eq. (3)

    Parameters
    ----------
    ball : LpBall
    steps, step_size, random_start, generator
        As for :func:`robustcore.attacks.pgd`.
    loss : callable (n, K), (n,) -> (n,)

    Returns
    -------
    Defense

    Notes
    -----
    The attacked inputs are constants: no gradient flows through the attack.
    """
    attack = partial(attacks.pgd, steps=steps, step_size=step_size)
    options = f", steps={steps}" + ("" if step_size is None else f", step_size={step_size:g}")
    if random_start:
        attack = partial(attack, random_start=True, generator=_needed(generator))
        options += ", random_start=True"
    return Defense(f"pgd({ball!r}{options})", _on(attack, ball, loss), ball)


def baseline(ball: LpBall, loss: PerSampleLoss = cross_entropy) -> Defense:
    r"""The loss linearised in the input, :math:`L + \rho\|\nabla_x L\|_q`, as printed.

    Source: [B] eq. (7)

    Parameters
    ----------
    ball : LpBall
    loss : callable (n, K), (n,) -> (n,)

    Returns
    -------
    Defense
        An estimate of the adversarial loss. One double backward pass.
    """
    return Defense(f"baseline({ball!r})", partial(bounds.baseline, ball=ball, loss=loss), ball)


def arub(ball: LpBall, loss: PerSampleLoss = cross_entropy) -> Defense:
    r"""Lemma 1 on the linearised gaps: the approximate robust upper bound, any p.

    .. math:: L\Bigl(y, \bigl(c_k^\top z(x) + \rho\|\nabla_x c_k^\top z(x)\|_q\bigr)_k\Bigr),
              \qquad c_k = e_k - e_y

    Source: [B] eqs. (10), (11)

    Parameters
    ----------
    ball : LpBall
    loss : callable
        Translation invariant and monotone, as Lemma 1 wants it.

    Returns
    -------
    Defense
        An estimate of the adversarial loss, usually above it, not a bound.
    """
    return Defense(
        f"arub({ball!r})", partial(_bounded, bound=bounds.arub, ball=ball, loss=loss), ball
    )


def rub(
    ball: LpBall,
    loss: PerSampleLoss = cross_entropy,
    chunk: int | None = None,
    top: int | None = None,
) -> Defense:
    r"""Lemma 1 on the gap bounds of Theorem 11: an upper bound of the adversarial loss, p = 1.

    Source: [B] eq. (27), Theorem 11

    Parameters
    ----------
    ball : LpBall
        p must be 1.
    loss : callable
        Translation invariant and monotone, as Lemma 1 wants it.
    chunk : int, optional
        As for :func:`robustcore.bounds.rub`.
    top : int, optional
        Look only at so many vertices of each (sample, class), the ones with the largest first-order
        gaps: much cheaper, and no longer a bound. Certify with the full one.

    Returns
    -------
    Defense
        An upper bound of the adversarial loss (up to rounding, in float32); with `top`, at most
        that.

    Raises
    ------
    InputError
        For a ball that is not L1.
    """
    if ball.p != 1:
        raise InputError(f"RUB needs an L1 ball, got p={ball.p:g}; use arub, or LpBall(1, ...).")
    bound = partial(bounds.rub, chunk=chunk) if top is None else partial(bounds.rub_top, top=top)
    per_sample = partial(_bounded, bound=bound, ball=ball, loss=loss)
    few = "" if top is None else f", top={top}"
    return Defense(f"rub({ball!r}{few})", per_sample, ball)


def _nominal(net: nn.Module, x: torch.Tensor, y: torch.Tensor, loss: PerSampleLoss) -> torch.Tensor:
    return loss(net(x), y)


def _on(attack: Callable[..., torch.Tensor], ball: LpBall, loss: PerSampleLoss) -> PerSampleDefense:
    return partial(_attacked, attack=attack, ball=ball, loss=loss)


def _attacked(
    net: nn.Module,
    x: torch.Tensor,
    y: torch.Tensor,
    attack: Callable[..., torch.Tensor],
    ball: LpBall,
    loss: PerSampleLoss,
) -> torch.Tensor:
    return loss(net(attack(net, x, y, ball, loss=loss)), y)


def _bounded(
    net: nn.Module,
    x: torch.Tensor,
    y: torch.Tensor,
    bound: Callable[..., torch.Tensor],
    ball: LpBall,
    loss: PerSampleLoss,
) -> torch.Tensor:
    return adversarial_loss_bound(bound(net, x, y, ball), y, loss)  # (10), (27)


def _needed(generator: torch.Generator | None) -> torch.Generator:
    if generator is None:
        raise InputError("a random start needs generator=torch.Generator().manual_seed(...).")
    return generator
