"""Shard files: one JSON line a cell, on disk when it is finished, never written by two processes.

The first line of a file says where its rows come from (sweep, version, settings, commit, machine,
versions, device); every other line is a cell:

    {"cell": {...}, "row": {...}, "seconds": 1.25, "at": "2026-05-01T12:00:00.000+00:00"}

or has "failed", a sentence, in place of "row". A process opens a new file, and only that one, so
that a line cut off by `kill -9` is always the last of its file; a reader drops it.
"""

from __future__ import annotations

import fcntl
import json
import lzma
import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from robustcore.errors import CorruptDataError, DataError

from .sweep import canonical

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND


@dataclass(frozen=True)
class Entry:
    """What one line says of a cell: its row, or why it failed, and where that is from."""

    cell: Mapping[str, Any]
    row: Mapping[str, Any] | None
    failed: str | None
    seconds: float
    at: str
    header: Mapping[str, Any]

    @property
    def key(self) -> str:
        """The key of the cell."""
        return canonical(self.cell)

    def line(self) -> dict[str, Any]:
        """As it is written, without its header."""
        found = {"row": self.row} if self.failed is None else {"failed": self.failed}
        return {"cell": self.cell, **found, "seconds": self.seconds, "at": self.at}


class ShardFile:
    """A new file of one process, locked as long as that process writes to it."""

    def __init__(self, folder: Path, shard: str, header: Mapping[str, Any]) -> None:
        name = f"{header['version']}-{shard}-{secrets.token_hex(4)}.jsonl"
        self.path, self.cells, self._size = folder / name, 0, 0
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = os.open(self.path, _NEW, 0o644)
        except OSError as error:
            raise DataError(
                f"cannot write to {folder} ({error.strerror}); "
                "make it writable, or choose another place with --out."
            ) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX)
            self._write([header])
        except BaseException:
            self.close()
            raise

    def add(self, entries: Iterable[Entry]) -> None:
        """Write lines and wait until they are on disk."""
        lines = [entry.line() for entry in entries]
        self._write(lines)
        self.cells += len(lines)

    def close(self) -> None:
        """Let go of the file; one without cells is removed."""
        if not self.cells:
            self.path.unlink(missing_ok=True)
        os.close(self._file)

    def _write(self, lines: Iterable[Mapping[str, Any]]) -> None:
        data = memoryview("".join(f"{text(line)}\n" for line in lines).encode())
        wanted = self._size + len(data)
        try:
            while data:
                data = data[os.write(self._file, data) :]
            os.fsync(self._file)
        except OSError as error:
            os.ftruncate(self._file, self._size)  # no half a line stays
            raise DataError(
                f"cannot write to {self.path.parent} ({error.strerror}); the {self.cells} cells "
                "before are kept: make room and give the same command again."
            ) from error
        self._size = wanted


def text(line: Mapping[str, Any]) -> str:
    """One line of a shard file."""
    return json.dumps(line, separators=(",", ":"), allow_nan=False, ensure_ascii=False)


def in_use(path: Path) -> bool:
    """Whether a process is still writing to this shard file."""
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
    return False


def version_of(path: Path) -> int | None:
    """The version that a shard file's first line names; None where that line is torn."""
    with path.open("rb") as file:
        data = file.readline()
    return json.loads(data)["version"] if data.endswith(b"\n") else None


def entries(
    path: Path, keep: Callable[[Mapping[str, Any]], bool] = lambda header: True
) -> Iterator[Entry]:
    """The cells of a shard file, or of a compact one, whose lines name one of several headers.

    Only those whose header is one to `keep`.

    Raises
    ------
    CorruptDataError
        If a line before the last is not one that the engine wrote.
    """
    headers: list[tuple[dict[str, Any], bool]] = []
    try:
        data = lzma.decompress(path.read_bytes()) if path.suffix == ".xz" else path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return
    except lzma.LZMAError as error:
        raise CorruptDataError(f"{path} is not whole ({error}); restore it from git.") from error
    *lines, _torn = data.split(b"\n")
    for number, text_line in enumerate(lines, start=1):
        try:
            line = json.loads(text_line)
            if "cell" not in line:
                headers.append((line, keep(line)))
                continue
            header, kept = headers[line.get("from", 0)]
            if not kept:
                continue
            found = (line.get("row"), line.get("failed"), line["seconds"], line["at"])
            yield Entry(line["cell"], *found, header)
        except (ValueError, KeyError, IndexError, TypeError) as error:
            raise CorruptDataError(
                f"line {number} of {path} is not a cell ({error}); take the line out, and its "
                "cell is run again."
            ) from error
