"""A network as affine maps with an activation between each two: where every bound starts."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from .activations import Activation
from .maps import AffineMap


@dataclass(frozen=True)
class Layered:
    r"""A network in the one form that every bound starts from.

    .. math:: z^1 = A^1 x,\qquad z^l = A^l \sigma^{l-1}(z^{l-1}),\quad 2 \le l \le L

    Source: [B] Section 3, Appendix C

    Parameters
    ----------
    maps : list of L AffineMap
        Those of linear layers are `Dense` and unpack as (W, b).
    activations : list of L - 1 Activation
    parts : list of L tuples of AffineMap
        What each of the maps is folded from, as the network itself applies it.
    final : str
        "Softmax" or "LogSoftmax" where the network ends with one, else "". It keeps the order of
        the outputs: what is said of the logits before it decides the same.
    traced : bool
        Whether it was read from a recording of its forward, not from the classes of its layers.
    """

    maps: list[AffineMap]
    activations: list[Activation]
    parts: list[tuple[AffineMap, ...]]
    final: str = ""
    traced: bool = False

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """The logits: (n, M) -> (n, K)."""
        z = self.maps[0](x)
        for activation, one in zip(self.activations, self.maps[1:], strict=True):
            z = one(activation(z))
        return z
