"""Which unit a printed number fits: pixels, standardised images, both or neither.

The paper takes for each cell the unit in which the accuracy is higher, and prints one radius. A
unit fits a cell if our network in that unit and the printed one differ by no more than what their
images are too few to tell: the 95 % interval of the difference of the two shares holds zero.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from robustcore.intervals import shares_apart

from .chosen import NORMS, Row, Rows, seen
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
        of our two; `apart`, whether ours differ beyond chance: where they do not, the cell tells
        nothing. None as long as a unit has no network.
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
    own = {unit: seen(row, name) for unit, row in both.items()}
    fitting = [unit for unit, counted in own.items() if alike(counted, drawn(paper))]
    low, high = min(values.values()), max(values.values())
    return cell | {
        "fits": "both" if len(fitting) == 2 else fitting[0] if fitting else "neither",
        "side": "above" if paper > high else "below" if paper < low else "between",
        "apart": not alike(own["pixels"], own["standardised"]),
    }


def drawn(paper: float) -> tuple[int, int]:
    """A printed per cent as so many of so many draws of the test set.

    Source: own
    """
    return round(paper / 100 * N_DRAWN), N_DRAWN


def alike(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether two shares, each as (seen, of), differ by no more than chance: zero is in the 95 %.

    Source: own
    """
    low, high = shares_apart(*one, *other)
    return low <= 0 <= high


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
