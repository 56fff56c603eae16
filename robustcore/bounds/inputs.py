"""What every bound checks first, and the form in which it then sees the network."""

from __future__ import annotations

import torch
from torch import nn

from ..errors import InputError, check_classes, check_finite, check_length
from ..networks import AffineLayers, affine_layers


def read_network(
    net: nn.Module, x: torch.Tensor, y: torch.Tensor
) -> tuple[AffineLayers, torch.Tensor]:
    """Affine layers in the precision of `x`, and `x` flattened to (n, M).

    Raises
    ------
    InputError
        If the batch does not fit the network, labels are out of range, or an entry is not finite.
    """
    if not x.is_floating_point():
        raise InputError(f"x must be a floating-point tensor, got {x.dtype}; scale it first.")
    check_finite("x", x)
    flat = x.flatten(1)
    layers = [(W.to(flat), b.to(flat)) for W, b in affine_layers(net)]
    M, K = layers[0][0].shape[1], layers[-1][0].shape[0]
    if flat.shape[1] != M:
        raise InputError(f"the network takes {M} inputs, x has {flat.shape[1]} features a sample.")
    check_length("y", y, flat.shape[0], "x")
    check_classes(y, K)
    return layers, flat


def last_layer_gaps(layers: AffineLayers, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The rows (e_k - e_y)'W^L and offsets (e_k - e_y)'b^L: shapes (n, K, r) and (n, K)."""
    W, b = layers[-1]
    return W[None] - W[y][:, None], b[None] - b[y][:, None]
