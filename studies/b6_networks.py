"""[B] Appendix C, Tables 10 to 12: convolutional networks at the paper's size, or at half of it.

    python -m studies b6_networks --profile desktop --shard 1/1      16 and 32 kernels, on a CPU
    python -m studies b6_networks --profile paper --device cuda      32 and 64, as printed

A cell trains one network, attacks it in L2 as published and strongly, and certifies some of its
images in L1 by RUB through convolutions and pools, which the paper leaves to future work. Page
`b6_convolution` shows what is recorded.
"""

from __future__ import annotations

import inspect
import itertools
import math
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import nn

from robustcore import LpBall, attacks, datasets, defenses, evaluation, training
from robustcore.attacks.objectives import margin
from robustcore.errors import DataError
from robustcore.networks import convolutional_network
from studies.b6_convolution.attacked import RADII, TABLES
from studies.b9_images.cells import Images, images
from studies.b9_images.chosen import best
from studies.engine import Sweep, read

VERSION = 1
METHODS = ("arub-linf", "nominal", "pgd-linf", "arub-l1", "rub")
_CERTIFIED = {True: (0.55, 5.54), False: (0.28, 2.8)}  # L1 radii; CIFAR first
_TOP = 1  # vertices at which RUB is trained
_TOGETHER = 250  # images attacked at once
Row = dict[str, Any]


def sweep(
    data: Sequence[str] = ("mnist-sample",),
    units: Sequence[str] = ("pixels",),
    methods: Sequence[str] = ("arub-linf", "nominal"),
    epsilons: Sequence[float] = (0.03,),
    channels: Sequence[int] = (2, 4),
    hidden: int = 16,
    kernel: int = 3,
    pool: str = "max",
    steps: int = 40,
    batch_size: int = 32,
    rate: float = 2e-3,
    pgd_steps: int = 5,
    n_validation: int = 10,
    n_test: int = 20,
    n_certified: int = 2,
    attack_steps: int = 5,
) -> Sweep:
    """One network a cell.

    Source: [B] Appendix C, Tables 10, 11, 12

    Parameters
    ----------
    data, units, epsilons
        As for `b9_images.sweep`.
    methods : sequence of str
        Of `METHODS`; "rub" is not in the paper's tables.
    channels, hidden, kernel, pool
        Of :func:`robustcore.networks.convolutional_network`; the paper has (32, 64), 1024, 5, max.
    steps, batch_size, rate : int, int, float
        Of Adam; schedules as for `b9_images`.
    pgd_steps : int
        Of PGD training.
    n_validation, n_test, n_certified : int
        Images attacked, and test images certified.
    attack_steps : int
        Gradient steps of the strong attack.
    """
    cells = [
        {"data": name, "unit": unit, "method": method, "epsilon": epsilon}
        for name, epsilon, unit, method in itertools.product(data, epsilons, units, methods)
    ]
    settings = {
        "channels": list(channels), "hidden": hidden, "kernel": kernel, "pool": pool,
        "steps": steps, "batch_size": batch_size, "rate": rate, "pgd_steps": pgd_steps,
        "n_validation": n_validation, "n_test": n_test, "n_certified": n_certified,
        "attack_steps": attack_steps,
    }  # fmt: skip
    run = partial(rows, settings=settings)
    return Sweep("b6_networks", VERSION, cells, run, cost=cost, settings=settings)


def record(**parameters: Any) -> dict[str, list[Row]]:
    """What the cells that are done say, networks chosen on validation images; nothing is run.

    Source: [B] Tables 10, 11, 12

    Returns
    -------
    dict
        `b6_networks.attacked`: a row for each (data, unit, method, rho), `paper` in per cent,
        `published` and `strong` with intervals, see `b9_images.chosen`; `b6_networks.certified`.
    """
    done = read(sweep(**parameters)).rows
    if not done:
        raise DataError("no cell of b6_networks is done; run some with --shard 1/1.")
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in done:
        groups.setdefault((row["data"], row["unit"], row["method"]), []).append(row)
    attacked, certified = [], []
    for key, some in groups.items():
        own = dict(zip(("data", "unit", "method"), key, strict=True)) | {"networks": len(some)}
        paper = TABLES.get(key[0], {}).get(key[2])
        for at, rho in enumerate(RADII):
            shares = best(some, "published", partial(_at, name="PGD-L2", at=at))
            shares |= best(some, "strong", partial(_at, name="strong-L2", at=at))
            attacked.append({**own, "rho": rho, "paper": paper[at] if paper else None, **shares})
        certified += [
            {**own, "epsilon": one["epsilon"], "radius": radius, "certified": count,
             "standing": stands, "crossings": crossed, "n": one["n_certified"]}
            for one in some
            for radius, count, stands, crossed in one["proved"]
        ]  # fmt: skip
    return {"b6_networks.attacked": attacked, "b6_networks.certified": certified}


record.__signature__ = inspect.signature(sweep)  # type: ignore[attr-defined]  # of the same sweep


def _at(part: Mapping[str, Any], name: str, at: int) -> int:
    return int(part["clean"][0] if at == 0 else part[name][at - 1])


