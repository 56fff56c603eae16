"""The convolutional network of paper B's Appendix C, at any size."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import nn

from ..errors import InputError

POOLS = {"max": nn.MaxPool2d, "average": nn.AvgPool2d}


def convolutional_network(
    image_shape: Sequence[int] = (1, 28, 28),
    channels: Sequence[int] = (32, 64),
    hidden: int = 1024,
    n_classes: int = 10,
    kernel: int = 5,
    pool: str = "max",
    generator: torch.Generator | None = None,
    dtype: torch.dtype = torch.float32,
) -> nn.Sequential:
    """Convolution, ReLU and a 2 x 2 pool, for each entry of `channels`; then two dense layers.

    Source: [B] Appendix C, Section 6.1; architecture of Madry et al. (2018)

    Parameters
    ----------
    image_shape : (C, H, W)
        The network takes flat samples of C H W values. A pool halves H and W, rounded down.
    channels : sequence of int
        (32, 64) in the paper.
    hidden : int
        Neurons of the dense hidden layer; 1024 in the paper.
    n_classes : int
    kernel : int
        Odd; the image keeps its size.
    pool : "max" or "average"
    generator : torch.Generator, optional
        For the initial weights: Glorot uniform, with biases of 0.1, as for the dense networks.
    dtype : torch.dtype

    Returns
    -------
    nn.Sequential
        (n, C H W) -> (n, n_classes).

    Raises
    ------
    InputError
        For an even kernel, an unknown pool, or an image too small for the pools.
    """
    depth, height, width = image_shape
    if pool not in POOLS:
        raise InputError(f"pool must be one of {', '.join(POOLS)}, got {pool!r}.")
    if kernel % 2 == 0:
        raise InputError(f"kernel must be odd, got {kernel}; the image keeps its size.")
    halvings = 2 ** len(channels)
    if min(height, width) < halvings:
        raise InputError(
            f"{len(channels)} pools need sides of at least {halvings}, got {height} x {width}."
        )
    layers: list[nn.Module] = [nn.Unflatten(1, tuple(image_shape))]
    for inner, outer in zip((depth, *channels), channels, strict=False):
        convolution = nn.Conv2d(inner, outer, kernel, padding=kernel // 2, dtype=dtype)
        layers += [convolution, nn.ReLU(), POOLS[pool](2)]
    features = channels[-1] * (height // halvings) * (width // halvings)
    layers += [
        nn.Flatten(),
        nn.Linear(features, hidden, dtype=dtype),
        nn.ReLU(),
        nn.Linear(hidden, n_classes, dtype=dtype),
    ]
    net = nn.Sequential(*layers)
    for layer in net:
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            _glorot(layer, generator)
    return net


@torch.no_grad()
def _glorot(layer: nn.Conv2d | nn.Linear, generator: torch.Generator | None) -> None:
    window = math.prod(layer.weight.shape[2:])
    limit = (6 / (window * (layer.weight.shape[0] + layer.weight.shape[1]))) ** 0.5
    layer.weight.uniform_(-limit, limit, generator=generator)
    if layer.bias is not None:
        layer.bias.fill_(0.1)
