"""Paper B's dense networks, and the scaling of their inputs.

Shape letters: n samples, M inputs, K classes, L layers, r_l the width of layer l. Weights are
stored as torch stores them, W^l of shape (r_l, r_{l-1}).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

import numpy as np
import torch
from torch import nn

from ..errors import InputError, check_finite


class Scaler(nn.Module):
    """Standardise inputs inside the network, so that every radius stays in raw input units.

    Source: own

    Parameters
    ----------
    mean, std : (M,)
        `std` must be positive; a constant feature should be given std = 1.
    """

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, mean: torch.Tensor, std: torch.Tensor) -> None:
        super().__init__()
        mean, std = torch.as_tensor(mean), torch.as_tensor(std)
        if bool((std <= 0).any()):
            raise InputError("every std must be positive; give a constant feature std = 1.")
        self.register_buffer("mean", mean)
        self.register_buffer("std", std)

    @classmethod
    def fit(cls, x: torch.Tensor) -> Scaler:
        """Mean and standard deviation (n - 1) of the rows of `x`; constant features get std 1."""
        std = x.std(dim=0)
        return cls(x.mean(dim=0), torch.where(std > 0, std, torch.ones_like(std)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(n, M) -> (n, M)."""
        return (x - self.mean) / self.std


class ReLUNetwork(nn.Module):
    r"""Paper B's dense network.

    .. math:: z^1 = W^1 x + b^1,\qquad z^l = W^l [z^{l-1}]_+ + b^l,\quad 2\le l\le L

    Source: [B] Section 3

    Parameters
    ----------
    sizes : sequence of int
        (M, r_1, ..., K): inputs, hidden widths, classes.
    generator : torch.Generator, optional
        For the initial weights.
    scaler : Scaler, optional
        Applied first; radii stay in raw units.
    dtype : torch.dtype

    Notes
    -----
    The start is that of the published code: Glorot uniform weights and biases of 0.1. (The paper
    prints W^l as r_{l-1} x r_l in Section 3; with z = W x it must be r_l x r_{l-1}.)
    """

    def __init__(
        self,
        sizes: Sequence[int],
        generator: torch.Generator | None = None,
        scaler: Scaler | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        if len(sizes) < 2 or min(sizes) < 1:
            raise InputError(f"sizes must be (M, ..., K) with positive entries, got {list(sizes)}.")
        self.scaler = scaler
        self.layers = nn.ModuleList()
        for fan_in, fan_out in itertools.pairwise(sizes):
            layer = nn.utils.skip_init(nn.Linear, fan_in, fan_out, dtype=dtype)
            limit = (6 / (fan_in + fan_out)) ** 0.5
            with torch.no_grad():
                layer.weight.uniform_(-limit, limit, generator=generator)
                layer.bias.fill_(0.1)
            self.layers.append(layer)

    @classmethod
    def from_arrays(
        cls,
        layers: Iterable[tuple[torch.Tensor | np.ndarray, torch.Tensor | np.ndarray]],
        scaler: Scaler | None = None,
    ) -> ReLUNetwork:
        """A network with the given (W^l, b^l), copied.

        Raises
        ------
        InputError
            If consecutive shapes do not fit, or an entry is not finite.
        """
        pairs = [(torch.as_tensor(W).detach(), torch.as_tensor(b).detach()) for W, b in layers]
        for l, (W, b) in enumerate(pairs, start=1):
            check_finite(f"W^{l}", W)
            if W.ndim != 2 or b.shape != W.shape[:1]:
                raise InputError(
                    f"layer {l}: W must be (r, s) and b (r,), got "
                    f"{tuple(W.shape)} and {tuple(b.shape)}."
                )
        for l, ((W, _), (W_next, _)) in enumerate(itertools.pairwise(pairs), start=1):
            if W_next.shape[1] != W.shape[0]:
                raise InputError(
                    f"layer {l + 1} takes {W_next.shape[1]} inputs, layer {l} gives {W.shape[0]}."
                )
        net = cls(
            [pairs[0][0].shape[1], *(W.shape[0] for W, _ in pairs)],
            scaler=scaler,
            dtype=pairs[0][0].dtype,
        )
        with torch.no_grad():
            for layer, (W, b) in zip(net.layers, pairs, strict=True):
                layer.weight.copy_(W)  # type: ignore[operator]
                layer.bias.copy_(b)  # type: ignore[operator]
        return net.to(pairs[0][0].device)

    @property
    def n_classes(self) -> int:
        """K."""
        return self.layers[-1].out_features  # type: ignore[return-value]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(n, M) or (n, ...) flattened to (n, M) -> (n, K)."""
        x = x.flatten(1)
        if self.scaler is not None:
            x = self.scaler(x)
        for layer in self.layers[:-1]:  # type: ignore[index]
            x = torch.relu(layer(x))
        return self.layers[-1](x)
