"""One method against another, published attacks against strong ones, bounds against attacks, speed.

Shape letters: S candidates, R test radii.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .choosing import METHODS, PUBLISHED, Rows, alike, complete, passes
from .judging import CERTIFIED

# figure: the method that is to gain, over which, under attacks of which norm, at which radii
FIGURES = {
    3: ("rub", "pgd", "L2", (0.01, 1.0, 10.0)),
    4: ("arub_linf", "pgd", "Linf", (0.001, 0.1, 1.0)),
}
LARGE = 15.0  # points: "more than 15% improvement", [B] Section 6.2
RISE = 2.0  # points of accuracy that a larger ball gives back, beyond which an attack failed


def gains(rows: Rows, radii: Sequence[float]) -> list[dict[str, Any]]:
    """By how many points a method is more accurate than another, set by set: Figures 3 and 4.

    Source: [B] Figures 3, 4

    Parameters
    ----------
    rows : list of dict
        From `choosing.chosen`.
    radii : sequence of float
        Of the attacks.

    Returns
    -------
    list of dict
        "gains": points, one a set; "lower" and "large" count sets below 0 and above 15; "alike":
        among the large ones, those where the method's network gives one answer.
    """
    found = []
    for data, split in passes(rows):
        sets = complete(rows, data) if split == 0 else {}
        for figure, (one, other, norm, shown) in FIGURES.items() if sets else ():
            for attack in (f"PGD-{norm}", f"strong-{norm}"):
                for radius in [r for r in shown if r in radii]:
                    at = list(radii).index(radius)
                    told = {"data": data, "figure": figure, "attack": attack, "radius": radius}
                    found.append(told | _gained(sets, one, other, attack, at))
    return found


def _gained(sets: Mapping[str, Any], one: str, other: str, attack: str, at: int) -> dict[str, Any]:
    points = [
        round(100 * (s[one][attack][at] / s[one]["n"] - s[other][attack][at] / s[other]["n"]), 3)
        for s in sets.values()
    ]
    large = [p > LARGE for p in points]
    answers = [alike(s[one], attack, at) for s in sets.values()]
    return {
        "sets": len(points),
        "lower": sum(p < 0 for p in points),
        "large": sum(large),
        "alike": sum(a and b for a, b in zip(answers, large, strict=True)),
        "gains": points,
    }


def rising(grid: Rows) -> list[dict[str, Any]]:
    """How often a published attack leaves more right rows in a larger ball.

    Source: own (on [B] Section 6.1, Attacks)

    Parameters
    ----------
    grid : list of dict
        Rows of the sweep: every network that was trained.

    Returns
    -------
    list of dict
        For each data, method and attack: "networks", "rising" by more than two points from a radius
        to any larger one, their "shares" of each table, the "most" points; "short", the most by
        which a published attack was behind the strong one, a mean over networks at the worst
        radius.
    """
    found = []
    for data in dict.fromkeys(r["data"] for r in grid):
        for method in METHODS:
            here = [r for r in grid if (r["data"], r["method"]) == (data, method)]
            for attack in PUBLISHED if here else ():
                told = {"data": data, "method": method, "attack": attack}
                found.append(told | _risen(here, attack))
    return found


def _risen(here: Rows, attack: str) -> dict[str, Any]:
    rises: dict[str, list[float]] = {}
    behind = []
    strong = f"strong-{attack.split('-')[1]}"
    for row in here:
        left = 100 * np.array(row["test"][attack]) / row["n_test"]  # (R, S)
        lowest = np.minimum.accumulate(left, axis=0)
        rises.setdefault(row["set"], []).extend((left - lowest).max(axis=0).tolist())
        behind.append(left - 100 * np.array(row["test"][strong]) / row["n_test"])
    every = [rise for one in rises.values() for rise in one]
    return {
        "networks": len(every),
        "rising": sum(r > RISE for r in every),
        "shares": [round(statistics.fmean(r > RISE for r in rises[k]), 4) for k in sorted(rises)],
        "most": round(max(every), 2),
        "short": round(float(np.concatenate(behind, axis=1).mean(axis=1).max()), 2),
    }


def above(grid: Rows, radii: Sequence[float]) -> list[dict[str, Any]]:
    """How often the loss (11) of aRUB is at least that under published PGD: Table 1.

    Source: [B] Table 1

    Returns
    -------
    list of dict
        For each data, norm and radius, over every network that was trained: "networks", "share" of
        test rows, mean over networks; "mostly", the share of networks on most of whose rows it is;
        "told", networks and "tables" of which the means are recorded too, and "means", those of
        them for which that of (11) is at least that of the attacked loss.
    """
    found = []
    for data in dict.fromkeys(r["data"] for r in grid):
        here = [r for r in grid if r["data"] == data]
        for norm in CERTIFIED:
            for at, radius in enumerate(radii):
                shares = [
                    count / (r["n_test"] - r["infinite"][1])
                    for r in here
                    for count in r["above"][norm][at]
                ]
                told = {"data": data, "norm": norm, "radius": radius, "networks": len(shares)}
                mostly = sum(s > 0.5 for s in shares) / len(shares)
                mean = statistics.fmean(shares)
                told |= {"share": round(mean, 4), "mostly": round(mostly, 4)}
                later = [r for r in here if "means" in r]
                means = [one for r in later for one in r["means"][norm][at]]
                tables = len({r["set"] for r in later})
                found.append(told | {"told": len(means), "tables": tables, "means": sum(means)})
    return found


def seconds(grid: Rows, steps: int) -> list[dict[str, Any]]:
    """Updates a second of each method while the sweep ran, mean and deviation over sets: Table 2.

    Source: [B] Table 2

    Parameters
    ----------
    grid : list of dict
        Rows of the sweep; clean tables count.
    steps : int
        Updates of each candidate.

    Notes
    -----
    The machine had other work, and one call updates all candidates: ratios within a set say more
    than speeds. "ratio" is the median over sets of Nominal's speed over the method's.
    """
    speeds: dict[str, dict[str, float]] = {m: {} for m in METHODS}
    for row in grid:
        if (row["data"], row["split"]) == ("clean", 0):
            speeds[row["method"]][row["set"]] = steps * len(row["radii"]) / row["train_seconds"]
    found = []
    for method, own in speeds.items():
        both = sorted(set(own) & set(speeds["nominal"]))
        if both:
            values = [own[name] for name in both]
            ratio = statistics.median(speeds["nominal"][name] / own[name] for name in both)
            found.append(
                {
                    "method": method,
                    "sets": len(both),
                    "updates a second": round(statistics.fmean(values), 2),
                    "deviation": round(statistics.stdev(values), 2) if len(values) > 1 else None,
                    "ratio": round(ratio, 3),
                }
            )
    return found


def certified(rows: Rows, radii: Sequence[float], proved_at: Sequence[float]) -> list[dict]:
    """What is proved beside what is attacked, for the network that the strong attack chooses.

    Source: own (on [B] Section 6.3, Security Guarantees)

    Returns
    -------
    list of dict
        For each data, norm, radius and method, means over sets: "proved" by the tightest bound,
        "attacked" that withstand the strong attack, and the "majority" class.
    """
    found = []
    for data, split in passes(rows):
        sets = list(complete(rows, data).values()) if split == 0 else []
        for norm in CERTIFIED if sets else ():
            for i, radius in enumerate(proved_at):
                at = list(radii).index(radius)
                told = {"data": data, "norm": norm, "radius": radius, "sets": len(sets)}
                found += [told | _proved(sets, method, norm, i, at) for method in METHODS]
    return found


def _proved(sets: Sequence[Any], method: str, norm: str, i: int, at: int) -> dict[str, Any]:
    rows = [one[method] for one in sets]
    return {
        "method": method,
        "proved": round(statistics.fmean(r[f"certified-{norm}"][i] for r in rows), 4),
        "attacked": round(statistics.fmean(r[f"strong-{norm}"][at] / r["n"] for r in rows), 4),
        "majority": round(statistics.fmean(r["majority"] / r["n"] for r in rows), 4),
    }
