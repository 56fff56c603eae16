r"""What an attack climbs: losses of one sample that rise towards a misclassification.

The cross-entropy (`robustcore.losses.cross_entropy`) rises too, but its gradient vanishes in
floating point on a confident network, so that what it finds depends on the scale of the logits.
Every loss here is a function (n, K), (n,) -> (n,), and the points where it is largest are the same
for all positive multiples of the logits.
"""

from __future__ import annotations

import math

import torch

from ..doors import class_labels, classes, whole_labels
from ..errors import InputError
from ..losses import PerSampleLoss, cross_entropy, gaps

_SPREAD = 30.0  # of the logits whose cross-entropy is climbed


def margin(z: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    r"""The worst gap :math:`\max_{k\ne y} z_k - z_y`: the loss of an attack that wants errors.

    It is at least 0 exactly where the sample is misclassified (a tie counts), and its gradient does
    not vanish on confident networks as that of the cross-entropy does.

    Source: own (Carlini, Wagner 2017, objective f_6)

    Parameters
    ----------
    z : (n, K) logits
        One output z is read as (0, z).
    y : (n,) class labels

    Returns
    -------
    (n,)
    """
    z, y = classes(z, y)
    own = torch.nn.functional.one_hot(y, z.shape[-1]) == 1
    return gaps(z, y).masked_fill(own, -math.inf).amax(dim=-1)


def relative_cross_entropy(z: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    r"""The cross-entropy of logits that are first stretched to one spread, whatever their scale.

    .. math:: L\bigl(y, 30\,z / s\bigr),\qquad s = \max_k z_k - \min_k z_k
              \text{ taken as a constant}

    Every class takes part in the gradient, as in the cross-entropy, and none of them vanishes.

    Source: own

    Parameters
    ----------
    z : (n, K) logits
    y : (n,) class labels

    Returns
    -------
    (n,)

    Notes
    -----
    The constant 30 was the strongest of 3, 10 and 30 in PGD on networks of 2 x 100 on MNIST, for
    p = inf: the errors of the plain cross-entropy and up to 2 % more of the images. With two
    classes it climbs the margin.
    """
    z, y = classes(z, y)
    spread = (z.amax(dim=1, keepdim=True) - z.amin(dim=1, keepdim=True)).detach()
    return cross_entropy(z * (_SPREAD / torch.where(spread > 0, spread, _SPREAD)), y)


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
    Where the three largest logits agree to the last bit the ratio has no value, and the margin
    stands for it.
    """
    z, y = classes(z, y)
    if z.shape[1] < 3:
        raise InputError(
            "the difference of logits ratio needs 3 classes, got 2; attack the margin."
        )
    largest = z.topk(3, dim=-1).values
    apart = largest[..., 0] - largest[..., 2]
    return margin(z, y) / torch.where(apart > 0, apart, 1.0)


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
        gap = gaps(z, y)
        aim = class_labels(whole_labels(target, len(gap), gap.device), z[:1].numel())
        return gap.gather(-1, aim[:, None])[:, 0]

    return gap_to_target
