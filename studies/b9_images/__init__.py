"""[B] Section 6.3: Tables 3 to 5 and 7 to 9, networks of 3 x 200 on full images, in both units.

The paper takes pixels in [0, 1] or images standardised one by one, "depending on what leads to best
robustness", and prints one radius for both. Here every cell says its unit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from studies.engine import Sweep

from .cells import Settings, rows
from .printed import radii

VERSION = 1
DATA = ("mnist", "fashion-mnist", "cifar10")
UNITS = ("standardised", "pixels")
METHODS = ("rub", "nominal", "arub_l1", "pgd", "arub_linf", "baseline_linf", "fgsm")
EPSILONS = (0.1, 0.3, 1.0, 0.03, 0.01)
_FIRST = 3  # these for every data set, then the others


def sweep(
    data: Sequence[str] = DATA,
    units: Sequence[str] = UNITS,
    methods: Sequence[str] = METHODS,
    epsilons: Sequence[float] = EPSILONS,
    steps: int = 6000,
    batch_size: int = 64,
    rate: float = 2e-3,
    pgd_steps: int = 10,
    top: int | None = 1,
    width: int = 200,
    n_validation: int = 500,
    n_test: int = 1000,
    attack_steps: int = 30,
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
    epsilons : sequence of float
        Training radii: L-infinity balls have radius epsilon, L1 balls sqrt(M) epsilon. Nominal
        training, which has none, gets as many networks, by seed.
    steps, batch_size, rate : int, int, float
        Of Adam. The rate warms up and falls over the second half; radii rise over the first 40 %.
        The same for all methods.
    pgd_steps : int
        Of PGD training.
    top : int or None
        RUB at so many vertices while training.
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


def cost(cell: Mapping[str, Any]) -> float:
    """Roughly proportional to a cell's seconds.

    Source: own
    """
    weight = {"nominal": 1.0, "baseline_linf": 1.3, "fgsm": 1.4, "rub": 5.0}
    return (3.0 + weight.get(cell["method"], 4.0)) * (2.5 if cell["data"] == "cifar10" else 1.0)


__all__ = ["DATA", "EPSILONS", "METHODS", "UNITS", "VERSION", "cost", "radii", "sweep"]
