r"""Affine maps h -> W h + b, stored as what they are: matrices, kernels, windows.

A bound never needs the matrix W itself. It needs five things of it: W h + b, `|W| r` for a radius
r >= 0, rows times W, single columns W e_m (the first layer at a vertex), and the shapes. A
convolution offers them without ever being written out as a matrix.

Shape letters: r inputs, s outputs; tensors are flat in their last dimension, (..., r) -> (..., s).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import nn


class AffineMap(Protocol):
    """What a bound asks of one affine layer.

    Source: own
    """

    @property
    def n_inputs(self) -> int:
        """r."""

    @property
    def n_outputs(self) -> int:
        """s."""

    def __call__(self, h: torch.Tensor) -> torch.Tensor:
        """W h + b: (..., r) -> (..., s)."""

    def linear(self, h: torch.Tensor) -> torch.Tensor:
        """W h, without the bias."""

    def spread(self, radius: torch.Tensor) -> torch.Tensor:
        """`|W| r`, or more, for a radius r >= 0: how far W h reaches from the centre."""

    def back(self, rows: torch.Tensor) -> torch.Tensor:
        """Rows times W: (..., s) -> (..., r)."""

    def columns(self, index: torch.Tensor) -> torch.Tensor:
        """W e_m for every m in `index`: (...) -> (..., s), with a graph into W."""

    def absolute(self) -> AffineMap:
        """The map `|W| h + |b|`, or one that is nowhere smaller for h >= 0."""

    def to(self, like: torch.Tensor) -> AffineMap:
        """The same map in the precision and on the device of `like`."""


class Dense(NamedTuple):
    """A matrix and a bias. It unpacks as the pair (W, b).

    Source: own

    Parameters
    ----------
    weight : (s, r)
    bias : (s,)
    """

    weight: torch.Tensor
    bias: torch.Tensor

    @property
    def n_inputs(self) -> int:
        """r."""
        return self.weight.shape[1]

    @property
    def n_outputs(self) -> int:
        """s."""
        return self.weight.shape[0]

    def __call__(self, h: torch.Tensor) -> torch.Tensor:
        """W h + b."""
        return h @ self.weight.T + self.bias

    def linear(self, h: torch.Tensor) -> torch.Tensor:
        """W h."""
        return h @ self.weight.T

    def spread(self, radius: torch.Tensor) -> torch.Tensor:
        """`|W| r`."""
        return radius @ self.weight.abs().T

    def back(self, rows: torch.Tensor) -> torch.Tensor:
        """Rows times W."""
        return rows @ self.weight

    def columns(self, index: torch.Tensor) -> torch.Tensor:
        """W e_m."""
        return self.weight.T[index]

    def absolute(self) -> Dense:
        """The map `|W| h + |b|`."""
        return Dense(self.weight.abs(), self.bias.abs())

    def to(self, like: torch.Tensor) -> Dense:
        """The same map in the precision of `like`."""
        return Dense(self.weight.to(like), self.bias.to(like))


def with_two_outputs(last: Dense) -> Dense:
    """The last map of a binary network with one output z, giving the two logits (0, z).

    Source: own; as :mod:`robustcore.doors` reads its answers
    """
    weight, bias = last
    return Dense(
        torch.cat([torch.zeros_like(weight), weight]), torch.cat([torch.zeros_like(bias), bias])
    )


class Scaling(NamedTuple):
    """Input by input: (h - mean) / std.

    Source: own

    Parameters
    ----------
    mean, std : (r,)

    Notes
    -----
    Kept as these two numbers, not as h / std - mean / std, whose terms cancel where |mean| is much
    larger than std.
    """

    mean: torch.Tensor
    std: torch.Tensor

    @property
    def n_inputs(self) -> int:
        """r."""
        return self.std.shape[0]

    @property
    def n_outputs(self) -> int:
        """s = r."""
        return self.std.shape[0]

    def __call__(self, h: torch.Tensor) -> torch.Tensor:
        """(h - mean) / std."""
        return (h - self.mean) / self.std

    def linear(self, h: torch.Tensor) -> torch.Tensor:
        """The quotient h / std."""
        return h / self.std

    def spread(self, radius: torch.Tensor) -> torch.Tensor:
        """The quotient r / `|std|`."""
        return radius / self.std.abs()

    def back(self, rows: torch.Tensor) -> torch.Tensor:
        """Rows times the diagonal matrix."""
        return rows / self.std

    def columns(self, index: torch.Tensor) -> torch.Tensor:
        """The unit vectors e_m / std_m."""
        return nn.functional.one_hot(index, self.n_inputs).to(self.std) / self.std

    def absolute(self) -> Scaling:
        """(h + `|mean|`) / `|std|`."""
        return Scaling(-self.mean.abs(), self.std.abs())

    def to(self, like: torch.Tensor) -> Scaling:
        """The same map in the precision of `like`."""
        return Scaling(self.mean.to(like), self.std.to(like))


@dataclass(frozen=True)
class Chain:
    r"""Affine maps one after the other, W = W_j ... W_1.

    Source: own

    Parameters
    ----------
    maps : tuple of AffineMap

    Notes
    -----
    `spread` is :math:`|W_j|\cdots|W_1|\,r \ge |W|\,r`: sound, and equal where no two paths from an
    input to an output cancel, as for a scaling, or for pooling with windows that do not overlap.
    """

    maps: tuple[AffineMap, ...]

    @property
    def n_inputs(self) -> int:
        """r of the first map."""
        return self.maps[0].n_inputs

    @property
    def n_outputs(self) -> int:
        """s of the last map."""
        return self.maps[-1].n_outputs

    def __call__(self, h: torch.Tensor) -> torch.Tensor:
        """W h + b."""
        for one in self.maps:
            h = one(h)
        return h

    def linear(self, h: torch.Tensor) -> torch.Tensor:
        """W h."""
        for one in self.maps:
            h = one.linear(h)
        return h

    def spread(self, radius: torch.Tensor) -> torch.Tensor:
        """At least `|W| r`."""
        for one in self.maps:
            radius = one.spread(radius)
        return radius

    def back(self, rows: torch.Tensor) -> torch.Tensor:
        """Rows times W."""
        for one in reversed(self.maps):
            rows = one.back(rows)
        return rows

    def columns(self, index: torch.Tensor) -> torch.Tensor:
        """W e_m."""
        found = self.maps[0].columns(index)
        for one in self.maps[1:]:
            found = one.linear(found)
        return found

    def absolute(self) -> Chain:
        """One absolute map after the other."""
        return Chain(tuple(one.absolute() for one in self.maps))

    def to(self, like: torch.Tensor) -> Chain:
        """The same map in the precision of `like`."""
        return Chain(tuple(one.to(like) for one in self.maps))
