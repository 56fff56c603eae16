"""What every bound checks first, and the forms in which it then sees the network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from ..doors import class_labels, read_batch
from ..errors import InputError
from ..networks import (
    AffineLayers,
    AffineMap,
    Layered,
    Leaks,
    as_two_logits,
    expand,
    expanded,
    layered,
    matrices,
)
from .faithful import check_answers


def read_layers(
    net: nn.Module, x: Any, y: Any, dtype: torch.dtype | None = None
) -> tuple[Layered, torch.Tensor, torch.Tensor]:
    """Maps and activations in the precision of `x`, `x` flattened to (n, M), and the labels.

    One output z is read as the two logits (0, z), and labels -1 and +1 as the classes 0 and 1.

    Parameters
    ----------
    net, x, y
        As the user gave them.
    dtype : torch.dtype, optional
        Precision, instead of that of x.

    Raises
    ------
    InputError
        If the batch does not fit the network, labels are out of range, or an entry is not finite.
    """
    x, y = read_batch(net, x, y)
    x = x if dtype is None else x.to(dtype)
    network, flat = layered(net, x.shape[1:], like=x), x.flatten(1)
    if x.dtype not in (torch.float32, torch.float64):
        raise InputError(f"a bound needs x in float32 or float64, got {x.dtype}; use x.double().")
    if flat.shape[1] != network.maps[0].n_inputs:
        raise InputError(
            f"the network takes {network.maps[0].n_inputs} inputs, x has {flat.shape[1]} features "
            "a sample."
        )
    y = class_labels(y, network.maps[-1].n_outputs)
    network = as_two_logits(network)
    check_answers(net, network, x)
    return network, flat, y


def read_network(
    net: nn.Module, x: Any, y: Any, dtype: torch.dtype | None = None
) -> tuple[AffineLayers, torch.Tensor, torch.Tensor]:
    """The same as matrices with ReLUs between them: convolutions and max pools are expanded.

    Raises
    ------
    InputError
        If the batch does not fit the network, labels are out of range, or an entry is not finite.
    """
    network, flat, y = read_layers(net, x, y, dtype)
    return expanded(network), flat, y


def read_matrices(
    net: nn.Module, x: Any, y: Any, dtype: torch.dtype | None = None
) -> tuple[AffineLayers, Leaks, torch.Tensor, torch.Tensor]:
    """The same with ReLUs that leak as they are, and for each hidden layer how much.

    Raises
    ------
    InputError
        If the batch does not fit the network, labels are out of range, or an entry is not finite.
    """
    network, flat, y = read_layers(net, x, y, dtype)
    layers, leaks = matrices(network)
    return layers, leaks, flat, y


def last_layer_gaps(
    layers: Sequence[AffineMap | tuple[torch.Tensor, torch.Tensor]], y: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """The rows (e_k - e_y)'W^L and offsets (e_k - e_y)'b^L: shapes (n, K, r) and (n, K)."""
    last = layers[-1]
    W, b = last if isinstance(last, tuple) else expand(last)
    return W[None] - W[y][:, None], b[None] - b[y][:, None]
