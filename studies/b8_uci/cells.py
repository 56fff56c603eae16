"""From a cell of the sweep to its row: train the candidates of one method, then judge them."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import torch

from robustcore import LpBall, defenses, training
from robustcore.networks import ReLUNetwork, Stack

from .judging import judge
from .tables import Table, table

METHODS = ("nominal", "baseline_linf", "arub_l1", "arub_linf", "rub", "pgd")
_L1 = ("arub_l1", "rub")
_BATCH = 256  # [B] Section 6.1


@dataclass(frozen=True)
class Settings:
    """What all cells share: see `studies.b8_uci.sweep`.

    Source: own
    """

    training_radii: tuple[float, ...]
    published_radii: tuple[float, ...]
    test_radii: tuple[float, ...]
    certified_radii: tuple[float, ...]
    rates: tuple[float, ...]
    falling: bool
    steps: int
    published_steps: int
    pgd_steps: int
    top: int | None
    attack_steps: int
    width: int
    n_validation: int
    n_test: int

    def plain(self) -> dict[str, Any]:
        """JSON values."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}

    def run(
        self, rows: Callable[..., Sequence[Mapping[str, Any]]]
    ) -> Callable[..., Sequence[Mapping[str, Any]]]:
        """The function of the sweep."""
        return partial(rows, settings=self)


def rows(
    cells: Sequence[Mapping[str, Any]], settings: Settings, device: str = "cpu"
) -> list[dict[str, Any]]:
    """One row a cell.

    Source: own
    """
    return [row(cell, settings, device) for cell in cells]


def row(cell: Mapping[str, Any], settings: Settings, device: str) -> dict[str, Any]:
    """Train every candidate of one method on one table and judge them on its rows.

    Source: own
    """
    data = table(cell["set"], cell["data"], cell["split"], settings.n_validation, settings.n_test)
    data = data.to(device)
    clean = cell["data"] == "clean"
    radii = settings.training_radii if clean else settings.published_radii
    candidates = list(itertools.product(settings.rates, radii))
    stack = Stack([start(data, settings.width, i, cell["split"]) for i in range(len(candidates))])
    stack.to(device)
    started = time.perf_counter()
    record = training.fit(
        stack,
        (data.train_x, data.train_y),
        defense(cell["method"], settings),
        steps=settings.steps if clean else settings.published_steps,
        batch_size=_BATCH,
        learning_rate=torch.tensor([rate for rate, _ in candidates], dtype=torch.float64),
        radius=torch.tensor([r for _, r in candidates]).to(device) * unit(cell["method"], data),
        rate_schedule=training.falling if settings.falling else training.constant,
        generator=torch.Generator().manual_seed(1000 + cell["split"]),
        progress=False,
    )
    trained = time.perf_counter()
    assert record.diverged is not None
    return {
        "M": data.n_features,
        "K": data.n_classes,
        "n_train": len(data.train_y),
        "n_validation": len(data.validation_y) + data.infinite[0],
        "n_test": len(data.test_y) + data.infinite[1],
        "infinite": list(data.infinite),
        "majority": list(data.majority),
        "rates": [rate for rate, _ in candidates],
        "radii": [r for _, r in candidates],
        "diverged": record.diverged.tolist(),
        "loss": [None if math.isnan(v) else round(float(v), 4) for v in record.losses[-1]],
        "train_seconds": round(trained - started, 3),
        **judge(stack, data, settings, cell["split"]),
        "judge_seconds": round(time.perf_counter() - trained, 3),
    }


def start(data: Table, width: int, candidate: int, split: int) -> ReLUNetwork:
    """The untrained network: candidate i starts alike in every method.

    Source: own
    """
    sizes = [data.n_features, width, width, width, data.n_classes]
    return ReLUNetwork(sizes, torch.Generator().manual_seed(100 * split + candidate))


def unit(method: str, data: Table) -> float:
    """What a radius is multiplied by: L1 balls are sqrt(M) times as large, [B] Section 6.1.

    Source: own
    """
    return math.sqrt(data.n_features) if method in _L1 else 1.0


def defense(method: str, settings: Settings) -> defenses.Defense:
    """The defense of a method; its radius is given to `training.fit`, one a candidate.

    Source: [B] Section 6.1
    """
    if method == "nominal":
        return defenses.nominal()
    ball = LpBall(1 if method in _L1 else math.inf, 1.0)
    if method == "pgd":
        return defenses.pgd(ball, steps=settings.pgd_steps)
    if method == "rub":
        return defenses.rub(ball, top=settings.top)
    return defenses.baseline(ball) if method == "baseline_linf" else defenses.arub(ball)
