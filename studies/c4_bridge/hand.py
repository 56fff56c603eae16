"""The smallest instances of the bridge: one input, no bias, so that a network is four numbers."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from robustcore import bounds, convex, patterns
from robustcore.balls import LpBall
from robustcore.networks import TwoLayerReLU

from ..oracles.expected import read_from_the_solution

RADIUS = 0.5
COSTS = ("exact", "tightest", "rub", "crown", "arub")


@dataclass(frozen=True)
class Small:
    """Points on a line with labels, and what the costs are by hand, as multiples of 1 and beta.

    Source: own
    """

    name: str
    X: tuple[float, ...]
    y: tuple[float, ...]
    by_hand: dict[str, tuple[float, float]]


INSTANCES = (
    Small(
        "no ball at the kink",
        (1.0, -1.0),
        (1.0, -1.0),
        dict.fromkeys(("(10)", *COSTS), (0.0, 4.0)),
    ),
    Small(
        "a ball at the kink, label -1",
        (1.0, -0.1),
        (1.0, -1.0),
        {"(10)": (1.0, 0.0), **dict.fromkeys(COSTS, (0.9, 2.0)), "arub": (0.5, 2.0)},
    ),
    Small(
        "a ball at the kink, label +1",
        (1.0, 0.1, -1.0),
        (1.0, 1.0, -1.0),
        {
            "(10)": (1.0, 0.0),
            **dict.fromkeys(("exact", "tightest", "arub"), (0.6, 4.0)),
            **dict.fromkeys(("rub", "crown"), (2.6 / 3, 4.0)),
        },
    ),
)


def network(weights: Sequence[float]) -> TwoLayerReLU:
    r"""The network :math:`p_+(z)_+ - p_-(z)_+ + n_+(-z)_+ - n_-(-z)_+`.

    Source: [A] eq. (7)
    """
    given, rows = np.array(weights)[:, None], np.array([[1.0], [1.0], [-1.0], [-1.0]])
    keep = given[:, 0] > 0
    v, w = (given * rows)[[0, 2]][keep[[0, 2]]], (given * rows)[[1, 3]][keep[[1, 3]]]
    return convex.recover(v, w).requires_grad_(False)


def cost(net: TwoLayerReLU, case: Small, beta: float, method: str) -> float:
    """The robust hinge cost of a network by one bound; "exact" tries both ends and the kink.

    Source: [A] eq. (13); [B] eqs. (9), (35)
    """
    x = torch.tensor(case.X, dtype=torch.float64)[:, None]
    y = (torch.tensor(case.y) > 0).long()
    ball = LpBall(1, RADIUS)
    if method == "exact":
        tried = torch.cat([x - RADIUS, x + RADIUS, (0 * x).clamp(x - RADIUS, x + RADIUS)], dim=1)
        gap = ((1.0 - 2.0 * y)[:, None] * net(tried.reshape(-1, 1)).reshape(-1, 3)).amax(1)
    else:
        gap = getattr(bounds, method)(net, x, y, ball).gather(1, (1 - y)[:, None])[:, 0]
    hinge = (1 + gap).clamp(min=0)
    return float(hinge.mean() + beta * net.penalty())


@read_from_the_solution()
def by_hand(beta: float = 0.01, sizes: Sequence[float] = (0, 1, 2, 3)) -> list[dict[str, Any]]:
    """The least cost by each bound over a grid of networks, beside (10) and the value by hand.

    Source: own (on [A] eq. (10))

    Parameters
    ----------
    beta : float
        Below 1/30.
    sizes : sequence of float
        Values that each of the four numbers of a network takes.

    Returns
    -------
    list of dict
        instance, cost, least, by_hand, network: the four numbers that attain it.
    """
    rows = []
    for case in INSTANCES:
        X, y = np.array(case.X)[:, None], np.array(case.y)
        ball = LpBall(math.inf, RADIUS)  # on a line all balls are one
        solved = convex.train_robust_hinge(X, y, patterns.enumerate(X), ball, beta)
        found: dict[str, tuple[float, list[float] | None]] = {"(10)": (solved.objective, None)}
        nets = {w: network(w) for w in itertools.product(sizes, repeat=4)}
        for method in COSTS:
            each = {w: cost(net, case, beta, method) for w, net in nets.items()}
            best = min(each, key=lambda w: each[w])
            found[method] = (each[best], list(best))
        for name, (least, weights) in found.items():
            one, times_beta = case.by_hand[name]
            rows.append(
                {
                    "instance": case.name,
                    "cost": name,
                    "least": least,
                    "by_hand": one + times_beta * beta,
                    "network": weights,
                }
            )
    return rows
