"""What a network costs on the training images: clean, attacked, exact and certified."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from robustcore import bounds, convex
from robustcore.balls import LpBall
from robustcore.errors import SolverError
from robustcore.networks import TwoLayerReLU

from ..a4_hinge.cifar import moved
from ..cifar_pairs import Pair

_SETTLED = 1e-9  # hinges from below and above that agree so far need no program


def costs(net: TwoLayerReLU, pair: Pair, radius: float, beta: float) -> dict[str, float]:
    """The objective at clean inputs, under FGSM and PGD (from below), and by CROWN (from above).

    Source: [A] eq. (2), Table I

    Parameters
    ----------
    net : TwoLayerReLU
    pair : Pair
    radius : float
    beta : float
    """
    if not len(net.alpha):  # the zero network: every hinge is 1
        return dict.fromkeys(("clean_cost", "fgsm_cost", "pgd_cost", "certified_cost"), 1.0)
    fast, slow = moved(net, *_inputs(pair), radius)
    below = {
        name: convex.training_cost(net, inputs, pair.y, beta)
        for name, inputs in (
            ("clean_cost", pair.X),
            ("fgsm_cost", fast.numpy()),
            ("pgd_cost", slow.numpy()),
        )
    }
    _, above = _hinges(net, pair, radius)
    return {**below, "certified_cost": float(above.mean() + beta * net.penalty().detach())}


def exact_share(
    net: TwoLayerReLU, pair: Pair, radius: float, n: int, time_limit: float = 20.0
) -> dict[str, Any]:
    """The mean robust hinge of the first `n` images: by PGD, exactly, and by CROWN.

    Source: own (on [A] eq. (2))

    Parameters
    ----------
    net : TwoLayerReLU
    pair : Pair
    radius : float
    n : int
    time_limit : float
        Seconds for the mixed-integer program of an image.

    Returns
    -------
    dict
        pgd_hinge <= exact_low <= exact_high <= certified_hinge, means over the images without
        weight decay; exact_low and exact_high differ only by images that were not decided in time,
        of which there are `undecided`.
    """
    some = Pair(pair.X[:n], pair.y[:n], pair.X_test, pair.y_test)
    low, high = _hinges(net, some, radius)
    exact_low, exact_high, undecided = low.clone(), high.clone(), 0
    x, y = _inputs(some)
    form, ball = net.as_classifier(), LpBall(math.inf, radius)
    for k in torch.nonzero(high - low > _SETTLED)[:, 0].tolist():
        try:
            gap = bounds.exact(form, x[k : k + 1], y[k : k + 1], ball, time_limit, attained=True)
        except SolverError:
            undecided += 1
            continue
        exact_low[k] = exact_high[k] = (1 + gap[0, 1 - y[k]]).clamp(min=0)
    means = {"pgd_hinge": low, "exact_low": exact_low, "exact_high": exact_high}
    means["certified_hinge"] = high
    return {**{k: float(v.mean()) for k, v in means.items()}, "n": n, "undecided": undecided}


def _hinges(net: TwoLayerReLU, pair: Pair, radius: float) -> tuple[torch.Tensor, torch.Tensor]:
    """The robust hinge of each image from below, by PGD, and from above, by CROWN."""
    x, y = _inputs(pair)
    _, worst = moved(net, x, y, radius)
    with torch.no_grad():
        low = (1 - torch.from_numpy(pair.y) * net(worst)).clamp(min=0)
        gap = bounds.crown(net.as_classifier(), x, y, LpBall(math.inf, radius))
        high = (1 + gap.gather(1, 1 - y[:, None])[:, 0]).clamp(min=0)
    if bool((low > high + _SETTLED).any()):
        raise SolverError(
            "an attack reaches a hinge above its bound by CROWN; one of them is wrong."
        )
    return low, torch.maximum(low, high)  # only rounding is levelled


def _inputs(pair: Pair) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.from_numpy(pair.X), torch.from_numpy((pair.y > 0).astype(np.int64))
