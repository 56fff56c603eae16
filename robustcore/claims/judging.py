"""What the recorded rows say of an entry: its verdict, its numbers, its sentences."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..errors import InputError
from ..expressions import Row, evaluate
from .entry import CRITERIA, Claim

RowsOf = Callable[[str], list[Row]]


@dataclass(frozen=True)
class Recorded:
    """A number of a claim as the recorded rows give it: `text` is `value` formatted with its unit.

    Source: own
    """

    name: str
    value: Any
    unit: str
    text: str


def judge(claim: Claim, rows_of: RowsOf) -> str:
    """The verdict that the recorded rows give, whatever verdict the entry stores.

    Source: own

    Parameters
    ----------
    claim : Claim
    rows_of : callable
        Record id to rows, for example `lambda id: records.load(id).rows`.

    Returns
    -------
    str
        One of `VERDICTS`.

    Raises
    ------
    InputError
        If a criterion is not a permitted expression, or gives something else than True or False.
    """
    if not claim.testable:
        return "not run" if claim.needs else "not testable"
    if not enough(claim, rows_of):
        return "not run"
    rows, names = _rows(claim, rows_of), _names(claim, rows_of)
    for key, verdict in CRITERIA.items():
        expression = getattr(claim, key)
        if expression is None:
            continue
        holds = evaluate(expression, rows, names)
        if not isinstance(holds, bool):
            raise InputError(f"{key} of claim {claim.id!r} must give true or false, got {holds!r}.")
        if holds:
            return verdict
    return "not reproduced"


def enough(claim: Claim, rows_of: RowsOf) -> bool:
    """Whether the rows are there that the criteria ask about; always, where none are named.

    Source: own

    Raises
    ------
    InputError
        If `enough_if` gives something else than True or False.
    """
    if claim.enough_if is None:
        return True
    holds = evaluate(claim.enough_if, _rows(claim, rows_of), {"paper": claim.paper})
    if not isinstance(holds, bool):
        raise InputError(f"enough_if of claim {claim.id!r} must give true or false, got {holds!r}.")
    return holds


def recorded(claim: Claim, rows_of: RowsOf) -> list[Recorded]:
    """Our numbers: each of `ours` with its name and unit; empty if the entry has no `ours`.

    Empty too as long as its rows are not there.

    Source: own

    Parameters
    ----------
    claim : Claim
    rows_of : callable
        Record id to rows.

    Raises
    ------
    InputError
        If the entry names another number of values than its `ours` gives.
    """
    if claim.ours is None or not enough(claim, rows_of):
        return []
    value = evaluate(claim.ours, _rows(claim, rows_of), _names(claim, rows_of))
    values = value if isinstance(value, list | tuple) else [value]
    if claim.names and len(claim.names) != len(values):
        raise InputError(
            f"claim {claim.id!r} names {len(claim.names)} numbers and its `ours` gives "
            f"{len(values)}; name each."
        )
    names = claim.names or ("",) * len(values)
    return [
        Recorded(name, v, claim.unit, " ".join(filter(None, (_shown(v, claim.format), claim.unit))))
        for name, v in zip(names, values, strict=True)
    ]


def ours(claim: Claim, rows_of: RowsOf) -> str:
    """Our numbers in one line, without names and unit; empty if the entry has no `ours`.

    Source: own

    Parameters
    ----------
    claim : Claim
    rows_of : callable
        Record id to rows.
    """
    return ", ".join(_shown(found.value, claim.format) for found in recorded(claim, rows_of))


def said(sentence: str, claim: Claim, rows_of: RowsOf) -> str:
    """A sentence of the entry on one line, its `{names}` filled with the numbers of the records.

    Source: own

    Raises
    ------
    InputError
        If the sentence names a number that the entry does not have.
    """
    numbers = {**_names(claim, rows_of), "ours": ours(claim, rows_of)}
    try:
        return " ".join(sentence.split()).format(**numbers)
    except (KeyError, IndexError, ValueError, TypeError) as error:
        raise InputError(
            f"a sentence of claim {claim.id!r} cannot be filled: {error!r}."
        ) from error


def _names(claim: Claim, rows_of: RowsOf) -> dict[str, Any]:
    """`paper` and the named values, each of which may use those before it."""
    names: dict[str, Any] = {"paper": claim.paper}
    if not enough(claim, rows_of):
        return names
    rows = _rows(claim, rows_of) if claim.values else []
    for name, expression in claim.values.items():
        names[name] = evaluate(expression, rows, names)
    return names


def _shown(value: Any, format_: str) -> str:
    return str(value) if isinstance(value, str | bool) else format(value, format_)


def _rows(claim: Claim, rows_of: RowsOf) -> list[Row]:
    if len(claim.record) == 1:
        return rows_of(claim.record[0])
    return [{**row, "record": id} for id in claim.record for row in rows_of(id)]
