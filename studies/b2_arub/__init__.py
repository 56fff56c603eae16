"""aRUB and Baseline of paper B beside the adversarial loss, along training: Figure 1."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from robustcore import attacks
from robustcore.balls import LpBall
from robustcore.losses import cross_entropy
from robustcore.methods import defense as make_defense

from ..mnist_networks import Images, load_images, train_network
from . import first_order
from .share import least_share, share_above, share_of_means

_BATCH_SIZE, _LEARNING_RATE = 32, 1e-3  # as the caption of Figure 1 says


def loss_over_training(
    images: Images,
    epsilons: Sequence[float] = (0.01, 0.05, 0.1),
    methods: Sequence[str] = ("arub", "baseline"),
    width: int = 200,
    steps: int = 200,
    observe_every: int = 25,
    n_observed: int = 100,
    seed: int = 0,
) -> list[dict[str, object]]:
    """The loss that is minimised beside the adversarial loss, along the training.

    Source: [B] Figure 1

    Returns
    -------
    list of dict
        A row for each (method, epsilon, step), means of the cross-entropy over the same
        `n_observed` test images: `arub` and `baseline`, both on the network at hand, of which
        `minimised` is the one that the training minimises; `adversarial` (40 steps of PGD from the
        clean inputs) and `clean`.
    """
    x, y = (part[:n_observed] for part in images.test)
    rows: list[dict[str, object]] = []
    for method, epsilon in itertools.product(methods, epsilons):
        ball = images.ball(math.inf, epsilon)
        _, record = train_network(
            images,
            make_defense(method, ball),
            width=width,
            steps=steps,
            batch_size=_BATCH_SIZE,
            learning_rate=_LEARNING_RATE,
            seed=seed,
            observe=_both_losses(method, ball, x, y),
            observe_every=observe_every,
        )
        about = {"method": method, "epsilon": epsilon}
        rows += [about | {"step": step} | seen for step, seen in record.observations]
    return rows


def _both_losses(
    method: str, ball: LpBall, x: torch.Tensor, y: torch.Tensor
) -> Callable[[nn.Module], dict[str, float]]:
    """What is looked at during training: a function of the network alone."""
    estimates = {name: make_defense(name, ball) for name in ("arub", "baseline")}

    def observe(net: nn.Module) -> dict[str, float]:
        seen = {name: estimate(net, x, y).item() for name, estimate in estimates.items()}
        with torch.no_grad():
            adversarial = cross_entropy(net(attacks.pgd(net, x, y, ball)), y).mean().item()
            clean = cross_entropy(net(x), y).mean().item()
        return seen | {"minimised": seen[method], "adversarial": adversarial, "clean": clean}

    return observe


def distance_to_adversarial(rows: Sequence[dict], since: float = 0.0) -> list[dict[str, Any]]:
    """How far eqs. (10) and (7) are from the adversarial loss, averaged over each training.

    Source: [B] Section 4 ("Eq. (10) is much closer than Eq. (7)")

    Parameters
    ----------
    rows : list of dict
        Of `loss_over_training`.
    since : float
        Share of each training that is left out at its start.

    Returns
    -------
    list of dict
        A row for each training (method, epsilon) with the means over its observed steps:
        `minimised`, the distance of the minimised loss to the adversarial one (Figure 1's
        reading); `arub` and `baseline`, the distances of both estimates on the same networks; all
        relative to the adversarial loss. Then `above`, the share of steps at which the minimised
        loss is the larger, and `final`, the adversarial loss at the end.
    """
    groups: dict[tuple[str, float], list[dict]] = {}
    for row in rows:
        groups.setdefault((row["method"], row["epsilon"]), []).append(row)
    for key, group in groups.items():
        groups[key] = [r for r in group if r["step"] >= since * group[-1]["step"]]
    return [
        {"method": method, "epsilon": epsilon}
        | {key: _relative_distance(group, key) for key in ("minimised", "arub", "baseline")}
        | {
            "above": sum(r["minimised"] >= r["adversarial"] for r in group) / len(group),
            "final": group[-1]["adversarial"],
        }
        for (method, epsilon), group in groups.items()
    ]


def _relative_distance(group: list[dict], key: str) -> float:
    return sum(abs(r[key] - r["adversarial"]) / r["adversarial"] for r in group) / len(group)


def verdict_table(
    sources: dict[str, tuple[Sequence[dict], Sequence[dict]]],
) -> list[dict[str, object]]:
    """Figure 1 (second half of each training) and Table 1: the paper beside each source of rows.

    Source: [B] Figure 1, Table 1

    Parameters
    ----------
    sources : dict
        Name to (rows of `loss_over_training`, rows of `share_above`).
    """
    table: list[dict[str, object]] = []
    distances = {
        name: {
            (r["method"], r["epsilon"]): r["minimised"]
            for r in distance_to_adversarial(curves, since=0.5)
        }
        for name, (curves, _) in sources.items()
    }
    for method, epsilon in sorted(set.intersection(*(set(found) for found in distances.values()))):
        row: dict[str, object] = {"what": f"2nd half, distance of {method} at {epsilon:g} (%)"}
        row["paper"] = "figure only"
        table.append(row | {n: f"{100 * d[method, epsilon]:.1f}" for n, d in distances.items()})
    for p, paper in (("inf", "79 to 99"), ("1", "93 to 99")):
        shares = {name: [r for r in rows if r["p"] == p] for name, (_, rows) in sources.items()}
        row = {"what": f"L{p}, networks and radii with means above PGD (%)", "paper": paper}
        table.append(row | {n: f"{100 * share_of_means(r, 'pgd'):.0f}" for n, r in shares.items()})
        for attack in ("pgd", "strong"):
            row = {"what": f"L{p}, images above {attack}, least (%)", "paper": "-"}
            table.append(
                row | {n: f"{100 * least_share(r, attack):.0f}" for n, r in shares.items()}
            )
    return table


def record(
    data: str = "mnist-sample",
    side: int = 28,
    width: int = 200,
    steps: int = 200,
    figure_epsilons: Sequence[float] = (0.01, 0.05, 0.1),
    observe_every: int = 25,
    table_epsilons: Sequence[float] = (0.0, 0.001, 0.01, 0.1, 0.3, 1.0),
    n_measured: int = 100,
    strong_restarts: int = 2,
    n_networks: int = 30,
    seed: int = 0,
    device: str = "auto",
) -> dict[str, list[dict]]:
    """Every experiment of the page.

    Source: [B] Figure 1, Table 1

    Returns
    -------
    dict
        Records `b2_arub.figure_1` and `b2_arub.table_1`, and those of `b2_arub.first_order`.
    """
    images = load_images(data, side, n_validation=0, n_test=n_measured, device=device)
    settings = {
        "width": width,
        "steps": steps,
        "seed": seed,
    }
    figure = loss_over_training(
        images,
        figure_epsilons,
        observe_every=observe_every,
        n_observed=n_measured,
        **settings,  # type: ignore[arg-type]
    )
    table = share_above(
        images,
        table_epsilons,
        n_measured=n_measured,
        strong_restarts=strong_restarts,
        **settings,  # type: ignore[arg-type]
    )
    equations = first_order.record(n_networks, seed)
    return {"b2_arub.figure_1": figure, "b2_arub.table_1": table, **equations}
