"""What a defense is, and how a matrix of gap bounds becomes one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import nn

from ..balls import LpBall
from ..losses import PerSampleLoss, adversarial_loss_bound

PerSampleDefense = Callable[[nn.Module, torch.Tensor, torch.Tensor], torch.Tensor]
GapBound = Callable[..., torch.Tensor]


@dataclass(frozen=True)
class Defense:
    """A training loss: `defense(net, x, y)` is the mean over the batch, a scalar.

    Source: own

    Parameters
    ----------
    call : str
        The call that makes it, which is also its `repr`.
    per_sample : callable (net, x, y) -> (n,) tensor
        The loss of each sample, without the mean.
    ball : LpBall or None
        The perturbations it defends against.
    """

    call: str
    per_sample: PerSampleDefense = field(repr=False)
    ball: LpBall | None = None

    def __call__(self, net: nn.Module, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Mean over the batch of the losses of the samples; a scalar tensor."""
        return self.per_sample(net, x, y).mean()

    def __repr__(self) -> str:
        return self.call


def from_gaps(bound: GapBound, ball: LpBall, loss: PerSampleLoss) -> PerSampleDefense:
    """Lemma 1 on what `bound(net, x, y, ball)` says of the worst gaps, sample by sample.

    Source: [B] Lemma 1, eqs. (10), (27)

    Parameters
    ----------
    bound : callable (net, x, y, ball) -> (n, K) tensor
    ball : LpBall
    loss : callable
        Translation invariant and monotone, as Lemma 1 wants it.
    """
    return partial(_loss_of_gaps, bound=bound, ball=ball, loss=loss)


def _loss_of_gaps(
    net: nn.Module,
    x: torch.Tensor,
    y: torch.Tensor,
    bound: GapBound,
    ball: LpBall,
    loss: PerSampleLoss,
) -> torch.Tensor:
    return adversarial_loss_bound(bound(net, x, y, ball), y, loss)  # (10), (27)
