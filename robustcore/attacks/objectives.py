r"""What an attack climbs: losses of one sample that rise towards a misclassification.

The cross-entropy (`robustcore.losses.cross_entropy`) rises too, but its gradient vanishes in
floating point on a confident network. Every loss here is a function (n, K), (n,) -> (n,).
"""

from __future__ import annotations

import math

import torch

from ..errors import InputError
from ..losses import PerSampleLoss, gaps


def margin(z: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    r"""The worst gap :math:`\max_{k\ne y} z_k - z_y`: the loss of an attack that wants errors.

    It is at least 0 exactly where the sample is misclassified (a tie counts), and its gradient does
    not vanish on confident networks as that of the cross-entropy does.

    Source: own (Carlini, Wagner 2017, objective f_6)

    Parameters
    ----------
    z : (n, K) logits
        K at least 2.
    y : (n,) class labels

    Returns
    -------
    (n,)
    """
    own = torch.nn.functional.one_hot(y, z.shape[-1]) == 1
    return gaps(z, y).masked_fill(own, -math.inf).amax(dim=-1)


def dlr(z: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    r"""The difference of logits ratio, a margin that does not change when logits are scaled.

    .. math:: \frac{\max_{k\ne y} z_k - z_y}{z_{\pi_1} - z_{\pi_3}},\qquad
              z_{\pi_1}\ge z_{\pi_2}\ge z_{\pi_3}\ge\dots

    Source: own (Croce, Hein 2020, eq. (6))

    Parameters
    ----------
    z : (n, K) logits
        K at least 3.
    y : (n,) class labels

    Returns
    -------
    (n,)
        Above -1; at least 0 exactly where the sample is misclassified.

    Raises
    ------
    InputError
        For fewer than three classes.

    Notes
    -----
    Where the three largest logits agree to the last bit the ratio has no value; 1e-12 in the
    denominator makes it 0 there.
    """
    if z.shape[-1] < 3:
        raise InputError(
            f"the difference of logits ratio needs 3 classes, got {z.shape[-1]}; attack the margin."
        )
    largest = z.topk(3, dim=-1).values
    return margin(z, y) / (largest[..., 0] - largest[..., 2] + 1e-12)


def towards(target: torch.Tensor) -> PerSampleLoss:
    r"""The gap :math:`z_t - z_y` to one wrong class of each sample, as a loss to climb.

    Source: [B] Section 3 (the gaps of Lemma 1); own as an attack

    Parameters
    ----------
    target : (n,) class labels
        The class t of each sample; its labels come to the loss with the logits.

    Returns
    -------
    callable (n, K), (n,) -> (n,)
        At least 0 only where the sample is misclassified.
    """

    def gap_to_target(z: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return gaps(z, y).gather(-1, target[:, None])[:, 0]

    return gap_to_target
