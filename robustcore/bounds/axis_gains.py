r"""What the convex function of Theorem 11 gains along the axes, and what shares of it can gain.

Shape letters: n samples, M inputs, K classes, r_1 neurons of the first layer, v perturbations.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import nn

from ..balls import Placed
from ..networks import AffineMap
from .first_order import gap_jacobian
from .recursion import Recursion, Vertices


@dataclass(frozen=True)
class Uneven:
    """As `Vertices`, at a distance of its own in every direction of every sample.

    Source: own (on [B] Theorem 7)
    """

    first: AffineMap
    lengths: torch.Tensor  # (n, 2M)

    def __len__(self) -> int:
        return 2 * self.first.n_inputs

    def at(self, index: torch.Tensor) -> torch.Tensor:
        """Some of them: (v,) -> (n, v, r_1)."""
        M = self.first.n_inputs
        columns = self.first.columns(index % M)
        signs = 1 - 2 * (index >= M).to(columns)
        return columns * (self.lengths.to(columns)[:, index] * signs)[..., None]


def axis_gains(
    net: nn.Module, x: torch.Tensor, y: torch.Tensor, length: float | torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """F(+-length e_m) - F(0) for all axes, first all of +, (n, 2M, K), and F(0), (n, K).

    Source: own (on [B] Theorem 11)

    Parameters
    ----------
    net, x, y
        As for `rub`.
    length : float or (n, 2M) tensor
    """
    at = Recursion.around(net, x, y)
    if len(at.maps) > 1:
        if isinstance(length, torch.Tensor):
            return gains(at, Uneven(at.maps[0], length))
        return gains(at, Vertices(at.maps[0], length))
    clean, rows = gap_jacobian(net, x, y)
    both = torch.cat([rows, -rows], dim=-1).mT
    return both * (
        length.to(both)[..., None] if isinstance(length, torch.Tensor) else length
    ), clean


def gains(at: Recursion, every: Vertices | Uneven) -> tuple[torch.Tensor, torch.Tensor]:
    """F at all vertices less F(0), (n, 2M, K), and F(0), (n, K).

    Source: own (on [B] Theorem 11)
    """
    clean = at.values(at.z.new_zeros(1, at.z.shape[1]))[:, 0]
    found = clean.new_empty(len(clean), len(every), clean.shape[1])
    for some, values in sweep(at, every):
        found[:, some] = values
    return found.sub_(clean[:, None]), clean


def sweep(at: Recursion, every: Vertices | Uneven) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Some vertices, and the values there, (n, v, K): to be copied out, for `in_blocks`' reason.

    Source: own (on [B] Theorem 11)
    """
    index = torch.arange(len(every), device=at.c.device)
    for some in index.split(at.width()):
        yield some, at.values(every.at(some))


def filled(found: torch.Tensor, placed: Placed) -> tuple[torch.Tensor, torch.Tensor]:
    """Which shares of the vertices gain most in the cut ball: the largest gains first.

    Source: own (on [B] Theorem 11)

    Parameters
    ----------
    found : (n, 2M, K) tensor
    placed : Placed

    Returns
    -------
    (n, 2M, K) tensors
        The vertices in order, and the shares of them: a sum of at most 1, none above the room in
        its direction, 0 where nothing is gained.
    """
    found, order = found.sort(dim=1, descending=True)
    room = placed.shares.to(found)[..., None].expand_as(found).gather(1, order)
    room = torch.where(found > 0, room, 0.0)
    before = room.cumsum(dim=1) - room
    return order, torch.minimum(room, (1 - before).clamp(min=0))


def most_gained(found: torch.Tensor, placed: Placed) -> torch.Tensor:
    """What those shares gain: (n, 2M, K) -> (n, K).

    Source: own (on [B] Theorem 11)
    """
    order, share = filled(found, placed)
    return (share * found.gather(1, order)).sum(dim=1)


def again_with_graph(
    at: Recursion, every: Vertices, order: torch.Tensor, share: torch.Tensor
) -> torch.Tensor:
    """F(0) and what the shares gain, at the vertices that have one alone, with a graph: (n, K).

    Source: own (on [B] Theorem 11)
    """
    n, K = at.c.shape
    counts = (share > 0).sum(dim=1).flatten()
    used = int(torch.cat([counts.new_ones(1), counts]).max())  # 1 for no sample at all
    part, place = share.topk(used, dim=1)  # where there is no room, a larger gain has no share
    index, part = (one.mT.reshape(n * K, used) for one in (order.gather(1, place), part))
    pairs = at.each_class()
    clean = pairs.values(at.z.new_zeros(1, at.z.shape[1]))[..., 0]  # (n K, 1)
    gained = part * (pairs.values(every.at(index))[..., 0] - clean)
    return (clean[:, 0] + gained.sum(dim=1)).reshape(n, K)
