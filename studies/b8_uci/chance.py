"""How much of an average rank is chance: of test rows, and of the split of a table.

Shape letters: n sets, k methods, B draws.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .choosing import METHODS, Rows, complete, passes
from .ranking import places, ranks

_DRAWS = 300
_SHOWN = ("clean", "PGD-Linf", "strong-Linf")


def noise(rows: Rows, radii: Sequence[float], seed: int = 0) -> list[dict[str, Any]]:
    """Standard deviations of average ranks on the clean tables.

    Source: own (on [B] Figure 2)

    Parameters
    ----------
    rows : list of dict
        From `choosing.chosen`.
    radii : sequence of float
    seed : int
        Of the drawn test rows.

    Returns
    -------
    list of dict
        For each attack, radius and method: "sets"; "of rows" if each count of right test rows were
        drawn again, apart for each method (they share rows, so that this is more than there is);
        "of sets", the standard error over sets; "of splits" between the splits that are done, on
        the sets that all of them have, and how many "splits" and "sets of splits": None with one.
    """
    every = [complete(rows, data, split) for data, split in passes(rows) if data == "clean"]
    every = [one for one in every if one]
    if not every:
        return []
    rng = np.random.default_rng(seed)
    shared = sorted(set.intersection(*map(set, every)))
    found = []
    for attack, at, radius in places(radii):
        if attack in _SHOWN:
            told = {"attack": attack, "radius": radius, "sets": len(every[0])}
            mine = _columns(every, shared, attack, at, rng)
            found += [
                {**told, "method": method, **{k: _rounded(v[j]) for k, v in mine.items()}}
                | {"splits": len(every), "sets of splits": len(shared)}
                for j, method in enumerate(METHODS)
            ]
    return found


def _columns(
    every: Sequence[Any], shared: Sequence[str], attack: str, at: int, rng: np.random.Generator
) -> dict[str, Any]:
    first = list(every[0].values())
    right, n = _counts(first, attack, at)
    own = ranks(right / n)
    drawn = [ranks(rng.binomial(n, right / n) / n).mean(axis=0) for _ in range(_DRAWS)]
    nothing = [None] * len(METHODS)
    of_splits: Any = nothing
    if len(every) > 1 and shared:
        means = []
        for one in every:
            right, n = _counts([one[name] for name in shared], attack, at)
            means.append(ranks(right / n).mean(axis=0))
        of_splits = np.std(means, axis=0, ddof=1)
    of_sets = own.std(axis=0, ddof=1) / np.sqrt(len(own)) if len(own) > 1 else nothing
    return {"of rows": np.std(drawn, axis=0), "of sets": of_sets, "of splits": of_splits}


def _counts(sets: Sequence[Any], attack: str, at: int) -> tuple[np.ndarray, np.ndarray]:
    """(n, k) right rows and all rows."""
    right = np.array([[one[m][attack][at] for m in METHODS] for one in sets])
    return right, np.array([[one[m]["n"] for m in METHODS] for one in sets])


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(float(value), 4)
