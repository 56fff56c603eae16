"""Defenses that minimise an upper bound of the adversarial loss: Lemma 1 on sound gap bounds."""

from __future__ import annotations

from functools import partial

import torch
from torch import nn

from .. import bounds
from ..balls import EXTREME_POINTS, SUPPORT, LpBall, PerturbationSet, check_set
from ..errors import InputError, check_count, check_number
from ..losses import PerSampleLoss, cross_entropy
from . import explicit
from .defense import Defense, PerSampleDefense, at_points, from_gaps


def rub(
    ball: PerturbationSet,
    loss: PerSampleLoss = cross_entropy,
    chunk: int | None = None,
    top: int | None = None,
) -> Defense:
    r"""Lemma 1 on the gap bounds of Theorem 11: an upper bound of the adversarial loss, p = 1.

    Source: [B] eq. (27), Theorem 11

    Parameters
    ----------
    ball : PerturbationSet
        An L1 ball; without `top` also another set that lists its extreme points.
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
        For a set of too many extreme points, as all balls but L1.
    """
    if isinstance(ball, LpBall) or top is not None:
        bounds.check_l1(ball)
    check_set(ball, "rub", EXTREME_POINTS)
    for name, count in (("chunk", chunk), ("top", top)):
        if count is not None:
            check_count(name, count)
    bound = partial(bounds.rub, chunk=chunk) if top is None else partial(bounds.rub_top, top=top)
    own = loss is cross_entropy and isinstance(ball, LpBall)
    few = "" if top is None else f", top={top}"
    return Defense(
        f"rub({ball!r}{few})",
        from_gaps(bound, ball, loss),
        ball,
        partial(rub, loss=loss, chunk=chunk, top=top),
        partial(explicit.rub, top=top) if own else None,
    )


def coap(ball: PerturbationSet, loss: PerSampleLoss = cross_entropy) -> Defense:
    r"""Lemma 1 on the dual bound of the convex outer adversarial polytope, any p.

    Source: [B] Section 6.3 (COAP), Table 6; method of Wong, Kolter (2018)

    Parameters
    ----------
    ball : PerturbationSet
        The paper trains with p = inf.
    loss : callable
        Translation invariant and monotone, as Lemma 1 wants it.

    Returns
    -------
    Defense
        An upper bound of the adversarial loss (up to rounding, in float32), without randomness.

    Notes
    -----
    The cost is that of :func:`robustcore.bounds.coap` and its backward pass. The paper gives
    neither code nor settings for its COAP; this is the exact bound, not the projected estimate.
    """
    check_set(ball, "coap", SUPPORT)
    worst = from_gaps(bounds.coap, ball, loss)
    return Defense(f"coap({ball!r})", worst, ball, partial(coap, loss=loss))


def crown(ball: PerturbationSet, loss: PerSampleLoss = cross_entropy) -> Defense:
    r"""Lemma 1 on the CROWN bounds, any p.

    Source: own; bounds of Zhang et al. (2018)

    Parameters
    ----------
    ball : PerturbationSet
    loss : callable
        Translation invariant and monotone, as Lemma 1 wants it.

    Returns
    -------
    Defense
        An upper bound of the adversarial loss (up to rounding, in float32).

    Notes
    -----
    The loss jumps where a neuron's lower line changes its slope between 0 and 1; its gradient is
    that of the piece. About twice the cost of `coap`.
    """
    check_set(ball, "crown", SUPPORT)
    worst = from_gaps(bounds.crown, ball, loss)
    return Defense(f"crown({ball!r})", worst, ball, partial(crown, loss=loss))


def ibp(
    ball: PerturbationSet, clean_weight: float = 0.0, loss: PerSampleLoss = cross_entropy
) -> Defense:
    r"""Lemma 1 on interval bounds, mixed with the clean loss as Gowal et al. do.

    .. math:: \kappa\,L\bigl(y, z(x)\bigr)
              + (1-\kappa)\,L\bigl(y, (\overline{c_k^\top z})_k\bigr)

    Source: own; method of Gowal et al. (2019)

    Parameters
    ----------
    ball : PerturbationSet
        Any p; the first layer is bounded exactly.
    clean_weight : float
        kappa in [0, 1]. The original lowers it from 1 to 1/2 while the radius grows: train in
        stages, one defense after the other.
    loss : callable
        Translation invariant and monotone, as Lemma 1 wants it.

    Returns
    -------
    Defense
        With weight 0 an upper bound of the adversarial loss (up to rounding, in float32), else
        not a bound. About three forward passes.

    Raises
    ------
    InputError
        For a weight outside of [0, 1].
    """
    if not 0 <= check_number("clean_weight", clean_weight) <= 1:
        raise InputError(f"clean_weight must be between 0 and 1, got {clean_weight}.")
    check_set(ball, "ibp", SUPPORT)
    worst = from_gaps(bounds.ibp, ball, loss)
    remake = partial(ibp, clean_weight=clean_weight, loss=loss)
    if clean_weight == 0:
        return Defense(f"ibp({ball!r})", worst, ball, remake)
    mixed = partial(_mixed, worst=worst, clean_weight=clean_weight, loss=loss)
    return Defense(f"ibp({ball!r}, clean_weight={clean_weight:g})", mixed, ball, remake)


def _mixed(
    net: nn.Module,
    x: torch.Tensor,
    y: torch.Tensor,
    worst: PerSampleDefense,
    clean_weight: float,
    loss: PerSampleLoss,
) -> torch.Tensor:
    return clean_weight * at_points(net, x, y, loss) + (1 - clean_weight) * worst(net, x, y)
