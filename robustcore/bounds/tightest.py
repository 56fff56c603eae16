"""The smallest of several sound bounds is a sound bound."""

from __future__ import annotations

import torch
from torch import nn

from ..balls import EXTREME_POINTS, SUPPORT, Cut, LpBall, PerturbationSet, check_set
from ..errors import TooLargeError
from .propagation import crown, ibp
from .rub import rub
from .rub_wider import rub_boxed


def tightest(
    net: nn.Module, x: torch.Tensor, y: torch.Tensor, ball: PerturbationSet
) -> torch.Tensor:
    """The entrywise minimum of CROWN, interval arithmetic and, over few extreme points, RUB.

    Which one wins depends on how the network was trained, so a certificate should not have to
    choose. Over a cut L1 ball RUB is `rub_boxed`. CROWN is left out where a convolution or a max
    pool as a matrix would be too large, which the others never form. `coap` and `rub_any` are left
    out, as CROWN is usually tighter at their cost; `rub_optimised` for its price.

    Source: own

    Parameters
    ----------
    net : ReLUNetwork or nn.Sequential of supported layers
    x : (n, ...) tensor
    y : (n,) class labels
    ball : PerturbationSet
        A ball of any p, or another set. The box of an `LpBall` is not used.

    Returns
    -------
    (n, K) tensor
        Upper bounds of the worst gaps, sound up to rounding, never looser than any of the three
        that is not left out.
    """
    check_set(ball, "tightest", SUPPORT)
    try:
        bound = torch.minimum(crown(net, x, y, ball), ibp(net, x, y, ball))
    except TooLargeError:
        bound = ibp(net, x, y, ball)
    if isinstance(ball, Cut) and isinstance(ball.ball, LpBall) and ball.p == 1:
        return torch.minimum(bound, rub_boxed(net, x, y, ball))
    listed = ball.lacks(EXTREME_POINTS) is None
    return torch.minimum(bound, rub(net, x, y, ball)) if listed else bound
