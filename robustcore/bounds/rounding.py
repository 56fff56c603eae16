r"""How far the gaps of a forward pass may lie above those of exact arithmetic, on a whole ball.

Every layer makes errors of its own, at most :math:`\varepsilon^l`. On the way to a gap they are
multiplied by a derivative of the network, which interval arithmetic bounds over the ball. With J^l
the matrix from z^l to a gap, for the worst pattern of active neurons that the ball admits,

.. math:: |\widehat{z_k-z_y} - (z_k-z_y)| \;\le\; \sum_{l=1}^{L} |J^l|\,\varepsilon^l .

That is a proof, and pessimistic: it lets a million roundings conspire. If they are independent and
of mean zero, with standard deviations :math:`\sigma^l`, the sum is

.. math:: \lambda\,\Bigl(\sum_{l,j} (J^l_j\sigma^l_j)^2\Bigr)^{1/2}

but for a probability of :math:`2e^{-\lambda^2/2}` a point, 3e-14 at :math:`\lambda = 8` (Higham,
Mary 2019).

Shape letters: n samples, M inputs, K classes, r_l neurons in layer l.
"""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import nn

from ..balls import SUPPORT, PerturbationSet, posed
from ..doors import read_samples, two_logits
from ..networks import Activation, Beside, Layered, LeakyRectifier, PooledRectifier, layered
from ..networks.composing import compose
from ..networks.rounding import Arithmetic, Errors, layer_errors, leaked
from .faithful import own_precision
from .inputs import last_layer_gaps, read_layers
from .interval_arithmetic import first_interval, next_interval, row_support

_OWN = 2.0**-50  # eight roundings of float64, in which the bounds themselves are computed
_LIKELY = 8.0  # standard deviations
_SHOWN = 16.0  # times the error at x

Layer = tuple[Errors, tuple[torch.Tensor, torch.Tensor]]  # and the interval of what it computes


def rounding(
    net: nn.Module, x: torch.Tensor, y: torch.Tensor, ball: PerturbationSet, proved: bool = False
) -> torch.Tensor:
    r"""By how much a forward pass of the network can raise a gap above its exact value.

    Source: own; Higham (2002), Section 3.1; Higham, Mary (2019), Theorem 2.4

    Parameters
    ----------
    net : ReLUNetwork or nn.Sequential of supported layers
        Evaluated in the precision and on the device of its parameters.
    x : (n, ...) tensor, float64
    y : (n,) class labels
    ball : PerturbationSet
        A ball of any p, or another set. The box is not used.
    proved : bool
        Whether every rounding counts at its worst. By default the roundings of sums count as
        independent, and what the network shows at x, 16-fold, at least.

    Returns
    -------
    (n, K) tensor
        Proved upper bounds, or likely ones, wherever in the ball the network is evaluated, its
        input rounded to its own precision; inf where numbers overflow. No graph.

    Notes
    -----
    For sums in any order, fused or not, in batches of any size, and with the reduced products
    (TF32, bfloat16) that torch is set to at this moment. Fast convolutions (Winograd, Fourier),
    which are no sums of products, are outside it. To u, the unit roundoff of the network, eight
    of float64 are added for the arithmetic of the gap bound itself. The rounding of the input is
    always taken at its worst: an attack may choose it.
    """
    with torch.no_grad():
        x = read_samples(net, x)
        network, flat, y = read_layers(net, x, y)
        ball = posed(ball, flat, "rounding", SUPPORT)
        like = own_precision(net, x)
        arithmetic = Arithmetic.of(like)
        arithmetic = replace(arithmetic, rounding=arithmetic.rounding + _OWN)
        layers, last = _forward(network, flat, ball, arithmetic, likely=not proved)
        at_last = last.made + last.made.gather(1, y[:, None])
        sums, squares, moved = _through(network, y, layers, flat)
        moved = moved + last.moved + last.moved.gather(1, y[:, None])
        if network.final:  # two outputs may round to one: the order is lost before the end
            moved = moved + _tied(last, arithmetic)
        if proved:
            total = moved + sums + at_last
        else:
            shown = _shown(net, network, x.to(like), flat.to(like).to(flat), y)
            total = moved + torch.maximum(_LIKELY * (squares + at_last**2).sqrt(), _SHOWN * shown)
        total = (total * (1 + 1e-6)).nan_to_num(nan=torch.inf, posinf=torch.inf)
        return total.scatter(1, y[:, None], 0.0)


def _shown(
    net: nn.Module, network: Layered, own: torch.Tensor, flat: torch.Tensor, y: torch.Tensor
) -> torch.Tensor:
    """How far the gaps of net(x) are from those of the layers as read."""
    if network.final:
        said = layered(net, own.shape[1:], like=own)(own.flatten(1))
    else:
        said = two_logits(net(own))
    apart = said.to(flat) - network(flat)
    return (apart - apart.gather(1, y[:, None])).abs()


