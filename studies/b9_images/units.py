"""Which unit a printed number fits: pixels, standardised images, both or neither.

The paper takes for each cell the unit in which the accuracy is higher, and prints one radius. A
unit fits a cell if our network in that unit and the printed one differ by no more than what their
images are too few to tell: the 95 % intervals of the two shares meet.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from .chosen import NORMS, Row, Rows, interval
from .printed_tables import ATTACKED, CERTIFIED, N_DRAWN, printed

WORDS = ("both", "standardised", "pixels", "neither")


def units_rows(attacked: Rows, certified: Rows) -> list[Row]:
    """A row for each printed cell at a positive radius.

    Source: own (on [B] Section 6.1, Tables 3-5, 7-9)

    Parameters
    ----------
    attacked, certified : list of dict
        Of `chosen.attacked_rows` and `chosen.certified_rows`, of any part of the sweep. The
        published attacks and RUB are compared: what the paper ran.

    Returns
    -------
    list of dict
        `table`, `data`, `kind` (a norm, or "certified"), `method`, `radius`, `paper`, and in per
        cent `standardised`, `pixels`; `fits`, one of `WORDS`; `side`, where the printed number lies
        of our two; `apart`, whether ours differ beyond their intervals: where they do not, the cell
        tells nothing. None as long as a unit has no network.
    """
    found: dict[tuple[Any, ...], dict[str, Mapping[str, Any]]] = {}
    for row in (*attacked, *certified):
        kind = row.get("norm", "certified")
        key = (row["data"], kind, row["method"], row["radius"])
        found.setdefault(key, {})[row["unit"]] = row
    return [
        _cell(table, data, kind, method, radius, paper, found.get((data, kind, method, radius), {}))
        for tables, kinds in ((ATTACKED, NORMS), (CERTIFIED, ("certified",)))
        for data, table in tables.items()
        for kind in kinds
        for (method, radius), paper in printed(data, kind).items()
        if radius > 0
    ]


def _cell(
    table: int,
    data: str,
    kind: str,
    method: str,
    radius: float,
    paper: float,
    both: Mapping[str, Mapping[str, Any]],
) -> Row:
    cell = {"table": table, "data": data, "kind": kind, "method": method, "radius": radius}
    cell |= {"paper": paper}
    name = "rub" if kind == "certified" else "published"
    values = {unit: round(100 * row[name], 2) for unit, row in sorted(both.items())}
    cell |= {unit: values.get(unit) for unit in ("standardised", "pixels")}
    if len(both) < 2:
        return cell | {"fits": None, "side": None, "apart": None}
    ends = {unit: (row[f"{name}_low"], row[f"{name}_high"]) for unit, row in both.items()}
    fitting = [unit for unit, own in ends.items() if meet(own, drawn_interval(paper))]
    low, high = min(values.values()), max(values.values())
    return cell | {
        "fits": "both" if len(fitting) == 2 else fitting[0] if fitting else "neither",
        "side": "above" if paper > high else "below" if paper < low else "between",
        "apart": not meet(ends["pixels"], ends["standardised"]),
    }


def drawn_interval(paper: float) -> tuple[float, float]:
    """The 95 % interval of a printed number: its share of so many draws of the test set.

    Source: own
    """
    return interval(round(paper / 100 * N_DRAWN), N_DRAWN)


def meet(one: Sequence[float], other: Sequence[float]) -> bool:
    """Whether two intervals have a point in common.

    Source: own
    """
    return one[0] <= other[1] and other[0] <= one[1]


def counted(units: Rows) -> list[Row]:
    """How many cells of each table fit which unit, of those in which the two units are apart.

    Source: own
    """
    found = []
    for table in sorted({row["table"] for row in units}):
        mine = [row for row in units if row["table"] == table]
        known = [row for row in mine if row["fits"] is not None]
        telling = Counter(row["fits"] for row in known if row["apart"])
        found.append(
            {"table": table, "data": mine[0]["data"], "cells": len(mine), "known": len(known),
             "apart": telling.total(), **{word: telling[word] for word in WORDS}}
        )  # fmt: skip
    return found
