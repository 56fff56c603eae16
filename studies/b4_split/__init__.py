"""Theorems 5 and 8 of paper B: the sup-inf form against the exact worst gap and against RUB."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.optimize import linprog

from robustcore import bounds, datasets, defenses, training
from robustcore.balls import LpBall
from robustcore.losses import gaps
from robustcore.networks import ReLUNetwork, Scaler, affine_layers

from ..oracles.corners import critical_points
from ..oracles.sup_inf import random_network, reduction_rows
from . import proofs

Rows = list[dict[str, Any]]
_SIZES = {2: (2, 4, 2), 3: (2, 4, 4, 2), 4: (2, 3, 3, 3, 2)}  # by the number of layers L
_TOLERANCE = 1e-7  # above rounding of the programs, below any excess of interest


def hand_network() -> tuple[ReLUNetwork, torch.Tensor, torch.Tensor]:
    """A 1-2-2-2 network on which Theorem 8 is no equality, its input 0 and its class 0.

    The gap is 1/2 - [z_1]_+ - [z_2]_+ with z = (1 - 2[-d]_+, 1 - 2[d]_+).

    Source: own
    """
    layers = [
        (np.array([[1.0], [-1.0]]), np.zeros(2)),
        (np.array([[0.0, -2.0], [-2.0, 0.0]]), np.ones(2)),
        (np.array([[1.0, 1.0], [0.0, 0.0]]), np.array([0.0, 0.5])),
    ]
    net = ReLUNetwork.from_arrays(layers).requires_grad_(False)
    return net, torch.zeros(1, 1, dtype=torch.float64), torch.tensor([0])


def gap_along(net: ReLUNetwork, y: torch.Tensor, radius: float, points: int = 81) -> Rows:
    """The gap of the hand network at every d of [-radius, radius].

    Source: own
    """
    d = torch.linspace(-radius, radius, points, dtype=torch.float64)
    gap = gaps(net(d[:, None]), y.expand(points))[:, 1]
    return [{"d": float(at), "gap": float(value)} for at, value in zip(d, gap, strict=True)]


# -- the theorems --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Compared:
    """The worst gap of one sample and class, and what lies above it.

    Source: own
    """

    group: str
    clean: float
    exact: float
    sup_inf: float
    rub: float
    inf_sup: float | None  # two layers only
    hull: float | None  # three layers and two inputs only


def compare(
    net: ReLUNetwork, x: torch.Tensor, y: torch.Tensor, k: int, radius: float, group: str
) -> Compared:
    """Exact value, sup-inf, inf-sup, hull and RUB of one gap over an L1 ball.

    Source: [B] eqs. (13), (26), (30), (35)
    """
    ball, depth = LpBall(1, radius), len(net.layers)
    techniques = (functools.partial(bounds.exact, attained=True), bounds.sup_inf, bounds.rub)
    exact, sup_inf, rub = (float(f(net, x, y, ball)[0, k].detach()) for f in techniques)
    return Compared(
        group=group,
        clean=float(gaps(net(x), y)[0, k]),
        exact=exact,
        sup_inf=sup_inf,
        rub=rub,
        inf_sup=float(bounds.inf_sup(net, x, y, ball)[0, k]) if depth == 2 else None,
        hull=hull_value(net, x, y, k, ball) if depth == 3 and x.shape[1] == 2 else None,
    )


def random_comparisons(
    n_networks: int = 30, seed: int = 0, depths: Sequence[int] = (2, 3, 4)
) -> Iterator[Compared]:
    """Networks of 2, 3 and 4 layers with two inputs, radii between 0.3 and 3.

    Source: [B] Theorems 5, 8
    """
    rng = np.random.default_rng(seed)
    generator = torch.Generator().manual_seed(seed)
    for depth in depths:
        for _ in range(n_networks):
            net = random_network(_SIZES[depth], generator)
            x = torch.randn(1, 2, generator=generator).double()
            radius = float(rng.uniform(0.3, 3))
            yield compare(net, x, torch.tensor([0]), 1, radius, f"random, L = {depth}")


def trained_comparisons(
    n_samples: int = 3, radii: Sequence[float] = (0.5, 1.0, 2.0), seed: int = 0
) -> Iterator[Compared]:
    """Standardised iris, 4-4-4-3, trained nominally and on RUB; every wrong class.

    Source: [B] Theorem 8
    """
    iris = datasets.load("sklearn/iris", split="random", rng=np.random.default_rng(seed))
    data = torch.as_tensor(iris.train.x), torch.as_tensor(iris.train.y)
    for name, defense in (("nominal", defenses.nominal()), ("RUB", defenses.rub(LpBall(1, 0.5)))):
        generator = torch.Generator().manual_seed(seed)
        net = ReLUNetwork((4, 4, 4, 3), generator, Scaler.fit(data[0]), dtype=torch.float64)
        training.fit(
            net, data, defense, steps=300, batch_size=32, learning_rate=1e-2,
            generator=generator, progress=False,
        )  # fmt: skip
        net.requires_grad_(False)
        for row, radius in itertools.product(range(n_samples), radii):
            x = torch.as_tensor(iris.test.x[row : row + 1])
            y = torch.as_tensor(iris.test.y[row : row + 1])
            for k in set(range(3)) - {int(y)}:
                yield compare(net, x, y, k, radius, f"iris, {name}, L = 3")


def hull_value(net: ReLUNetwork, x: torch.Tensor, y: torch.Tensor, k: int, ball: LpBall) -> float:
    """The largest gap over the convex hull of the second layer's values: three layers, two inputs.

    Source: own (on [B] Theorem 8)

    Notes
    -----
    The hull is spanned by the values at the corners of the first layer's linear pieces. On it the
    gap c'W[z]_+ is maximised by one linear program for each sign pattern of z.
    """
    _, (W2, b2), (W3, b3) = affine_layers(net)
    with torch.no_grad():
        corners = critical_points(net, x[0], ball)
        hidden = (net.layers[0](corners)).clamp(min=0) @ W2.T + b2  # type: ignore[operator]
    z, row = hidden.numpy(), (W3[k] - W3[y[0]]).numpy()
    best = -math.inf
    for pattern in itertools.product((0.0, 1.0), repeat=len(row)):
        on = np.array(pattern)
        signs = (1 - 2 * on)[:, None] * z.T  # active coordinates >= 0, the others <= 0
        found = linprog(-(z @ (row * on)), signs, np.zeros(len(row)), np.ones((1, len(z))), [1.0])
        if found.status == 0:
            best = max(best, -float(found.fun))
    return best + float(b3[k] - b3[y[0]])


def summary(found: Sequence[Compared]) -> Rows:
    """What the theorems say, for each group of networks.

    Source: [B] Theorems 5, 8, eqs. (25), (26)

    Returns
    -------
    list of dict
        `violation`: largest exact - sup_inf. `equal`: share with sup_inf = exact (to 1e-7).
        `largest`: largest sup_inf - exact. `hull_distance`: of sup_inf to the value on the hull.
        `order`: largest violation of sup_inf <= inf_sup <= RUB. `rise of ...`: mean of (bound -
        clean) over mean of (exact - clean), None for a group whose gaps do not move at all.
    """
    rows = []
    for group in dict.fromkeys(c.group for c in found):
        here = [c for c in found if c.group == group]
        excess = [c.sup_inf - c.exact for c in here]
        order = [
            max(
                c.sup_inf - c.rub,
                0 if c.inf_sup is None else max(c.sup_inf - c.inf_sup, c.inf_sup - c.rub),
            )
            for c in here
        ]
        rise = sum(c.exact - c.clean for c in here)
        row = {
            "networks": group,
            "gaps": len(here),
            "violation": -min(excess),
            "equal": sum(e < _TOLERANCE for e in excess) / len(here),
            "largest": max(excess),
            "order": max(order),
        }
        for key in ("sup_inf", "inf_sup", "rub"):
            values = [getattr(c, key) for c in here]
            row[f"rise of {key}"] = (
                None
                if None in values or rise < _TOLERANCE
                else (sum(values) - sum(c.clean for c in here)) / rise
            )
        hulls = [abs(c.hull - c.sup_inf) for c in here if c.hull is not None]
        row["hull_distance"] = max(hulls) if hulls else None
        rows.append(row)
    return rows


def hand_rows(radius: float = 1.0) -> Rows:
    """Every number of the hand network.

    Source: [B] Theorem 8, Corollary 9, eqs. (29), (30), (33), (34)
    """
    net, x, y = hand_network()
    ball = LpBall(1, radius)
    techniques: dict[str, Callable[..., torch.Tensor]] = {
        "exact": functools.partial(bounds.exact, attained=True),
        "sup-inf (30)": bounds.sup_inf,
        "RUB": bounds.rub,
        "aRUB": bounds.arub,
    }
    return [
        {"technique": name, "gap": float(f(net, x, y, ball)[0, 1].detach()) + 0.0}
        for name, f in techniques.items()
    ]


def record(n_networks: int = 30, n_samples: int = 3, seed: int = 0) -> dict[str, Rows]:
    """The rows behind the claims of the page.

    Source: [B] Theorems 5, 8
    """
    found = [*random_comparisons(n_networks, seed), *trained_comparisons(n_samples, seed=seed)]
    return {
        "b4_split.reduction": reduction_rows(n_networks, seed),
        "b4_split.theorems": summary(found),
        "b4_split.by_hand": hand_rows(),
        **proofs.record(n_networks, seed),
    }
