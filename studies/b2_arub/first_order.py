"""The losses of paper B as formulas, and where its linearisations (8) and (9) are exact."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from robustcore import attacks, bounds, defenses
from robustcore.balls import LpBall
from robustcore.losses import cross_entropy, gaps
from robustcore.networks import ReLUNetwork, affine_layers

from ..oracles.bound_twins import (
    Instance,
    first_order_by_autograd,
    random_instances,
    theorem_11_literal,
)
from ..oracles.corners import critical_points, random_network

Rows = list[dict[str, Any]]
_EXPONENTS = (1.0, 2.0, math.inf)
_NAMES = {
    "(1)": "clean",
    "(2)": "found by PGD",
    "(10)": "aRUB",
    "(11)": "aRUB, written out",
    "(27)": "RUB",
}


def first_flip(net: ReLUNetwork, x: torch.Tensor, p: float) -> float:
    """The distance at which the first ReLU of one sample changes its sign.

    .. math:: \\min_{l, j}\\; |z^l_j(x)| \\,/\\, \\lVert\\nabla z^l_j(x)\\rVert_q

    Source: own (on [B] eq. (8))

    Parameters
    ----------
    net : ReLUNetwork
    x : (M,) tensor
    p : float
        Of the norm in which the distance is measured.
    """
    unit = LpBall(p, 1.0)
    jacobian, h = torch.eye(len(x), dtype=x.dtype), x
    nearest = math.inf
    for W, b in affine_layers(net)[:-1]:
        z, jacobian = W @ h + b, W @ jacobian
        length = unit.support(jacobian)
        nearest = min(nearest, float(torch.where(length > 0, z.abs() / length, math.inf).min()))
        jacobian, h = jacobian * (z > 0)[:, None], z.clamp(min=0)
    return nearest


def linear_rows(
    n_networks: int = 60, factors: Sequence[float] = (0.99, 3.0), draws: int = 200, seed: int = 0
) -> Rows:
    """(8), (9) and (10) inside the linear piece of x and beyond it, for p = 1, 2 and inf.

    Source: [B] eqs. (8), (9), (10)

    Parameters
    ----------
    factors : sequence of float
        Radii as multiples of the distance to the first flip of a ReLU.
    draws : int
        Random perturbations of each ball; to them come the maximisers of each linearised gap.

    Returns
    -------
    list of dict
        A row for each (p, factor): largest distance of the two sides of (8) over all
        perturbations; of (9) to the largest gap found; largest violation of (10) by a loss found.
    """
    rng = np.random.default_rng(seed)
    rows = []
    for p in _EXPONENTS:
        for factor in factors:
            found = [_linear(i, p, factor, draws, rng) for i in random_instances(n_networks, seed)]
            rows.append(
                {
                    "p": f"{p:g}",
                    "factor": factor,
                    "networks": n_networks,
                    **{key: max(f[key] for f in found) for key in found[0]},
                }
            )
    return rows


def _linear(
    instance: Instance, p: float, factor: float, draws: int, rng: np.random.Generator
) -> dict[str, float]:
    net, x, y = instance.net, instance.x[:1], instance.y[:1]
    ball = LpBall(p, factor * min(first_flip(net, x[0], p), 10.0))  # some flip nowhere
    arub = bounds.arub(net, x, y, ball)
    jacobian = torch.autograd.functional.jacobian(lambda v: net(v[None])[0], x[0])
    slope = jacobian - jacobian[y]  # of each gap
    delta = torch.cat(
        [torch.from_numpy(ball.sample((draws, x.shape[1]), rng)), ball.maximiser(slope)]
    )
    z = net(x + delta)
    labels = y.expand(len(delta))
    return {
        "(8)": float((z - net(x) - delta @ jacobian.T).abs().max()),
        "(9)": float((arub - gaps(z, labels).amax(dim=0)).abs().max()),
        "(10)": float(cross_entropy(z, labels).max() - cross_entropy(arub, y)),
    }


def loss_rows(n_networks: int = 60, width: int = 6, radius: float = 0.7, seed: int = 0) -> Rows:
    """The five losses on two-layer networks of the plane, where (2) is known exactly.

    Source: [B] eqs. (1), (2), (10), (11), (27)

    Returns
    -------
    list of dict
        A row for each equation: `twin`, the largest distance of the library's training loss to the
        formula written out; `below`, the share of networks on which it lies below (2); and in nats
        `missing` and `over`, by how much at most it lies below and above (2). The row of (2) is
        what training sees of it, the loss that 40 steps of projected gradient ascent find.
    """
    generator = torch.Generator().manual_seed(seed)
    x, y, ball = torch.zeros(1, 2).double(), torch.tensor([0]), LpBall(1, radius)
    found: list[dict[str, tuple[float, float, float]]] = []
    for _ in range(n_networks):
        net = random_network(3, width, generator)
        points = critical_points(net, x[0], ball)
        exact = float(cross_entropy(net(points), y.expand(len(points))).max())
        found.append(_losses(net, x, y, ball, exact))
    return [
        {
            "eq": eq,
            "loss": _NAMES[eq],
            "networks": n_networks,
            "twin": max(abs(f[eq][0] - f[eq][1]) for f in found),
            "below": sum(f[eq][1] < f[eq][2] - 1e-9 for f in found) / n_networks,
            "missing": max(f[eq][2] - f[eq][1] for f in found),
            "over": max(f[eq][1] - f[eq][2] for f in found),
        }
        for eq in found[0]
    ]


def _losses(
    net: ReLUNetwork, x: torch.Tensor, y: torch.Tensor, ball: LpBall, exact: float
) -> dict[str, tuple[float, float, float]]:
    """Equation to (written out, the library's, exact value of (2))."""
    label, t = int(y[0]), [s[0] for s in bounds.nominal_slopes(net, x)]
    clean = (net(x) - net(x)[:, label : label + 1])[0].tolist()
    linear = [first_order_by_autograd(net, x[0], k, label, ball) for k in range(3)]
    robust = [theorem_11_literal(net, x[0], k, label, ball.radius, t) for k in range(3)]
    attacked = float(cross_entropy(net(attacks.pgd(net, x, y, ball, steps=40)), y))
    arub = float(defenses.arub(ball)(net, x, y))
    return {
        "(1)": (_softmax_loss(clean), float(defenses.nominal()(net, x, y)), exact),
        "(2)": (attacked, float(defenses.pgd(ball, 40)(net, x, y)), exact),
        "(10)": (float(cross_entropy(torch.tensor([linear], dtype=x.dtype), y)), arub, exact),
        "(11)": (_softmax_loss(linear), arub, exact),
        "(27)": (_softmax_loss(robust), float(defenses.rub(ball)(net, x, y)), exact),
    }


def _softmax_loss(worst_gaps: Sequence[float]) -> float:
    """log of the sum of exponentials, as (11) and (27) print it."""
    return math.log(sum(math.exp(g) for g in worst_gaps))


def record(n_networks: int = 300, seed: int = 0) -> dict[str, Rows]:
    """The records `b2_arub.linear` and `b2_arub.losses`.

    Source: [B] eqs. (1), (2), (8)-(11), (27)
    """
    return {
        "b2_arub.linear": linear_rows(n_networks, seed=seed),
        "b2_arub.losses": loss_rows(n_networks, seed=seed),
    }
