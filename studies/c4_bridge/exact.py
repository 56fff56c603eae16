"""The exact worst gap as a bound that can be descended on: in the plane, over boxes."""

from __future__ import annotations

import math

import torch

from robustcore.balls import LpBall
from robustcore.errors import InputError
from robustcore.networks import TwoLayerReLU

from ..a3_robust_training.descent import worst_moves


def planar_exact(net: TwoLayerReLU, x: torch.Tensor, y: torch.Tensor, ball: LpBall) -> torch.Tensor:
    """What `bounds.exact` is, for planar networks over boxes: with a graph, and in no time.

    Source: own (on [A] eqs. (1), (2), (13))

    Parameters
    ----------
    net : TwoLayerReLU
    x : (n, 2) tensor
    y : (n,) classes 0 and 1
    ball : LpBall
        p = inf.

    Returns
    -------
    (n, 2) tensor
        Exact up to rounding. The gradient holds the worst points fixed (Danskin).
    """
    if not math.isinf(ball.p) or x.shape[1] != 2:
        raise InputError(f"planar_exact takes boxes in the plane, got {ball!r}; use bounds.exact.")
    signs = 2.0 * y.to(x) - 1.0
    with torch.no_grad():
        weights = net.u[None], net.b[None], net.alpha[None]
        moved = x + worst_moves(weights, x, signs, ball.radius)[0]
    gap = -signs * net(moved)
    zero = torch.zeros_like(gap)
    return torch.where(y[:, None] == 1, torch.stack([gap, zero], 1), torch.stack([zero, gap], 1))
