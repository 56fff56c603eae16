"""The gradient baselines of Tables I and II: as the paper may have run them, and tuned."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from robustcore.networks import TwoLayerReLU

from ..a4_hinge.cifar import accuracies
from ..cifar_pairs import Pair
from .cost import costs
from .descent import METHODS, PGD_STEPS, STEPS_ACROSS, attacked, descend, margins

OWN_COST = {
    "gd_std": "clean_cost",
    "gd_fgsm": "fgsm_cost",
    "gd_pgd": "pgd_cost",
    "gd_certified": "certified_cost",
}


@dataclass(frozen=True)
class Setting:
    """What Section VII-D does not say: how gradient descent was run.

    Source: own (on [A] Section VII-D)

    Parameters
    ----------
    rate : float
        Constant learning rate of plain stochastic gradient descent.
    epochs : int
    batch : int
    """

    rate: float = 0.01
    epochs: int = 40
    batch: int = 32


def measured(
    method: str, net: TwoLayerReLU, pair: Pair, radius: float, beta: float
) -> dict[str, Any]:
    """One row of Table I: the accuracies, the method's own objective, and every cost.

    Source: [A] Table I

    Parameters
    ----------
    method : str
        Of `a7_cifar.descent.METHODS`; decides which cost is the `objective`, as [A] reports it:
        that at the method's own training inputs.
    net : TwoLayerReLU
    pair : Pair
    radius : float
    beta : float
    """
    found = costs(net, pair, radius, beta)
    return {
        "method": method,
        "objective": found[OWN_COST[method]],
        **accuracies(net, pair, radius),
        **found,
    }


def baseline_rows(
    pair: Pair,
    method: str,
    setting: Setting,
    width: int,
    seeds: Sequence[int],
    radius: float,
    beta: float,
) -> list[dict[str, Any]]:
    """Train one network for each seed, side by side, and measure each.

    Source: [A] Tables I, II
    """
    stack = descend(
        pair,
        method,
        width=width,
        seeds=seeds,
        rates=[setting.rate] * len(seeds),
        epochs=setting.epochs,
        batch=setting.batch,
        beta=beta,
        radius=radius,
    )[setting.epochs]
    return [
        {
            **measured(method, stack.network(run), pair, radius, beta),
            "width": width,
            "seed": seed,
            "rate": setting.rate,
            "epochs": setting.epochs,
        }
        for run, seed in enumerate(seeds)
    ]


def grid_rows(
    pair: Pair,
    validation: Pair,
    method: str,
    rates: Sequence[float],
    epochs: Sequence[int],
    batch: int,
    width: int,
    radius: float,
    beta: float,
) -> list[dict[str, Any]]:
    """One run for each rate, looked at after several numbers of epochs, on held-out images.

    Source: own (on [A] Section VII-D)

    Parameters
    ----------
    pair : Pair
        Trains.
    validation : Pair
        Its X and y choose; no test image is used.
    method : str
    rates : sequence of float
    epochs : sequence of int
    batch : int
    width : int
    radius : float
    beta : float

    Returns
    -------
    list of dict
        method, rate, epochs, `objective` (the method's own training cost), `validation_clean` and
        `validation_pgd`. A run that diverged is left out.
    """
    stacks = descend(
        pair,
        method,
        width=width,
        seeds=[0] * len(rates),
        rates=rates,
        epochs=max(epochs),
        batch=batch,
        beta=beta,
        radius=radius,
        watch=epochs,
    )
    shape = (len(rates), -1, -1)
    X, y, held, held_y = (
        torch.from_numpy(a).float().expand(shape[: a.ndim + 1])
        for a in (pair.X, pair.y, validation.X, validation.y)
    )
    rows = []
    for epoch in epochs:
        stack = stacks[epoch]
        worst = attacked(stack, held, held_y, radius, PGD_STEPS, radius / STEPS_ACROSS)
        own = (1 - margins(method, radius)(stack, X, y)).clamp(min=0).mean(1)
        own = own + beta * stack.penalty()
        clean, robust = ((held_y * stack.score(i) > 0).float().mean(1) for i in (held, worst))
        columns = np.stack([own.numpy(), clean.numpy(), robust.numpy()], axis=1).astype(float)
        for rate, (cost, c, r) in zip(rates, columns.tolist(), strict=True):
            if math.isfinite(cost):
                row = {"method": method, "rate": rate, "epochs": epoch, "objective": cost}
                rows.append({**row, "validation_clean": c, "validation_pgd": r})
    return rows


def chosen(
    rows: Sequence[dict[str, Any]], batch: int = 32, by: str = "validation"
) -> dict[str, Setting]:
    """For each method the setting that serves held-out images best, or that minimises best.

    Source: own

    Parameters
    ----------
    rows : list of dict
        From `grid_rows`.
    batch : int
    by : str
        "validation": by PGD accuracy, ties by clean accuracy, and standard training by clean
        accuracy. "objective": by the method's own training cost.

    Returns
    -------
    dict of str to Setting
    """
    best = {}
    for method in METHODS:
        own = [row for row in rows if row["method"] == method]
        keys = ["validation_pgd", "validation_clean"]
        keys = keys[::-1] if method == "gd_std" else keys
        if by == "objective":
            top = min(own, key=lambda row: row["objective"]) if own else None
        else:
            top = max(own, key=lambda row: tuple(row[k] for k in keys)) if own else None
        if top:
            best[method] = Setting(top["rate"], top["epochs"], batch)
    return best
