"""From the cells of one stack to their rows: train, attack, certify."""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
import torch

from robustcore import LpBall, datasets, defenses, training
from robustcore.networks import ReLUNetwork, Stack
from studies.judging import under_attack

from .certificates import certify
from .printed import radii

_L1 = ("arub_l1", "rub")
_NORMS = {"L1": 1.0, "L2": 2.0, "Linf": math.inf}


@dataclass(frozen=True)
class Settings:
    """What all cells share: see `studies.b9_images.sweep`."""

    steps: int
    batch_size: int
    rate: float
    pgd_steps: int
    top: int
    width: int
    n_validation: int
    n_test: int
    attack_steps: int

    def plain(self) -> dict[str, Any]:
        """JSON values."""
        return asdict(self)

    def run(
        self, rows: Callable[..., Sequence[Mapping[str, Any]]]
    ) -> Callable[..., Sequence[Mapping[str, Any]]]:
        """The function of the sweep."""
        return partial(rows, settings=self)


@dataclass(frozen=True)
class Images:
    """Training, validation and test images, flat, in one unit."""

    train: tuple[torch.Tensor, torch.Tensor]
    validation: tuple[torch.Tensor, torch.Tensor]
    test: tuple[torch.Tensor, torch.Tensor]
    box: tuple[float, float] | None

    @property
    def n_pixels(self) -> int:
        """M."""
        return self.train[0].shape[1]


@functools.lru_cache(maxsize=1)
def images(name: str, unit: str, n_validation: int, n_test: int, device: str) -> Images:
    """The published split in one unit; the images that are attacked are drawn once.

    Source: [B] Section 6.1
    """
    found = datasets.load(name, split="published", dtype="float32")
    rng = np.random.default_rng(9)
    parts = []
    for part, most in zip(found.parts, (None, n_validation, n_test), strict=True):
        rows = slice(None) if most is None else rng.permutation(len(part))[:most]
        x = torch.as_tensor(part.x[rows])
        x = standardised(x) if unit == "standardised" else x
        parts.append((x.to(device), torch.as_tensor(part.y[rows]).to(device)))
    train, validation, test = parts
    return Images(train, validation, test, found.box if unit == "pixels" else None)


def constant(name: str, n_validation: int, n_test: int) -> float:
    """The share of the test images here that a constant answer gets right: the frequent class.

    Source: own
    """
    data = images(name, "pixels", n_validation, n_test, "cpu")
    return float((data.test[1] == data.train[1].bincount().argmax()).double().mean())


def standardised(x: torch.Tensor) -> torch.Tensor:
    """Each image minus its mean, over its deviation, which is at least 1 / sqrt(M): (n, M).

    Source: [B] Section 6.1 (what the published code calls)
    """
    deviation = x.std(dim=1, keepdim=True, correction=0).clamp(min=x.shape[1] ** -0.5)
    return (x - x.mean(dim=1, keepdim=True)) / deviation


def deviation(name: str) -> float:
    """The mean over the test images of the standard deviation of their pixels.

    Source: own (on [B] Section 6.1)
    """
    x = datasets.load(name, split="published", dtype="float32").test.x
    return float(torch.as_tensor(x).flatten(1).std(dim=1, correction=0).mean())


def rows(
    cells: Sequence[Mapping[str, Any]], settings: Settings, device: str = "cpu"
) -> list[dict[str, Any]]:
    """One row a cell; the cells differ in epsilon alone."""
    data, networks, diverged, seconds = trained(cells, settings, device)
    return [
        {
            "M": data.n_pixels,
            "n_validation": len(data.validation[1]),
            "n_test": len(data.test[1]),
            "diverged": int(step),
            "train_seconds": round(seconds / len(cells), 2),
            **judged(net, data, cells[0]["data"], settings),
        }
        for net, step in zip(networks, diverged, strict=True)
    ]


def trained(
    cells: Sequence[Mapping[str, Any]], settings: Settings, device: str = "cpu"
) -> tuple[Images, list[ReLUNetwork], np.ndarray, float]:
    """The images, the network of each cell, the step at which it diverged (or 0), and seconds.

    Source: [B] Sections 6.1, 6.3
    """
    first = cells[0]
    data = images(first["data"], first["unit"], settings.n_validation, settings.n_test, device)
    epsilons = [cell["epsilon"] for cell in cells]
    stack = Stack([_start(data, settings.width, epsilon) for epsilon in epsilons]).to(device)
    scale = math.sqrt(data.n_pixels) if first["method"] in _L1 else 1.0
    started = time.perf_counter()
    record = training.fit(
        stack,
        data.train,
        defense(first["method"], settings, data.box),
        steps=settings.steps,
        batch_size=settings.batch_size,
        learning_rate=settings.rate,
        radius=torch.tensor(epsilons, dtype=torch.float64) * scale,
        rate_schedule=training.warm_then_falling(),
        radius_schedule=training.rising(0.4),
        generator=torch.Generator().manual_seed(9),
        progress=False,
    )
    assert record.diverged is not None
    stack.requires_grad_(False)
    return data, stack.unstack(), record.diverged, time.perf_counter() - started


def defense(method: str, settings: Settings, box: tuple[float, float] | None) -> defenses.Defense:
    """The defense of a method; its radius is given to `training.fit`.

    Source: [B] Section 6.3
    """
    if method == "nominal":
        return defenses.nominal()
    ball = LpBall(1 if method in _L1 else math.inf, 1.0, box)
    made: dict[str, Callable[[LpBall], defenses.Defense]] = {
        "pgd": partial(defenses.pgd, steps=settings.pgd_steps),
        "fgsm": defenses.fgsm,
        "rub": partial(defenses.rub, top=settings.top or None),
        "arub_l1": defenses.arub,
        "arub_linf": defenses.arub,
        "baseline_linf": defenses.baseline,
        "coap": defenses.coap,
    }
    return made[method](ball)


def _start(data: Images, width: int, epsilon: float) -> ReLUNetwork:
    seed = round(1e6 * epsilon)
    K = int(data.train[1].max()) + 1
    sizes = [data.n_pixels, width, width, width, K]
    return ReLUNetwork(sizes, torch.Generator().manual_seed(seed))


def judged(net: ReLUNetwork, data: Images, name: str, settings: Settings) -> dict[str, Any]:
    """Counts on validation and test images, under attack and proved.

    Source: [B] Section 6.3
    """
    balls = {
        norm: [LpBall(_NORMS[norm], r, data.box) for r in some]
        for norm, some in radii(name).items()
    }
    found: dict[str, Any] = {}
    for seed, part in enumerate(("validation", "test")):
        x, y = getattr(data, part)
        started = time.perf_counter()
        masks = under_attack(Stack([net]), x, y, balls, settings.attack_steps, seed)
        attacked = time.perf_counter()
        counts = {k: _flat(v) for k, v in masks.counts().items()}
        standing = [mask[0] for mask in masks.strong["L1"]]
        proved = certify(net, x, y, balls["L1"], standing, name)
        found[part] = {
            **counts,
            "certified": proved,
            "attack_seconds": round(attacked - started, 2),
            "certify_seconds": round(time.perf_counter() - attacked, 2),
        }
    answers = net(data.test[0]).argmax(dim=1)
    return {**found, "same": int(torch.bincount(answers).max())}


def _flat(counts: list[Any]) -> list[int]:
    """Of the only network: one count a ball."""
    return [c[0] if isinstance(c, list) else c for c in counts]
