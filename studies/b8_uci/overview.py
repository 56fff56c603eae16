"""The 46 tables one by one, what is done of the sweep, and what is known to be wrong with a few."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from robustcore.datasets.catalogue import uci_sets

from .choosing import METHODS, Rows, complete
from .ranking import MAJORITY

SHOWN_AT = (0.01, 0.1, 1.0)
_BY = "strong-Linf"
# what the published matrices have, beside the label among the features of all
FLAWS = {
    "arrhythmia": "the class is another column than the diagnosis, and a feature too",
    "cnae-9": "test rows with infinite cells",
    "skin-segmentation": "test rows that are training or validation rows too",
    "echocardiogram": "rows without a class are a third class",
}


def sets(rows: Rows, radii: Sequence[float]) -> list[dict[str, Any]]:
    """One row a table, in the paper's order; None for what is not done.

    Source: [B] Section 6.2

    Parameters
    ----------
    rows : list of dict
        From `choosing.chosen`.
    radii : sequence of float

    Returns
    -------
    list of dict
        "rows", "M", "K"; share of the "majority" class; "clean", accuracy of Nominal; "leaked", the
        same with the label among the features; the best methods under the strong L-infinity attack
        at three radii, the majority class where no method is above it.
    """
    clean, leaked = complete(rows, "clean"), complete(rows, "published")
    found = []
    for name, entry in uci_sets().items():
        row: dict[str, Any] = {"set": name, "rows": entry.rows, "M": entry.features}
        row |= {"K": len(entry.class_labels), "majority": None, "clean": None}
        if one := clean.get(name):
            row["majority"] = _share(one["nominal"]["majority"], one)
            row["clean"] = _share(one["nominal"]["clean"][0], one)
        other = leaked.get(name)
        row["leaked"] = _share(other["nominal"]["clean"][0], other) if other else None
        for radius in [r for r in SHOWN_AT if r in radii]:
            at = list(radii).index(radius)
            row[f"best at {radius:g}"] = leaders(one, _BY, at) if one else None
        found.append(row)
    return found


def leaders(one: Mapping[str, Any], attack: str, at: int) -> list[str]:
    """The methods of one set with most right rows; the majority class where none has more.

    Source: own
    """
    right = {m: one[m][attack][at] for m in METHODS}
    most = max(right.values())
    if most <= one[METHODS[0]]["majority"]:
        return [MAJORITY]
    return [m for m, count in right.items() if count == most]


def done(rows: Rows, cells: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """How much of each pass of the sweep the rows are.

    Source: own

    Parameters
    ----------
    rows : list of dict
        With set, data, split and method.
    cells : list of dict
        Of the sweep.
    """
    found = []
    for data, split in dict.fromkeys((c["data"], c["split"]) for c in cells):
        every = [c for c in cells if (c["data"], c["split"]) == (data, split)]
        have = [r for r in rows if (r["data"], r["split"]) == (data, split)]
        told = {"data": data, "split": split, "cells": len(have), "of": len(every)}
        whole = len(complete(rows, data, split))
        found.append(told | {"sets": whole, "of sets": len({c["set"] for c in every})})
    return found


def flawed(rows: Rows, published: Rows) -> list[dict[str, Any]]:
    """The tables with faults of their own, and what Nominal reaches on them, clean and published.

    Source: own (on the data that the authors published)

    Parameters
    ----------
    rows : list of dict
        From `sets`.
    published : list of dict
        From `studies.b_published.table`, or none.
    """
    known, seen = {r["set"]: r for r in rows}, {r["name"]: r for r in published}
    counted = {"cnae-9": "infinite_test_rows", "skin-segmentation": "repeated_test_rows"}
    found = []
    for name, words in FLAWS.items():
        row = {"set": name, "fault": words, "test rows": None, "of": None}
        if name in seen:
            row["of"] = seen[name]["n_test"]
            row["test rows"] = seen[name][counted[name]] if name in counted else None
        nominal = {key: known.get(name, {}).get(key) for key in ("clean", "leaked")}
        found.append(row | nominal)
    return found


def _share(count: int, one: Mapping[str, Any]) -> float:
    return round(float(count / one[METHODS[0]]["n"]), 4)
