"""The linear maps of the reduced (15) and (18), and their adjoints."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import torch

from .batch import Tensors
from .lengths import Length
from .pairs import ORTHANT, Cone
from .products import WeightedGram


class Free(NamedTuple):
    """The variables of a robust program beside u: of the lengths of u and of z, one xi a sample."""

    h: torch.Tensor  # (B, 2, P, k)
    g: torch.Tensor  # (B, R, k)
    xi: torch.Tensor  # (B, n)


class Pairs(NamedTuple):
    """The pairs of a robust program by what they are for: slacks, multipliers, goals or weights."""

    facets: torch.Tensor  # (B, 2, P, n)
    u_length: Tensors  # one for each cone of the `Length`
    z_length: Tensors
    first: torch.Tensor  # of the loss, (B, n)
    second: torch.Tensor

    @classmethod
    def of(cls, flat: Tensors) -> Pairs:
        """From the order in which an `Iterate` holds them."""
        k = (len(flat) - 3) // 2
        return cls(flat[0], flat[1 : 1 + k], flat[1 + k : 1 + 2 * k], *flat[1 + 2 * k :])

    @property
    def flat(self) -> Tensors:
        """In that order."""
        return (self.facets, *self.u_length, *self.z_length, self.first, self.second)


def distinct_rows(active: Sequence[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    """The distinct rows (B, R, P) of pattern matrices (n, P), and the row of each sample (B, n).

    Where a matrix has fewer than another, samples leave their row for a copy of it: the bound of
    its norm is then written twice, which changes nothing.
    """
    found = [torch.unique(one, dim=0, return_inverse=True) for one in active]
    R = max(len(rows) for rows, _ in found)
    width = max(one.shape[1] for one in active)
    all_rows = active[0].new_zeros(len(active), R, width)
    for b, (rows, row_of) in enumerate(found):
        all_rows[b, : len(rows), : rows.shape[1]] = rows
        for copy in range(len(rows), R):
            crowded = int(torch.bincount(row_of).argmax())
            all_rows[b, copy] = all_rows[b, crowded]
            row_of[(row_of == crowded).nonzero()[0]] = copy
    return all_rows, torch.stack([row_of for _, row_of in found])


@dataclass(frozen=True)
class RobustMaps:
    """The linear maps of a batch of reduced robust programs, in scaled units.

    Attributes
    ----------
    X : (n, d)
    sign : (n,)
        y for the hinge loss, ones for the squared loss.
    facets : (B, P, n)
        -1/+1; 0 in the patterns that fill up a program with fewer of them than others.
    rows : (B, R, P)
        0/1, the distinct rows of the pattern matrices.
    row_of : (B, n)
        The row of each sample.
    epsilon : float
    length : Length
        Of the ball.
    attacked : int
        a.
    slopes, weights : (2,)
        Of s and of the norm in the two pairs of the loss.
    gram : WeightedGram
        X' diag(w) X.
    """

    X: torch.Tensor
    sign: torch.Tensor
    facets: torch.Tensor
    rows: torch.Tensor
    row_of: torch.Tensor
    epsilon: float
    length: Length
    attacked: int
    slopes: tuple[float, float]
    weights: tuple[float, float]
    gram: WeightedGram

    def subset(self, keep: torch.Tensor) -> RobustMaps:
        """Some programs of the batch."""
        return replace(
            self, facets=self.facets[keep], rows=self.rows[keep], row_of=self.row_of[keep]
        )

    @property
    def cones(self) -> tuple[Cone, ...]:
        """Of the pairs, in the order of `Pairs`."""
        return (ORTHANT, *self.length.cones, *self.length.cones, ORTHANT, ORTHANT)

    @property
    def in_few_calls(self) -> bool:
        """Dense products, which a GPU does in a fixed order and without a call for each row."""
        return self.X.is_cuda

    @cached_property
    def _place(self) -> torch.Tensor:
        """Of each sample's row among the rows of all programs, (B n,)."""
        B, R, _ = self.rows.shape
        first = R * torch.arange(B, device=self.row_of.device)
        return (self.row_of + first[:, None]).reshape(-1)

    @cached_property
    def _runs(self) -> list[tuple[torch.Tensor, list[int]]]:
        """For each program the samples, sorted by row, and where each row begins and ends."""
        counts = (torch.bincount(own, minlength=self.rows.shape[1]) for own in self.row_of)
        ends = ([0, *count.cumsum(0).tolist()] for count in counts)
        return list(zip(self.row_of.argsort(dim=-1), ends, strict=True))

    @cached_property
    def members(self) -> torch.Tensor:
        """0/1, the samples of each row, (B, R, n)."""
        numbers = torch.arange(self.rows.shape[1], device=self.row_of.device)
        return (self.row_of[:, None] == numbers[:, None]).to(self.X)

    def by_row(self, values: torch.Tensor) -> torch.Tensor:
        """Sums over the samples of each row: (B, n, k) -> (B, R, k)."""
        if self.in_few_calls:
            return self.members @ values
        B, R, _ = self.rows.shape
        total = values.new_zeros(B * R, values.shape[-1])
        return total.index_add_(0, self._place, values.flatten(0, 1)).unflatten(0, (B, R))

    def at_samples(self, values: torch.Tensor) -> torch.Tensor:
        """Each sample's row: (B, R, ...) -> (B, n, ...)."""
        return values.flatten(0, 1)[self._place].unflatten(0, self.row_of.shape)

    def seen(self, u: torch.Tensor) -> torch.Tensor:
        """z: (B, 2, P, d) -> (B, R, d)."""
        return self.rows @ (u[:, 0] - u[:, 1])

    def seen_adjoint(self, force: torch.Tensor) -> torch.Tensor:
        """(B, R, d) -> (B, 2, P, d)."""
        half = self.rows.mT @ force
        return torch.stack([half, -half], dim=1)

    def score(self, z: torch.Tensor) -> torch.Tensor:
        """s: (B, R, d) -> (B, n)."""
        return self.sign * (self.X * self.at_samples(z)).sum(-1)

    def pull(self, on_score: torch.Tensor) -> torch.Tensor:
        """Its adjoint: (B, n) -> (B, R, d)."""
        return self.by_row((self.sign * on_score)[..., None] * self.X)

    def add_row_grams(self, target: torch.Tensor, weights: torch.Tensor) -> None:
        """Add X' diag(weights) X over the samples of each row: (B, n) to (B, R, d, d), in place."""
        if self.in_few_calls:
            target += self.gram(self.members * weights[:, None])
            return
        for b, (order, edges) in enumerate(self._runs):
            some, heavy = self.X[order], weights[b, order]
            for r, (low, high) in enumerate(itertools.pairwise(edges)):
                part = some[low:high]
                target[b, r].addmm_(part.T * heavy[low:high], part)

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

    def slacks(self, u: torch.Tensor, free: Tensors) -> Pairs:
        """All slacks without their constants."""
        h, g, xi = Free(*free)
        z, a = self.seen(u), self.attacked
        facets = self.facets[:, None] * (u @ self.X.T) - self.epsilon * h.sum(-1, keepdim=True)
        one, two = self.along(self.score(z), self.epsilon * self.at_samples(g.sum(-1)))
        u_length, z_length = self.length.slacks(h, u[..., :a]), self.length.slacks(g, z[..., :a])
        return Pairs(facets, u_length, z_length, xi + one, xi + two)

    def adjoint(self, weights: Tensors) -> Tensors:
        """The u, h, g and xi parts of the transposed maps, of weights in the order of `Pairs`."""
        facets, u_length, z_length, one, two = Pairs.of(weights)
        a = self.attacked
        on_score, on_length = self.across(one, two)
        on_z, on_g = self.length.adjoint(z_length)
        on_u, on_h = self.length.adjoint(u_length)
        force = self.pull(on_score)
        force[..., :a] += on_z
        u = (self.facets[:, None] * facets) @ self.X + self.seen_adjoint(force)
        u[..., :a] += on_u
        h = on_h - self.epsilon * facets.sum(-1, keepdim=True)
        g = on_g + self.epsilon * self.by_row(on_length[..., None])
        return u, h, g, one + two
