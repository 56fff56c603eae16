r"""RUB over the L1 ball cut with the box of valid inputs, at the vertices that matter in training.

Shape letters: S networks, n samples, M inputs, k = K - 1 wrong classes, c of them looked at, v
vertices.
"""

from __future__ import annotations

import torch

from ...errors import InputError
from .first_order import Layers, Passed, gap_rows, lemma_1
from .vertices import _columns, _Entries


def rub_boxed(
    layers: Layers,
    x: torch.Tensor,
    y: torch.Tensor,
    radius: torch.Tensor,
    box: tuple[float, float],
    top: int,
    classes: int,
) -> torch.Tensor:
    """Lemma 1 on RUB in the cut ball, at few vertices of few classes: (S, n).

    Source: own (on [B] Theorem 11)

    Raises
    ------
    InputError
        For networks without a hidden layer.
    """
    if len(layers) < 2:
        raise InputError("rub_boxed needs a hidden layer; a linear network has none.")
    gaps, rows, offsets, passed = gap_rows(layers, x, y)
    with torch.no_grad():
        vertices, room, estimate = _first_order(passed, rows, gaps, x, radius, box, top)
        hard = estimate.topk(min(classes, estimate.shape[-1]), dim=-1).indices  # (S, n, c)
    wide = hard[..., None]
    at = _Entries.of(
        passed, rows.gather(2, wide.expand(-1, -1, -1, rows.shape[-1])), offsets.gather(2, hard)
    )
    chosen = vertices.gather(2, wide.expand(-1, -1, -1, vertices.shape[-1]))
    steps = _columns(layers, chosen.flatten(1, 2), radius)
    values = at.values(layers, steps).view(chosen.shape)
    gains = (values - gaps.gather(2, hard)[..., None]).clamp(min=0)
    with torch.no_grad():
        shares = _filled(gains, room.gather(2, wide.expand_as(chosen)))
    bound = gaps.gather(2, hard) + (shares * gains).sum(dim=-1)
    # the other classes: the clean gap, and what the first order adds to it as a number
    return lemma_1((gaps + (estimate - gaps.detach())).scatter(2, hard, bound))


def _first_order(
    passed: Passed,
    rows: torch.Tensor,
    gaps: torch.Tensor,
    x: torch.Tensor,
    radius: torch.Tensor,
    box: tuple[float, float],
    top: int,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Vertices (S, n, k, v), the share that each may have, and the linearised gaps in the cut ball.

    +m stands before M + m, as everywhere.
    """
    slopes = passed.back(rows)
    low, high = box
    M, rho = slopes.shape[-1], radius[..., None, None].clamp(min=1e-12)
    x = x.expand(len(slopes), *x.shape[-2:])[:, :, None]
    room = (torch.where(slopes > 0, high - x, x - low) / rho).clamp(0, 1)
    chosen = (slopes.abs() * room).topk(min(top, M), dim=-1).indices
    found, free = slopes.gather(-1, chosen), room.gather(-1, chosen)
    gains = rho * found.abs()
    estimate = gaps + (_filled(gains, free) * gains).sum(dim=-1)
    return chosen + M * (found < 0), free, estimate


def _filled(gains: torch.Tensor, room: torch.Tensor) -> torch.Tensor:
    """Shares that sum to at most 1, each at most its room, the largest gains first."""
    order = gains.argsort(dim=-1, descending=True)
    sorted_room = room.gather(-1, order)
    before = sorted_room.cumsum(dim=-1) - sorted_room
    share = torch.minimum(sorted_room, (1 - before).clamp(min=0))
    return torch.zeros_like(share).scatter(-1, order, share)
