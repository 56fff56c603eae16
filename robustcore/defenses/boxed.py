"""RUB over the L1 ball cut with the box of valid inputs, as a loss."""

from __future__ import annotations

from functools import partial

import torch
from torch import nn

from ..balls import LpBall
from ..bounds import check_l1
from ..doors import class_labels
from ..errors import InputError, check_count
from ..networks import ReLUNetwork
from ..networks.stack import logits_of
from . import explicit
from .defense import Defense


def rub_boxed(ball: LpBall, top: int = 8, classes: int = 2) -> Defense:
    r"""Lemma 1 on RUB in the cut ball, at few vertices of few classes: for training only.

    .. math:: F_k(0) + \max\Bigl\{\sum_{m,s} w_m^s\,[F_k(s\rho e_m) - F_k(0)]_+ :
              0 \le w_m^s \le \text{room}_m^s/\rho,\ \sum w \le 1\Bigr\}

    No pixel can pay for the whole radius where the box leaves less room, which a loss over the
    plain ball does not know.

    Source: own (on [B] Theorem 11)

    Parameters
    ----------
    ball : LpBall
        p must be 1, with a box.
    top : int
        Vertices of each (sample, class): those with the largest first-order gain times room. About
        as many as pixels are needed to spend the radius, 1.5 radius / (high - low).
    classes : int
        Wrong classes of each sample for which the recursion is run: those with the largest
        first-order gap in the cut ball. The others enter by their clean gap and what the first
        order adds to it, held fixed.

    Returns
    -------
    Defense
        At most the loss of :func:`robustcore.bounds.rub_boxed` up to the other classes: not a
        bound. Certify with that.

    Raises
    ------
    InputError
        For a ball that is not L1 or has no box; when called, for a network that is not a
        `ReLUNetwork` with a hidden layer.
    """
    check_l1(ball)
    if ball.box is None:
        raise InputError(f"a box is needed, {ball!r} has none; use rub, or LpBall(..., box=...).")
    check_count("top", top)
    check_count("classes", classes)
    own = partial(explicit.rub_boxed, box=ball.box, top=top, classes=classes)
    return Defense(
        f"rub_boxed({ball!r}, top={top}, classes={classes})",
        partial(_of_one, own=own, radius=ball.radius),
        ball,
        partial(rub_boxed, top=top, classes=classes),
        own,
    )


def _of_one(
    net: nn.Module,
    x: torch.Tensor,
    y: torch.Tensor,
    own: partial[torch.Tensor],
    radius: float,
) -> torch.Tensor:
    """The losses of the samples for a single network, with a graph into its parameters."""
    if not isinstance(net, ReLUNetwork):
        raise InputError(f"rub_boxed trains a ReLUNetwork, got {type(net).__name__}.")
    layers = [(one.weight[None], one.bias[None]) for one in net.layers]  # type: ignore[index]
    first = layers[0][0]
    wanted, got = ((t.shape[-1], t.dtype, t.device) for t in (first, x.flatten(1)))
    if wanted != got:
        raise InputError(
            f"the network takes {wanted[0]} features in {wanted[1]} on {wanted[2]}, x has {got[0]} "
            f"in {got[1]} on {got[2]}."
        )
    if net.scaler is not None:
        W, b = layers[0]
        W = W / net.scaler.std.to(W)
        layers[0] = (W, b - (W @ net.scaler.mean.to(W)))
    y = class_labels(y, net.n_classes)
    return own(logits_of(layers), x.flatten(1), y, x.new_full((1, 1), radius))[0]
