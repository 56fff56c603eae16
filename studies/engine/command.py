"""The options with which `python -m studies NAME` runs a sweep."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from robustcore.errors import InputError

from .grid import compact, read
from .progress import progress
from .running import run
from .sweep import Sweep


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options of a sweep.

    Source: own
    """
    add = parser.add_argument
    add("--shard", default="1/1", metavar="K/N", help="the K-th of N shards; default: all")
    add("--device", default="cpu", help="cpu (default) or cuda")
    add("--seconds", type=float, help="stop cleanly after so long; finished cells are kept")
    add("--retry-failed", action="store_true", help="run again the cells that failed before")
    add("--dry-run", action="store_true", help="count the cells of the shard; run nothing")
    add("--status", action="store_true", help="count the cells of the whole sweep; run nothing")
    add("--compact", action="store_true", help="turn finished shards into one compressed file")


def main(sweep: Sweep, options: argparse.Namespace) -> int:
    """Do what the options say; the exit status.

    Source: own

    Returns
    -------
    int
        0, also if the time was up; 1 if cells failed; 130 or 143 if a signal stopped it.
    """
    results: Path | None = options.out
    shard = _shard(options.shard)
    if options.compact:
        path = compact(sweep, results)
        print(f"{path.name}: {path.stat().st_size} bytes", flush=True)
        return 0
    if options.status or options.dry_run:
        grid = read(sweep, results)
        mine = [cell for stack in sweep.shard(*shard) for cell in stack]
        print(f"{sweep.name}: {progress(grid, None if options.status else mine)}", flush=True)
        for key, said in list(grid.failed.items())[:5] if options.status else ():
            print(f"failed: {key}: {said}", flush=True)
        if grid.differing and options.status:
            print(f"{len(grid.differing)} of {grid.twice} cells run twice differ", flush=True)
        return 0
    reached, stopped = run(
        sweep, shard, options.device, options.seconds, options.retry_failed, results, _say
    )
    print(f"{sweep.name}: {f'stopped {stopped}, ' if stopped else ''}{reached}", flush=True)
    return {"by Ctrl-C": 130, "by SIGTERM": 143}.get(stopped, int(reached.failed > 0))


def _shard(text: str) -> tuple[int, int]:
    if not re.fullmatch(r"[0-9]+/[0-9]+", text):
        raise InputError(f"--shard takes K/N, for example 3/16, got {text!r}.")
    number, of = map(int, text.split("/"))
    return number, of


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
