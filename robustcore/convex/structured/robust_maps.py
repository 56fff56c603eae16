"""The linear maps of the reduced (15) and (18), and their adjoints."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch

from .protocol import Tensors
from .system import WeightedGram


@dataclass(frozen=True)
class RobustMaps:
    """The linear maps of a reduced robust program, in scaled units.

    Attributes
    ----------
    X : (n, d)
    sign : (n,)
        y for the hinge loss, ones for the squared loss.
    facets : (P, n)
        -1/+1.
    rows : (R, P)
        0/1, the distinct rows of the pattern matrix.
    row_of : (n,)
        The row of each sample.
    epsilon : float
    attacked : int
        a.
    slopes, weights : (2,)
        Of s and of the norm in the two pairs of the loss.
    """

    X: torch.Tensor
    sign: torch.Tensor
    facets: torch.Tensor
    rows: torch.Tensor
    row_of: torch.Tensor
    epsilon: float
    attacked: int
    slopes: tuple[float, float]
    weights: tuple[float, float]

    @cached_property
    def gram(self) -> WeightedGram:
        """X' diag(w) X."""
        return WeightedGram(self.X)

    def by_row(self, values: torch.Tensor) -> torch.Tensor:
        """Sums over the samples of each row: (n, ...) -> (R, ...)."""
        total = values.new_zeros(self.rows.shape[0], *values.shape[1:])
        return total.index_add_(0, self.row_of, values)

    def seen(self, u: torch.Tensor) -> torch.Tensor:
        """z: (2, P, d) -> (R, d)."""
        return self.rows @ (u[0] - u[1])

    def seen_adjoint(self, force: torch.Tensor) -> torch.Tensor:
        """(R, d) -> (2, P, d)."""
        half = self.rows.T @ force
        return torch.stack([half, -half])

    def score(self, z: torch.Tensor) -> torch.Tensor:
        """s: (R, d) -> (n,)."""
        return self.sign * (self.X * z[self.row_of]).sum(-1)

    def pull(self, on_score: torch.Tensor) -> torch.Tensor:
        """Its adjoint: (n,) -> (R, d)."""
        return self.by_row((self.sign * on_score)[:, None] * self.X)

    def along(self, score: torch.Tensor, length: torch.Tensor) -> Tensors:
        """slope s - weight length for the two pairs of the loss."""
        pairs = zip(self.slopes, self.weights, strict=True)
        return tuple(slope * score - weight * length for slope, weight in pairs)

    def across(
        self, first: torch.Tensor, second: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Its adjoint: what two weights of the pairs put on s and on the length."""
        (a, b), (c, e) = self.slopes, self.weights
        return a * first + b * second, -(c * first + e * second)

    def slacks(self, u: torch.Tensor, free: Tensors) -> Tensors:
        """All seven slacks without their constants."""
        h, g, xi = free
        z, a = self.seen(u), self.attacked
        facets = self.facets * (u @ self.X.T) - self.epsilon * h.sum(-1, keepdim=True)
        one, two = self.along(self.score(z), self.epsilon * g.sum(-1)[self.row_of])
        head, seen = u[..., :a], z[..., :a]
        return facets, h - head, h + head, g - seen, g + seen, xi + one, xi + two

    def adjoint(self, weights: Tensors) -> Tensors:
        """The u, h, g and xi parts of the transposed maps."""
        facets, hp, hm, gp, gm, one, two = weights
        a = self.attacked
        on_score, on_length = self.across(one, two)
        force = self.pull(on_score)
        force[:, :a] += gm - gp
        u = (self.facets * facets) @ self.X + self.seen_adjoint(force)
        u[..., :a] += hm - hp
        h = hp + hm - self.epsilon * facets.sum(-1, keepdim=True)
        g = gp + gm + self.epsilon * self.by_row(on_length)[:, None]
        return u, h, g, one + two
