"""A network whose gates stand still: what a gated convex program trains.

Shape letters: n samples, d inputs, d' = d + 1 with a bias and d without, P gates, C outputs.
"""

from __future__ import annotations

import torch
from torch import nn

from ..errors import InputError


class GatedReLU(nn.Module):
    r"""One hidden layer of linear neurons, each switched on by a gate that is not trained.

    .. math:: \hat y = \sum_{i=1}^P 1[g_i^\top x \ge 0]\, x^\top U_i

    Source: own (Mishkin, Sahiner and Pilanci, 2022)

    Parameters
    ----------
    gates : (d', P)
    weights : (P, d') or (P, d', C)
        One output for each x, or C of them.
    bias : bool
        Whether a column of ones is appended to x.

    Notes
    -----
    The output jumps where a gate switches, unlike that of a ReLU network; bounds and certificates
    refuse it.
    """

    gates: torch.Tensor

    def __init__(self, gates: torch.Tensor, weights: torch.Tensor, bias: bool = False) -> None:
        super().__init__()
        if gates.ndim != 2 or weights.ndim not in (2, 3) or weights.shape[:2] != gates.T.shape:
            raise InputError(
                "gates must be (d', P) and weights (P, d') or (P, d', C), got "
                f"{tuple(gates.shape)} and {tuple(weights.shape)}."
            )
        self.register_buffer("gates", gates)
        self.weights, self.bias = nn.Parameter(weights), bias

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(n, d) -> (n,) or (n, C)."""
        if self.bias:
            x = torch.cat([x, x.new_ones(len(x), 1)], dim=1)
        on = (x @ self.gates >= 0).to(x)
        if self.weights.ndim == 2:
            return (on * (x @ self.weights.T)).sum(dim=1)
        return torch.einsum("np,nd,pdc->nc", on, x, self.weights)
