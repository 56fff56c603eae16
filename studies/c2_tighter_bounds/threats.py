"""Threats of tabular data as polytopes: certified by their vertices, and trained on them.

Iris with one number made a category: petal length as short, medium or long (terciles of the
training samples), beside sepal length, sepal width and petal width in cm.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from robustcore import bounds, datasets, training
from robustcore.balls import LpBall, polytopes
from robustcore.losses import adversarial_loss_bound, cross_entropy
from robustcore.networks import ReLUNetwork, Scaler

from ..oracles.exact_gaps import Shape, worst_gaps

CATEGORY = [3, 4, 5]
MEASURED = (0.3, 0.3, 0.15, 0.0, 0.0, 0.0)  # cm
PETAL = (0.0, 0.0, 0.3, 0.0, 0.0, 0.0)

Vertices = Callable[[torch.Tensor], torch.Tensor]


def threats() -> dict[str, Vertices]:
    """Four sets of perturbations, each as samples -> vertices.

    Source: own
    """

    def radii(values: tuple[float, ...]) -> Vertices:
        return lambda x: polytopes.feature_radii(torch.tensor(values).to(x))

    def swap(x: torch.Tensor) -> torch.Tensor:
        return polytopes.one_hot_swaps(x, [CATEGORY])

    return {
        "a radius for each number": radii(MEASURED),
        "petal width alone": radii(PETAL),
        "one swap of the category": swap,
        "a swap and the numbers": lambda x: polytopes.sum_of(swap(x), radii(MEASURED)(x)),
    }


def tabular_threats(steps: int = 400, n_test: int = 30, seed: int = 0) -> list[dict[str, object]]:
    """Train without defense and on the last threat; certify each threat in three ways.

    Source: own (on [B] Theorem 11)

    Returns
    -------
    list of dict
        A row for each (training, threat): number of `vertices`, and shares of test samples that
        are `clean` (correct), `exact` (safe on the hull by the exact value), `certified` by RUB
        over the vertices, and `by_ball`, by RUB over the smallest L1 ball that holds them.
        `below` is the largest (exact - bound).
    """
    x_train, y_train, x, y = _iris(seed)
    x, y = x[:n_test], y[:n_test]
    last = list(threats().values())[-1]

    def on_the_hull(net: nn.Module, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return adversarial_loss_bound(bounds.rub_polytope(net, x, y, last(x)), y).mean()

    def nominal(net: nn.Module, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return cross_entropy(net(x), y).mean()

    rows = []
    for name, loss in (("nominal", nominal), ("RUB on the hull", on_the_hull)):
        generator = torch.Generator().manual_seed(seed)
        net = ReLUNetwork((6, 8, 8, 3), generator, Scaler.fit(x_train), dtype=torch.float64)
        training.fit(
            net,
            (x_train, y_train),
            loss,
            steps=steps,
            batch_size=32,
            learning_rate=1e-2,
            generator=generator,
            progress=False,
        )
        net.requires_grad_(False)
        rows += [_judged(net, x, y, name, threat, make) for threat, make in threats().items()]
    return rows


def _judged(
    net: ReLUNetwork, x: torch.Tensor, y: torch.Tensor, name: str, threat: str, make: Vertices
) -> dict[str, object]:
    vertices = make(x)
    every = vertices.expand(len(y), *vertices.shape[-2:])
    bound = bounds.rub_polytope(net, x, y, vertices)
    exact = torch.stack(
        [worst_gaps(net, x[i], int(y[i]), Shape.hull(every[i].numpy())) for i in range(len(y))]
    )
    ball = LpBall(1, float(every.abs().sum(-1).max()))
    by_ball = bounds.rub(net, x, y, ball)
    other = torch.nn.functional.one_hot(y, exact.shape[1]) == 0

    def share(gap: torch.Tensor) -> float:
        return float(((gap <= -1e-9) | ~other).all(1).double().mean())

    return {
        "training": name,
        "threat": threat,
        "vertices": vertices.shape[-2],
        "n": len(y),
        "clean": float((net(x).argmax(1) == y).double().mean()),
        "exact": share(exact),
        "certified": share(bound),
        "by_ball": share(by_ball),
        "below": float((exact - bound)[other].max()),
    }


def _iris(seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    loaded = datasets.load("sklearn/iris", split="random", rng=np.random.default_rng(seed))
    cuts = torch.as_tensor(np.quantile(loaded.train.x[:, 2], [1 / 3, 2 / 3]))

    def table(x: np.ndarray) -> torch.Tensor:
        rows = torch.as_tensor(x)
        category = torch.bucketize(rows[:, 2].contiguous(), cuts)
        one_hot = torch.nn.functional.one_hot(category, 3).to(rows)
        return torch.cat([rows[:, [0, 1, 3]], one_hot], dim=1)

    parts = (loaded.train, loaded.test)
    (x_train, y_train), (x, y) = ((table(p.x), torch.as_tensor(p.y)) for p in parts)
    return x_train, y_train, x, y