def rows(
    cells: Sequence[Mapping[str, Any]], settings: Mapping[str, Any], device: str = "cpu"
) -> list[Row]:
    """One row a cell.

    Source: [B] Appendix C
    """
    return [_row(cell, settings, device) for cell in cells]


def _row(cell: Mapping[str, Any], settings: Mapping[str, Any], device: str) -> Row:
    data = images(cell["data"], cell["unit"], settings["n_validation"], settings["n_test"], device)
    started = time.perf_counter()
    net = _trained(cell, settings, data)
    seconds = time.perf_counter() - started
    found = {}
    for seed, (name, part) in enumerate((("validation", data.validation), ("test", data.test))):
        found[name] = _attacked(net, part, data.box, settings["attack_steps"], seed)
    return {
        "M": data.n_pixels,
        **found,
        "n_test": len(data.test[1]),
        "n_certified": min(settings["n_certified"], len(data.test[1])),
        "proved": _proved(net, cell["data"], data, settings),
        "train_seconds": round(seconds, 1),
        "judge_seconds": round(time.perf_counter() - started - seconds, 1),
    }


def _trained(cell: Mapping[str, Any], settings: Mapping[str, Any], data: Images) -> nn.Sequential:
    generator = torch.Generator().manual_seed(round(1e6 * cell["epsilon"]))
    shape = datasets.load(cell["data"], dtype="float32").image_shape
    assert shape is not None
    net = convolutional_network(
        shape, settings["channels"], settings["hidden"], 10, settings["kernel"],
        settings["pool"], generator,
    ).to(data.train[0].device)  # fmt: skip
    training.fit(
        net,
        data.train,
        _defense(cell["method"], cell["epsilon"], data, settings["pgd_steps"]),
        steps=settings["steps"],
        batch_size=settings["batch_size"],
        learning_rate=settings["rate"],
        rate_schedule=training.warm_then_falling(),
        radius_schedule=training.rising(0.4),
        generator=generator,
        progress=False,
    )
    return net.requires_grad_(False)


def _defense(method: str, epsilon: float, data: Images, pgd_steps: int) -> defenses.Defense:
    """L1 balls are sqrt(M) times as large, [B] Section 6.1."""
    l1 = LpBall(1, epsilon * math.sqrt(data.n_pixels))
    made: dict[str, Callable[[], defenses.Defense]] = {
        "nominal": defenses.nominal,
        "arub-l1": partial(defenses.arub, l1),
        "arub-linf": partial(defenses.arub, LpBall(math.inf, epsilon)),
        "pgd-linf": partial(defenses.pgd, LpBall(math.inf, epsilon, data.box), steps=pgd_steps),
        "rub": partial(defenses.rub, l1, top=_TOP),
    }
    return made[method]()


def _attacked(
    net: nn.Module,
    part: tuple[torch.Tensor, torch.Tensor],
    box: tuple[float, float] | None,
    steps: int,
    seed: int,
) -> dict[str, list[int]]:
    """Images that stand: clean, under published PGD, under APGD on the margin in rising balls."""
    x, y = part
    generator = torch.Generator(x.device).manual_seed(seed)
    standing = evaluation.correct(net, x, y)
    found: dict[str, list[int]] = {"clean": [int(standing.sum())], "PGD-L2": [], "strong-L2": []}
    for rho in RADII[1:]:
        ball = LpBall(2, rho, box)
        published = torch.cat([
            (margin(net(attacks.as_published(net, *some, ball, "pgd", generator=generator)),
                    some[1]) < 0)
            for some in zip(x.split(_TOGETHER), y.split(_TOGETHER), strict=True)
        ])  # fmt: skip
        attack = partial(attacks.apgd, steps=steps, losses=(margin,))
        standing &= published
        for some in standing.nonzero()[:, 0].split(_TOGETHER):
            standing[some] = evaluation.withstands(net, x[some], y[some], ball, attack)
        found["PGD-L2"].append(int(published.sum()))
        found["strong-L2"].append(int(standing.sum()))
    return found


def _proved(
    net: nn.Module, name: str, data: Images, settings: Mapping[str, Any]
) -> list[tuple[float, int, int, int]]:
    """For each L1 radius: images that RUB certifies, that APGD leaves, both proved and fallen."""
    x, y = (part[: settings["n_certified"]] for part in data.test)
    found = []
    for radius in _CERTIFIED[name.startswith("cifar")]:
        ball = LpBall(1, radius, data.box)
        attack = partial(attacks.apgd, steps=settings["attack_steps"], losses=(margin,))
        standing = evaluation.withstands(net, x, y, ball, attack)
        proved = evaluation.certified(net, x, y, ball, "rub")
        found.append(
            (radius, int(proved.sum()), int(standing.sum()), int((proved & ~standing).sum()))
        )
    return found


def cost(cell: Mapping[str, Any]) -> float:
    """Roughly proportional to a cell's seconds.

    Source: own
    """
    weight = {"nominal": 1.0, "pgd-linf": 7.0, "rub": 8.0}.get(cell["method"], 5.0)
    return (2.0 + weight) * (1.5 if cell["data"].startswith("cifar") else 1.0)
