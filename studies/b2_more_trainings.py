"""Figure 1 of paper B at its number of updates, several trainings for each radius.

    python -m studies b2_more_trainings --profile desktop --shard 1/2     cells
    python -m studies b2_more_trainings --profile desktop                 their records

Trainings with one seed start at one network and meet the same batches.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from robustcore.errors import DataError

from .b2_arub import distance_to_adversarial, loss_over_training
from .engine import Sweep, read
from .mnist_networks import load_images

VERSION = 1  # raise it when rows would change


def sweep(
    data: str = "mnist-sample",
    side: int = 7,
    width: int = 20,
    epsilons: Sequence[float] = (0.01, 0.1),
    methods: Sequence[str] = ("arub", "baseline"),
    n_seeds: int = 2,
    steps: int = 20,
    observe_every: int = 10,
    n_observed: int = 50,
) -> Sweep:
    """A cell for each training: seed, radius and method.

    Source: [B] Section 4, Figure 1

    Parameters
    ----------
    data, side : str, int
        As for `mnist_networks.load_images`.
    width, epsilons, methods, steps, observe_every, n_observed
        As for `b2_arub.loss_over_training`.
    n_seeds : int
        Trainings for each method and radius.
    """
    settings = {"width": width, "steps": steps}
    settings |= {"observe_every": observe_every, "n_observed": n_observed}
    cells = [
        {"seed": seed, "epsilon": epsilon, "method": method}
        for seed in range(n_seeds)
        for epsilon in epsilons
        for method in methods
    ]
    return Sweep(
        "b2_more_trainings",
        VERSION,
        cells,
        partial(_rows, data, side, settings),
        settings={"data": data, "side": side, **settings},
    )


def _rows(
    data: str,
    side: int,
    settings: Mapping[str, int],
    cells: Sequence[Mapping[str, Any]],
    device: str,
) -> list[dict[str, Any]]:
    images = load_images(data, side, n_validation=0, n_test=settings["n_observed"], device=device)
    return [
        {
            "curve": loss_over_training(
                images, [cell["epsilon"]], [cell["method"]], seed=cell["seed"], **settings
            )
        }
        for cell in cells
    ]


def record(**parameters: Any) -> dict[str, list[dict[str, Any]]]:
    """What the trainings that are done say; nothing is run.

    Source: [B] Section 4, Figure 1

    Returns
    -------
    dict
        `b2_more_trainings.curves`: rows of `b2_arub.loss_over_training` with their seed;
        `b2_more_trainings.distances`: those of `b2_arub.distance_to_adversarial`, one a training.

    Raises
    ------
    DataError
        If no training is done.
    """
    done = read(sweep(**parameters)).rows
    if not done:
        raise DataError("no training of b2_more_trainings is done; run some with --shard 1/1.")
    told = [({"seed": cell["seed"]}, cell["curve"]) for cell in done]
    return {
        "b2_more_trainings.curves": [seed | row for seed, curve in told for row in curve],
        "b2_more_trainings.distances": [
            seed | row for seed, curve in told for row in distance_to_adversarial(curve)
        ],
    }


record.__signature__ = inspect.signature(sweep)  # type: ignore[attr-defined]
