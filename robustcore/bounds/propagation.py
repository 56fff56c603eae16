r"""Bounds carried from layer to layer: interval arithmetic and CROWN, for any Lp ball.

They are the peers against which RUB is measured: RUB looks at the vertices of one ball and never
bounds a single neuron; these bound every neuron on the whole ball, and work for any p.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import torch
from torch import nn

from ..balls import SUPPORT, PerturbationSet, posed
from ..networks import AffineLayers, Dense
from .inputs import last_layer_gaps, read_layers, read_matrices
from .interval_arithmetic import first_interval, next_interval
from .lines import Lines, carried_back, rectified

_BLOCK = 2**21  # numbers of one product that is carried back, where no graph is kept


def ibp(net: nn.Module, x: torch.Tensor, y: torch.Tensor, ball: PerturbationSet) -> torch.Tensor:
    """Interval bound propagation: exact in the first layer, interval arithmetic after it.

    Source: own; method of Gowal et al. (2019)

    Parameters
    ----------
    net : ReLUNetwork or nn.Sequential of supported layers
    x : (n, ...) tensor
    y : (n,) class labels
    ball : PerturbationSet
        A ball of any p, or another set. The box is not used.

    Returns
    -------
    (n, K) tensor
        Upper bounds of the worst gaps, sound up to rounding. Differentiable.
    """
    network, x, y = read_layers(net, x, y)
    ball = posed(ball, x, "ibp", SUPPORT)
    V, c = last_layer_gaps(network.maps, y)
    if not network.activations:
        return torch.einsum("nkm,nm->nk", V, x) + c + ball.support(V)
    low, high = first_interval(network.maps[0], x, ball)
    for one, activation in zip(network.maps[1:-1], network.activations[:-1], strict=True):
        low, high = next_interval(one, activation(low), activation(high))
    low, high = network.activations[-1](low), network.activations[-1](high)
    mid, rad = (low + high) / 2, (high - low) / 2
    return torch.einsum("nkr,nr->nk", V, mid) + torch.einsum("nkr,nr->nk", V.abs(), rad) + c


def crown(net: nn.Module, x: torch.Tensor, y: torch.Tensor, ball: PerturbationSet) -> torch.Tensor:
    r"""CROWN: every ReLU between two lines, substituted backwards down to the input.

    An unstable neuron with :math:`l<0<u` lies below :math:`\frac{u}{u-l}(z-l)` and above
    :math:`\alpha z` with :math:`\alpha = 1` if u > -l, else 0. Both lines are carried back through
    the layers, and the ball's support function closes the bound.

    Source: own; method of Zhang et al. (2018)

    Parameters
    ----------
    net : ReLUNetwork or nn.Sequential of supported layers
    x : (n, ...) tensor
    y : (n,) class labels
    ball : PerturbationSet
        A ball of any p, or another set. The box is not used.

    Returns
    -------
    (n, K) tensor
        Upper bounds of the worst gaps, sound up to rounding. Differentiable.

    Notes
    -----
    Bounds of hidden neurons are the tighter of CROWN's and the interval ones. The answer itself is
    CROWN's alone, and can be looser than `ibp` on single entries. Convolutions are expanded into
    matrices and max pools into tournaments of ReLUs: for small images.
    """
    layers, leaks, x, y = read_matrices(net, x, y)
    ball = posed(ball, x, "crown", SUPPORT)
    V, c = last_layer_gaps(layers, y)
    lines: list[Lines] = []
    low = high = x  # not used before the first hidden layer sets them
    for l, (W, b) in enumerate(layers[:-1]):
        if l == 0:
            low, high = first_interval(Dense(W, b), x, ball)
        else:
            before = leaks[l - 1]
            inputs = rectified(low, before), rectified(high, before)
            i_low, i_high = next_interval(Dense(W, b), *inputs)
            both = torch.cat([W, -W]), torch.cat([b, -b])
            back = functools.partial(carried_back, layers, lines, x=x, ball=ball)
            found = in_blocks(back, *both, layers, x)
            high = torch.minimum(i_high, found[:, : len(b)])
            low = torch.maximum(i_low, -found[:, len(b) :])
        lines.append(Lines.around(low, high, leaks[l]))
    return carried_back(layers, lines, V, c, x, ball)


def in_blocks(
    bound: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    W: torch.Tensor,
    b: torch.Tensor,
    layers: AffineLayers,
    x: torch.Tensor,
) -> torch.Tensor:
    """`bound` of the rows W for all samples, (n, R, r), and the offsets b: (..., R).

    So many rows at once that a product has `_BLOCK` numbers; all at once while gradients are
    recorded, as the graph keeps every block anyway. Each answer is copied out at once: kept, the
    small ones would lie between the large ones, and no freed memory would fit the next.

    Source: own
    """
    widest = max(x.shape[1], *(len(offsets) for _, offsets in layers))
    rows = max(1, _BLOCK // max(1, len(x) * widest))
    if torch.is_grad_enabled() or rows >= len(W):
        return bound(W.expand(len(x), -1, -1), b)
    whole: torch.Tensor | None = None
    for start in range(0, len(W), rows):
        here = slice(start, start + rows)
        part = bound(W[here].expand(len(x), -1, -1), b[here])
        whole = part.new_empty(*part.shape[:-1], len(W)) if whole is None else whole
        whole[..., here] = part
    assert whole is not None
    return whole
