"""Table I as [A] words it, and Algorithm 2 at other values of S: several runs of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from . import engine
from .a7_cifar.programs import convex_row, distance
from .cifar_pairs import cifar_pair

VERSION = 1  # of the rows; raise it when they would change
WORDS = (1, 7)  # "the second class and the eighth", counted from one: automobiles and horses
CLASSES = (2, 8)  # birds and ships: our reading


def run(cell: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """One run of one algorithm, as [A] words Table I or at one value of S.

    Source: [A] Table I, Algorithm 2

    Parameters
    ----------
    cell : mapping
        Of the sweep in `record`.
    given : mapping
        What `record` was given.
    """
    pair = cifar_pair(cell["classes"], given["n"], cell["downsample"])
    setup = (pair, given["radius_255"] / 255, given["beta"], given["n_patterns"])
    row = convex_row(cell["method"], *setup, cell["S"], cell["seed"])
    if cell["record"] == "samplings":
        return row
    reading = {"classes": cell["classes"], "downsample": cell["downsample"], "scale": "0..1"}
    return {**reading, **row, "distance": distance(row, 36)}


def record(
    n: int = 60,
    n_patterns: int = 6,
    n_runs: int = 2,
    n_perturbations: int = 4,
    shares: Sequence[int] = (1, 6),
    beta: float = 1e-4,
    radius_255: float = 10.0,
) -> dict[str, list[dict[str, Any]]]:
    """Both ways of making 147 numbers of an image; and each S in `shares`.

    Runs that are done are kept until all are.

    Source: [A] Table I, Algorithm 2
    """
    given = dict(locals())

    def rows(cells: Sequence[Mapping[str, Any]], device: str) -> list[dict[str, Any]]:
        return [{"row": run(cell, given)} for cell in cells]

    kinds = [
        ("words", WORDS, down, method, n_perturbations)
        for down in ("stride", "block")
        for method in ("algorithm_1", "algorithm_2")
    ]
    kinds += [("samplings", CLASSES, "stride", "algorithm_2", s) for s in shares]
    axes = ("record", "classes", "downsample", "method", "S", "seed")
    each = [dict(zip(axes, (*kind, s), strict=True)) for kind in kinds for s in range(n_runs)]
    sweep = engine.Sweep("a7_readings", VERSION, each, rows, settings=given)
    found: dict[str, list[dict[str, Any]]] = {}
    for done in engine.complete(sweep).rows:
        found.setdefault(f"a7_readings.{done['record']}", []).append(done["row"])
    engine.forget(sweep)
    return found
