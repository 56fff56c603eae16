"""What a one-hidden-layer network is proved to cost on a ball around every sample.

Shape letters: n samples, d inputs.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from .. import bounds
from ..balls import SUPPORT, PerturbationSet, check_set
from ..errors import InputError, check_number
from ..losses import ConvexLoss, OfLabels, named
from ..networks import TwoLayerReLU

GapBound = Callable[..., torch.Tensor]


def certified_cost(
    net: TwoLayerReLU,
    X: np.ndarray,
    y: np.ndarray,
    ball: PerturbationSet,
    beta: float,
    loss: str = "hinge",
    bound: GapBound = bounds.tightest,
) -> float:
    r"""An upper bound of the robust cost (2) of a network, by any sound bound of its worst outputs.

    .. math:: \max_{\Delta}\ \ell(\hat y(X+\Delta), y)+\tfrac\beta2\sum_j\|u_j\|_2^2+\alpha_j^2

    Source: own (on [A] eqs. (2), (13); [B] Lemma 1)

    Parameters
    ----------
    net : TwoLayerReLU
    X : (n, d) array
    y : (n,) array
    ball : PerturbationSet
        Of the inputs; biases are not perturbed.
    beta : float
    loss : str
        As for `convex.train_robust`.
    bound : callable (net, x, classes, ball) -> (n, 2) tensor
        Sound, one of :mod:`robustcore.bounds`; by default the least of RUB, CROWN and intervals.

    Returns
    -------
    float
        Exact for networks of (10), as far as they keep (10b).
    """
    kind, x, target = read_problem(X, y, ball, beta, loss)
    with torch.no_grad():
        total = kind.total(worst_hurt(net, x, target, ball, kind, bound))
        decay = sum(w.double().square().sum() for w in (net.u, net.b, net.alpha))
        return float(total + 0.5 * beta * decay)


def worst_hurt(
    net: TwoLayerReLU,
    x: torch.Tensor,
    y: torch.Tensor,
    ball: PerturbationSet,
    kind: ConvexLoss,
    bound: GapBound,
) -> torch.Tensor:
    """How much each sample may hurt on its ball, from above, with a graph: (n,).

    Source: own (on [A] eqs. (13), (17))
    """
    if not len(net.alpha):
        return kind.hurt(x.new_zeros(len(x)), y)
    if isinstance(kind, OfLabels):  # one side hurts
        own = (y > 0).long()
        return bound(net, x, own, ball).gather(1, 1 - own[:, None])[:, 0]
    classes = torch.zeros(len(x), dtype=torch.long, device=x.device)
    up = bound(net, x, classes, ball)[:, 1]
    down = bound(net, x, 1 - classes, ball)[:, 0]
    return torch.maximum(up - y, down + y)


def read_problem(
    X: np.ndarray, y: np.ndarray, ball: PerturbationSet, beta: float, loss: str
) -> tuple[ConvexLoss, torch.Tensor, torch.Tensor]:
    """The loss, samples and targets, checked at the door.

    Source: own
    """
    check_set(ball, "a certified cost", SUPPORT)
    if not check_number("beta", beta) > 0:
        raise InputError(f"beta must be a positive number, got {beta!r}.")
    kind = named(loss)
    kind.check(np.asarray(y, dtype=float))
    x, target = (torch.as_tensor(np.asarray(a, dtype=np.float64)) for a in (X, y))
    if x.ndim != 2 or target.shape != x.shape[:1]:
        raise InputError(f"X must be (n, d) and y (n,), got {x.shape} and {target.shape}.")
    return kind, x, target
