"""Recorded runs: rows with their provenance and a checksum, one JSON file for each record.

`results/ID.json` holds what a paper-scale run found (never a picture), and where it came from: the
study, the digest of the code that made it, commit, machine, versions and date. The checksum covers
rows, parameters and provenance, so that what was changed by hand is refused on loading. The folder
is named by the environment variable `ROBUSTCORE_RESULTS`, or is `results/` of the checkout that
this package is installed from.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import provenance
from .errors import CorruptDataError, DataError, InputError

_ID = re.compile(r"[a-z0-9][a-z0-9_.-]*")


@dataclass(frozen=True)
class Record:
    """Rows as a run left them, what it was asked, and where and when it ran.

    Source: own
    """

    id: str
    rows: list[dict[str, Any]]
    parameters: dict[str, Any]
    provenance: dict[str, Any]
    notes: str = ""


def results_folder() -> Path:
    """The folder of the records: `ROBUSTCORE_RESULTS`, else `results/` of the checkout.

    Source: own

    Raises
    ------
    DataError
        If the variable is unset and the package does not stand in a checkout.
    """
    if named := os.environ.get("ROBUSTCORE_RESULTS"):
        return Path(named)
    folder = provenance.CHECKOUT / "results"
    if not folder.is_dir():
        raise DataError(
            "the recorded runs are not part of an installed robustcore; set ROBUSTCORE_RESULTS to "
            "the folder results/ of a checkout, or install from one with pip install -e ."
        )
    return folder


def save(
    id: str,
    rows: Sequence[Mapping[str, Any]],
    parameters: Mapping[str, Any],
    notes: str = "",
    folder: Path | str | None = None,
    seconds: float | None = None,
    profile: str = "paper",
    grid: Mapping[str, Any] | None = None,
    code: Mapping[str, str] | None = None,
) -> Path:
    """Write `ID.json` in one step: the old file stays until the new one is complete.

    Source: own

    Parameters
    ----------
    id : str
        Lower case, digits, "_", "-" and "."; begins with the name of the notebook that shows it.
    rows : list of dict
        Strings, booleans, None, finite numbers, and lists of them. NumPy and 0-d torch values
        are turned into Python's own.
    parameters : dict
        Everything the run was given, seeds included.
    notes : str
        What a reader of the numbers must know and the columns do not say.
    folder : path, optional
        Instead of `results_folder()`.
    seconds : float, optional
        Wall-clock time of the run.
    profile : str
        "paper", "quick", or the caller's own word.
    grid : dict, optional
        Where the rows of the sweep come from that these were chosen from.
    code : dict, optional
        What made the rows: the "study", a module, and the "digest" of its code.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    InputError
        For an unfit id, no rows, or a value that JSON cannot hold exactly.
    DataError
        If the file cannot be written; an old one stays as it was.
    """
    if not _ID.fullmatch(id):
        raise InputError(f"a record id is lower case letters, digits, '_', '-', '.', got {id!r}.")
    plain_rows, plain_parameters = plain(list(rows), id), plain(dict(parameters), id)
    if not plain_rows:
        raise InputError(f"record {id!r} has no rows; there is nothing to save.")
    origin = {"profile": profile, "seconds": _rounded(seconds), **provenance.now()}
    if grid is not None:
        origin["grid"] = plain(grid, id)
    origin |= {"code": dict(code) if code else None}
    content = {
        "id": id,
        "notes": notes,
        "parameters": plain_parameters,
        "provenance": origin,
        "sha256": checksum(plain_rows, plain_parameters, origin),
        "rows": plain_rows,
    }
    path = Path(folder or results_folder()) / f"{id}.json"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_at_once(path, _layout(content))
    except OSError as error:
        raise DataError(
            f"{path} cannot be written: {error.strerror or error}; free some space or give another "
            "folder."
        ) from error
    return path


def check_folder(folder: Path | str | None = None) -> None:
    """Refuse a folder that records cannot be written to; it is made where it is missing.

    Source: own

    Raises
    ------
    DataError
        Naming the folder and what stands in the way: no right to write, no room, a file.
    """
    path = Path(folder or results_folder())
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path, prefix=".trial-") as trial:
            trial.write(b"\0" * 65536)
            trial.flush()
            os.fsync(trial.fileno())
    except OSError as error:
        raise DataError(
            f"records cannot be written to {path}: {error.strerror or error}; give another folder."
        ) from error


def load(id: str, folder: Path | str | None = None) -> Record:
    """Read a record and refuse it if it is not as it was saved.

    Source: own

    Parameters
    ----------
    id : str
    folder : path, optional
        Instead of `results_folder()`.

    Raises
    ------
    DataError
        If there is no such record.
    CorruptDataError
        If the file is not a record, or its checksum is not that of what it holds.
    """
    path = Path(folder or results_folder()) / f"{id}.json"
    if not path.is_file():
        raise DataError(f"no record {id!r} in the results folder; `python -m studies` makes it.")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        stored = content["sha256"]
        computed = checksum(content["rows"], content["parameters"], content["provenance"])
        fields = {k: content[k] for k in ("rows", "parameters", "provenance", "notes")}
    except (ValueError, KeyError, TypeError) as error:
        raise CorruptDataError(f"{path.name} is not a record ({error}); run it again.") from error
    if content["id"] != id or stored != computed:
        raise CorruptDataError(
            f"record {id!r} was changed by hand: its checksum says {str(stored)[:12]}, what "
            f"it holds gives {computed[:12]}; restore the file or run the study again."
        )
    return Record(id, **fields)


def identifiers(folder: Path | str | None = None) -> list[str]:
    """The ids of all records in the folder, sorted.

    Source: own
    """
    return sorted(path.stem for path in Path(folder or results_folder()).glob("*.json"))


def checksum(rows: list[dict[str, Any]], parameters: dict[str, Any], origin: dict[str, Any]) -> str:
    """SHA-256 of rows, parameters and provenance in canonical JSON: sorted keys, no spaces.

    Source: own

    Notes
    -----
    A provenance that names no code is of a record made before code was kept, whose checksum covers
    rows and parameters alone; `results/` holds none, which a test sees to.
    """
    content = [rows, parameters, origin] if "code" in origin else [rows, parameters]
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def plain(value: Any, id: str) -> Any:
    """Python's own types only, so that what is saved is what is loaded.

    Source: own

    Raises
    ------
    InputError
        Naming the record, for what JSON cannot hold exactly.
    """
    if isinstance(value, Mapping):
        return {str(k): plain(v, id) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v, id) for v in value]
    if hasattr(value, "tolist"):  # numpy scalars and arrays, torch tensors
        return plain(value.tolist(), id)
    if isinstance(value, float) and not math.isfinite(value):
        raise InputError(f"record {id!r} holds {value}; JSON has no such number, use None.")
    if value is None or isinstance(value, str | bool | int | float):
        return value
    raise InputError(f"record {id!r} holds a {type(value).__name__}; save numbers and strings.")


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 2)


def _layout(content: dict[str, Any]) -> str:
    """Indented JSON, but one line for each row: a diff shows which rows changed."""
    head = json.dumps({**content, "rows": []}, indent=1, ensure_ascii=False)
    rows = ",\n  ".join(json.dumps(row, ensure_ascii=False) for row in content["rows"])
    return head.replace('"rows": []', f'"rows": [\n  {rows}\n ]') + "\n"


def _write_at_once(path: Path, text: str) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
