"""What all shards of a sweep have found together, and the one compressed file that they become."""

from __future__ import annotations

import fcntl
import lzma
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from robustcore import records

from .shards import Entry, entries, in_use, text, version_of
from .sweep import Sweep, canonical

COMPACT = "grid.jsonl.xz"


@dataclass
class Grid:
    """Every cell that was found, the first by date where there are several; a row beats a failure.

    Source: own
    """

    sweep: Sweep
    found: dict[str, Entry] = field(default_factory=dict)
    twice: int = 0  # cells with more than one row
    differing: list[str] = field(default_factory=list)  # keys of those whose rows differ

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Cell and row in one dict, in the order of the sweep's cells; those that are done."""
        return [{**e.cell, **e.row} for e in self._own() if e.row is not None]

    @property
    def failed(self) -> dict[str, str]:
        """Keys of the failed cells, and what each said."""
        return {e.key: e.failed for e in self._own() if e.failed is not None}

    @property
    def left(self) -> int:
        """How many cells have neither a row nor a failure."""
        return len(self.sweep.cells) - len(self._own())

    def summary(self) -> dict[str, Any]:
        """Where the rows come from: commits, machines, versions, first and last date, hours."""
        own = [e for e in self._own() if e.row is not None]
        headers = [e.header for e in own]
        return {
            "sweep": self.sweep.name,
            "version": self.sweep.version,
            "settings": dict(self.sweep.settings),
            "cells": len(own),
            "commits": _distinct(h.get("commit") for h in headers),
            "dirty": any(h.get("dirty") for h in headers),
            "machines": _distinct(machine_class(h) for h in headers),
            "versions": [
                dict(v) for v in {canonical(h["versions"]): h["versions"] for h in headers}.values()
            ],
            "dates": [min(e.at for e in own), max(e.at for e in own)] if own else [],
            "hours": round(sum(e.seconds for e in own) / 3600, 3),
        }

    def _own(self) -> list[Entry]:
        keys = map(canonical, self.sweep.cells)
        return [self.found[key] for key in keys if key in self.found]


def folder_of(sweep: Sweep, results: Path | str | None = None) -> Path:
    """Where the shards of a sweep are: `sweeps/NAME/` of the results folder.

    Source: own
    """
    return Path(results or records.results_folder()) / "sweeps" / sweep.name


def read(sweep: Sweep, *results: Path | str | None) -> Grid:
    """All rows of this version and these settings, from every shard file and the compact one.

    Source: own

    Parameters
    ----------
    sweep : Sweep
    results : path
        Folders to look at together, instead of the results folder of the checkout.
    """
    folders = {folder_of(sweep, folder).resolve() for folder in results or (None,)}
    # shards first: one that goes meanwhile is in the compact file
    paths = [path for folder in folders for path in sorted(folder.glob("*.jsonl"))]
    paths += [folder / COMPACT for folder in folders]
    wanted = (sweep.version, canonical(sweep.settings))

    def same(header: Mapping[str, Any]) -> bool:
        return (header["version"], canonical(header["settings"])) == wanted

    return merged(sweep, (entry for path in paths for entry in entries(path, same)))


def merged(sweep: Sweep, found: Iterable[Entry]) -> Grid:
    """One entry a cell: a row before a failure, then the first by date.

    Source: own
    """
    grid = Grid(sweep)
    twice: set[str] = set()
    differing: set[str] = set()
    for entry in found:
        key = entry.key
        other = grid.found.setdefault(key, entry)
        if other == entry:  # a copy of the same line
            continue
        if other.row is not None and entry.row is not None:
            twice.add(key)
            if canonical(other.row) != canonical(entry.row):
                differing.add(key)
        grid.found[key] = _chosen(other, entry)
    grid.twice, grid.differing = len(twice), sorted(differing)
    return grid


def _chosen(one: Entry, other: Entry) -> Entry:
    if (one.row is None) != (other.row is None):
        return one if other.row is None else other
    first, last = sorted((one, other), key=lambda e: (e.at, canonical(e.header)))
    return last if one.row is None else first  # of two failures, what was said last


def compact(sweep: Sweep, results: Path | str | None = None) -> Path:
    """Turn the shards of this version into `grid.jsonl.xz`, sorted, and remove them.

    Source: own

    Notes
    -----
    The same cells give the same bytes. A shard that a process still writes to stays, and so do
    shards of other versions. Cells of other settings are kept.
    """
    folder = folder_of(sweep, results)
    with _alone(folder):
        shards = [p for p in sorted(folder.glob("*.jsonl")) if not in_use(p)]
        gone = [p for p in shards if version_of(p) == sweep.version]
        if not gone and (folder / COMPACT).exists():
            return folder / COMPACT  # as it was
        mine = [
            entry
            for path in [*gone, folder / COMPACT]
            for entry in entries(path, lambda header: header["version"] == sweep.version)
        ]
        settings = {id(e.header): canonical(e.header["settings"]) for e in _one_each(mine)}
        by_settings: dict[str, list[Entry]] = {}
        for entry in mine:
            by_settings.setdefault(settings[id(entry.header)], []).append(entry)
        kept = [e for group in by_settings.values() for e in merged(sweep, group).found.values()]
        _write_compact(folder / COMPACT, kept)
        for path in gone:
            path.unlink()
    return folder / COMPACT


def forget(sweep: Sweep, results: Path | str | None = None) -> None:
    """Delete the shards of this version and these settings: for rows that a record holds in full.

    Source: own
    """
    folder, wanted = folder_of(sweep, results), canonical(sweep.settings)
    for path in sorted(folder.glob("*.jsonl")):
        found = next(entries(path), None)
        asked = found and (found.header["version"], canonical(found.header["settings"]))
        if asked == (sweep.version, wanted) and not in_use(path):
            path.unlink()
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One process at a time turns shards into the compact file."""
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _one_each(kept: Iterable[Entry]) -> list[Entry]:
    """One entry for each header object: lines of a file share theirs."""
    return list({id(entry.header): entry for entry in kept}.values())


def _write_compact(target: Path, kept: list[Entry]) -> None:
    named = {id(e.header): (canonical(e.header), e.header) for e in _one_each(kept)}
    headers = sorted(dict(named.values()).items())
    number = {key: i for i, (key, _) in enumerate(headers)}
    order = sorted((number[named[id(e.header)][0]], e.key, e) for e in kept)
    lines = [text(header) for _, header in headers]
    lines += [text({**e.line(), "from": i}) for i, _, e in order]
    part = target.with_suffix(".part")
    try:
        with part.open("wb") as file:
            data = "".join(f"{line}\n" for line in lines).encode()
            file.write(lzma.compress(data, preset=6))
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def machine_class(header: Mapping[str, Any]) -> str:
    """The processor that the cells of a shard ran on.

    Source: own
    """
    machine = header.get("machine") or {}
    gpus = machine.get("gpu") or []
    if str(header.get("device", "cpu")).startswith("cuda") and gpus:
        return str(gpus[0])
    return str(machine.get("cpu", "unknown"))


def _distinct(values: Iterable[Any]) -> list[Any]:
    return sorted({str(v) for v in values})
