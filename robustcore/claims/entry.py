"""The entries of the ledger, read from YAML and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from ..errors import DataError, InputError, missing_extra

CRITERIA = {
    "wrong_if": "wrong as printed",
    "misprint_if": "misprint",
    "reproduced_if": "reproduced",
    "partly_if": "reproduced in part",
}
VERDICTS = (
    "reproduced",
    "reproduced in part",
    "not reproduced",
    "wrong as printed",
    "misprint",
    "not run",
    "not testable",
)
# the words that a scale begins with: the paper's sizes, less than them, a stand-in for what the
# paper does not give, instances of a statement that has no size, or the size of our own statement
SCALES = ("paper's size", "smaller", "stand-in", "instances", "own size")
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
    scale: str = ""
    values: Mapping[str, str] = field(default_factory=dict)
    ours: str | None = None
    names: tuple[str, ...] = ()
    unit: str = ""
    format: str = ".4g"
    wrong_if: str | None = None
    misprint_if: str | None = None
    reproduced_if: str | None = None
    partly_if: str | None = None
    enough_if: str | None = None  # which rows must be there before the criteria are asked
    needs: str | None = None  # of what was not run: which run would decide, and its cost
    finding: str | None = None  # a sentence of the first page, with {ours}, {paper} and {values}

    @property
    def testable(self) -> bool:
        """Whether any criterion is stated.

        Source: own
        """
        return any(getattr(self, key) is not None for key in CRITERIA)

    @property
    def own(self) -> bool:
        """Whether the statement is this project's, and not one of the papers'.

        Source: own
        """
        return not self.source.startswith(("[A]", "[B]"))


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
        raise missing_extra("the ledger is YAML and needs pyyaml", "book") from error
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
    if odd := [key for key in entry.get("values") or {} if not isinstance(key, str)]:
        raise InputError(f"claim {name!r} has values that are no names: {odd}; rename them.")
    lists = {k: _tuple(entry[k]) for k in ("record", "names") if entry.get(k)}
    claim = Claim(**{**entry, **lists, "record": lists.get("record", ())})
    if claim.testable and not claim.record:
        raise InputError(f"claim {name!r} has a criterion but names no record to test it on.")
    if claim.testable and claim.needs and claim.enough_if is None:
        raise InputError(
            f"claim {name!r} has a criterion and `needs` a run; keep one of them, or say under "
            "`enough_if` which rows that run must have given."
        )
    if claim.enough_if is not None and not (claim.needs and claim.testable):
        raise InputError(f"claim {name!r} has `enough_if`; give it `needs` and a criterion too.")
    if claim.testable and not claim.scale.startswith(SCALES):
        raise InputError(f"claim {name!r} says {claim.scale!r} of its scale; begin with {SCALES}.")
    return claim


def _tuple(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)
