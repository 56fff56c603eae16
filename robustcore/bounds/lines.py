"""The two lines that CROWN puts around a ReLU, and what carries them back to the input.

Shape letters: n samples, r neurons, R rows that are carried back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from ..balls import PerturbationSet
from ..networks import AffineLayers


@dataclass(frozen=True)
class Lines:
    """Two lines around the ReLUs of one layer: slope_low z <= [z]_+ <= slope_high z + lift.

    Each is (n, r); `slope_low` may be (n, R, r), another line for each row that is carried back.

    Source: own; method of Zhang et al. (2018)
    """

    slope_low: torch.Tensor
    slope_high: torch.Tensor
    lift: torch.Tensor

    @classmethod
    def around(
        cls, low: torch.Tensor, high: torch.Tensor, leak: torch.Tensor | None = None
    ) -> Lines:
        """The tightest upper line, and the lower line of smaller area."""
        if leak is not None:
            return cls._around_leaky(low, high, leak)
        unstable = (low < 0) & (high > 0)
        width = torch.where(unstable, high - low, torch.ones_like(low))
        always_on = (low >= 0).to(low)
        slope_high = torch.where(unstable, high / width, always_on)
        lift = torch.where(unstable, -high * low / width, torch.zeros_like(low))
        slope_low = torch.where(unstable, (high > -low).to(low), always_on)
        return cls(slope_low, slope_high, lift)

    def with_lower(self, slope: torch.Tensor) -> Lines:
        """The same with other lower lines, (n, R, r), below the neurons that may switch."""
        lower = torch.where((self.lift > 0)[:, None], slope, self.slope_low[:, None])
        return replace(self, slope_low=lower)

    @classmethod
    def _around_leaky(cls, low: torch.Tensor, high: torch.Tensor, leak: torch.Tensor) -> Lines:
        """The same around max(z, a z); for a = 1 both lines are z itself."""
        unstable = (low < 0) & (high > 0)
        width = torch.where(unstable, high - low, torch.ones_like(low))
        stable = torch.where(low >= 0, torch.ones_like(low), leak)
        slope_high = torch.where(unstable, (high - leak * low) / width, stable)
        lift = torch.where(unstable, -(1 - leak) * high * low / width, torch.zeros_like(low))
        slope_low = torch.where(unstable & (high > -low), torch.ones_like(low), stable)
        return cls(slope_low, slope_high, lift)


def carried_back(
    layers: AffineLayers,
    lines: Sequence[Lines],
    rows: torch.Tensor,
    offsets: torch.Tensor,
    x: torch.Tensor,
    ball: PerturbationSet,
) -> torch.Tensor:
    """Upper bounds of `rows` [z^l]_+ + `offsets` over the set, l = len(lines): (n, R).

    Source: own; method of Zhang et al. (2018)
    """
    for (W, b), line in zip(reversed(layers[: len(lines)]), reversed(lines), strict=True):
        plus, minus = rows.clamp(min=0), rows.clamp(max=0)
        below = line.slope_low if line.slope_low.ndim == 3 else line.slope_low[:, None]
        offsets = offsets + torch.einsum("nkr,nr->nk", plus, line.lift)
        rows = plus * line.slope_high[:, None] + minus * below
        offsets = offsets + rows @ b
        rows = rows @ W
    return torch.einsum("nkm,nm->nk", rows, x) + offsets + ball.support(rows)


def rectified(z: torch.Tensor, leak: torch.Tensor | None) -> torch.Tensor:
    """[z]_+, or max(z, leak z) where it leaks."""
    return z.clamp(min=0) if leak is None else torch.where(z > 0, z, z * leak)
