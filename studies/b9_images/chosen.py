"""From the rows of the sweep to Tables 3 to 5 and 7 to 9: networks chosen on validation images.

Every number of a table is that of the network, among those of one method in one unit, that does
best on validation images under that attack, or by that bound, at that radius. Its test images are
looked at afterwards.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from robustcore.intervals import share, shares_apart

from .printed import certified_radii, radii
from .printed_tables import printed

Row = dict[str, Any]
Rows = Sequence[Mapping[str, Any]]
NORMS = ("L2", "L1", "Linf")  # in the order of the printed tables
BOUNDS = ("rub", "tightest")
interval = functools.cache(share)  # Clopper and Pearson's, of 95 %


def attacked_rows(grid: Rows, constant: Mapping[str, float], candidates: int) -> list[Row]:
    """Tables 3 to 5 in both units: a row for each (data, unit, method, norm, radius).

    Source: [B] Section 6.3, Tables 3, 4, 5

    Parameters
    ----------
    grid : list of dict
        Cell and row in one, as the engine gives them; any part of the sweep.
    constant : dict
        For each set of images, the share of its test images in the class that is most frequent in
        training.
    candidates : int
        Networks of each method when the sweep is whole.

    Returns
    -------
    list of dict
        `paper` in per cent, or None. Shares of `n` test images, each with the ends `_low`, `_high`
        of its 95 % interval and the training radius `_epsilon` of the network: `published`, the
        lesser of what FGM and PGD as published leave; `strong`, what no attack turns; the methods
        that it is `_ahead` of in the same column, beyond the 95 % interval of a difference.
        `networks` of `of` candidates are in.
    """
    found = []
    for key, some in _groups(grid):
        for norm in NORMS:
            paper = printed(key["data"], norm)
            for at, radius in enumerate((0.0, *radii(key["data"])[norm])):
                row = {**key, "norm": norm, "radius": radius, "networks": len(some)}
                row |= {"of": candidates, "paper": paper.get((key["method"], radius))}
                row |= best(some, "published", functools.partial(_published, norm=norm, at=at))
                row |= best(some, "strong", functools.partial(_strong, norm=norm, at=at))
                found.append(row | {"constant": constant[key["data"]]})
    return compared(found, ("data", "unit", "norm", "radius"), ("published", "strong"))


def certified_rows(grid: Rows, candidates: int) -> list[Row]:
    """Tables 7 to 9 in both units: a row for each (data, unit, method, radius).

    Source: [B] Section 6.3, Tables 7, 8, 9

    Parameters
    ----------
    grid, candidates
        As for `attacked_rows`.

    Returns
    -------
    list of dict
        As there; the shares are `rub`, proved by RUB, and `tightest`, proved by RUB, CROWN or RUB
        cut with the box.
    """
    found = []
    for key, some in _groups(grid):
        paper = printed(key["data"], "certified")
        for at, radius in enumerate((0.0, *certified_radii(key["data"]))):
            row = {**key, "radius": radius, "networks": len(some), "of": candidates}
            row["paper"] = paper.get((key["method"], radius))
            for bound in BOUNDS:
                row |= best(some, bound, functools.partial(_proved, bound=bound, at=at))
            found.append(row)
    return compared(found, ("data", "unit", "radius"), BOUNDS)


def _groups(grid: Rows) -> Iterator[tuple[Row, list[Mapping[str, Any]]]]:
    """The networks of one method in one unit, in the order in which they came."""
    groups: dict[tuple[str, ...], list[Mapping[str, Any]]] = {}
    for one in grid:
        groups.setdefault((one["data"], one["unit"], one["method"]), []).append(one)
    for key, some in groups.items():
        yield dict(zip(("data", "unit", "method"), key, strict=True)), some


def compared(found: Rows, column: Sequence[str], names: Sequence[str]) -> list[Row]:
    """The rows, with the methods of their column that each is ahead of, by each share.

    The images are the same and their pairs are not kept, so that the interval, one for independent
    samples, is wide rather than narrow.

    Source: own

    Parameters
    ----------
    found : list of dict
        `method`, `n`, and the shares.
    column : sequence of str
        Keys that rows of one column have in common.
    names : sequence of str
        Of the shares; the answer has NAME_ahead, a list of methods.
    """
    columns: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for row in found:
        columns.setdefault(tuple(row[key] for key in column), []).append(row)
    return [
        dict(row)
        | {
            f"{name}_ahead": [
                other["method"]
                for other in columns[tuple(row[key] for key in column)]
                if other is not row and shares_apart(*seen(row, name), *seen(other, name))[0] > 0
            ]
            for name in names
        }
        for row in found
    ]


def seen(row: Mapping[str, Any], name: str) -> tuple[int, int]:
    """A share of a row as so many of so many.

    Source: own
    """
    return round(row[name] * row["n"]), row["n"]


def best(
    some: Rows, name: str, standing: Callable[[Mapping[str, Any]], int]
) -> dict[str, float | int]:
    """What the network of most validation images has on test images; of several the most clean.

    Source: [B] Section 6.1, Hyperparameter Tuning

    Parameters
    ----------
    some : list of dict
        Rows of one method: `validation`, `test`, `epsilon`, `n_test`.
    name : str
        Of the share, in the answer.
    standing : callable
        From `validation` or `test` to a count.
    """

    def rank(one: Mapping[str, Any]) -> tuple[int, int, float]:
        part = one["validation"]
        return standing(part), part["clean"][0], -one["epsilon"]

    best = max(some, key=rank)
    k, n = standing(best["test"]), best["n_test"]
    low, high = interval(k, n)
    return {
        name: k / n,
        f"{name}_low": low,
        f"{name}_high": high,
        f"{name}_epsilon": best["epsilon"],
        "n": n,
    }


def _published(part: Mapping[str, Any], norm: str, at: int) -> int:
    if at == 0:
        return int(part["clean"][0])
    return int(min(part[f"{attack}-{norm}"][at - 1] for attack in ("FGM", "PGD")))


def _strong(part: Mapping[str, Any], norm: str, at: int) -> int:
    return int(part["clean"][0] if at == 0 else part[f"strong-{norm}"][at - 1])


def _proved(part: Mapping[str, Any], bound: str, at: int) -> int:
    return int(part["clean"][0] if at == 0 else part["certified"][bound][at - 1])
