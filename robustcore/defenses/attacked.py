"""Defenses that look at points: the clean inputs, or inputs that an attack has found."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import nn

from .. import attacks
from ..attacks.batch import check_generator
from ..balls import MAXIMISER, PROJECTION, LpBall, PerturbationSet, check_set
from ..errors import check_count, check_nonnegative
from ..losses import PerSampleLoss, cross_entropy
from . import explicit
from .defense import Defense, PerSampleDefense, StackedLoss, at_points


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
    own = _explicit_nominal if loss is cross_entropy else None
    return Defense("nominal()", partial(_nominal, loss=loss), explicit=own)


def fgsm(
    ball: PerturbationSet,
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
    ball : PerturbationSet
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
    check_set(ball, "fgsm", MAXIMISER, *((PROJECTION,) if random_start else ()))
    if random_start:
        attack = partial(
            attacks.pgd,
            steps=1,
            step_size=1.25 * ball.radius,
            random_start=True,
            generator=_needed(generator),
        )
        return Defense(
            f"fgsm({ball!r}, random_start=True)",
            _on(attack, ball, loss),
            ball,
            partial(fgsm, random_start=True, generator=generator, loss=loss),
            generator=generator,
        )
    return Defense(
        f"fgsm({ball!r})",
        _on(attacks.fgm, ball, loss),
        ball,
        partial(fgsm, loss=loss),
        _ascent(ball, loss),
    )


def pgd(
    ball: PerturbationSet,
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
    ball : PerturbationSet
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
    free = random_start or step_size is not None  # without, a set needs no projection
    check_set(ball, "pgd", MAXIMISER, *((PROJECTION,) if free else ()))
    check_count("steps", steps)
    if step_size is not None:
        check_nonnegative("step_size", step_size)
    attack = partial(attacks.pgd, steps=steps, step_size=step_size)
    options = f", steps={steps}" + ("" if step_size is None else f", step_size={step_size:g}")
    if random_start:
        attack = partial(attack, random_start=True, generator=_needed(generator))
        options += ", random_start=True"
    # a step that is given is the same at every radius, one that is not follows the radius
    own = None if random_start or step_size is not None else _ascent(ball, loss, steps)
    remake = partial(
        pgd,
        steps=steps,
        step_size=step_size,
        random_start=random_start,
        generator=generator,
        loss=loss,
    )
    started = generator if random_start else None
    call = f"pgd({ball!r}{options})"
    return Defense(call, _on(attack, ball, loss), ball, remake, own, started)


def _ascent(ball: PerturbationSet, loss: PerSampleLoss, steps: int = 0) -> StackedLoss | None:
    """The attack in explicit form, where there is one."""
    if loss is not cross_entropy or not isinstance(ball, LpBall):
        return None
    if not explicit.Ascent.covers(ball.p, ball.box):
        return None
    attack = explicit.Ascent(ball.p, steps, 2.5 / steps if steps else 0.0, ball.box)
    return partial(explicit.attacked, attack=attack)


def _explicit_nominal(
    layers: explicit.Layers, x: torch.Tensor, y: torch.Tensor, radius: torch.Tensor
) -> torch.Tensor:
    return explicit.nominal(layers, x, y)


def _nominal(net: nn.Module, x: torch.Tensor, y: torch.Tensor, loss: PerSampleLoss) -> torch.Tensor:
    return at_points(net, x, y, loss)


def _on(
    attack: Callable[..., torch.Tensor], ball: PerturbationSet, loss: PerSampleLoss
) -> PerSampleDefense:
    return partial(_attacked, attack=attack, ball=ball, loss=loss)


def _attacked(
    net: nn.Module,
    x: torch.Tensor,
    y: torch.Tensor,
    attack: Callable[..., torch.Tensor],
    ball: PerturbationSet,
    loss: PerSampleLoss,
) -> torch.Tensor:
    return at_points(net, attack(net, x, y, ball, loss=loss), y, loss)


def _needed(generator: torch.Generator | None) -> torch.Generator:
    check_generator(generator)
    assert generator is not None
    return generator
