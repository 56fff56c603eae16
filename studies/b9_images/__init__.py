"""[B] Section 6.3: Tables 3 to 5 and 7 to 9, networks of 3 x 200 on full images, in both units.

The paper takes pixels in [0, 1] or images standardised one by one, "depending on what leads to best
robustness", and prints one radius for both. Here every cell says its unit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from robustcore.errors import DataError
from studies.engine import Sweep, read

from .cells import Settings, constant, rows
from .chosen import attacked_rows, certified_rows
from .printed import radii
from .printed_tables import ATTACKED
from .shown import winners
from .units import units_rows

VERSION = 1
_FIRST = 3  # so many radii for every data set, then the others


def sweep(
    data: Sequence[str] = ("mnist-sample",),
    units: Sequence[str] = ("standardised", "pixels"),
    methods: Sequence[str] = ("rub", "nominal", "arub_l1"),
    epsilons: Sequence[float] = (0.1,),
    steps: int = 150,
    batch_size: int = 64,
    rate: float = 2e-3,
    pgd_steps: int = 5,
    top: int = 1,
    width: int = 50,
    n_validation: int = 40,
    n_test: int = 60,
    attack_steps: int = 6,
    max_stack: int = 1,
) -> Sweep:
    """One network a cell; networks that differ in the radius alone may be trained in one stack.

    Source: [B] Sections 6.1, 6.3

    Parameters
    ----------
    data : sequence of str
        "mnist", "fashion-mnist", "cifar10", or the samples that ship.
    units : sequence of str
        "pixels": / 255, with the box (0, 1); "standardised": each image by its own mean and
        deviation, without a box.
    methods : sequence of str
        Of "nominal", "baseline_linf", "fgsm", "pgd", "arub_linf", "arub_l1", "rub", "coap".
    epsilons : sequence of float
        Training radii: L-infinity balls have radius epsilon, L1 balls sqrt(M) epsilon. Nominal
        training, which has none, gets as many networks, by seed.
    steps, batch_size, rate : int, int, float
        Of Adam. The rate warms up and falls over the second half; radii rise over the first 40 %.
        The same for all methods.
    pgd_steps : int
        Of PGD training.
    top : int
        RUB at so many vertices while training; 0 is all of them, as printed.
    width : int
        Neurons of each hidden layer.
    n_validation, n_test : int
        Images that are attacked and certified.
    attack_steps : int
        Gradient steps of the strong attack.
    max_stack : int
        Networks trained in one call: 1 on a CPU, all radii on a GPU.
    """
    cells = [
        {"data": name, "unit": unit, "method": method, "epsilon": epsilon}
        for some in (epsilons[:_FIRST], epsilons[_FIRST:])
        for name in data
        for epsilon in some
        for unit in units
        for method in methods
    ]
    if max_stack > 1:
        cells.sort(key=lambda c: (c["data"], c["unit"], c["method"]))
    settings = Settings(
        steps, batch_size, rate, pgd_steps, top, width, n_validation, n_test, attack_steps
    )
    return Sweep(
        "b9_images",
        VERSION,
        cells,
        settings.run(rows),
        stack=lambda cell: (cell["data"], cell["unit"], cell["method"]),
        max_stack=max_stack,
        cost=cost,
        settings=settings.plain(),
    )


def record(
    data: Sequence[str] = ("mnist-sample",),
    units: Sequence[str] = ("standardised", "pixels"),
    methods: Sequence[str] = ("rub", "nominal", "arub_l1"),
    epsilons: Sequence[float] = (0.1,),
    steps: int = 150,
    batch_size: int = 64,
    pgd_steps: int = 5,
    top: int = 1,
    width: int = 50,
    n_validation: int = 40,
    n_test: int = 60,
    attack_steps: int = 6,
) -> dict[str, list[dict[str, Any]]]:
    """What the cells that are done say; nothing is run.

    Source: [B] Tables 3, 4, 5, 7, 8, 9

    Returns
    -------
    dict
        `b9_images.attacked`, `b9_images.certified`: see `chosen`; `b9_images.units`: see `units`;
        `b9_images.winners`: see `shown`; `b9_images.cells`: a row for each network, with its
        seconds.
    """
    asked = sweep(
        data, units, methods, epsilons, steps, batch_size, 2e-3, pgd_steps, top, width,
        n_validation, n_test, attack_steps,
    )  # fmt: skip
    return summary(read(asked).rows, len(epsilons))


def run_here(asked: Sweep) -> list[dict[str, Any]]:
    """Run all cells of a small sweep in this process, and save nothing.

    Source: own
    """
    return [
        {**cell, **row}
        for stack in asked.stacks()
        for cell, row in zip(stack, asked.run(stack), strict=True)
    ]


def summary(grid: Sequence[Mapping[str, Any]], candidates: int) -> dict[str, list[dict[str, Any]]]:
    """The records of some rows of the sweep.

    Source: [B] Tables 3, 4, 5, 7, 8, 9

    Parameters
    ----------
    grid : list of dict
        Cell and row in one.
    candidates : int
        Networks of each method when the sweep is whole.
    """
    if not grid:
        raise DataError("no cell of b9_images is done; run some with --shard 1/1.")
    sizes = {row["data"]: (row["n_validation"], row["n_test"]) for row in grid}
    attacked = attacked_rows(grid, {d: constant(d, *n) for d, n in sizes.items()}, candidates)
    certified = certified_rows(grid, candidates)
    told = ("data", "unit", "method", "epsilon", "n_test", "diverged", "same", "train_seconds")
    return {
        "b9_images.attacked": attacked,
        "b9_images.certified": certified,
        "b9_images.units": units_rows(attacked, certified),
        "b9_images.winners": [row for data in ATTACKED for row in winners(data)],
        "b9_images.cells": [
            {key: row[key] for key in told} | {"clean": row["test"]["clean"][0]} for row in grid
        ],
    }


def cost(cell: Mapping[str, Any]) -> float:
    """Roughly proportional to a cell's seconds.

    Source: own
    """
    weight = {"nominal": 1.0, "baseline_linf": 1.3, "fgsm": 1.4, "rub": 5.0}
    return (3.0 + weight.get(cell["method"], 4.0)) * (2.5 if cell["data"] == "cifar10" else 1.0)


__all__ = ["VERSION", "cost", "radii", "record", "run_here", "summary", "sweep"]
