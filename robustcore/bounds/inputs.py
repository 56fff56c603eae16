"""What every bound checks first, and the forms in which it then sees the network."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from ..errors import InputError, check_classes, check_finite, check_length
from ..networks import AffineLayers, AffineMap, Layered, expand, expanded, layered
from .faithful import check_answers


def read_layers(net: nn.Module, x: torch.Tensor, y: torch.Tensor) -> tuple[Layered, torch.Tensor]:
    """Maps and activations in the precision of `x`, and `x` flattened to (n, M).

    Raises
    ------
    InputError
        If the batch does not fit the network, labels are out of range, or an entry is not finite.
    """
    _check_samples(x)
    network, flat = layered(net, x.shape[1:], like=x), x.flatten(1)
    _check_fit(flat, y, network.maps[0].n_inputs, network.maps[-1].n_outputs)
    check_answers(net, network, x)
    return network, flat


def read_network(
    net: nn.Module, x: torch.Tensor, y: torch.Tensor
) -> tuple[AffineLayers, torch.Tensor]:
    """The same as matrices with ReLUs between them: convolutions and max pools are expanded.

    Raises
    ------
    InputError
        If the batch does not fit the network, labels are out of range, or an entry is not finite.
    """
    _check_samples(x)
    network, flat = read_layers(net, x, y)
    return expanded(network), flat


def last_layer_gaps(
    layers: Sequence[AffineMap | tuple[torch.Tensor, torch.Tensor]], y: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """The rows (e_k - e_y)'W^L and offsets (e_k - e_y)'b^L: shapes (n, K, r) and (n, K)."""
    last = layers[-1]
    W, b = last if isinstance(last, tuple) else expand(last)
    return W[None] - W[y][:, None], b[None] - b[y][:, None]


def _check_samples(x: torch.Tensor) -> None:
    if not x.is_floating_point():
        raise InputError(f"x must be a floating-point tensor, got {x.dtype}; scale it first.")
    if x.dtype not in (torch.float32, torch.float64):
        raise InputError(f"a bound needs x in float32 or float64, got {x.dtype}; use x.double().")
    check_finite("x", x)


def _check_fit(flat: torch.Tensor, y: torch.Tensor, M: int, K: int) -> None:
    if flat.shape[1] != M:
        raise InputError(f"the network takes {M} inputs, x has {flat.shape[1]} features a sample.")
    check_length("y", y, flat.shape[0], "x")
    check_classes(y, K)
