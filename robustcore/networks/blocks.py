"""Affine maps that are put together: a choice of values, maps side by side, and their sum.

Shape letters: r inputs, s outputs; tensors are flat in their last dimension.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import nn

from .maps import AffineMap


@dataclass(frozen=True)
class Pick:
    """Some of the values, in some order, perhaps more than once: h[index].

    A part of a network's state, and what a convolution pads its image with.

    Source: own

    Parameters
    ----------
    index : (s,) tensor of int
    n_inputs : int
        r.
    like : tensor
        Whose precision and device the map has.
    """

    index: torch.Tensor
    n_inputs: int
    like: torch.Tensor

    @property
    def n_outputs(self) -> int:
        """s."""
        return len(self.index)

    def __call__(self, h: torch.Tensor) -> torch.Tensor:
        """h[index]."""
        return h[..., self.index]

    def linear(self, h: torch.Tensor) -> torch.Tensor:
        """h[index]."""
        return h[..., self.index]

    def spread(self, radius: torch.Tensor) -> torch.Tensor:
        """r[index]."""
        return radius[..., self.index]

    def back(self, rows: torch.Tensor) -> torch.Tensor:
        """Every row's entry goes to where its value came from."""
        zeros = rows.new_zeros(*rows.shape[:-1], self.n_inputs)
        return zeros.index_add(-1, self.index, rows)

    def columns(self, index: torch.Tensor) -> torch.Tensor:
        """1 wherever value m was picked."""
        return (index.to(self.index.device)[..., None] == self.index).to(self.like)

    def absolute(self) -> Pick:
        """Itself."""
        return self

    def to(self, like: torch.Tensor) -> Pick:
        """The same map in the precision and on the device of `like`."""
        return replace(self, index=self.index.to(like.device), like=like.new_zeros(()))


@dataclass(frozen=True)
class Diagonal:
    r"""Channel by channel: :math:`ah + b`, as a normalisation in evaluation, or a constant, does.

    Source: own

    Parameters
    ----------
    scale, shift : (c,) tensors
        a and b.
    size : (c,) tensor
        At least the sum of the absolute values of what b adds up.
    each : int
        Values of one channel, next to each other: r = c times that.
    """

    scale: torch.Tensor
    shift: torch.Tensor
    size: torch.Tensor
    each: int = 1

    @property
    def n_inputs(self) -> int:
        """r."""
        return len(self.scale) * self.each

    @property
    def n_outputs(self) -> int:
        """s = r."""
        return self.n_inputs

    def wide(self) -> tuple[torch.Tensor, torch.Tensor]:
        """a and b of every value, (r,)."""
        return self._every(self.scale), self._every(self.shift)

    def __call__(self, h: torch.Tensor) -> torch.Tensor:
        """The values a h + b."""
        scale, shift = self.wide()
        return h * scale + shift

    def linear(self, h: torch.Tensor) -> torch.Tensor:
        """The products a h."""
        return h * self._every(self.scale)

    def spread(self, radius: torch.Tensor) -> torch.Tensor:
        """`|a| r`."""
        return radius * self._every(self.scale.abs())

    def back(self, rows: torch.Tensor) -> torch.Tensor:
        """Rows times the diagonal matrix."""
        return rows * self._every(self.scale)

    def columns(self, index: torch.Tensor) -> torch.Tensor:
        """The unit vectors a_m e_m."""
        scale = self._every(self.scale)
        return nn.functional.one_hot(index, self.n_inputs).to(scale) * scale

    def absolute(self) -> Diagonal:
        """`|a| h` plus the sizes of what b adds up."""
        return Diagonal(self.scale.abs(), self.size, self.size, self.each)

    def to(self, like: torch.Tensor) -> Diagonal:
        """The same map in the precision of `like`."""
        return Diagonal(self.scale.to(like), self.shift.to(like), self.size.to(like), self.each)

    def _every(self, value: torch.Tensor) -> torch.Tensor:
        return value if self.each == 1 else value.repeat_interleave(self.each)


@dataclass(frozen=True)
class Stacked:
    """Several maps of the same values, their results one after the other.

    Source: own

    Parameters
    ----------
    maps : tuple of AffineMap
        With the same inputs.
    """

    maps: tuple[AffineMap, ...]

    @property
    def n_inputs(self) -> int:
        """r."""
        return self.maps[0].n_inputs

    @property
    def n_outputs(self) -> int:
        """s, of all maps together."""
        return sum(one.n_outputs for one in self.maps)

    def __call__(self, h: torch.Tensor) -> torch.Tensor:
        """All results."""
        return torch.cat([one(h) for one in self.maps], dim=-1)

    def linear(self, h: torch.Tensor) -> torch.Tensor:
        """All results, without the biases."""
        return torch.cat([one.linear(h) for one in self.maps], dim=-1)

    def spread(self, radius: torch.Tensor) -> torch.Tensor:
        """How far each result reaches."""
        return torch.cat([one.spread(radius) for one in self.maps], dim=-1)

    def back(self, rows: torch.Tensor) -> torch.Tensor:
        """The sum of what goes back through each map."""
        pieces = rows.split([one.n_outputs for one in self.maps], dim=-1)
        first, *others = (one.back(p) for one, p in zip(self.maps, pieces, strict=True))
        return sum(others, start=first)

    def columns(self, index: torch.Tensor) -> torch.Tensor:
        """The columns of each map, one below the other."""
        return torch.cat([one.columns(index) for one in self.maps], dim=-1)

    def absolute(self) -> Stacked:
        """The absolute maps side by side."""
        return Stacked(tuple(one.absolute() for one in self.maps))

    def to(self, like: torch.Tensor) -> Stacked:
        """The same map in the precision of `like`."""
        return Stacked(tuple(one.to(like) for one in self.maps))


@dataclass(frozen=True)
class Summed:
    """The sum of several maps of the same values: where a connection that skips layers ends.

    Source: own

    Parameters
    ----------
    maps : tuple of AffineMap
        With the same inputs and as many outputs.

    Notes
    -----
    `spread` adds those of the maps: sound, and wider than `|W| r` where paths cancel.
    """

    maps: tuple[AffineMap, ...]

    @property
    def n_inputs(self) -> int:
        """r."""
        return self.maps[0].n_inputs

    @property
    def n_outputs(self) -> int:
        """s."""
        return self.maps[0].n_outputs

    def __call__(self, h: torch.Tensor) -> torch.Tensor:
        """The sum of the results."""
        return _total([one(h) for one in self.maps])

    def linear(self, h: torch.Tensor) -> torch.Tensor:
        """The sum of the results, without the biases."""
        return _total([one.linear(h) for one in self.maps])

    def spread(self, radius: torch.Tensor) -> torch.Tensor:
        """At least `|W| r`."""
        return _total([one.spread(radius) for one in self.maps])

    def back(self, rows: torch.Tensor) -> torch.Tensor:
        """The sum of what goes back through each map."""
        return _total([one.back(rows) for one in self.maps])

    def columns(self, index: torch.Tensor) -> torch.Tensor:
        """The sum of the columns."""
        return _total([one.columns(index) for one in self.maps])

    def absolute(self) -> Summed:
        """The sum of the absolute maps."""
        return Summed(tuple(one.absolute() for one in self.maps))

    def to(self, like: torch.Tensor) -> Summed:
        """The same map in the precision of `like`."""
        return Summed(tuple(one.to(like) for one in self.maps))


def _total(values: list[torch.Tensor]) -> torch.Tensor:
    first, *others = values
    return sum(others, start=first)
