r"""The same network with matrices and ReLUs alone: what exact, CROWN and the split form work on.

A convolution becomes its matrix. A max pool of non-negative values becomes a tournament,
:math:`\max(a, b) = b + [a - b]_+` and :math:`b = [b]_+`, one hidden layer for each round.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import nn

from ..errors import UnsupportedLayerError
from .activations import PooledRectifier
from .maps import AffineMap, Dense, compose, with_two_outputs
from .reading import Layered, layered

AffineLayers = list[tuple[torch.Tensor, torch.Tensor]]

MAX_ENTRIES = 2**26  # of one expanded matrix: 512 MB in float64


def affine_layers(
    net: nn.Module, input_shape: Sequence[int] | None = None, like: torch.Tensor | None = None
) -> AffineLayers:
    """A network as matrices with a ReLU between each two, differentiable in its parameters.

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
        rounded up.

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
    UnsupportedLayerError
        Naming the matrix that would be too large.
    """
    layers: list[Dense] = []
    before: AffineMap | None = None  # from the last ReLU to the next map
    for i, one in enumerate(network.maps):
        whole = one if before is None else compose([before, expand(one)])
        layers.append(expand(whole))
        activation = network.activations[i] if i < len(network.activations) else None
        before = None
        if isinstance(activation, PooledRectifier):
            rounds, before = _tournament(activation.windows, layers[-1])
            layers += rounds
    return [(W, b) for W, b in layers]


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


def expand(one: AffineMap) -> Dense:
    """The matrix and the bias of an affine map.

    Source: own

    Raises
    ------
    UnsupportedLayerError
        If the matrix would have more than 2^26 entries.
    """
    if isinstance(one, Dense):
        return one
    entries = one.n_inputs * one.n_outputs
    if entries > MAX_ENTRIES:
        raise UnsupportedLayerError(
            f"as a matrix, {type(one).__name__} has {one.n_outputs} x {one.n_inputs} entries, more "
            f"than {MAX_ENTRIES}; use rub, arub or ibp, which never form it."
        )
    first = one.columns(torch.zeros(1, dtype=torch.long))
    every = torch.arange(one.n_inputs, device=first.device)
    return Dense(one.columns(every).T, one(first.new_zeros(one.n_inputs)))


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
        raise UnsupportedLayerError(
            f"as a matrix, a max pool has {rows} x {columns} entries, more than {MAX_ENTRIES}; use "
            "rub, arub or ibp, which never form it."
        )
    return Dense(like.new_zeros(rows, columns), like.new_zeros(rows))
