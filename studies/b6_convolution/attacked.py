"""Adversarial accuracy of convolutional networks under PGD-L2: Tables 10 to 12 of paper B."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from functools import partial
from typing import Any

from robustcore import attacks, defenses, evaluation
from robustcore.balls import LpBall

from .images import Pictures, Recipe, load_pictures

METHODS = ("arub-l1", "arub-linf", "pgd-linf", "nominal")
PAPER_INPUTS = {"mnist": 784, "fashion-mnist": 784, "cifar10": 3072}  # M in the paper
_CIFAR_SIDE = 16  # half of 32, as 14 is half of 28

# [B] Tables 10 to 12, adversarial accuracy in per cent under PGD-L2: {method: {rho: value}}
RADII = (0.0, 0.01, 0.02, 0.03, 0.1, 1.0, 3.0, 5.0, 10.0)
TABLES = {
    "cifar10": {
        "arub-l1": (71.17, 70.98, 70.70, 70.51, 69.88, 60.31, 44.69, 35.35, 17.89),
        "arub-linf": (72.03, 71.76, 71.45, 71.25, 69.84, 56.13, 43.98, 34.26, 16.25),
        "pgd-linf": (70.78, 70.55, 70.43, 70.39, 69.65, 59.96, 43.59, 29.10, 16.21),
        "nominal": (71.29, 71.13, 71.05, 70.66, 69.38, 48.16, 16.05, 10.04, 10.04),
    },
    "fashion-mnist": {
        "arub-l1": (91.25, 91.09, 90.78, 90.55, 89.02, 82.46, 68.95, 54.80, 33.20),
        "arub-linf": (91.37, 91.13, 91.05, 90.86, 90.59, 82.81, 71.45, 60.23, 30.86),
        "pgd-linf": (90.59, 90.55, 90.43, 90.23, 89.30, 84.45, 73.20, 67.54, 57.77),
        "nominal": (91.02, 90.90, 90.62, 90.43, 89.02, 77.85, 56.72, 40.51, 10.16),
    },
    "mnist": {
        "arub-l1": (99.38, 99.38, 99.38, 99.34, 99.30, 98.32, 91.68, 70.51, 33.83),
        "arub-linf": (99.38, 99.38, 99.38, 99.38, 99.30, 98.79, 95.70, 87.46, 47.93),
        "pgd-linf": (99.22, 99.22, 99.14, 99.14, 99.02, 98.55, 96.37, 91.29, 55.39),
        "nominal": (99.30, 99.26, 99.26, 99.26, 99.18, 97.93, 89.69, 60.00, 9.34),
    },
}


def tables(
    names: Sequence[str],
    recipe: Recipe,
    side: int,
    n_test: int,
    device: str,
) -> list[dict[str, object]]:
    """The rows of `table_rows` for several sets of images; CIFAR-10 has 16 x 16 pixels.

    Source: [B] Tables 10, 11, 12
    """
    rows: list[dict[str, object]] = []
    for name in names:
        here = _CIFAR_SIDE if name.startswith("cifar10") else side
        pictures = load_pictures(name, here, n_test, device)
        rows += table_rows(pictures, recipe, name)
    return rows


def table_rows(
    pictures: Pictures,
    recipe: Recipe,
    data: str,
    epsilon: float = 0.03,
    rhos: Sequence[float] = (0.0, 0.1, 1.0, 3.0, 5.0, 10.0),
    attack_steps: int = 20,
) -> list[dict[str, object]]:
    """Adversarial accuracy of the four methods of Tables 10-12 under PGD-L2, max pools.

    Source: [B] Tables 10, 11, 12

    Returns
    -------
    list of dict
        A row for each (unit, method, rho): `accuracy` on the test images with the 95 % interval
        `low`, `high`. The L2 radius is rho, scaled from the paper's number of pixels to the one
        here; in the unit "standardised" also by the mean standard deviation of an image, as if the
        paper's rho were that of standardised images.

    Notes
    -----
    Each method is trained once, with epsilon; the paper chooses among eleven radii.
    """
    source = data.removesuffix("-sample")
    attack = partial(attacks.pgd, steps=attack_steps)
    rows: list[dict[str, object]] = []
    for method, defense in _papers_methods(pictures, epsilon).items():
        net, _ = recipe.train(pictures, defense, "max")
        for unit, rho in itertools.product(("pixel", "standardised"), rhos):
            scale = pictures.spread if unit == "standardised" else 1.0
            ball = pictures.ball(2, scale * rho / PAPER_INPUTS[source] ** 0.5)
            found = evaluation.adversarial_accuracy(net, *pictures.test, ball, attack)
            rows.append(
                {
                    "data": source, "unit": unit, "method": method, "rho": rho,
                    "radius": ball.radius, "accuracy": found.value, "low": found.low,
                    "high": found.high, "n": found.n,
                }
            )  # fmt: skip
    return rows


def _papers_methods(pictures: Pictures, epsilon: float) -> dict[str, defenses.Defense]:
    box_free = pictures.ball(math.inf, epsilon)
    return {
        "arub-l1": defenses.arub(pictures.ball(1, epsilon)),
        "arub-linf": defenses.arub(box_free),
        "pgd-linf": defenses.pgd(LpBall(math.inf, epsilon, box=(0, 1)), steps=10),
        "nominal": defenses.nominal(),
    }


def beside_the_paper(rows: Sequence[dict[str, Any]], unit: str) -> list[dict[str, object]]:
    """Tables 10-12 and the rows of one unit, side by side: `paper / here` in per cent.

    Source: [B] Tables 10, 11, 12
    """
    table: list[dict[str, object]] = []
    for data, method in itertools.product(TABLES, METHODS):
        chosen = [r for r in rows if (r["data"], r["unit"], r["method"]) == (data, unit, method)]
        if chosen:
            paper = dict(zip(RADII, TABLES[data][method], strict=True))
            row: dict[str, object] = {"data": data, "method": method}
            for found in chosen:
                here = 100 * found["accuracy"]
                row[f"{found['rho']:g}"] = f"{paper[found['rho']]:.0f} / {here:.0f}"
            table.append(row)
    return table
