"""The smallest of several sound bounds is a sound bound."""

from __future__ import annotations

import torch
from torch import nn

from ..balls import LpBall, check_ball
from .propagation import crown, ibp
from .rub import rub


def tightest(net: nn.Module, x: torch.Tensor, y: torch.Tensor, ball: LpBall) -> torch.Tensor:
    """The entrywise minimum of RUB (for p = 1), CROWN and interval arithmetic.

    Which one wins depends on how the network was trained, so a certificate should not have to
    choose. `coap` and `rub_any` are left out, as CROWN is usually tighter at their cost;
    `rub_optimised` for its price.

    Source: own

    Parameters
    ----------
    net : ReLUNetwork or nn.Sequential of supported layers
    x : (n, ...) tensor
    y : (n,) class labels
    ball : LpBall
        The box is not used.

    Returns
    -------
    (n, K) tensor
        Upper bounds of the worst gaps, sound up to rounding, never looser than any of the three.
    """
    check_ball(ball)
    bound = torch.minimum(crown(net, x, y, ball), ibp(net, x, y, ball))
    return torch.minimum(bound, rub(net, x, y, ball)) if ball.p == 1 else bound
