"""What programs share that pay for outputs and for the lengths of blocks, whatever binds a block.

`Outputs` is the part that knows no loss; `SquaredOutputs`, `LogisticOutputs` and `HingeOutputs` say
what each loss asks of the outputs and of their multiplier alpha. A program takes one of them beside
what its own constraints ask for.
"""

from __future__ import annotations

import math
from typing import ClassVar, Protocol

import torch

from ...losses import ConvexLoss, hinge, logistic, squared
from .batch import total
from .logistic import longest_fall, mean_entropy, mean_logistic
from .pairs import Cone
from .protocol import Iterate

_FLATTEST = 1e-30  # curvature of a sample whose loss is zero up to rounding


class Maps(Protocol):
    """From blocks to outputs."""

    def output(self, u: torch.Tensor) -> torch.Tensor:
        """The outputs, times the sign of each: (B, N)."""


class Outputs:
    """Loss plus beta times the lengths of the blocks.

    Attributes
    ----------
    maps : Maps
    y : (N,) tensor
    beta : float
    """

    loss: ClassVar[ConvexLoss]
    cones: ClassVar[tuple[Cone, ...]]
    one_length = False
    bends = False
    maps: Maps
    y: torch.Tensor
    beta: float

    def longest(self, at: Iterate, step: Iterate) -> torch.Tensor:
        """No variable has a domain of its own."""
        return torch.full_like(at.u[:, 0, 0, 0], math.inf)

    def objective(self, u: torch.Tensor) -> torch.Tensor:
        """Loss plus penalty."""
        norms = torch.linalg.vector_norm(u, dim=-1)
        return self._loss(self.maps.output(u)) + self.beta * total(norms)

    def _sign(self) -> torch.Tensor:
        """y for a classification loss."""
        return self.y

    def _loss(self, output: torch.Tensor) -> torch.Tensor:
        """(B, N) -> (B,)."""
        raise NotImplementedError

    def _curvature(self, at: Iterate) -> torch.Tensor:
        """Of a smooth loss in each output, (B, N): alpha falls so fast."""
        raise NotImplementedError

    def _dual_value(self, alpha: torch.Tensor, limit: torch.Tensor) -> torch.Tensor:
        """At alpha (B, N), shrunk to at most `limit` (B,) of itself."""
        raise NotImplementedError

    def _raw_multiplier(self, at: Iterate) -> torch.Tensor:
        """Alpha (B, N) as the iterate has it."""
        raise NotImplementedError

    def _output_multiplier(self, at: Iterate) -> torch.Tensor:
        """Alpha in its domain."""
        return self._raw_multiplier(at)


class SquaredOutputs(Outputs):
    """Half the sum of squares: alpha = y - A u follows the primal point, z the dual one.

    Source: [A] eq. (16)
    """

    loss = squared
    one_length = True

    def _sign(self) -> torch.Tensor:
        return torch.ones_like(self.y)

    def _loss(self, output: torch.Tensor) -> torch.Tensor:
        return 0.5 * (output - self.y).square().sum(-1)  # (16)

    def _curvature(self, at: Iterate) -> torch.Tensor:
        return torch.ones_like(self.y)[None]

    def _raw_multiplier(self, at: Iterate) -> torch.Tensor:
        return self.y - self.maps.output(at.u)

    def _dual_value(self, alpha: torch.Tensor, limit: torch.Tensor) -> torch.Tensor:
        return best_scaled(alpha @ self.y, alpha.square().sum(-1), limit)


class LogisticOutputs(Outputs):
    """The mean logistic loss: n alpha = sigmoid(-A u), which bends along a step.

    Source: own (on [A] eq. (8))
    """

    loss = logistic
    one_length, bends = True, True

    def longest(self, at: Iterate, step: Iterate) -> torch.Tensor:
        """So far that no output falls by more than `LONGEST_FALL`."""
        return longest_fall(self.maps.output(step.u))

    def _loss(self, output: torch.Tensor) -> torch.Tensor:
        return mean_logistic(output)

    def _curvature(self, at: Iterate) -> torch.Tensor:
        margin = self.maps.output(at.u)
        bend = torch.sigmoid(margin) * torch.sigmoid(-margin) / len(self.y)
        return bend.clamp(min=_FLATTEST)

    def _raw_multiplier(self, at: Iterate) -> torch.Tensor:
        return torch.sigmoid(-self.maps.output(at.u)) / len(self.y)

    def _dual_value(self, alpha: torch.Tensor, limit: torch.Tensor) -> torch.Tensor:
        return mean_entropy(alpha * limit.clamp(max=1.0)[:, None])


class HingeOutputs(Outputs):
    """The mean hinge loss: alpha is a variable of its own, between 0 and 1/n.

    Source: [A] eq. (13)
    """

    loss = hinge

    def _loss(self, output: torch.Tensor) -> torch.Tensor:
        return (1 - output).clamp(min=0).mean(-1)  # (13)

    def _output_multiplier(self, at: Iterate) -> torch.Tensor:
        return self._raw_multiplier(at).clamp(0, 1 / len(self.y))

    def _dual_value(self, alpha: torch.Tensor, limit: torch.Tensor) -> torch.Tensor:
        return alpha.sum(-1) * limit.clamp(max=1.0)


def best_scaled(inner: torch.Tensor, square: torch.Tensor, limit: torch.Tensor) -> torch.Tensor:
    """The largest s inner - s^2 square / 2 over 0 <= s <= limit; all are (B,)."""
    best = inner / square.clamp(min=torch.finfo(square.dtype).tiny)
    scale = torch.minimum(best.clamp(min=0.0), limit)
    return scale * inner - 0.5 * scale.square() * square
