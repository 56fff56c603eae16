"""Full RUB and its few likeliest vertices, trained for the same time."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from robustcore import defenses, evaluation
from robustcore.balls import LpBall
from robustcore.networks import ReLUNetwork

from ..mnist_networks import Images, load_images, train_network
from . import timing

Rows = list[dict[str, Any]]
_BATCH_SIZE = 32


def equal_time_rows(
    images: Images,
    epsilon: float = 0.1,
    width: int = 50,
    rub_steps: int = 40,
    parts: int = 3,
    learning_rate: float = 1e-3,
    seed: int = 0,
) -> Rows:
    """Full RUB and its eight likeliest vertices, trained for the same time, both certified by RUB.

    Source: own (on [B] Section 6.3, Table 8)

    Parameters
    ----------
    images : Images
    epsilon : float
        L1 radius over sqrt(M), in training and in the certificate.
    width : int
        Of the three hidden layers.
    rub_steps : int
        Updates on full RUB. The other method gets as many as fit in the same time, by the medians
        of steps that both take in turn before.
    parts : int
        Certificates during each training.
    learning_rate : float
    seed : int

    Returns
    -------
    list of dict
        A row for each (method, observation): `steps` done, their `seconds` by the median step,
        `certified` by full RUB on the test images with its interval, and `clean` accuracy.
    """
    ball = images.ball(1, epsilon)
    chosen = {"RUB": defenses.rub(ball), "RUB, top 8": defenses.rub(ball, top=8)}
    cost = step_costs(images, chosen, width, seed)
    rows: Rows = []
    for method, defense in chosen.items():
        steps = round(rub_steps * cost["RUB"] / cost[method])
        _, record = train_network(
            images,
            defense,
            width=width,
            steps=steps,
            batch_size=_BATCH_SIZE,
            learning_rate=learning_rate,
            seed=seed,
            observe=lambda net: _certified(net, images, ball),
            observe_every=max(1, steps // parts),
        )
        rows += [
            {"method": method, "steps": step, "seconds": step * cost[method], **seen}
            for step, seen in record.observations
        ]
    return rows


def step_costs(
    images: Images, chosen: Mapping[str, defenses.Defense], width: int, seed: int, turns: int = 5
) -> dict[str, float]:
    """Median seconds of an update of each defense on one batch; they take turns.

    Source: own
    """
    x, y = (part[:_BATCH_SIZE] for part in images.train)
    steps = {}
    for name, defense in chosen.items():
        generator = torch.Generator().manual_seed(seed)
        net = ReLUNetwork((x.shape[1], width, width, width, 10), generator).to(x.device)
        steps[name] = timing.Step(net, x, y, defense)
    return {name: statistics.median(s) for name, s in timing.in_turns(steps, turns).items()}


def _certified(net: nn.Module, images: Images, ball: LpBall) -> dict[str, float]:
    share = evaluation.certified_accuracy(net, *images.test, ball, method="rub")
    clean = evaluation.clean_accuracy(net, *images.test).value
    return {"certified": share.value, "low": share.low, "high": share.high, "clean": clean}


def record(
    data: str = "mnist",
    side: int = 28,
    width: int = 100,
    rub_steps: int = 150,
    n_test: int = 200,
    epsilon: float = 0.1,
    seed: int = 0,
    device: str = "auto",
) -> dict[str, Rows]:
    """The record `b7_speed.equal_time`.

    Source: own
    """
    images = load_images(data, side, 0, n_test, device)
    return {"b7_speed.equal_time": equal_time_rows(images, epsilon, width, rub_steps, seed=seed)}
