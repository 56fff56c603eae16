"""Several dense networks of one shape as one module, with a leading axis for the networks.

Shape letters: S networks, n samples, M inputs, K classes, r_l the width of layer l.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from ..errors import InputError
from .dense import ReLUNetwork, Scaler

Pairs = list[tuple[torch.Tensor, torch.Tensor]]


class Stack(nn.Module):
    """S networks of paper B that are trained, attacked and bounded together.

    Source: own

    Parameters
    ----------
    networks : sequence of ReLUNetwork
        Of one shape and precision, on one device, and with the same scaler or none. Their
        parameters are copied.

    Raises
    ------
    InputError
        For no network, or networks of different shapes or scalers.
    """

    def __init__(self, networks: Sequence[ReLUNetwork]) -> None:
        super().__init__()
        networks = list(networks)
        if not networks:
            raise InputError("a stack needs at least one network, got none.")
        shapes = [[tuple(W.shape) for W in net.parameters()] for net in networks]
        if any(shape != shapes[0] for shape in shapes):
            raise InputError(f"the networks of a stack must have one shape, got {shapes}.")
        if not all(_same(net.scaler, networks[0].scaler) for net in networks):
            raise InputError("the networks of a stack must share one scaler, or have none.")
        self.scaler = networks[0].scaler
        self.weights = nn.ParameterList()
        self.biases = nn.ParameterList()
        for layers in zip(*(net.layers for net in networks), strict=True):
            self.weights.append(torch.stack([layer.weight.detach() for layer in layers]))
            self.biases.append(torch.stack([layer.bias.detach() for layer in layers]))

    def __len__(self) -> int:
        return self.weights[0].shape[0]

    @property
    def sizes(self) -> list[int]:
        """(M, r_1, ..., K)."""
        return [self.weights[0].shape[2], *(W.shape[1] for W in self.weights)]

    @property
    def n_classes(self) -> int:
        """K."""
        return self.weights[-1].shape[1]

    def layers(self) -> Pairs:
        """W^l (S, r_l, r_{l-1}) and b^l (S, r_l), the scaler folded into the first.

        One output z is given as the two logits (0, z), as :mod:`robustcore.doors` reads it.
        """
        pairs = list(zip(self.weights, self.biases, strict=True))
        if self.scaler is not None:
            W, b = pairs[0]
            W = W / self.scaler.std.to(W)
            pairs[0] = (W, b - W @ self.scaler.mean.to(W))
        return logits_of(pairs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(n, ...) shared by all networks, or (S, n, M), one batch each -> (S, n, K)."""
        h = x if x.ndim == 3 and len(x) == len(self) else x.flatten(1)
        if self.scaler is not None:
            h = self.scaler(h)
        *hidden, last = zip(self.weights, self.biases, strict=True)
        for W, b in hidden:
            h = torch.relu(h @ W.mT + b[:, None])
        W, b = last
        return h @ W.mT + b[:, None]

    def unstack(self) -> list[ReLUNetwork]:
        """The networks one by one, with copies of the parameters."""
        return [
            ReLUNetwork.from_arrays(
                [(W[s], b[s]) for W, b in zip(self.weights, self.biases, strict=True)], self.scaler
            )
            for s in range(len(self))
        ]


class RowsOf(nn.Module):
    """A stack as one network on S n rows: the first n go through network 1, and so on.

    What treats samples independently, as every attack does, then runs on the whole stack at once.

    Source: own

    Parameters
    ----------
    stack : Stack
    """

    def __init__(self, stack: Stack) -> None:
        super().__init__()
        self.stack = stack

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(S n, M) -> (S n, K)."""
        return self.stack(x.view(len(self.stack), -1, x.shape[-1])).flatten(0, 1)


def logits_of(pairs: Pairs) -> Pairs:
    """The layers W^l (S, r_l, r_{l-1}), b^l (S, r_l) up to two logits or more: z becomes (0, z).

    Source: own
    """
    W, b = pairs[-1]
    if W.shape[1] > 1:
        return pairs
    zero = torch.zeros_like(W), torch.zeros_like(b)
    return [*pairs[:-1], (torch.cat([zero[0], W], dim=1), torch.cat([zero[1], b], dim=1))]


def _same(one: Scaler | None, other: Scaler | None) -> bool:
    if one is None or other is None:
        return one is other
    return torch.equal(one.mean, other.mean) and torch.equal(one.std, other.std)
