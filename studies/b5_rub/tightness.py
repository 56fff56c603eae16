"""How the tightness of RUB falls with depth and radius: the question that paper B leaves open."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch

from robustcore import bounds, datasets, defenses, training
from robustcore.balls import LpBall
from robustcore.losses import gaps
from robustcore.networks import ReLUNetwork, Scaler

from ..oracles.sup_inf import random_network

Rows = list[dict[str, Any]]
_TECHNIQUES: dict[str, Callable[..., torch.Tensor]] = {
    "rub": bounds.rub,
    "optimised": bounds.rub_optimised,
    "crown": bounds.crown,
}
_WIDTH = 6
Case = tuple[ReLUNetwork, torch.Tensor, torch.Tensor]


def tightness_rows(
    n_networks: int = 8,
    depths: Sequence[int] = (2, 3, 4, 5),
    radii: Sequence[float] = (0.1, 0.3, 1.0, 2.0),
    n_samples: int = 4,
    seed: int = 0,
) -> Rows:
    """The rise of each bound over the rise of the exact worst gap, by depth and L1 radius.

    Source: [B] Section 7 ("how the tightness of the proposed upper bounds change across layers"),
    Theorem 11

    Parameters
    ----------
    n_networks : int
        Random networks of each depth, 4-6-...-6-3, one sample each.
    n_samples : int
        Test samples of iris for each trained network, 4-6-...-6-3, nominal and on RUB.

    Returns
    -------
    list of dict
        A row a (networks, L, radius): number of `gaps`, and for `rub`, for RUB at optimised slopes
        (`optimised`) and for `crown` the mean of (bound - clean) over the mean of (exact - clean);
        `exact`, the share of gaps on which RUB is exact to 1e-6.
    """
    rows = []
    for depth in depths:
        groups = {"random": list(_random_cases(n_networks, depth, seed))}
        groups |= dict(_trained_cases(n_samples, depth, seed))
        for (name, cases), radius in itertools.product(groups.items(), radii):
            rows.append({"networks": name, "L": depth, "radius": radius, **_rise(cases, radius)})
    return rows


def _random_cases(n_networks: int, depth: int, seed: int) -> Iterator[Case]:
    generator = torch.Generator().manual_seed(seed)
    for _ in range(n_networks):
        net = random_network((4, *[_WIDTH] * (depth - 1), 3), generator)
        x = torch.randn(1, 4, generator=generator).double()
        yield net, x, torch.randint(0, 3, (1,), generator=generator)


def _trained_cases(n_samples: int, depth: int, seed: int) -> Iterator[tuple[str, list[Case]]]:
    iris = datasets.load("sklearn/iris", split="random", rng=np.random.default_rng(seed))
    data = torch.as_tensor(iris.train.x), torch.as_tensor(iris.train.y)
    x, y = torch.as_tensor(iris.test.x[:n_samples]), torch.as_tensor(iris.test.y[:n_samples])
    for name, defense in (("nominal", defenses.nominal()), ("RUB", defenses.rub(LpBall(1, 0.5)))):
        generator = torch.Generator().manual_seed(seed)
        sizes = (4, *[_WIDTH] * (depth - 1), 3)
        net = ReLUNetwork(sizes, generator, Scaler.fit(data[0]), dtype=torch.float64)
        training.fit(
            net, data, defense, steps=300, batch_size=32, learning_rate=1e-2,
            generator=generator, progress=False,
        )  # fmt: skip
        yield f"iris, {name}", [(net.requires_grad_(False), x, y)]


def _rise(cases: Sequence[Case], radius: float) -> dict[str, Any]:
    ball = LpBall(1, radius)
    found: dict[str, list[torch.Tensor]] = {}
    for net, x, y in cases:
        others = torch.nn.functional.one_hot(y, net.n_classes) == 0
        with torch.no_grad():
            found.setdefault("clean", []).append(gaps(net(x), y)[others])
        found.setdefault("exact", []).append(bounds.exact(net, x, y, ball, attained=True)[others])
        for name, technique in _TECHNIQUES.items():
            found.setdefault(name, []).append(technique(net, x, y, ball)[others].detach())
    value = {name: torch.cat(parts) for name, parts in found.items()}
    moved = (value["exact"] - value["clean"]).mean()
    return {
        "gaps": value["exact"].numel(),
        **{n: float((value[n] - value["clean"]).mean() / moved) for n in _TECHNIQUES},
        "exact": float((value["rub"] - value["exact"] < 1e-6).double().mean()),
    }


def record(
    n_networks: int = 40,
    depths: Sequence[int] = (2, 3, 4, 5),
    n_samples: int = 20,
    seed: int = 0,
) -> dict[str, Rows]:
    """The record `b5_rub.tightness`.

    Source: [B] Section 7
    """
    rows = tightness_rows(n_networks, depths, n_samples=n_samples, seed=seed)
    return {"b5_rub.tightness": rows}