def _tied(last: Errors, arithmetic: Arithmetic) -> torch.Tensor:
    """By how much a logit must lead for a Softmax or LogSoftmax to keep its lead in rounding.

    Each is a few roundings away from increasing: of an exponential at most 1, or of a logit and
    the logarithm of a sum of K exponentials.
    """
    K = last.made.shape[1]
    return 16 * (last.made.amax(dim=1, keepdim=True) + arithmetic.rounding * (1 + math.log(K)))


def _forward(
    network: Layered, x: torch.Tensor, ball: PerturbationSet, arithmetic: Arithmetic, likely: bool
) -> tuple[list[Layer], Errors]:
    """Errors of each hidden layer, with what it computes, and those of the last."""
    layers: list[Layer] = []
    low = high = h = x
    wide, before, rounded = torch.zeros_like(x), torch.zeros_like(x), arithmetic.rounding
    every = zip(network.maps, network.parts, [*network.activations, None], strict=True)
    for one, parts, activation in every:
        if not layers:
            absolute = [part.absolute() for part in parts]
            sizes = ball.sizes()
            reach = [row_support(compose(absolute[: i + 1]), sizes) for i in range(len(parts))]
            low, high = first_interval(one, h, ball)
        else:
            low, high, reach = *next_interval(one, low, high), []
            for part in parts:
                wide = part.spread(wide)
                reach.append(wide)
        errors = layer_errors(parts, h, reach, before, arithmetic, rounded, likely)
        if activation is None:
            break
        widest = torch.maximum(low.abs(), high.abs()) + errors.there
        extra = leaked(activation, widest, arithmetic)
        errors = replace(errors, made=errors.made + extra, there=errors.there + extra)
        layers.append((errors, (low - errors.there, high + errors.there)))
        low, high, before = activation(low), activation(high), activation(errors.there)
        h, wide, rounded = (low + high) / 2, (high - low) / 2, 0.0
    return layers, errors


def _through(
    network: Layered, y: torch.Tensor, layers: list[Layer], x: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Over the hidden layers |J^l| times the errors made, their squares, the input's: (n, K)."""
    rows, _ = last_layer_gaps(network.maps, y)
    wide = torch.zeros_like(rows)
    sums = squares = moved = rows.new_zeros(rows.shape[:2])
    for l in reversed(range(len(layers))):
        errors, (smallest, largest) = layers[l]
        activation, low, high = network.activations[l], rows - wide, rows + wide
        (low, high, worst), made, from_input = _before(
            activation, low, high, (smallest, largest), errors.made, errors.moved
        )
        sums = sums + torch.einsum("nkr,nr->nk", worst, made)
        squares = squares + torch.einsum("nkr,nr->nk", worst**2, made**2)
        moved = moved + torch.einsum("nkr,nr->nk", worst, from_input)
        if l > 0:
            one = network.maps[l]
            rows = one.back((low + high) / 2)
            wide = one.absolute().back((high - low) / 2)
    return sums, squares, moved


def _before(
    activation: Activation,
    low: torch.Tensor,
    high: torch.Tensor,
    inside: tuple[torch.Tensor, torch.Tensor],
    made: torch.Tensor,
    moved: torch.Tensor,
) -> tuple[tuple[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor, torch.Tensor]:
    """Derivatives in [low, high] after an activation, before it; the largest that errors meet.

    Where a max pool takes one neuron of each window, errors meet it there.
    """
    if isinstance(activation, Beside):
        afters = [piece.split(activation.outputs, dim=-1) for piece in (low, high)]
        befores = [piece.split(activation.widths, dim=-1) for piece in (*inside, made, moved)]
        found = [
            _before(part, after_low, after_high, (smallest, largest), own_made, own_moved)
            for part, after_low, after_high, smallest, largest, own_made, own_moved in zip(
                activation.parts, *afters, *befores, strict=True
            )
        ]
        slopes, every_made, every_moved = zip(*found, strict=True)
        below, above, worst = (torch.cat(one, dim=-1) for one in zip(*slopes, strict=True))
        return (below, above, worst), torch.cat(every_made, -1), torch.cat(every_moved, -1)
    smallest, largest = inside
    if isinstance(activation, PooledRectifier):  # any one neuron of each window
        worst = torch.maximum(low.abs(), high.abs())
        every = low.new_ones(len(low), *activation.slope_shape(0))
        low = activation.back(low.clamp(max=0), every)
        high = activation.back(high.clamp(min=0), every)
        return (low, high, worst), activation(made), activation(moved)
    on, off = (smallest > 0)[:, None], (largest < 0)[:, None]
    if isinstance(activation, LeakyRectifier):
        a = activation.leak
        lower, upper = torch.minimum(low, low * a), torch.maximum(high, high * a)
        low = torch.where(on, low, torch.where(off, low * a, lower))
        high = torch.where(on, high, torch.where(off, high * a, upper))
    else:
        low = torch.where(on, low, low.clamp(max=0)).masked_fill(off, 0)
        high = torch.where(on, high, high.clamp(min=0)).masked_fill(off, 0)
    return (low, high, torch.maximum(low.abs(), high.abs())), made, moved
