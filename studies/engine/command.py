"""The options with which `python -m studies NAME` runs a sweep."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from robustcore import records
from robustcore.errors import DataError, InputError

from .grid import Grid, compact, read
from .progress import progress
from .running import run
from .sweep import Sweep

_NAMES = ("shard", "device", "seconds", "retry_failed", "dry_run", "status", "compact")
_SOME = 5  # failures that are told in full


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options of a sweep; each is None where it is not given.

    Source: own
    """
    group = parser.add_argument_group("a study that is a sweep runs its cells if given one of")
    add = group.add_argument
    add("--shard", metavar="K/N", help="the K-th of N shards; default: all that is left")
    add("--device", help="cpu (default) or cuda")
    add("--seconds", type=float, help="stop cleanly after so long; finished cells are kept")
    add(
        "--retry-failed",
        action="store_true",
        default=None,
        help="run again the cells that failed before",
    )
    add(
        "--dry-run",
        action="store_true",
        default=None,
        help="count cells and estimate hours; run nothing",
    )
    add("--status", action="store_true", default=None, help="the same, and which cells failed")
    add(
        "--compact",
        action="store_true",
        default=None,
        help="turn finished shards into one compressed file",
    )


def asked(options: argparse.Namespace) -> bool:
    """Whether any of these options was given.

    Source: own
    """
    return any(getattr(options, name) is not None for name in _NAMES)


def main(sweep: Sweep, options: argparse.Namespace, out: Path | None) -> int:
    """Do what the options say; the exit status.

    Source: own

    Parameters
    ----------
    sweep : Sweep
    options : argparse.Namespace
    out : path, optional
        Where shards are written; what the results folder of the checkout holds is not run again.

    Returns
    -------
    int
        0, also if the time was up; 1 if cells failed; 130 or 143 if a signal stopped it.
    """
    here = [] if out is None else _checkout()
    shard = _shard(options.shard or "1/1")
    if options.compact:
        path = compact(sweep, out)
        print(f"{path.name}: {path.stat().st_size} bytes", flush=True)
    elif options.status or options.dry_run:
        grid = read(sweep, out, *here)
        mine = [cell for stack in sweep.shard(*shard) for cell in stack]
        print(f"{sweep.name}: {progress(grid, mine)}", flush=True)
        if options.status:
            _tell(grid)
    else:
        device, retry = options.device or "cpu", bool(options.retry_failed)
        told = run(sweep, shard, device, options.seconds, retry, out, here, _say)
        reached, stopped = told
        print(f"{sweep.name}: {f'stopped {stopped}, ' if stopped else ''}{reached}", flush=True)
        return {"by Ctrl-C": 130, "by SIGTERM": 143}.get(stopped, int(reached.failed > 0))
    return 0


def _tell(grid: Grid) -> None:
    """What went wrong, shortly."""
    for key, said in list(grid.failed.items())[:_SOME]:
        print(f"failed: {key}: {said}", flush=True)
    if len(grid.failed) > _SOME:
        print(f"failed: {len(grid.failed) - _SOME} more", flush=True)
    if grid.differing:
        print(
            f"{len(grid.differing)} of {grid.twice} cells that were run twice differ, for example "
            f"{grid.differing[0]}; the first by date counts",
            flush=True,
        )


def _checkout() -> list[Path]:
    try:
        return [records.results_folder()]
    except DataError:  # a bare copy of the sources
        return []


def _shard(text: str) -> tuple[int, int]:
    if not re.fullmatch(r"[0-9]+/[0-9]+", text):
        raise InputError(f"--shard takes K/N, for example 3/16, got {text!r}.")
    number, of = map(int, text.split("/"))
    return number, of


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
