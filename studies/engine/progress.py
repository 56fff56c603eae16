"""How far a sweep is: cells done, failed and left, and the hours that are left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from .grid import Grid, machine_class
from .sweep import Cell, canonical


@dataclass(frozen=True)
class Progress:
    """Counts over the cells asked about, and the hours left for one process on each machine seen.

    Source: own
    """

    done: int
    failed: int
    left: int
    hours: dict[str, float] = field(default_factory=dict)

    def __str__(self) -> str:
        total = self.done + self.failed + self.left
        counts = f"{self.done} of {total} cells done, {self.failed} failed, {self.left} left"
        if not self.left:
            return counts
        known = [f"{_spoken(h)} on {machine}" for machine, h in sorted(self.hours.items())]
        return f"{counts}; {', or '.join(known) or 'hours unknown until some are timed'}"


def progress(grid: Grid, cells: Sequence[Cell] | None = None) -> Progress:
    """Count the cells of a grid (or those given) and estimate the hours left from those timed.

    Source: own

    Notes
    -----
    The estimate is seconds by cost of the cells done on one kind of machine, times the cost of the
    cells left: hours of one process, warm-up of the timed ones included.
    """
    sweep = grid.sweep
    cells = sweep.cells if cells is None else cells
    entries = [grid.found.get(canonical(cell)) for cell in cells]
    left = [cell for cell, entry in zip(cells, entries, strict=True) if entry is None]
    costs_left = sum(map(sweep.cost_of, left))
    known = {canonical(cell) for cell in sweep.cells}
    timed: dict[str, tuple[float, float]] = {}
    for key, entry in grid.found.items():
        if entry.row is not None and key in known:
            seconds, cost = timed.get(machine_class(entry.header), (0.0, 0.0))
            spent = (seconds + entry.seconds, cost + sweep.cost_of(entry.cell))
            timed[machine_class(entry.header)] = spent
    hours = {m: costs_left * s / c / 3600 for m, (s, c) in timed.items() if c > 0}
    failed = sum(entry is not None and entry.row is None for entry in entries)
    return Progress(len(cells) - len(left) - failed, failed, len(left), hours)


def _spoken(hours: float) -> str:
    return f"about {hours:.1f} hours" if hours >= 1 else f"about {60 * hours:.1f} minutes"
