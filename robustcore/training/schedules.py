"""What a rate or a radius is multiplied by, as a function of the share of the updates done."""

from __future__ import annotations

import math
from collections.abc import Callable

Schedule = Callable[[float], float]


def constant(share: float) -> float:
    """1 throughout.

    Source: [B] Section 6.1
    """
    return 1.0


def falling(share: float) -> float:
    r"""Half a cosine from 1 to 0, :math:`(1 + \cos \pi s)/2`.

    Source: own (Loshchilov, Hutter 2017)
    """
    return 0.5 * (1 + math.cos(math.pi * share))


def rising(until: float = 0.4) -> Schedule:
    """From 0 linearly to 1 at the share `until`, then 1: for a radius.

    Source: own (Gowal et al. 2019 raise the radius of their intervals so)
    """

    def factor(share: float) -> float:
        return min(1.0, share / until) if until > 0 else 1.0

    return factor


def warm_then_falling(warm: float = 0.02, until: float = 0.5) -> Schedule:
    """From 0 to 1 over the share `warm`, 1 up to `until`, then half a cosine down to 0.

    Source: own
    """

    def factor(share: float) -> float:
        if share < warm:
            return share / warm
        return 1.0 if share <= until else falling((share - until) / (1 - until))

    return factor
