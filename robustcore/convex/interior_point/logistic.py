"""What the two logistic programs share: the loss, its dual value, and how far a step may go."""

from __future__ import annotations

import torch

from .batch import largest

LONGEST_FALL = 2.0  # of a margin in one step: the curvature grows by less than e^2


def longest_fall(change: torch.Tensor) -> torch.Tensor:
    """The longest step at which no margin of the logistic loss falls by more than `LONGEST_FALL`.

    From the change of the margins (B, n), for each program.

    Newton's model of the loss holds while its curvature changes by a bounded factor. It must not
    be left behind on the way down, where the curvature grows; on the way up it only shrinks.
    """
    return LONGEST_FALL / largest(-change).clamp(min=torch.finfo(change.dtype).tiny)


def tangent(xi: torch.Tensor, weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Slope and curvature of the line that Newton's method puts for weight = sigmoid(xi) / n.

    Where the weight is below its value at xi, the tangent of xi = logit(n weight) is taken: the
    other one lets xi fall by 1 at each step and no faster.
    """
    n = xi.shape[-1]
    slope = torch.sigmoid(xi) / n
    share = (n * weight).clamp(torch.finfo(xi.dtype).tiny, 1 - 1e-15)
    bend = weight * (1 - share)
    inverse = weight + bend * (xi - torch.logit(share))
    behind = weight < slope
    own = slope * torch.sigmoid(-xi)
    return torch.where(behind, inverse, slope), torch.where(behind, bend, own)


def mean_logistic(margin: torch.Tensor) -> torch.Tensor:
    """The mean of log(1 + exp(-margin)) over the last axis."""
    return torch.logaddexp(torch.zeros_like(margin), -margin).mean(-1)


def mean_entropy(alpha: torch.Tensor) -> torch.Tensor:
    """The mean entropy of n alpha (..., n), each in [0, 1]: the dual value of the logistic loss."""
    p = (alpha * alpha.shape[-1]).clamp(0, 1)
    return -(torch.xlogy(p, p) + torch.special.xlog1py(1 - p, -p)).mean(-1)
