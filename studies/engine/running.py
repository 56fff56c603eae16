"""Run what is left of a sweep, or of one shard of it; each finished stack is on disk at once."""

from __future__ import annotations

import datetime
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from robustcore import provenance, records
from robustcore.errors import DataError, InputError

from .grid import Grid, folder_of, read
from .progress import Progress, progress
from .shards import Entry, ShardFile
from .stopping import Stopped, Stopping
from .sweep import Cell, Sweep, canonical

_HOPELESS = 20  # so many cells in succession that fail are no accident
_QUIET = 30.0  # seconds between two lines of progress


def run(
    sweep: Sweep,
    shard: tuple[int, int] = (1, 1),
    device: str = "cpu",
    seconds: float | None = None,
    retry_failed: bool = False,
    results: Path | str | None = None,
    also: Sequence[Path | str] = (),
    say: Callable[[str], None] | None = None,
) -> tuple[Progress, str]:
    """Run the cells of a shard that no shard file holds yet.

    Source: own

    Parameters
    ----------
    sweep : Sweep
    shard : tuple of int
        (3, 16) is the third of sixteen; the default is all that is left.
    device : str
        Handed to the sweep's function.
    seconds : float, optional
        Wall-clock time after which the stack under way is given up.
    retry_failed : bool
        Run again what failed before.
    results : path, optional
        Where shards are written, instead of the results folder of the checkout.
    also : list of path
        Other results folders, whose cells are not run again.
    say : callable, optional
        Takes a line of progress from time to time.

    Returns
    -------
    Progress, str
        Of the shard; and what stopped it, empty if all its cells were run.

    Raises
    ------
    DataError
        If the folder cannot be written to, which is tried before anything is computed.
    InputError
        If the function does not give one row for each cell.
    """
    with Stopping(seconds) as stopping:
        grid = read(sweep, results, *also)
        stacks = _left(sweep, grid, shard, retry_failed)
        mine = [cell for stack in sweep.shard(*shard) for cell in stack]
        if stacks:
            name = f"{shard[0]}of{shard[1]}"
            header = _header(sweep, name, device)
            file = ShardFile(folder_of(sweep, results), name, header)
            try:
                worker = _Worker(sweep, device, header, stopping)
                _run_all(worker, stacks, file, grid, mine, say or (lambda line: None))
            finally:
                file.close()
        reached = progress(grid, mine)
        return reached, stopping.reason or ("at its time" if reached.left else "")


def complete(sweep: Sweep, device: str = "cpu", results: Path | str | None = None) -> Grid:
    """Run whatever is left, what failed before too, and return all rows: how a study resumes.

    Source: own

    Raises
    ------
    DataError
        If a cell failed.
    KeyboardInterrupt
        If it was stopped; the finished cells are kept.
    """
    reached, stopped = run(sweep, device=device, retry_failed=True, results=results, say=_to_stderr)
    if stopped:
        raise KeyboardInterrupt(f"{sweep.name} stopped {stopped}: {reached}.")
    grid = read(sweep, results)
    if grid.failed:
        key, said = next(iter(grid.failed.items()))
        raise DataError(
            f"{len(grid.failed)} cells of sweep {sweep.name!r} failed, for example {key}: {said}; "
            "the others are kept: mend that, and run it again."
        )
    return grid


def _left(sweep: Sweep, grid: Grid, shard: tuple[int, int], retry_failed: bool) -> list[list[Cell]]:
    def is_left(cell: Cell) -> bool:
        entry = grid.found.get(canonical(cell))
        return entry is None or (retry_failed and entry.row is None)

    stacks = ([c for c in stack if is_left(c)] for stack in sweep.shard(*shard))
    return [stack for stack in stacks if stack]


def _header(sweep: Sweep, shard: str, device: str) -> dict[str, Any]:
    settings = dict(sweep.settings)
    asked = {"sweep": sweep.name, "version": sweep.version, "settings": settings}
    return {**asked, "shard": shard, "device": device, **provenance.now()}


class _Worker:
    """Runs stacks; one that fails is halved until the cells that fail stand alone."""

    def __init__(
        self, sweep: Sweep, device: str, header: Mapping[str, Any], stopping: Stopping
    ) -> None:
        self.sweep, self.device, self.header, self.stopping = sweep, device, header, stopping
        self._fastest = float("inf")  # seconds by cost

    def fits(self, stack: Sequence[Cell]) -> bool:
        """Whether the stack would be done in time, were it as fast as the fastest before it."""
        cost = sum(map(self.sweep.cost_of, stack))
        return self._fastest == float("inf") or self._fastest * cost <= self.stopping.left

    def entries(self, stack: Sequence[Cell]) -> Iterator[list[Entry]]:
        """What is found of a stack, in pieces that are finished together."""
        started = time.monotonic()
        try:
            rows = self.stopping.call(self.sweep.run, list(stack), device=self.device)
        except Exception as error:
            if len(stack) > 1:
                middle = len(stack) // 2
                yield from self.entries(stack[:middle])
                yield from self.entries(stack[middle:])
            else:
                yield [self._entry(stack[0], None, _one_line(error), started, 1)]
            return
        if len(rows) != len(stack):
            raise InputError(
                f"the function of sweep {self.sweep.name!r} must give one row for each of "
                f"{len(stack)} cells, got {len(rows)}."
            )
        cost = sum(map(self.sweep.cost_of, stack))
        self._fastest = min(self._fastest, (time.monotonic() - started) / max(cost, 1e-300))
        yield [
            self._checked(cell, row, started, len(stack))
            for cell, row in zip(stack, rows, strict=True)
        ]

    def _checked(self, cell: Cell, row: Mapping[str, Any], started: float, n: int) -> Entry:
        try:
            return self._entry(cell, records.plain(dict(row), self.sweep.name), None, started, n)
        except (InputError, TypeError, ValueError) as error:
            return self._entry(cell, None, _one_line(error), started, n)

    def _entry(
        self, cell: Cell, row: Mapping[str, Any] | None, failed: str | None, started: float, n: int
    ) -> Entry:
        seconds = float(f"{(time.monotonic() - started) / n:.3g}")
        at = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
        return Entry(dict(cell), row, failed, seconds, at, self.header)


def _run_all(
    worker: _Worker,
    stacks: Sequence[Sequence[Cell]],
    file: ShardFile,
    grid: Grid,
    mine: Sequence[Cell],
    say: Callable[[str], None],
) -> None:
    told, in_succession = time.monotonic(), 0
    try:
        for stack in stacks:
            if not worker.fits(stack):
                return
            for found in worker.entries(stack):
                file.add(found)
                for entry in found:
                    grid.found[entry.key] = entry
                    in_succession = 0 if entry.failed is None else in_succession + 1
                if in_succession >= _HOPELESS:
                    raise DataError(
                        f"{in_succession} cells in succession failed, the last with "
                        f"{found[-1].failed!r}; mend it and call again with --retry-failed."
                    )
            if time.monotonic() - told > _QUIET:
                told = time.monotonic()
                say(f"{grid.sweep.name}: {progress(grid, mine)}")
    except Stopped:
        pass


def _one_line(error: BaseException) -> str:
    said = " ".join(str(error).split())
    return f"{type(error).__name__}: {said}"[:300]


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
