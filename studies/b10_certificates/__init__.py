"""How far L1 certificates of a plain 3 x 200 network reach, with what this project has.

Beyond [B], Tables 7 to 9: one network for each radius of the tables, trained for that radius alone,
in both units; all test images certified there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from robustcore import records
from robustcore.errors import DataError
from robustcore.intervals import shares_apart
from studies.b9_images.chosen import interval
from studies.b9_images.printed_tables import printed
from studies.b9_images.units import drawn
from studies.engine import Sweep, read

from .cells import Recipe, rows

VERSION = 1
_GREY = (2.8, 8.4, 14.0, 28.0, 0.28)
_COLOUR = (5.54, 16.63, 27.71, 55.43, 0.55)


def sweep(
    data: Sequence[str] = ("mnist-sample",),
    units: Sequence[str] = ("pixels",),
    radii: Sequence[float] = (2.8,),
    steps: int = 400,
    late_steps: int = 20,
    width: int = 50,
    slack: float = 1.15,
    rate: float = 2e-3,
    batch_size: int = 64,
    n_validation: int = 40,
    n_test: int = 80,
    attack_steps: int = 20,
) -> Sweep:
    """One network a cell: (data, unit, radius), the L1 radius for which it is trained and judged.

    Source: own (on [B] Tables 7, 8, 9)

    Parameters
    ----------
    data, units : sequence of str
        As for `b9_images.sweep`. Data by data, so that one set of images is one command.
    radii : sequence of float
        Of the L1 balls; empty for all those of the printed table.
    steps, late_steps : int
        Updates, and updates after them with batches four times as large and more vertices, whose
        weights are averaged.
    width : int
        Neurons of each hidden layer.
    slack : float
        Training radius over the radius that is certified.
    rate, batch_size : float, int
        Of Adam. The rate warms up and falls over the second half of all updates; the radius rises
        over the first 40 %.
    n_validation, n_test : int
        Images certified; n_test larger than the test set is all of it.
    attack_steps : int
        Gradient steps of the attack on the test images, which sorts out what needs no proof.
    """
    recipe = Recipe(
        steps, late_steps, width, slack, rate, batch_size, n_validation, n_test, attack_steps
    )
    cells = [
        {"data": name, "unit": unit, "radius": radius}
        for name in data
        for radius in radii or (_COLOUR if name.startswith("cifar") else _GREY)
        for unit in units
    ]
    run, settings = recipe.run(rows), recipe.plain()
    return Sweep("b10_certificates", VERSION, cells, run, cost=cost, settings=settings)


def record(
    data: Sequence[str] = ("mnist-sample",),
    units: Sequence[str] = ("pixels",),
    radii: Sequence[float] = (2.8,),
    steps: int = 400,
    late_steps: int = 20,
    width: int = 50,
    slack: float = 1.15,
    n_validation: int = 40,
    n_test: int = 80,
    attack_steps: int = 20,
) -> dict[str, list[dict[str, Any]]]:
    """What the cells that are done say; nothing is run.

    Source: own (on [B] Tables 7, 8, 9)

    Returns
    -------
    dict
        `b10_certificates.reached`: see `reached`.
    """
    asked = sweep(data, units, radii, steps, late_steps, width, slack, 2e-3, 64, n_validation,
                  n_test, attack_steps)  # fmt: skip
    done = read(asked).rows
    if not done:
        raise DataError("no cell of b10_certificates is done; run some with --shard 1/1.")
    return {"b10_certificates.reached": reached(done)}


def reached(done: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Each cell beside the best of the printed column, by radius.

    Source: own (on [B] Tables 7, 8, 9)

    Returns
    -------
    list of dict
        The row of the sweep, shares of the `n` test images in place of counts: `clean`,
        `standing`, what the attack leaves, `rub`, `tightest` with the ends of its 95 % interval.
        `paper` in per cent and `paper_method`, the best of the column; `reached`, one of "above",
        "level", "below": apart beyond the 95 % interval of their difference, or not.
    """
    found = []
    for row in sorted(done, key=lambda row: (row["data"], row["unit"], row["radius"])):
        counts = {name: row[name] / row["n"] for name in ("clean", "standing", "rub", "tightest")}
        low, high = interval(row["tightest"], row["n"])
        best, method = max(
            (
                (value, method)
                for (method, radius), value in printed(row["data"], "certified").items()
                if radius == row["radius"]
            ),
            default=(None, None),
        )
        found.append(
            {**row, **counts, "tightest_low": low, "tightest_high": high, "paper": best,
             "paper_method": method, "reached": _against(row["tightest"], row["n"], best)}
        )  # fmt: skip
    return found


def _against(k: int, n: int, paper: float | None) -> str | None:
    if paper is None:
        return None
    low, high = shares_apart(k, n, *drawn(paper))
    return "above" if low > 0 else "below" if high < 0 else "level"


def recorded() -> list[str]:
    """The names of the records that there are, without the study's: none before a sweep has run.

    Source: own
    """
    start = "b10_certificates."
    return [id.removeprefix(start) for id in records.identifiers() if id.startswith(start)]


def cost(cell: Mapping[str, Any]) -> float:
    """Roughly proportional to a cell's seconds.

    Source: own
    """
    colour = cell["data"].startswith("cifar")
    vertices = min(32.0, 1.5 * cell["radius"]) if cell["unit"] == "pixels" else 4.0
    return (4.0 + vertices / 4) * (2.0 if colour else 1.0)


__all__ = ["VERSION", "cost", "reached", "record", "recorded", "sweep"]
