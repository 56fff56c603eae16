"""The certified radius of each sample: how far a bound can follow it."""

from __future__ import annotations

import math

import torch
from torch import nn

from ..balls import PerturbationSet, posed
from ..doors import read_batch
from ..errors import InputError, check_number
from .certificates import certified


def certified_radius(
    net: nn.Module,
    x: torch.Tensor,
    y: torch.Tensor,
    ball: PerturbationSet,
    method: str = "best",
    tolerance: float = 1e-2,
    margin: float = 1e-9,
    rounding: str = "likely",
) -> torch.Tensor:
    r"""For each sample a radius on which it is proved correct, by bisection.

    .. math:: \rho_i:\quad \overline{z_k-z_y} < 0\ \text{ on }\ \|\delta\|_p\le\rho_i
              \ \text{ for all } k\ne y

    Source: own

    Parameters
    ----------
    net : ReLUNetwork or nn.Sequential of supported layers
    x : (n, ...) tensor
    y : (n,) class labels
    ball : PerturbationSet
        Its shape, its box if the method uses one, and as `radius` the largest radius asked about:
        in the units of x for a ball, as a share of other sets. Must be positive.
    method : str
        As for :func:`certified_accuracy`.
    tolerance : float
        Width of the last bracket as a share of `ball.radius`, rounded down to a power of 1/2.
    margin : float
    rounding : "likely", "proved" or "none"
        As for :func:`certified_accuracy`: the default proves nothing about a float32 pass.

    Returns
    -------
    (n,) tensor, float64
        The largest radius that was *certified*, never merely interpolated: a lower bound of the
        sample's robust radius, 0 where not even the clean input is certified, `ball.radius` where
        all of it is. The share of samples certified at r > 0 is `(radius >= r)` averaged.

    Raises
    ------
    InputError
        If the ball has radius 0, the tolerance is not in (0, 1], or the method is unknown.

    Notes
    -----
    Sound for any bound, since a proof for a ball holds on every smaller one. Where the bound grows
    with the radius (RUB, intervals, the exact value) the next certifiable radius is less than the
    tolerance away; CROWN's and COAP's lines change with the radius, so that they may certify a
    larger one too. All samples share one dyadic grid of radii: those that stand at the same radius
    are certified in one call.
    """
    x, y = read_batch(net, x, y)
    ball = posed(ball, x, "a certified radius")
    if not ball.radius > 0:
        raise InputError(f"the largest radius must be positive, got {ball!r}; give it a radius.")
    if not 0 < check_number("tolerance", tolerance) <= 1:
        raise InputError(f"tolerance must be in (0, 1], got {tolerance}; it is relative.")
    cells = 2 ** math.ceil(-math.log2(tolerance))

    def proved(rows: torch.Tensor, at: int) -> torch.Tensor:
        there = ball.at(rows).with_radius(ball.radius * at / cells)
        return certified(net, x[rows], y[rows], there, method, margin, rounding)

    everyone = torch.arange(len(x), device=x.device)
    low = torch.zeros(len(x), dtype=torch.long, device=x.device)
    correct = proved(everyone, 0)
    standing = everyone[correct]
    low[standing] = torch.where(proved(standing, cells), cells, 0) if len(standing) else 0
    searched = everyone[correct & (low == 0)]
    step = cells // 2
    while step > 0 and len(searched) > 0:
        for at in low[searched].unique().tolist():
            rows = searched[low[searched] == at]
            low[rows] = torch.where(proved(rows, at + step), at + step, at)
        step //= 2
    return ball.radius * low.double() / cells
