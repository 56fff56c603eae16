r"""An Lp ball around each sample, whole or cut with a box, for what computes with its exponent.

Shape letters: n samples, d features.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from .cut import Cut
from .lp import LpBall
from .questions import NORM, posed


@dataclass(frozen=True, eq=False)
class Placed:
    r"""The set :math:`\{\delta : \|\delta\|_p\le\rho,\ -down\le\delta\le up\}` of each sample.

    Source: own (on [B] eq. (23), Section 6.1)

    Parameters
    ----------
    there : LpBall or Cut
        As it is at the samples.
    up, down : (n, d) tensors, float64
        How far each feature goes alone, in the units of the inputs: rho, or less where a box ends.
    """

    there: LpBall | Cut
    up: torch.Tensor
    down: torch.Tensor

    @classmethod
    def at(cls, given: Any, x: torch.Tensor, who: str) -> Placed:
        """An `LpBall`, whole whatever its box, or a `Cut` of one at the samples x (n, ...).

        Raises
        ------
        InputError
            In the name of who asks, for another set, or samples outside of the range of the cut.
        """
        there = posed(given, x, who, NORM)
        assert isinstance(there, LpBall | Cut)  # no other set answers for an Lp ball
        x = x.detach().flatten(1)
        rooms = there.rooms if isinstance(there, Cut) else None
        whole = torch.full_like(x, there.radius, dtype=torch.float64)
        if rooms is None:
            return cls(there, whole, whole)
        return cls(there, *(torch.minimum(room, whole) for room in rooms))

    @property
    def p(self) -> float:
        """The exponent."""
        return self.there.p

    @property
    def radius(self) -> float:
        """rho."""
        return self.there.radius

    @property
    def shares(self) -> torch.Tensor:
        """`up` and `down` over rho, at most 1: (n, 2d), float64; 0 where rho is 0."""
        both = torch.cat([self.up, self.down], dim=1)
        return (both / self.radius).clamp(max=1.0) if self.radius > 0 else both

    @property
    def whole(self) -> bool:
        """Whether no box cuts it."""
        return isinstance(self.there, LpBall)

    def of(self, i: int) -> Placed:
        """What is around one sample."""
        there = self.there.at(torch.tensor([i]))
        assert isinstance(there, LpBall | Cut)
        return Placed(there, self.up[i : i + 1], self.down[i : i + 1])
