"""From a sweep to a record: the chosen rows in JSON, the whole grid compressed beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from robustcore import records

from .grid import compact, read
from .sweep import Sweep


def save_record(
    id: str,
    rows: Sequence[Mapping[str, Any]],
    sweep: Sweep,
    parameters: Mapping[str, Any] | None = None,
    notes: str = "",
    results: Path | str | None = None,
    profile: str = "paper",
    code: Mapping[str, str] | None = None,
) -> Path:
    """Save chosen rows with the provenance of the whole grid, and compact the grid.

    Source: own

    Parameters
    ----------
    id : str
        As `records.save` takes it.
    rows : list of dict
        What a page shows of the grid.
    sweep : Sweep
    parameters : dict, optional
        What the sweep was made from.
    notes : str
    results : path, optional
        Instead of the results folder of the checkout.
    profile : str
    code : dict, optional
        As `records.save` takes them.

    Returns
    -------
    Path
        The record's file; the grid is `sweeps/NAME/grid.jsonl.xz` beside it.
    """
    grid = read(sweep, results)
    compact(sweep, results)
    return records.save(
        id,
        rows,
        parameters or {},
        notes,
        folder=results,
        seconds=sum(entry.seconds for entry in grid.found.values()),
        profile=profile,
        grid=grid.summary(),
        code=code,
    )
