"""Lemma 1 of paper B: which losses it covers, and how much it gives away.

Shapes: n samples, M inputs (2 where points of the plane are listed), K classes.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn

from robustcore import bounds
from robustcore.balls import LpBall
from robustcore.losses import (
    PerSampleLoss,
    adversarial_loss_bound,
    cross_entropy,
    multiclass_hinge,
    zero_one,
)
from robustcore.networks import ReLUNetwork

from ..oracles.corners import critical_points, random_network
from .baselines import baseline_rows

Rows = list[dict[str, Any]]
_FIRST = torch.tensor([0])  # the true class of every sample here
INF = math.inf


def squared_error(z: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    r""":math:`\|z - e_y\|_2^2` of each sample: neither translation invariant nor monotone.

    Source: [B] Section 3 ("squared error")
    """
    return (z - nn.functional.one_hot(y, z.shape[-1])).square().sum(dim=-1)


def absolute_error(z: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    r""":math:`\|z - e_y\|_1` of each sample: neither translation invariant nor monotone.

    Source: [B] Section 3 ("absolute error")
    """
    return (z - nn.functional.one_hot(y, z.shape[-1])).abs().sum(dim=-1)


LOSSES: dict[str, PerSampleLoss] = {
    "cross-entropy": cross_entropy,
    "hinge": multiclass_hinge,
    "zero-one": zero_one,
    "squared error": squared_error,
    "absolute error": absolute_error,
}


def losses_at(logits: Sequence[Sequence[float]], label: int) -> dict[str, list[float]]:
    """Every loss at the given rows of logits, all with one true class.

    Source: [B] Section 3
    """
    z = torch.as_tensor(logits, dtype=torch.float64)
    y = torch.full((len(z),), label)
    return {name: loss(z, y).tolist() for name, loss in LOSSES.items()}


def smallest_instance() -> tuple[ReLUNetwork, torch.Tensor, torch.Tensor, list[list[float]]]:
    """z = (0, x, -x) on [-1, 1] with true class 0: network, centre, label, logits at both ends.

    Source: own
    """
    layer = (np.array([[0.0], [1.0], [-1.0]]), np.zeros(3))
    net = ReLUNetwork.from_arrays([layer]).requires_grad_(False)
    ends = net(torch.tensor([[-1.0], [1.0]]).double())
    return net, torch.zeros(1, 1).double(), _FIRST, ends.tolist()


# -- the two assumptions --------------------------------------------------------------------------


def assumption_rows(n_trials: int = 2000, n_classes: int = 4, seed: int = 0) -> Rows:
    """Random pairs of logits against (3) and (4), for each loss.

    Source: [B] Assumptions 3.1, 3.2, eqs. (3), (4)

    Returns
    -------
    list of dict
        `moved`: the largest change of the loss when a constant is taken off all logits, relative
        to 1 + loss; `broken`: the share of pairs with ordered gaps whose losses are not ordered.
    """
    generator = torch.Generator().manual_seed(seed)
    draw = partial(torch.randn, generator=generator, dtype=torch.float64)
    y = torch.randint(0, n_classes, (n_trials,), generator=generator)
    z, shift = 3 * draw(n_trials, n_classes), 3 * draw(n_trials, 1)
    own = nn.functional.one_hot(y, n_classes) == 1
    larger = z + shift + draw(n_trials, n_classes).abs().masked_fill(own, 0)
    rows = []
    for name, loss in LOSSES.items():
        before, after = loss(z, y), loss(z - shift, y)
        rows.append(
            {
                "loss": name,
                "moved": float(((before - after).abs() / (1 + before)).max()),
                "broken": float((before > loss(larger, y) + 1e-12 * (1 + before)).double().mean()),
            }
        )
    return rows


# -- Lemma 1, exactly --------------------------------------------------------------------------


def lemma_rows(
    n_networks: int = 40,
    classes: Sequence[int] = (2, 3, 5, 10),
    width: int = 6,
    radius: float = 1.0,
    seed: int = 0,
) -> Rows:
    """The exact adversarial loss (5) beside the bound (6) with exact worst gaps.

    Source: [B] Lemma 1, eqs. (5), (6)

    Parameters
    ----------
    n_networks : int
        For each K; L1 and Linf balls in turn.
    classes : sequence of int
        K.
    width : int
    radius : float
    seed : int

    Returns
    -------
    list of dict
        For each K and loss: the largest (5) - (6) (`violation`), the mean and largest (6) - (5),
        and the share of networks where they are equal. (5) is the maximum over all critical points,
        the gaps in (6) are those of the mixed-integer program.
    """
    generator = torch.Generator().manual_seed(seed)
    rows = []
    for K in classes:
        given: dict[str, list[float]] = {}
        for number in range(n_networks):
            net, x, y = random_network(K, width, generator), torch.zeros(1, 2).double(), _FIRST
            ball = LpBall((1, INF)[number % 2], radius)
            worst = bounds.exact(net, x, y, ball, attained=True)
            points = net(critical_points(net, x[0], ball))
            for name in ("cross-entropy", "hinge", "zero-one"):
                left = LOSSES[name](points, y.expand(len(points))).max()
                right = adversarial_loss_bound(worst, y, LOSSES[name])
                given.setdefault(name, []).append(float(right - left))
        rows += [{"K": K, "loss": name, **_slack(values)} for name, values in given.items()]
    return rows


def _slack(values: list[float]) -> dict[str, Any]:
    return {
        "networks": len(values),
        "violation": max(-v for v in values),
        "mean": float(np.mean(values)),
        "largest": max(values),
        "equal": float(np.mean([abs(v) < 1e-6 for v in values])),
    }


def sharp_network(n_classes: int, slope: float) -> ReLUNetwork:
    r"""The network on which Lemma 1 gives away as much as it can, as the slope grows.

    One linear layer: :math:`z_1 = 0` and :math:`z_{k+1} = 2ax_k - a` for k = 1..K-1. Each gap is a
    at its own vertex of the unit L1 ball, and -a or less at all others.

    Source: own
    """
    K = n_classes
    W, b = torch.zeros(K, K - 1).double(), torch.zeros(K).double()
    W[1:], b[1:] = 2 * slope * torch.eye(K - 1), -slope
    return ReLUNetwork.from_arrays([(W, b)]).requires_grad_(False)


def sharp_rows(classes: Sequence[int] = (3, 10), slopes: Sequence[float] = (0.0, 1, 2, 4)) -> Rows:
    """(5) and (6) on the sharp network, by its 2 (K - 1) vertices.

    Source: [B] Lemma 1
    """
    rows = []
    for K, slope in itertools.product(classes, slopes):
        net, ball = sharp_network(K, slope), LpBall(1, 1.0)
        z = net(torch.from_numpy(ball.vertices(K - 1)))
        left = float(cross_entropy(z, torch.zeros(len(z), dtype=torch.long)).max())
        worst = bounds.rub(net, torch.zeros(1, K - 1).double(), _FIRST, ball)  # exact: affine
        right = float(cross_entropy(worst, _FIRST))
        rows.append({"K": K, "slope": slope, "left": left, "right": right, "given": right - left})
    return rows


def record(
    n_trials: int = 2000,
    n_networks: int = 15,
    width: int = 6,
    radius: float = 1.0,
    epsilon: float = 0.1,
    steps: int = 600,
    n_seeds: int = 3,
    seed: int = 0,
) -> dict[str, Rows]:
    """The rows behind the claims of the page.

    Source: [B] Lemma 1, eq. (7)
    """
    return {
        "b1_gap_lemma.assumptions": assumption_rows(n_trials, seed=seed),
        "b1_gap_lemma.slack": lemma_rows(n_networks, width=width, radius=radius, seed=seed),
        "b1_gap_lemma.sharp": sharp_rows(),
        "b1_gap_lemma.baseline": baseline_rows(epsilon, steps=steps, n_seeds=n_seeds, seed=seed),
    }
