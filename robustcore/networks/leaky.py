r"""ReLUs that leak, values that are handed on, and activations side by side.

:math:`\max(z, az)` with :math:`a\in[0,1]` is convex and increasing, the ReLU for a = 0, the value
itself for a = 1. Where a value skips a layer, it goes through that layer as a neuron with a = 1.

Shape letters: n samples, v perturbations, r neurons in, s values out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from .activations import Activation, Rectifier
from .images import Shape


@dataclass(frozen=True)
class LeakyRectifier:
    r"""`nn.LeakyReLU` and `nn.PReLU`: :math:`\max(z, az) \ge tz` for :math:`t \in [a, 1]`.

    Source: own (on [B] Lemma 4)

    Parameters
    ----------
    leak : (r,) tensor
        a, in [0, 1].
    """

    leak: torch.Tensor

    def __call__(self, z: torch.Tensor) -> torch.Tensor:
        """The larger of z and a z."""
        return torch.where(z > 0, z, z * self.leak)

    def slopes(self, z: torch.Tensor) -> torch.Tensor:
        """1 where z > 0, else a."""
        return torch.where(z > 0, torch.ones_like(z), self.leak)  # (21)

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
        """a <= t <= 1."""
        return not bool(((t < self.leak) | (t > 1)).any())

    def nearest(self, t: torch.Tensor) -> torch.Tensor:
        """Clamped to [a, 1]."""
        return torch.maximum(t, self.leak).clamp(max=1)


@dataclass(frozen=True)
class Beside:
    """Activations side by side, each over the next few neurons of a layer.

    Source: own

    Parameters
    ----------
    parts : tuple of Activation
    widths : tuple of int
        How many neurons each takes.

    Notes
    -----
    The slopes of one sample are a vector: those of the first part, flat, then the next.
    """

    parts: tuple[Activation, ...]
    widths: tuple[int, ...]

    @property
    def outputs(self) -> tuple[int, ...]:
        """How many values each part gives."""
        return tuple(p.slope_shape(r)[0] for p, r in zip(self.parts, self.widths, strict=True))

    def __call__(self, z: torch.Tensor) -> torch.Tensor:
        """The values of all parts."""
        pieces = zip(self.parts, z.split(self.widths, dim=-1), strict=True)
        return torch.cat([part(piece) for part, piece in pieces], dim=-1)

    def slopes(self, z: torch.Tensor) -> torch.Tensor:
        """Those of all parts, flat."""
        pieces = zip(self.parts, z.split(self.widths, dim=-1), strict=True)
        return torch.cat([p.slopes(piece).flatten(z.ndim - 1) for p, piece in pieces], dim=-1)

    def below(self, z: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        """The linear functions below all parts."""
        pieces = zip(self.parts, z.split(self.widths, dim=-1), self.of_parts(t), strict=True)
        return torch.cat([part.below(piece, own) for part, piece, own in pieces], dim=-1)

    def back(self, rows: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        """Rows times the block-diagonal matrix."""
        pieces = zip(self.parts, rows.split(self.outputs, dim=-1), self.of_parts(t), strict=True)
        return torch.cat([part.back(piece, own) for part, piece, own in pieces], dim=-1)

    def slope_shape(self, r: int) -> Shape:
        """One number for all slopes."""
        return (sum(self._sizes()),)

    def allowed(self, t: torch.Tensor) -> bool:
        """Whether those of every part are."""
        return all(p.allowed(own) for p, own in zip(self.parts, self.of_parts(t), strict=True))

    def nearest(self, t: torch.Tensor) -> torch.Tensor:
        """Part by part."""
        found = [p.nearest(own) for p, own in zip(self.parts, self.of_parts(t), strict=True)]
        return torch.cat([own.flatten(t.ndim - 1) for own in found], dim=-1)

    def of_parts(self, t: torch.Tensor) -> list[torch.Tensor]:
        """The slopes of each part in its own shape."""
        shapes = [p.slope_shape(r) for p, r in zip(self.parts, self.widths, strict=True)]
        pieces = t.split(self._sizes(), dim=-1)
        return [p.unflatten(-1, shape) for p, shape in zip(pieces, shapes, strict=True)]

    def _sizes(self) -> list[int]:
        pairs = zip(self.parts, self.widths, strict=True)
        return [math.prod(part.slope_shape(r)) for part, r in pairs]


def leaks(activation: Activation, r: int, like: torch.Tensor) -> torch.Tensor | None:
    """a of each of the r neurons; none where there are only ReLUs, alone or pooled.

    Source: own
    """
    if isinstance(activation, LeakyRectifier):
        return activation.leak
    if isinstance(activation, Beside):
        pairs = zip(activation.parts, activation.widths, strict=True)
        found = [leaks(part, width, like) for part, width in pairs]
        if all(one is None for one in found):
            return None
        return torch.cat(
            [
                like.new_zeros(width) if one is None else one
                for one, width in zip(found, activation.widths, strict=True)
            ]
        )
    return None


def side_by_side(
    parts: list[tuple[Activation, int]], handed_on: int, like: torch.Tensor
) -> Activation:
    """Activations over the next few neurons each, and then so many values handed on as they are.

    Source: own
    """
    if len(parts) == 1 and not handed_on:
        return parts[0][0]
    every = [*parts, (LeakyRectifier(like.new_ones(handed_on)), handed_on)]
    merged: list[tuple[Activation, int]] = []
    for part, r in every[: None if handed_on else -1]:
        if merged and _leaks_alone(part) and _leaks_alone(merged[-1][0]):
            before, width = merged.pop()
            both = [_leak(before, width, like), _leak(part, r, like)]
            merged.append((LeakyRectifier(torch.cat(both)), width + r))
        else:
            merged.append((part, r))
    if len(merged) == 1:
        return merged[0][0]
    return Beside(tuple(part for part, _ in merged), tuple(r for _, r in merged))


def _leaks_alone(part: Activation) -> bool:
    return isinstance(part, (Rectifier, LeakyRectifier))


def _leak(part: Activation, r: int, like: torch.Tensor) -> torch.Tensor:
    return part.leak if isinstance(part, LeakyRectifier) else like.new_zeros(r)
