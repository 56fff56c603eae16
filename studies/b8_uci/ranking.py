"""Average ranks over tables, as Figure 2 has them, and what a rank test says of them.

Shape letters: n sets, k methods.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import stats

from .choosing import ATTACKS, METHODS, Rows, alike, complete, passes

MAJORITY = "majority"
PERFECT = 0.99
_LEVEL = 0.95


def places(radii: Sequence[float]) -> list[tuple[str, int, float]]:
    """Every point of Figure 2: attack, index of the radius, radius; clean rows once.

    Source: [B] Figure 2
    """
    return [("clean", 0, 0.0), *((a, i, r) for a in ATTACKS for i, r in enumerate(radii))]


def ranks(accuracies: np.ndarray) -> np.ndarray:
    """(n, k) accuracies to ranks: 1 is the highest, equal ones share theirs.

    Source: [B] Section 6.2
    """
    return np.asarray(stats.rankdata(-accuracies, axis=1, method="average"))


def interval(values: np.ndarray) -> tuple[float, float]:
    """Student's 95 % interval of the mean over sets, at most the range there is.

    Source: [B] Figure 2
    """
    n, mean = len(values), float(values.mean())
    if n < 2:
        return float("-inf"), float("inf")
    half = stats.t.ppf((1 + _LEVEL) / 2, n - 1) * values.std(ddof=1) / math.sqrt(n)
    return mean - float(half), mean + float(half)


def ranked(rows: Rows, radii: Sequence[float]) -> list[dict[str, Any]]:
    """Average rank of each method, of six and with the majority class as a seventh.

    Source: [B] Figure 2; own (majority class, networks that answer alike)

    Parameters
    ----------
    rows : list of dict
        From `choosing.chosen`.
    radii : sequence of float
        Of the attacks, in standard deviations.

    Returns
    -------
    list of dict
        For each data, attack, radius and method: sets; "rank", "low", "high" among the six;
        "rank of 7" and its interval; mean "accuracy"; "alike", sets whose chosen network gives one
        answer; "above", sets where more test rows are right than the majority class has; "ranks"
        and "accuracies", one a set.
    """
    found = []
    for data in _first_passes(rows):
        sets = list(complete(rows, data).values())
        for attack, at, radius in places(radii) if sets else []:
            point = {"data": data, "attack": attack, "radius": radius, "sets": len(sets)}
            found += [point | row for row in _point(sets, attack, at)]
    return found


def _first_passes(rows: Rows) -> list[str]:
    return [data for data, split in passes(rows) if split == 0]


def _point(sets: Sequence[Any], attack: str, at: int) -> list[dict[str, Any]]:
    methods = np.array([[one[m][attack][at] / one[m]["n"] for m in METHODS] for one in sets])
    majority = np.array([_majority(one) for one in sets])
    six, seven = ranks(methods), ranks(np.column_stack([methods, majority]))
    found = []
    for j, name in enumerate((*METHODS, MAJORITY)):
        row: dict[str, Any] = {"method": name, "rank": None, "low": None, "high": None}
        accuracy = majority if name == MAJORITY else methods[:, j]
        if name != MAJORITY:
            row |= _with_interval("rank", "low", "high", six[:, j], len(METHODS))
        last = len(METHODS) + 1
        row |= _with_interval("rank of 7", "low of 7", "high of 7", seven[:, j], last)
        row["accuracy"] = round(float(accuracy.mean()), 4)
        row["above"] = int((accuracy > majority).sum())
        row["alike"] = (
            len(sets) if name == MAJORITY else sum(alike(one[name], attack, at) for one in sets)
        )
        row["ranks"] = None if name == MAJORITY else six[:, j].tolist()
        row["accuracies"] = [round(float(v), 4) for v in accuracy]
        found.append(row)
    return found


def _majority(one: Any) -> float:
    row = one[METHODS[0]]
    return float(row["majority"] / row["n"])


def _with_interval(
    rank: str, low: str, high: str, values: np.ndarray, last: int
) -> dict[str, float]:
    ends = interval(values)
    return {
        rank: round(float(values.mean()), 4),
        low: round(max(1.0, ends[0]), 4),
        high: round(min(float(last), ends[1]), 4),
    }


def critical_difference(k: int, n: int) -> float:
    r"""How far two average ranks must be apart to differ at 5 %, by Nemenyi's test.

    .. math:: \frac{q_{.05}(k, \infty)}{\sqrt2}\sqrt{\frac{k(k+1)}{6n}}

    Source: own (Demšar, 2006)
    """
    q = float(stats.studentized_range.ppf(_LEVEL, k, np.inf)) / math.sqrt(2)
    return q * math.sqrt(k * (k + 1) / (6 * n))


def tested(rows: Rows) -> list[dict[str, Any]]:
    """Friedman's test and the critical difference at each data, attack and radius.

    Source: own (Demšar, 2006)

    Parameters
    ----------
    rows : list of dict
        From `ranked`.

    Returns
    -------
    list of dict
        "p" is None where fewer than three sets were ranked, or all methods tie on all of them;
        "perfect" counts sets on which every method is right on 99 % of the test rows.
    """
    found = []
    for point in dict.fromkeys((r["data"], r["attack"], r["radius"]) for r in rows):
        here = [
            r
            for r in rows
            if (r["data"], r["attack"], r["radius"]) == point and r["ranks"] is not None
        ]
        by_method = [r["ranks"] for r in here]
        n, k = len(by_method[0]), len(here)
        told = dict(zip(("data", "attack", "radius"), point, strict=True))
        tied = all(len(set(one)) == 1 for one in zip(*by_method, strict=True))
        p = None if tied or n < 3 else float(stats.friedmanchisquare(*by_method).pvalue)
        worst = np.array([r["accuracies"] for r in here]).min(axis=0)
        told |= {"sets": n, "p": p, "cd": round(critical_difference(k, n), 4)}
        found.append(told | {"perfect": int((worst >= PERFECT).sum())})
    return found
