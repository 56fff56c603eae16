r"""The convex outer adversarial polytope: the dual bound of Wong and Kolter, any Lp ball.

Shape letters: n samples, M inputs, K classes, r_l neurons in layer l, R rows carried back.

Both lines around an unstable ReLU have the same slope :math:`u/(u-l)`. What is carried back is then
linear in what one starts from, so that one pass through the dual network answers for a neuron's
upper and lower bound at once.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import torch
from torch import nn

from ..balls import SUPPORT, PerturbationSet, posed
from ..networks import AffineLayers, Dense
from .inputs import last_layer_gaps, read_matrices
from .interval_arithmetic import first_interval
from .propagation import in_blocks

Relaxed = tuple[torch.Tensor, torch.Tensor]


def coap(net: nn.Module, x: torch.Tensor, y: torch.Tensor, ball: PerturbationSet) -> torch.Tensor:
    r"""Upper bounds of the gaps from a feasible point of the dual of the relaxed network.

    Each unstable ReLU, :math:`l<0<u`, is replaced by the convex hull of its graph; the dual of that
    linear program is bounded at :math:`\alpha=u/(u-l)`. With the rows :math:`\nu^L=c_k^\top W^L`,
    :math:`\hat\nu^l=\nu^{l+1}\odot d^l`, :math:`\nu^l=\hat\nu^lW^l` and d in {0, u/(u-l), 1},

    .. math:: \nu^1x+\rho\|\nu^1\|_q+\sum_{l}\Bigl(\hat\nu^lb^l
              -\sum_{j\text{ unstable}}l_j\,[\hat\nu^l_j]_+\Bigr)+c_k^\top b^L .

    Source: [B] Section 6.3 (COAP); method of Wong, Kolter (2018)

    Parameters
    ----------
    net : ReLUNetwork or nn.Sequential of supported layers
    x : (n, ...) tensor
    y : (n,) class labels
    ball : PerturbationSet
        A ball of any p, or another set; the paper trains with p = inf. The box is not used.

    Returns
    -------
    (n, K) tensor
        Upper bounds of the worst gaps, sound up to rounding. Differentiable.

    Notes
    -----
    The exact norm is taken: the random projections by which the original estimates it are not a
    bound. Bounds l, u of hidden neurons come from the same dual. The cost is that of carrying
    r_2 + ... + r_{L-1} + K rows back to the input, each by one product a layer: for equal widths r
    about n r^3 (L-2)(L-3)/2 + n r^2 M (L-2) multiplications, and (n, r, M) numbers at once.
    `crown` carries two rows a neuron, as its two lines have different slopes. Convolutions are
    expanded into matrices and max pools into tournaments of ReLUs: for small images.
    """
    layers, leaks, x, y = read_matrices(net, x, y)
    ball = posed(ball, x, "coap", SUPPORT)
    V, c = last_layer_gaps(layers, y)
    relaxed: list[Relaxed] = []
    for l, (W, b) in enumerate(layers[:-1]):
        if l == 0:
            relaxed.append(_hull(*first_interval(Dense(W, b), x, ball), leaks[l]))
        else:
            carried = functools.partial(_dual, layers, relaxed, x=x, ball=ball)
            centre, above, below = in_blocks(carried, W, b, layers, x)
            relaxed.append(_hull(centre - below, centre + above, leaks[l]))
    centre, above, _ = _dual(layers, relaxed, V, c, x=x, ball=ball)
    return centre + above


def _hull(low: torch.Tensor, high: torch.Tensor, leak: torch.Tensor | None) -> Relaxed:
    """Slope d of both lines around each ReLU, and the lift of the upper one."""
    unstable = (low < 0) & (high > 0)
    width = torch.where(unstable, high - low, torch.ones_like(low))
    if leak is not None:  # d in {a, (u - a l)/(u - l), 1}
        stable = torch.where(low >= 0, torch.ones_like(low), leak)
        slope = torch.where(unstable, (high - leak * low) / width, stable)
        rise = torch.where(unstable, high / width, torch.zeros_like(low))
        return slope, -(1 - leak) * low * rise
    slope = torch.where(unstable, high / width, (low >= 0).to(low))
    lift = torch.where(unstable, -low, torch.zeros_like(low)) * slope  # no product above u: safe
    return slope, lift


def _dual(
    layers: AffineLayers,
    relaxed: Sequence[Relaxed],
    rows: torch.Tensor,
    offsets: torch.Tensor,
    x: torch.Tensor,
    ball: PerturbationSet,
) -> torch.Tensor:
    """`rows` [z^l]_+ + `offsets` lies in [centre - below, centre + above]: the three, (3, n, R).

    l is the number of `relaxed` layers; `rows` is (n, R, r_l), `offsets` (R,) or (n, R).
    """
    centre = offsets.expand(rows.shape[:2])
    above, below = torch.zeros_like(centre), torch.zeros_like(centre)
    pairs = zip(layers[: len(relaxed)], relaxed, strict=True)
    for (W, b), (slope, lift) in reversed(list(pairs)):
        above = above + torch.einsum("nkr,nr->nk", rows.clamp(min=0), lift)
        below = below - torch.einsum("nkr,nr->nk", rows.clamp(max=0), lift)
        rows = rows * slope[:, None]
        centre = centre + rows @ b
        rows = rows @ W
    up = ball.support(rows)
    down = up if ball.solid else ball.support(-rows)
    centre = centre + torch.einsum("nkm,nm->nk", rows, x)
    return torch.stack([centre, above + up, below + down])
