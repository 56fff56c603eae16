"""What a study must hold whatever it is about; `recorded` runs one and asks it at once."""

from __future__ import annotations

import importlib
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from robustcore import records
from robustcore.provenance import CHECKOUT
from studies import digest
from studies.__main__ import study

RESULTS = CHECKOUT / "results"


def _functions(name: str) -> list[str]:
    file = CHECKOUT / "studies" / f"{name}.py"
    text = (file if file.exists() else file.with_suffix("") / "__init__.py").read_text("utf-8")
    return [f for f in ("record", "sweep") if f"\ndef {f}(" in text]


# each study that is found, with those of its functions that a command calls
STUDIES = {
    name: _functions(name)
    for name in sorted(path.stem for path in (CHECKOUT / "studies").glob("[a-z]*"))
    if name != "oracles" and _functions(name)
}


@cache
def _every() -> list[records.Record]:
    return [records.load(id, RESULTS) for id in records.identifiers(RESULTS)]


def stored(name: str) -> dict[str, records.Record]:
    """The records in results/ that a study made."""
    return {r.id: r for r in _every() if r.provenance["code"]["study"] == f"studies.{name}"}


def columns(rows: list[dict[str, Any]]) -> set[str]:
    return {column for row in rows for column in row}


def recorded(name: str, **given: Any) -> dict[str, list[dict[str, Any]]]:
    """The rows of `record`, once they are such as results/ holds of it.

    Their ids are known there, JSON holds them, and no column that is stored is missing.
    """
    found: dict[str, list[dict[str, Any]]] = study(name)(**given)
    with tempfile.TemporaryDirectory() as folder:
        for id, rows in found.items():
            records.save(id, rows, given, folder=folder)
            assert len(records.load(id, folder).rows) == len(rows)
    if stored(name):
        assert set(found) <= set(stored(name))
        for id, rows in found.items():
            assert columns(stored(name)[id].rows) <= columns(rows), id
    return found


def resumed(
    name: str,
    cell: str,
    folder: Path,
    patch: pytest.MonkeyPatch,
    timed: Sequence[str] = (),
    **given: Any,
) -> dict[str, list[dict[str, Any]]]:
    """The rows of `record`, killed in its second cell and called again, once they are right.

    They are those of a run that nobody disturbs, but for what is `timed`; a cell that was finished
    is not run again, and nothing is left behind. `cell` names what runs one in the study's module.
    """
    module = importlib.import_module(f"studies.{name}")
    run, asked, kill = getattr(module, cell), [], []

    def watched(*arguments: Any, **named: Any) -> Any:
        asked.append(repr((arguments[:1], named)))
        if len(asked) in kill:
            raise KeyboardInterrupt
        return run(*arguments, **named)

    patch.setattr(module, cell, watched)
    patch.setenv("ROBUSTCORE_RESULTS", str(folder))
    whole = study(name)(**given)
    every = list(asked)
    asked.clear()
    kill.append(2)
    with pytest.raises(KeyboardInterrupt):
        study(name)(**given)
    assert len(list(folder.glob("sweeps/*/*.jsonl"))) == 1
    found: dict[str, list[dict[str, Any]]] = study(name)(**given)
    assert asked == [*every[:2], *every[1:]]
    assert not list(folder.glob("sweeps/*"))
    assert _untimed(found, timed) == _untimed(whole, timed)
    return found


def _untimed(found: dict[str, list[dict[str, Any]]], timed: Sequence[str]) -> list[Any]:
    """Ids, rows and columns, in their order."""
    return [
        (id, [[pair for pair in row.items() if pair[0] not in timed] for row in rows])
        for id, rows in found.items()
    ]


def fresh(record: records.Record) -> bool:
    code = record.provenance["code"]
    return bool(code["digest"]) and code == digest.code(code["study"])
