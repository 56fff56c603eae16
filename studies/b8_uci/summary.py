"""The page's few lines: laws that every row keeps, and numbers beside the paper's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .choosing import NORMS, PUBLISHED, Rows
from .ranking import MAJORITY

Analysed = Mapping[str, Sequence[Mapping[str, Any]]]


def laws(grid: Rows) -> dict[str, bool]:
    """What holds of every network, whatever it has learned.

    Source: own

    Parameters
    ----------
    grid : list of dict
        Rows of the sweep.
    """
    never_more, never_rises, proved = True, True, True
    for row in grid:
        test = {name: np.array(counts) for name, counts in row["test"].items()}
        for attack in PUBLISHED:
            norm = attack.split("-")[1]
            never_more &= bool((test[f"strong-{norm}"] <= test[attack]).all())
        for norm in NORMS:
            never_rises &= bool((np.diff(test[f"strong-{norm}"], axis=0) <= 0).all())
        for one in row["certified"].values():
            counts = [found for _, found, _ in one]
            proved &= all(n <= test["clean"][candidate] for candidate, n, _ in one)
            proved &= len(counts) > 0
    return {
        "the strong attack leaves no more rows than a published one": never_more,
        "under it no larger ball leaves more rows": never_rises,
        "no more rows are proved than are right": proved,
    }


def fuller(*sources: Analysed) -> Analysed:
    """The source with most complete sets: the record, once it has more than this run.

    Source: own
    """
    return max(sources, key=sets_of)


def sets_of(source: Analysed, data: str = "clean") -> int:
    """Sets of a source with every method.

    Source: own
    """
    return max([r["sets"] for r in source.get("ranks", []) if r["data"] == data], default=0)


def beside(recorded: Analysed, here: Analysed) -> list[dict[str, Any]]:
    """The paper's numbers, what is recorded so far, and this run: None where a source has none.

    Source: [B] Section 6.2
    """
    lines = {
        "clean tables, every method": (46, sets_of),
        "leaked tables": (None, lambda s: sets_of(s, "published")),
        "Figure 3, ρ = 10: tables that RUB lowers": (3, lambda s: _gain(s)["lower"]),
        "Figure 3, ρ = 10: raised by more than 15 points": (8, lambda s: _gain(s)["large"]),
        "of these, RUB gives one answer on": (None, lambda s: _gain(s)["alike"]),
        "PGD-L∞, ρ = 1: average rank of RUB among seven": (None, lambda s: _rank(s, "rub")),
        "average rank of the majority class": (None, lambda s: _rank(s, MAJORITY)),
        "its standard deviation over test rows": (None, lambda s: _noise(s, "of rows")),
        "over tables": (None, lambda s: _noise(s, "of sets")),
        "over splits": (None, lambda s: _noise(s, "of splits")),
        "networks that regain 2 points under published PGD (%)": (None, _regained),
    }
    found = []
    for name, (paper, value) in lines.items():
        row: dict[str, Any] = {"": name, "paper": paper}
        for source, rows in (("recorded", recorded), ("this run", here)):
            row[source] = value(rows) if sets_of(rows) else None
        found.append(row)
    return found


def regaining(rows: Rows) -> list[dict[str, Any]]:
    """Shares of networks that regain two points in a larger ball: a row a method, a key an attack.

    Source: own

    Parameters
    ----------
    rows : list of dict
        From `comparing.rising`.
    """
    clean = [r for r in rows if r["data"] == "clean"]
    return [
        {"method": method}
        | {r["attack"]: r["rising"] / r["networks"] for r in clean if r["method"] == method}
        for method in dict.fromkeys(r["method"] for r in clean)
    ]


def above_attacked(rows: Rows) -> list[dict[str, Any]]:
    """Table 1: a row a norm, a key a radius; by test rows, then by means where they are recorded.

    Source: [B] Table 1

    Parameters
    ----------
    rows : list of dict
        From `comparing.above`.
    """
    clean = [r for r in rows if r["data"] == "clean"]
    norms = dict.fromkeys(r["norm"] for r in clean)
    found = [
        {"norm": norm} | {f"{r['radius']:g}": r["share"] for r in clean if r["norm"] == norm}
        for norm in norms
    ]
    told = [r for r in clean if r["told"]]
    return found + [
        {"norm": f"{norm}, by means"}
        | {f"{r['radius']:g}": r["means"] / r["told"] for r in told if r["norm"] == norm}
        for norm in (norms if told else ())
    ]


def speeds(rows: Rows) -> list[dict[str, Any]]:
    """Table 2: batches a second over tables, mean and deviation, fastest method first.

    Source: [B] Table 2

    Parameters
    ----------
    rows : list of dict
        Of `studies.b8_speed`.
    """
    found = []
    for method in dict.fromkeys(r["method"] for r in rows):
        mine = [r for r in rows if r["method"] == method]
        rates = np.array([r["batches_per_second"] for r in mine])
        steps = float(np.median([r["ratio"] for r in mine]))
        told = {"method": method, "tables": len(mine), "mean": float(rates.mean())}
        found.append(told | {"deviation": float(rates.std(ddof=1)), "nominal steps": steps})
    return sorted(found, key=lambda r: -r["mean"])


def _gain(source: Analysed) -> Mapping[str, Any]:
    wanted = ("clean", 3, "PGD-L2", 10.0)
    keys = ("data", "figure", "attack", "radius")
    return next(r for r in source["gains"] if tuple(r[k] for k in keys) == wanted)


def _rank(source: Analysed, method: str) -> float:
    wanted = ("clean", "PGD-Linf", 1.0, method)
    keys = ("data", "attack", "radius", "method")
    found = next(r for r in source["ranks"] if tuple(r[k] for k in keys) == wanted)
    return float(found["rank of 7"])


def _noise(source: Analysed, column: str) -> float | None:
    wanted = ("PGD-Linf", 1.0, "rub")
    keys = ("attack", "radius", "method")
    found = next(r for r in source["noise"] if tuple(r[k] for k in keys) == wanted)
    return None if found[column] is None else float(found[column])


def _regained(source: Analysed) -> float:
    here = [r for r in source["rising"] if r["data"] == "clean" and r["attack"].startswith("PGD")]
    return round(100 * sum(r["rising"] for r in here) / sum(r["networks"] for r in here), 1)
