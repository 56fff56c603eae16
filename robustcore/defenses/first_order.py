"""Defenses that linearise in the input: Baseline and aRUB. Estimates, not bounds."""

from __future__ import annotations

from functools import partial

from .. import bounds
from ..balls import SUPPORT, LpBall, PerturbationSet, check_set
from ..losses import PerSampleLoss, cross_entropy
from . import explicit
from .defense import Defense, StackedLoss, from_gaps


def baseline(ball: PerturbationSet, loss: PerSampleLoss = cross_entropy) -> Defense:
    r"""The loss linearised in the input, :math:`L + \rho\|\nabla_x L\|_q`, as printed.

    Source: [B] eq. (7)

    Parameters
    ----------
    ball : PerturbationSet
    loss : callable (n, K), (n,) -> (n,)

    Returns
    -------
    Defense
        An estimate of the adversarial loss. One double backward pass.
    """
    check_set(ball, "baseline", SUPPORT)
    return Defense(
        f"baseline({ball!r})",
        partial(bounds.baseline, ball=ball, loss=loss),
        ball,
        partial(baseline, loss=loss),
        _of_ball(explicit.baseline, ball, loss),
    )


def arub(ball: PerturbationSet, loss: PerSampleLoss = cross_entropy) -> Defense:
    r"""Lemma 1 on the linearised gaps: the approximate robust upper bound, any p.

    .. math:: L\Bigl(y, \bigl(c_k^\top z(x) + \rho\|\nabla_x c_k^\top z(x)\|_q\bigr)_k\Bigr),
              \qquad c_k = e_k - e_y

    Source: [B] eqs. (10), (11)

    Parameters
    ----------
    ball : PerturbationSet
    loss : callable
        Translation invariant and monotone, as Lemma 1 wants it.

    Returns
    -------
    Defense
        An estimate of the adversarial loss, usually above it, not a bound.
    """
    check_set(ball, "arub", SUPPORT)
    return Defense(
        f"arub({ball!r})",
        from_gaps(bounds.arub, ball, loss),
        ball,
        partial(arub, loss=loss),
        _of_ball(explicit.arub, ball, loss),
    )


def _of_ball(form: StackedLoss, ball: PerturbationSet, loss: PerSampleLoss) -> StackedLoss | None:
    """The explicit form of the cross-entropy over an Lp ball."""
    if not isinstance(ball, LpBall) or loss is not cross_entropy:
        return None
    return partial(form, p=ball.p)
