"""Defenses that linearise in the input: Baseline and aRUB. Estimates, not bounds."""

from __future__ import annotations

from functools import partial

from .. import bounds
from ..balls import LpBall, check_ball
from ..losses import PerSampleLoss, cross_entropy
from . import explicit
from .defense import Defense, from_gaps


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
    check_ball(ball)
    return Defense(
        f"baseline({ball!r})",
        partial(bounds.baseline, ball=ball, loss=loss),
        ball,
        partial(baseline, loss=loss),
        partial(explicit.baseline, p=ball.p) if loss is cross_entropy else None,
    )


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
    check_ball(ball)
    return Defense(
        f"arub({ball!r})",
        from_gaps(bounds.arub, ball, loss),
        ball,
        partial(arub, loss=loss),
        partial(explicit.arub, p=ball.p) if loss is cross_entropy else None,
    )
