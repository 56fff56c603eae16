"""Which candidate stands for a method: the best on validation rows, for each attack and radius.

Shape letters: S candidates, R test radii.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .cells import METHODS
from .judging import CERTIFIED, NORMS

Rows = Sequence[Mapping[str, Any]]

PUBLISHED = tuple(f"{kind}-{norm}" for norm in ("L2", "Linf", "L1") for kind in ("FGM", "PGD"))
STRONG = tuple(f"strong-{norm}" for norm in ("L2", "Linf", "L1"))
ATTACKS = (*PUBLISHED, *STRONG)
_PARTS = ("set", "data", "split", "method")


def best(attacked: Sequence[int], clean: Sequence[int]) -> int:
    """The candidate with most validation rows right under attack, then on clean rows; the first.

    Source: [B] Section 6.1, Hyperparameter Tuning; own (ties)
    """
    ranked = list(zip(attacked, clean, strict=True))
    return ranked.index(max(ranked))


def chosen(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of the sweep, reduced to what its chosen candidates do on test rows.

    Source: [B] Section 6.1

    Returns
    -------
    dict
        Set, data, split, method; "n" test rows, "majority" those of the class most frequent in
        training, "same" (S,) rows of the most frequent answer and "finite" rows that were answered,
        "radii" (S,) of training; "clean" and each attack: right test rows, one a radius, and under
        "... of" the candidate; "certified-L1", "certified-Linf": proved share, one a radius.
    """
    validation, test = row["validation"], row["test"]
    clean = validation["clean"]
    found: dict[str, Any] = {name: row[name] for name in (*_PARTS, "M", "K", "radii", "same")}
    found |= {"n": row["n_test"], "finite": row["n_test"] - row["infinite"][1]}
    found |= {"n_train": row["n_train"], "majority": row["majority"][1]}
    at = best(clean, clean)
    found |= {"clean": [test["clean"][at]], "clean of": [at]}
    for attack in ATTACKS:
        picks = [best(attacked, clean) for attacked in validation[attack]]
        found[attack] = [right[i] for right, i in zip(test[attack], picks, strict=True)]
        found[f"{attack} of"] = picks
    for norm in CERTIFIED:
        found[f"certified-{norm}"] = [
            round(proved / n, 4) if n else 0.0 for _, proved, n in row["certified"][norm]
        ]
    return found


def alike(row: Mapping[str, Any], attack: str, at: int) -> bool:
    """Whether the chosen network gives all clean test rows one answer.

    Source: own
    """
    return bool(row["same"][row[f"{attack} of"][at]] == row["finite"])


def passes(rows: Rows) -> list[tuple[str, int]]:
    """The passes of the sweep that have a row: ("clean", 0), ("published", 0), ("clean", 1), ...

    Source: own
    """
    return list(dict.fromkeys((r["data"], r["split"]) for r in rows))


def complete(rows: Rows, data: str, split: int = 0) -> dict[str, dict[str, Mapping[str, Any]]]:
    """The sets of a pass of which every method is done: name to method to row.

    Source: own
    """
    found: dict[str, dict[str, Mapping[str, Any]]] = {}
    for row in rows:
        if (row["data"], row["split"]) == (data, split):
            found.setdefault(row["set"], {})[row["method"]] = row
    return {name: one for name, one in found.items() if len(one) == len(METHODS)}


__all__ = [
    "ATTACKS",
    "METHODS",
    "NORMS",
    "PUBLISHED",
    "STRONG",
    "alike",
    "best",
    "chosen",
    "complete",
    "passes",
]
