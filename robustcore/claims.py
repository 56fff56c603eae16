"""The ledger: what the papers claim, and the verdict that recorded rows give.

`claims/*.yml` hold one entry for each claim. A verdict is never typed alone: the entry states in
expressions what would make the claim reproduced, and the verdict that it stores must be the one
that those expressions give on the recorded rows. A test recomputes them all.

.. code-block:: yaml

    - id: b-table-8-rub
      source: "[B] Table 8"
      statement: At radius 2.8 the network trained with RUB keeps most of its accuracy.
      paper: 84.2                        # number, text, list, mapping or null
      record: b5_rub.radius              # or a list of them; rows then carry their `record`
      ours: val("certified", method="rub", radius=2.8)
      format: ".1%"                      # of the displayed number, optional
      reproduced_if: val("certified", method="rub", radius=2.8) >= 0.8
      partly_if: val("certified", method="rub", radius=2.8) > val("certified", method="nominal",
        radius=2.8)
      verdict: reproduced
      reason: One sentence for the reader.
      page: b5_rub
      finding: "{ours} of the images are certified; the paper prints {paper} %."  # optional

The first of `wrong_if`, `reproduced_if`, `partly_if` that holds decides; if none does, the claim is
"not reproduced". An entry without any of them is "not testable", and its reason says why.
An entry with a `finding` is a line of the book's first page.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from .errors import DataError, InputError, MissingExtraError
from .expressions import Row, evaluate

CRITERIA = {
    "wrong_if": "wrong as printed",
    "reproduced_if": "reproduced",
    "partly_if": "reproduced in part",
}
VERDICTS = (
    "reproduced",
    "reproduced in part",
    "not reproduced",
    "wrong as printed",
    "not testable",
)
_NEEDED = ("id", "source", "statement", "verdict", "reason", "page")


@dataclass(frozen=True)
class Claim:
    """One entry of the ledger.

    Source: own
    """

    id: str
    source: str
    statement: str
    verdict: str
    reason: str
    page: str
    paper: Any = None
    record: tuple[str, ...] = ()
    ours: str | None = None
    format: str = ".4g"
    wrong_if: str | None = None
    reproduced_if: str | None = None
    partly_if: str | None = None
    finding: str | None = None  # a sentence of the first page, with {ours} and {paper}

    @property
    def testable(self) -> bool:
        """Whether any criterion is stated.

        Source: own
        """
        return any(getattr(self, key) is not None for key in CRITERIA)


def load(folder: Path | str) -> list[Claim]:
    """Every claim of the `.yml` files in a folder, in the order of file name and entry.

    Source: own

    Raises
    ------
    InputError
        For an entry with a missing or unknown key, an unknown verdict, or an id used twice.
    DataError
        If the folder holds no ledger.
    MissingExtraError
        If pyyaml is not installed.
    """
    try:
        import yaml
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            "the ledger is YAML and pyyaml is not installed; pip install 'robustcore[book]'"
        ) from error
    claims: list[Claim] = []
    for path in sorted(Path(folder).glob("*.yml")):
        for entry in yaml.safe_load(path.read_text(encoding="utf-8")) or []:
            claims.append(_claim(entry, path.name))
    if not claims:
        raise DataError(f"no claims in {Path(folder).name}/; it should hold .yml files of entries.")
    seen: set[str] = set()
    for claim in claims:
        if claim.id in seen:
            raise InputError(f"claim id {claim.id!r} is used twice; rename one.")
        seen.add(claim.id)
    return claims


def judge(claim: Claim, rows_of: Callable[[str], list[Row]]) -> str:
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
        return "not testable"
    rows = _rows(claim, rows_of)
    for key, verdict in CRITERIA.items():
        expression = getattr(claim, key)
        if expression is None:
            continue
        holds = evaluate(expression, rows, {"paper": claim.paper})
        if not isinstance(holds, bool):
            raise InputError(f"{key} of claim {claim.id!r} must give true or false, got {holds!r}.")
        if holds:
            return verdict
    return "not reproduced"


def ours(claim: Claim, rows_of: Callable[[str], list[Row]]) -> str:
    """Our number as the scoreboard shows it; empty if the entry has no `ours`.

    Source: own

    Parameters
    ----------
    claim : Claim
    rows_of : callable
        Record id to rows.

    Returns
    -------
    str
        A list of numbers is joined with commas.
    """
    if claim.ours is None:
        return ""
    value = evaluate(claim.ours, _rows(claim, rows_of), {"paper": claim.paper})
    values = value if isinstance(value, list | tuple) else [value]
    return ", ".join(
        str(v) if isinstance(v, str | bool) else format(v, claim.format) for v in values
    )


def _rows(claim: Claim, rows_of: Callable[[str], list[Row]]) -> list[Row]:
    if len(claim.record) == 1:
        return rows_of(claim.record[0])
    return [{**row, "record": id} for id in claim.record for row in rows_of(id)]


def _claim(entry: Mapping[str, Any], file: str) -> Claim:
    if not isinstance(entry, Mapping):
        raise InputError(f"{file} must hold a list of mappings, got the entry {entry!r}.")
    name = entry.get("id", "without id")
    known = {field.name for field in fields(Claim)}
    if unknown := sorted(set(entry) - known):
        raise InputError(f"claim {name!r} in {file} has the unknown keys {unknown}; use {known}.")
    if missing := [key for key in _NEEDED if not str(entry.get(key) or "").strip()]:
        raise InputError(f"claim {name!r} in {file} lacks {missing}; every claim has them.")
    if entry["verdict"] not in VERDICTS:
        raise InputError(f"claim {name!r} has verdict {entry['verdict']!r}; use one of {VERDICTS}.")
    record = entry.get("record") or ()
    claim = Claim(**{**entry, "record": (record,) if isinstance(record, str) else tuple(record)})
    if claim.testable and not claim.record:
        raise InputError(f"claim {name!r} has a criterion but names no record to test it on.")
    return claim
