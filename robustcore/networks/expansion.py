r"""The same network with matrices and ReLUs alone: what exact, CROWN and the split form work on.

A convolution becomes its matrix. A max pool of non-negative values becomes a tournament,
:math:`\max(a, b) = b + [a - b]_+` and :math:`b = [b]_+`, one hidden layer for each round.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import nn

from ..errors import TooLargeError
from .activations import PooledRectifier
from .composing import MAX_ENTRIES, compose, expand
from .layers import Layered
from .leaky import Beside, leaks
from .maps import AffineMap, Dense, with_two_outputs
from .reading import layered

AffineLayers = list[tuple[torch.Tensor, torch.Tensor]]
Leaks = list[torch.Tensor | None]


def affine_layers(
    net: nn.Module, input_shape: Sequence[int] | None = None, like: torch.Tensor | None = None
) -> AffineLayers:
    r"""A network as matrices with a ReLU between each two, differentiable in its parameters.

    Source: [B] Section 3, Section 5 ("convolutions are a special case of matrix multiplication")

    Parameters
    ----------
    net : ReLUNetwork, or nn.Sequential of supported layers
        See :func:`robustcore.networks.layered`.
    input_shape : sequence of int, optional
        Of one sample. Needed where a convolution or a pool comes before any Unflatten.
    like : tensor, optional
        Precision and device of the matrices.

    Returns
    -------
    list of (W^l, b^l)
        Shapes (r_l, r_{l-1}) and (r_l,). A max pool with windows of k neurons adds log2 k layers,
        rounded up. A layer in which a ReLU leaks, or a value is handed on, has two ReLUs a neuron,
        :math:`\max(z, az) = [z]_+ - a[-z]_+`.

    Raises
    ------
    UnsupportedLayerError
        Naming the layer for which no bound is implemented, or the matrix that would be too large.
    """
    return expanded(layered(net, input_shape, like))


def expanded(network: Layered) -> AffineLayers:
    """A network that was read, as matrices with a ReLU between each two.

    Source: own

    Parameters
    ----------
    network : Layered

    Returns
    -------
    list of (W^l, b^l)
        As for :func:`affine_layers`.

    Raises
    ------
    TooLargeError
        Naming the matrix that would be too large.
    """
    layers, leaking = matrices(network)
    return _rectified(layers, leaking)


def matrices(network: Layered) -> tuple[AffineLayers, Leaks]:
    """A network that was read, as matrices with ReLUs between them that may leak.

    Source: own

    Parameters
    ----------
    network : Layered

    Returns
    -------
    list of (W^l, b^l), list of (r_l,) tensors or None
        And for each hidden layer the slopes of its neurons below 0, none where all are 0: a value
        that is handed on, as beside a max pool, has 1.

    Raises
    ------
    TooLargeError
        Naming the matrix that would be too large.
    """
    layers: list[Dense] = []
    leaking: Leaks = []
    before: AffineMap | None = None  # from the last ReLU to the next map
    for i, one in enumerate(network.maps):
        whole = one if before is None else compose([before, expand(one)])
        layers.append(expand(whole))
        before = None
        if i == len(network.activations):
            break
        activation = network.activations[i]
        leaking.append(leaks(activation, layers[-1].n_outputs, layers[-1].weight))
        if isinstance(activation, PooledRectifier):
            rounds, before = _tournament(activation.windows, layers[-1])
            layers += rounds
            leaking += [None] * len(rounds)
        elif isinstance(activation, Beside):
            before = _tournaments(activation, layers, leaking)
    return [(W, b) for W, b in layers], leaking


def _rectified(layers: AffineLayers, leaking: Leaks) -> AffineLayers:
    """The same with ReLUs alone: max(z, a z) = [z]_+ - a [-z]_+."""
    found = list(layers)
    for l, leak in enumerate(leaking):
        if leak is not None:
            (W, b), (following, offset) = found[l], found[l + 1]
            found[l] = torch.cat([W, -W]), torch.cat([b, -b])
            found[l + 1] = torch.cat([following, -following * leak], dim=1), offset
    return found


def as_two_logits(network: Layered) -> Layered:
    """A binary network with one output z as one with the logits (0, z); others as they are.

    Source: own; as :mod:`robustcore.doors` reads its answers
    """
    if network.maps[-1].n_outputs > 1:
        return network
    *maps, last = network.maps
    *parts, folded = network.parts
    two = with_two_outputs(expand(last))
    pieces = (*folded[:-1], with_two_outputs(expand(folded[-1])))
    return replace(network, maps=[*maps, two], parts=[*parts, pieces])


def _tournament(windows: torch.Tensor, last: Dense) -> tuple[list[Dense], Dense]:
    """Hidden layers that leave max over each window of h >= 0, and the sum after the last ReLU."""
    width, index = last.n_outputs, windows
    rounds: list[Dense] = []
    before: Dense | None = None
    while index.shape[1] > 1:
        (play, width, index), total = _round(width, index, last.weight)
        rounds.append(play if before is None else Dense(play.weight @ before.weight, play.bias))
        before = total
    if before is None:  # windows of one neuron: a choice, no contest
        before = _zeros(len(windows), last.n_outputs, last.weight)
        before.weight[torch.arange(len(windows)), windows[:, 0]] = 1
    return rounds, before


def _tournaments(activation: Beside, layers: list[Dense], leaking: Leaks) -> AffineMap | None:
    """The rounds of every max pool beside other values, which are handed on through them."""
    like, before = layers[-1].weight, None
    widths = list(activation.widths)
    for at, part in enumerate(activation.parts):
        if not isinstance(part, PooledRectifier):
            continue
        left, right = sum(widths[:at]), sum(widths[at + 1 :])
        rounds, total = _tournament(part.windows, _zeros(widths[at], 1, like))
        for play in rounds:
            one = _between(left, play, right)
            layers.append(one if before is None else Dense(one.weight @ before.weight, one.bias))
            ones, zeros = like.new_ones(left), like.new_zeros(play.n_outputs)
            leaking.append(torch.cat([ones, zeros, like.new_ones(right)]))
            before = None
        after = _between(left, total, right)
        before = after if before is None else Dense(after.weight @ before.weight, after.bias)
        widths[at] = len(part.windows)
    return before


def _between(left: int, one: Dense, right: int) -> Dense:
    """A map without bias between values that it leaves as they are."""
    rows, columns = one.weight.shape
    whole = _zeros(left + rows + right, left + columns + right, one.weight)
    whole.weight[:left, :left] = torch.eye(left).to(whole.weight)
    whole.weight[left : left + rows, left : left + columns] = one.weight
    whole.weight[left + rows :, left + columns :] = torch.eye(right).to(whole.weight)
    return whole


def _round(
    width: int, index: torch.Tensor, like: torch.Tensor
) -> tuple[tuple[Dense, int, torch.Tensor], Dense]:
    """a - b and b for each pair of a window, and whoever has no partner; then the sums."""
    pairs, alone = divmod(index.shape[1], 2)
    n = len(index)
    a, b = index[:, : 2 * pairs : 2].flatten(), index[:, 1 : 2 * pairs : 2].flatten()
    rest = index[:, 2 * pairs :].flatten()
    m, left = len(a), len(rest)
    play = _zeros(2 * m + left, width, like)
    rows = torch.arange(2 * m + left, device=like.device)
    play.weight[rows[:m], a] += 1
    play.weight[rows[:m], b] -= 1  # a repeated neuron plays against itself: a row of zeros
    play.weight[rows[m : 2 * m], b] = 1
    play.weight[rows[2 * m :], rest] = 1
    total = _zeros(m + left, 2 * m + left, like)
    total.weight[rows[:m], rows[:m]] = 1
    total.weight[rows[:m], rows[m : 2 * m]] = 1
    total.weight[rows[m : m + left], rows[2 * m :]] = 1
    winners = rows[:m].view(n, pairs)
    following = torch.cat([winners, rows[m : m + left].view(n, alone)], dim=1)
    return (play, m + left, following), total


def _zeros(rows: int, columns: int, like: torch.Tensor) -> Dense:
    if rows * columns > MAX_ENTRIES:
        raise TooLargeError(
            f"as a matrix, a max pool has {rows} x {columns} entries, more than {MAX_ENTRIES}; use "
            "rub, arub or ibp, which never form it."
        )
    return Dense(like.new_zeros(rows, columns), like.new_zeros(rows))
