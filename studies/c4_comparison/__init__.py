"""Both papers on one task: equal data, width, time and attacks; and the bridge among them.

    python -m studies c4_comparison --profile desktop --shard 1/1     the cells
    python -m studies c4_comparison --profile desktop                 their record

A cell trains one network by one method for one task, norm and seed. Settings are chosen on
held-out rows, each method has the same seconds, and every network is judged by the same attack and
the same certificate. Page `c4_bridge` shows what is recorded.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from ..engine import Sweep, read
from ..oracles.expected import read_from_the_solution
from . import methods
from .tasks import task

VERSION = 2  # raise it when rows would change
Row = dict[str, Any]


def sweep(
    tasks: Sequence[str] = ("bird-ship",),
    names: Sequence[str] = ("linear", "gd_pgd", "certified_random", "bridge_linear"),
    one_task: str = "sklearn/breast-cancer",
    norms: Sequence[str] = ("inf", "1"),
    n_seeds: int = 1,
    n: int = 60,
    n_held: int = 40,
    n_test: int = 60,
    width: int = 16,
    seconds: float = 1.0,
    attack_steps: int = 10,
) -> Sweep:
    """One network a cell.

    Source: own (on [A] Table I; [B] Tables 3 to 9)

    Parameters
    ----------
    tasks : sequence of str
        Of `tasks.IMAGES` and `tasks.TABLES`; Linf balls, the methods `names`.
    names : sequence of str
        Of `methods.METHODS`.
    one_task : str
        On which all methods run under all `norms`, but for those that a norm does not know.
    norms : sequence of str
        Of "inf", "1", "2".
    n_seeds, n, n_held, n_test, width : int
    seconds : float
        That each method has, its choice of settings included.
    attack_steps : int
        Of the strongest attack.
    """
    settings: dict[str, Any] = {"n": n, "n_held": n_held, "n_test": n_test, "width": width}
    settings |= {"seconds": seconds, "attack_steps": attack_steps}
    kinds = [(which, "inf", name) for which in tasks for name in names]
    kinds += [
        (one_task, p, name) for p in norms for name in methods.METHODS if methods.for_norm(name, p)
    ]
    cells = [
        {"task": which, "p": p, "method": name, "seed": seed}
        for seed in range(n_seeds)
        for which, p, name in dict.fromkeys(kinds)
    ]
    return Sweep("c4_comparison", VERSION, cells, partial(_rows, settings), settings=settings)


@read_from_the_solution()
def _rows(
    settings: Mapping[str, Any], cells: Sequence[Mapping[str, Any]], device: str
) -> list[Row]:
    return [one(cell, settings) for cell in cells]


def one(cell: Mapping[str, Any], settings: Mapping[str, Any]) -> Row:
    """Train and measure one cell.

    Source: own
    """
    n, held, tested = (int(settings[k]) for k in ("n", "n_held", "n_test"))
    given = task(str(cell["task"]), n, held, tested, int(cell["seed"]))
    p = cell["p"]
    net, about = methods.trained(
        cell["method"], given, p, settings["width"], settings["seconds"], cell["seed"]
    )
    found = methods.measured(net, given, p, settings["attack_steps"])
    counts = {"neurons": len(net.alpha), "n_train": len(given.y), "n_tested": len(given.y_test)}
    return {**about, **counts, "radius": given.ball(p).radius, **found}


def record(**parameters: Any) -> dict[str, list[Row]]:
    """The cells that are done.

    Source: own
    """
    return {"c4_comparison": read(sweep(**parameters)).rows}


record.__signature__ = inspect.signature(sweep)  # type: ignore[attr-defined]
