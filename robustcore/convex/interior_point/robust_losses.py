"""The robust program with each of its losses."""

from __future__ import annotations

import torch

from ...losses import hinge, logistic, squared
from .logistic import longest_fall, mean_entropy, mean_logistic, tangent
from .outputs import best_scaled
from .protocol import Iterate
from .robust import Robust
from .robust_maps import Free, Pairs


class RobustHinge(Robust):
    r"""The reduced (15): xi >= 0 and xi >= 1 - y x'z + epsilon ||z||_q, mean of xi.

    Source: [A] eq. (15), Theorem 4; the reductions are own
    """

    loss = hinge
    one_length = False
    slopes, weights = (0.0, 1.0), (0.0, 1.0)

    def start(self) -> Iterate:
        """Outputs 0, xi = 2, norms at 1/2."""
        n, ones = len(self.y), self._ones()
        return self._place(1.0, 2 * ones, 0.5, (0.9 * ones / n, 0.1 * ones / n))

    def _sign(self) -> torch.Tensor:
        return self.y

    def _shifts(self) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.zeros_like(self.y), torch.ones_like(self.y)

    def _slope(self, at: Iterate) -> torch.Tensor:
        return self._ones() / len(self.y)

    def _curvature(self, at: Iterate) -> None:
        return None

    def _worst_loss(self, score: torch.Tensor, length: torch.Tensor) -> torch.Tensor:
        return (1 - score + length).clamp(min=0).mean(-1)  # (15)

    def _dual_pairs(self, at: Iterate) -> tuple[torch.Tensor, torch.Tensor]:
        alpha = Pairs.of(at.multipliers).second.clamp(0, 1 / len(self.y))
        return 1 / len(self.y) - alpha, alpha

    def _dual_value(
        self, loss: tuple[torch.Tensor, torch.Tensor], limit: torch.Tensor
    ) -> torch.Tensor:
        return loss[1].sum(-1) * limit.clamp(max=1.0)


class RobustSquared(Robust):
    r"""The reduced (18): xi >= |x'z - y| + epsilon ||z||_q, half the sum of xi squared.

    Source: [A] eq. (18), Theorem 5; the reductions are own
    """

    loss = squared
    one_length = True
    slopes, weights = (-1.0, 1.0), (1.0, 1.0)

    def start(self) -> Iterate:
        """Outputs 0, norms at half the largest target, as much room again above them."""
        size = float(self.y.abs().max()) or 1.0
        xi = self.y.abs() * self._ones() + size
        longest = 100 * max(1.0, size)  # as for `StandardSquared`
        centre = 0.5 * float(xi.square().sum())
        return self._place(centre, xi, 0.5 * size, (xi / 2, xi / 2), longest)

    def _sign(self) -> torch.Tensor:
        return torch.ones_like(self.y)

    def _shifts(self) -> tuple[torch.Tensor, torch.Tensor]:
        return -self.y, self.y

    def _slope(self, at: Iterate) -> torch.Tensor:
        return Free(*at.free).xi

    def _curvature(self, at: Iterate) -> torch.Tensor:
        return self._ones()

    def _worst_loss(self, score: torch.Tensor, length: torch.Tensor) -> torch.Tensor:
        return 0.5 * ((score - self.y).abs() + length).square().sum(-1)  # (17), (18)

    def _dual_pairs(self, at: Iterate) -> tuple[torch.Tensor, torch.Tensor]:
        given = Pairs.of(at.multipliers)
        return given.first, given.second

    def _dual_value(
        self, loss: tuple[torch.Tensor, torch.Tensor], limit: torch.Tensor
    ) -> torch.Tensor:
        inner, square = (loss[1] - loss[0]) @ self.y, (loss[0] + loss[1]).square().sum(-1)
        return best_scaled(inner, square, limit)


class RobustLogistic(Robust):
    r"""The robust program with the mean logistic loss of xi >= -y x'z + epsilon ||z||_q.

    The one constraint of a sample stands in both pairs of the loss.

    Source: own, on [A] eqs. (10), (11)
    """

    loss = logistic
    one_length = True
    slopes, weights = (1.0, 1.0), (1.0, 1.0)

    def start(self) -> Iterate:
        """Outputs 0, norms at 1/2, xi = 1."""
        ones = self._ones()
        halves = ones / (4 * len(self.y))
        return self._place(1.0, ones, 0.5, (halves, halves))

    def _sign(self) -> torch.Tensor:
        return self.y

    def _shifts(self) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.zeros_like(self.y), torch.zeros_like(self.y)

    def longest(self, at: Iterate, step: Iterate) -> torch.Tensor:
        """So far that no xi, the negative of a margin, rises by more than `LONGEST_FALL`."""
        return longest_fall(-Free(*step.free).xi)

    def _slope(self, at: Iterate) -> torch.Tensor:
        return self._line(at)[0]

    def _curvature(self, at: Iterate) -> torch.Tensor:
        return self._line(at)[1]

    def _line(self, at: Iterate) -> tuple[torch.Tensor, torch.Tensor]:
        given = Pairs.of(at.multipliers)
        return tangent(Free(*at.free).xi, given.first + given.second)

    def _worst_loss(self, score: torch.Tensor, length: torch.Tensor) -> torch.Tensor:
        return mean_logistic(score - length)

    def _dual_pairs(self, at: Iterate) -> tuple[torch.Tensor, torch.Tensor]:
        one, two = Pairs.of(at.multipliers).first, Pairs.of(at.multipliers).second
        inside = (1 / (len(self.y) * (one + two))).clamp(max=1.0)
        return inside * one, inside * two

    def _dual_value(
        self, loss: tuple[torch.Tensor, torch.Tensor], limit: torch.Tensor
    ) -> torch.Tensor:
        return mean_entropy((loss[0] + loss[1]) * limit.clamp(max=1.0)[:, None])
