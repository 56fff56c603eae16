"""Paper B's losses: from logits and class labels, one number for each sample.

One output z is read as the two logits (0, z), with the labels 0 and 1 or -1 and +1: there the
cross-entropy is paper A's logistic loss.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from ..doors import classes

PerSampleLoss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def gaps(z: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """z_k - z_y for every class k; the entry of the true class is exactly 0.

    Source: [B] Section 5, eq. (12)

    Parameters
    ----------
    z : (n, K) logits, or (n, 1) or (n,) of a binary network
    y : (n,) class labels, whole numbers of any type

    Returns
    -------
    (n, K)
        K = 2 for one output.

    Raises
    ------
    InputError
        For labels that are not classes, or another shape.
    """
    z, y = classes(z, y)
    return z - z.gather(-1, y[:, None])


def cross_entropy(z: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    r"""Softmax cross-entropy :math:`\log\sum_k e^{z_k - z_y}` of each sample.

    Source: [B] eq. (11)

    Notes
    -----
    Computed by log-sum-exp: finite for any finite logits. The published code takes the plain
    logarithm of the plain sum and overflows.
    """
    return torch.logsumexp(gaps(z, y), dim=-1)


def multiclass_hinge(z: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    r"""Crammer-Singer hinge :math:`\max(0, \max_{k\ne y} 1 + z_k - z_y)` of each sample.

    Source: [B] Section 3 (named there, no formula given)
    """
    z, y = classes(z, y)
    gap = gaps(z, y)
    others = torch.nn.functional.one_hot(y, z.shape[-1]) == 0
    return (gap + others.to(gap)).amax(dim=-1)


def zero_one(z: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """1 where some other class reaches the logit of the true one (a tie counts as an error).

    Source: [B] Section 3 ("hardmax with zero-one loss")
    """
    z, y = classes(z, y)
    others = torch.nn.functional.one_hot(y, z.shape[-1]) == 0
    return ((gaps(z, y) >= 0) & others).any(dim=-1).to(z.dtype)


def adversarial_loss_bound(
    gap_bound: torch.Tensor, y: torch.Tensor, loss: PerSampleLoss = cross_entropy
) -> torch.Tensor:
    r"""Lemma 1: the adversarial loss is at most the loss of the worst gaps.

    .. math:: \max_{\delta\in U} L(y, z(x+\delta)) \le
              L\bigl(y, (\sup_\delta z_k - z_y)_{k}\bigr)

    Source: [B] Lemma 1, eqs. (5), (6)

    Parameters
    ----------
    gap_bound : (n, K)
        Upper bounds of sup z_k - z_y; the entry of the true class is 0.
    y : (n,)
    loss : callable
        Translation invariant (3) and monotone (4): `cross_entropy`, `multiclass_hinge`, `zero_one`.

    Returns
    -------
    (n,)
        Upper bounds of the adversarial loss of each sample, as sound as `gap_bound` is.
    """
    return loss(gap_bound, y)
