r"""What is particular to the evaluation of paper B: its L1 step, its library, its draws."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from robustcore import attacks
from robustcore.balls import LpBall
from robustcore.losses import cross_entropy
from robustcore.networks import ReLUNetwork

from ..mnist_networks import Images

DRAWS = 2560  # of the test set, with replacement, for each cell of Tables 3-5
BAND = 0.5  # points within which the tables colour a cell like the best

# [B] Table 4 (MNIST), L1 rows, per cent: method to {epsilon: value}, L1 radius = 28 epsilon
TABLE_4_L1 = {
    "nominal": {0.01: 97.54, 0.1: 97.30, 0.3: 95.94, 0.5: 94.49, 1.0: 89.96},
    "pgd": {0.01: 98.20, 0.1: 98.20, 0.3: 97.50, 0.5: 96.68, 1.0: 93.87},
    "arub": {0.01: 98.28, 0.1: 97.89, 0.3: 97.46, 0.5: 96.52, 1.0: 94.49},
    "rub": {0.01: 97.89, 0.1: 97.03, 0.3: 97.03, 0.5: 96.25, 1.0: 91.84},
}


def by_hand() -> list[dict[str, Any]]:
    """Slopes (4, 1, 1, 1): what one unit of L1 radius gains, by the best and by the dense step.

    Source: own (on [B] Section 6.1, FGM-L1)

    Returns
    -------
    list of dict
        The step's entries and the rise of the linear gap, one row for each step.
    """
    slopes = torch.tensor([[4.0, 1.0, 1.0, 1.0]], dtype=torch.float64)
    net = ReLUNetwork.from_arrays([(torch.cat([0 * slopes, slopes]), torch.zeros(2).to(slopes))])
    x, y = torch.zeros_like(slopes), torch.tensor([0])
    ball = LpBall(1, 1.0)
    points = {
        "published": attacks.as_published(net, x, y, ball, "fgm"),
        "published, 50 steps": attacks.as_published(net, x, y, ball, random_start=False),
        "best": attacks.fgm(net, x, y, ball),
    }
    return [
        {
            "step": name,
            "entries": ", ".join(f"{v:.3f}" for v in point[0].tolist()),
            "rise": float((point * slopes).sum()),
        }
        for name, point in points.items()
    ]


def dense_share(
    images: Images,
    networks: Mapping[str, ReLUNetwork],
    dimensions: Sequence[int] = (10, 30, 784),
    trials: int = 400,
    seed: int = 0,
) -> list[dict[str, Any]]:
    r"""Share of the L1 radius that a dense step uses, :math:`\|g\|_2^2/(\|g\|_1\|g\|_\infty)`.

    Source: own (on [B] Section 6.1, FGM-L1)

    Returns
    -------
    list of dict
        The mean share for Gaussian gradients of several dimensions, and for the gradients of the
        cross-entropy of each network at the test images. 1 is the best step.
    """
    rng = np.random.default_rng(seed)
    gradients = {f"Gaussian, d = {d}": rng.normal(size=(trials, d)) for d in dimensions}
    x, y = images.test
    for method, net in networks.items():
        moving = x.detach().clone().requires_grad_()
        (slope,) = torch.autograd.grad(cross_entropy(net(moving), y).sum(), moving)
        gradients[f"{method} network"] = slope[slope.abs().sum(1) > 0].double().cpu().numpy()
    rows = []
    for name, g in gradients.items():
        size = np.abs(g)
        share = (g**2).sum(1) / (size.sum(1) * size.max(1))
        rows.append({"gradient": name, "share": float(share.mean())})
    return rows


def foolbox_twins(
    images: Images, networks: Mapping[str, ReLUNetwork], epsilon: float = 0.1, seed: int = 0
) -> list[dict[str, Any]]:
    """Our published attacks against foolbox's own, from the same random numbers, in float64.

    Source: [B] Section 6.1 (FGM-Lp, PGD-Lp)

    Returns
    -------
    list of dict
        For each attack the largest distance of a coordinate over all networks, and how many
        predictions differ.
    """
    x, y = images.test[0].double().cpu(), images.test[1].cpu()
    rows = []
    for p in (1.0, 2.0, math.inf):
        for method in ("fgm", "pgd"):
            ball = LpBall(p, images.ball(p, epsilon).radius, (0.0, 1.0))
            row: dict[str, Any] = {"attack": f"{method.upper()}-L{p:g}", "points": 0}
            distance, differ = 0.0, 0
            for net in networks.values():
                twin = _in_double(net)
                theirs = attacks.by_foolbox(twin, x, y, ball, method, seed=seed)
                generator = torch.Generator().manual_seed(seed)
                ours = attacks.as_published(twin, x, y, ball, method, generator=generator)
                distance = max(distance, float((ours - theirs).abs().max()))
                with torch.no_grad():
                    turned = twin(ours).argmax(1) != twin(theirs).argmax(1)
                differ += int(turned.sum())
                row["points"] += len(x)
            rows.append(row | {"distance, at most": distance, "predictions that differ": differ})
    return rows


def _in_double(net: ReLUNetwork) -> ReLUNetwork:
    return copy.deepcopy(net).double().cpu()


def sampling_noise(
    accuracies: Sequence[float] = (0.5, 0.75, 0.9, 0.98), trials: int = 20_000, seed: int = 0
) -> list[dict[str, Any]]:
    """Two evaluations of one and the same network, each on 2560 draws with replacement.

    Source: own (on [B] Tables 3-5)

    Returns
    -------
    list of dict
        For each true accuracy: the half-width of the 95 % interval of one cell, and of the
        difference of two, in points; and how often two cells of the same network lie more than
        half a point apart, so that only one of them would be coloured.
    """
    rng = np.random.default_rng(seed)
    rows = []
    for accuracy in accuracies:
        cells = 100 * rng.binomial(DRAWS, accuracy, size=(trials, 2)) / DRAWS
        half = 196 * math.sqrt(accuracy * (1 - accuracy) / DRAWS)
        apart = np.abs(cells[:, 0] - cells[:, 1]) > BAND
        rows.append(
            {
                "accuracy": 100 * accuracy,
                "interval of a cell": half,
                "interval of a difference": half * math.sqrt(2),
                "more than half a point apart": float(apart.mean()),
            }
        )
    return rows


def verdict_table(
    recorded: Sequence[Mapping[str, Any]], here: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """L1 accuracies in per cent for each method and epsilon: paper, recorded, this run.

    Source: [B] Table 4

    Returns
    -------
    list of dict
        "-" where a source has no such radius.
    """
    table = []
    epsilons = sorted({r["epsilon"] for r in (*recorded, *here)})
    for method, epsilon in itertools.product(TABLE_4_L1, epsilons):
        row: dict[str, Any] = {"method": method, "ρ / √M": f"{epsilon:g}"}
        row["paper"] = TABLE_4_L1[method].get(epsilon, "-")
        for name, source in (("recorded", recorded), ("this run", here)):
            key = (method, "1", epsilon)
            match = [r for r in source if (r["method"], r["p"], r["epsilon"]) == key]
            for kind in ("published", "strongest", "certified"):
                row[f"{name}: {kind}"] = 100 * match[0][kind] if match else "-"
        table.append(row)
    return table
