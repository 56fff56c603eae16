r"""What stands between two affine maps: a ReLU, alone or with a max pool beside it.

The two commute, :math:`\max_i [z_i]_+ = [\max_i z_i]_+`, so `ReLU, MaxPool2d` and `MaxPool2d, ReLU`
are one activation. Each is convex and increasing in z and lies above a family of linear functions;
bounds need nothing else of it.

Shape letters: n samples, v perturbations, r neurons in, s values out, k neurons in a window.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import nn

from .images import Pair, Shape


class Activation(Protocol):
    """A convex increasing function of the pre-activations, with linear functions below it.

    Source: own
    """

    def __call__(self, z: torch.Tensor) -> torch.Tensor:
        """The values: (..., r) -> (..., s)."""

    def slopes(self, z: torch.Tensor) -> torch.Tensor:
        """The slopes t at which the linear function touches the activation at z: (n, ...)."""

    def below(self, z: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        """The linear function below, with slopes t: (n, v, r) -> (n, v, s)."""

    def back(self, rows: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        """Rows times the matrix of that linear function: (n, K, s) -> (n, K, r)."""

    def slope_shape(self, r: int) -> Shape:
        """Shape of the slopes of one sample, for r neurons."""

    def allowed(self, t: torch.Tensor) -> bool:
        """Whether the linear function with these slopes lies below everywhere."""

    def nearest(self, t: torch.Tensor) -> torch.Tensor:
        """Allowed slopes near t; t itself where it is allowed."""


@dataclass(frozen=True)
class Rectifier:
    r"""The ReLU: :math:`[z]_+ \ge t z` for :math:`t \in [0, 1]`.

    Source: [B] Lemma 4
    """

    def __call__(self, z: torch.Tensor) -> torch.Tensor:
        """[z]_+."""
        return z.clamp(min=0)

    def slopes(self, z: torch.Tensor) -> torch.Tensor:
        """1 where z > 0, else 0."""
        return (z > 0).to(z)  # (21)

    def below(self, z: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        """The product t z."""
        return t[:, None] * z

    def back(self, rows: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        """Rows times diag(t)."""
        return rows * t[:, None]

    def slope_shape(self, r: int) -> Shape:
        """One slope a neuron."""
        return (r,)

    def allowed(self, t: torch.Tensor) -> bool:
        """0 <= t <= 1."""
        return not bool(((t < 0) | (t > 1)).any())

    def nearest(self, t: torch.Tensor) -> torch.Tensor:
        """Clamped to [0, 1]."""
        return t.clamp(0, 1)


@dataclass(frozen=True)
class PooledRectifier:
    r"""ReLU and max pool: :math:`\max_{i\in I} [z_i]_+` for each window I.

    .. math:: \max_{i\in I} [z_i]_+ \;\ge\; \sum_{i\in I} t_i z_i
              \qquad\text{whenever } t \ge 0,\ \sum_{i\in I} t_i \le 1

    Source: [B] Lemma 13

    Parameters
    ----------
    in_shape : (C, H, W)
    kernel, stride, padding, dilation : pair of int
    windows : (s, k) tensor of int
        The neurons of each window. A window cut by the border repeats one of its own.

    Notes
    -----
    Proof: :math:`\sum t_i z_i \le \sum t_i [z_i]_+ \le \max_i [z_i]_+ \sum t_i`. These slopes are
    the domain of the conjugate in Lemma 13a, with the condition :math:`z_i \ge 0` that the printed
    lemma leaves out.

    For *concave* lower bounds l_i of the z_i, the sum :math:`\sum t_i l_i` is concave and below the
    activation. The maximum :math:`\max_i l_i` is below it too, but it is not concave: a bound that
    is built on it is an upper bound at each point, not a convex one, and its maximum over the
    vertices of a ball says nothing about the inside. `below` therefore never takes a maximum.
    """

    in_shape: Shape
    kernel: Pair
    stride: Pair
    padding: Pair
    dilation: Pair
    windows: torch.Tensor

    @classmethod
    def of(
        cls,
        in_shape: Shape,
        kernel: Pair,
        stride: Pair,
        padding: Pair,
        dilation: Pair,
        device: torch.device,
    ) -> PooledRectifier:
        """Find the windows by unfolding an image of indices."""
        channels, height, width = in_shape
        # 1 is added so that the padding, which unfolds as 0, is told from the first neuron
        index = torch.arange(1.0, height * width + 1, dtype=torch.float64, device=device)
        image = index.view(1, 1, height, width)
        one = nn.functional.unfold(image, kernel, dilation, padding, stride)[0].T.long() - 1
        one = torch.where(one < 0, one.amax(dim=1, keepdim=True), one)
        offsets = torch.arange(channels, device=device)[:, None, None] * (height * width)
        windows = (one + offsets).flatten(0, 1)
        return cls(in_shape, kernel, stride, padding, dilation, windows)

    def __call__(self, z: torch.Tensor) -> torch.Tensor:
        """The largest [z_i]_+ of each window."""
        images = z.clamp(min=0).reshape(-1, *self.in_shape)
        pooled = nn.functional.max_pool2d(
            images, self.kernel, self.stride, self.padding, self.dilation
        )
        return pooled.reshape(*z.shape[:-1], len(self.windows))

    def slopes(self, z: torch.Tensor) -> torch.Tensor:
        """1 at the largest neuron of each window, where it is positive: (n, s, k)."""
        best, winner = z[..., self.windows].max(dim=-1, keepdim=True)
        return torch.zeros_like(z[..., self.windows]).scatter(-1, winner, (best > 0).to(z))

    def below(self, z: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        """The sum of t_i z_i over each window."""
        return torch.einsum("nvsk,nsk->nvs", z[..., self.windows], t)

    def back(self, rows: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        """Every row's entry, shared out over its window by t."""
        shares = (rows[..., None] * t[:, None]).flatten(-2)
        zeros = rows.new_zeros(*rows.shape[:-1], math.prod(self.in_shape))
        return zeros.index_add(-1, self.windows.flatten(), shares)

    def slope_shape(self, r: int) -> Shape:
        """One slope a neuron and window, (s, k)."""
        return tuple(self.windows.shape)

    def allowed(self, t: torch.Tensor) -> bool:
        """The slopes t >= 0 with a sum of at most 1 (and a rounding) in each window."""
        rounding = 4 * t.shape[-1] * torch.finfo(t.dtype).eps
        return not bool((t < 0).any() or (t.sum(dim=-1) > 1 + rounding).any())

    def nearest(self, t: torch.Tensor) -> torch.Tensor:
        """Negative slopes to 0, then every window scaled down to a sum of 1."""
        t = t.clamp(min=0)
        return t / t.sum(dim=-1, keepdim=True).clamp(min=1)
