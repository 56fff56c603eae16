"""What a sweep is: its cells, in the order in which they run, and how they are shared out."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from robustcore.errors import InputError

Cell = Mapping[str, Any]
_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]*")


@dataclass(frozen=True)
class Sweep:
    """Cells, a pure function from a stack of them to their rows, and a version.

    Source: own

    Parameters
    ----------
    name : str
        Of the folder `results/sweeps/NAME/`.
    version : int
        Raised by a person when results would change: rows of another version are not used.
    cells : list of dict
        Axes to plain JSON values, in the order in which they are to be run. A cell says all that
        its row depends on, `settings` apart.
    run : callable
        `run(cells, device=...)`: the cells of one stack to one row each, in their order. A row is a
        dict of JSON values; no NaN, no infinity.
    stack : callable, optional
        Cell to a hashable: neighbours in `cells` with an equal value may be run in one call. The
        default gives each cell a call of its own.
    max_stack : int
        Cells in one call, at most.
    cost : callable, optional
        Cell to a relative cost, from which the hours left are estimated.
    settings : dict
        What all cells share; rows made with other settings are not used.

    Raises
    ------
    InputError
        For an unfit name, no cells, a cell that is there twice, or one that JSON cannot hold.
    """

    name: str
    version: int
    cells: Sequence[Cell]
    run: Callable[..., Sequence[Mapping[str, Any]]]
    stack: Callable[[Cell], Hashable] | None = None
    max_stack: int = 1
    cost: Callable[[Cell], float] | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise InputError(
                f"a sweep's name is lower case letters, digits, '_', '-', '.', got {self.name!r}."
            )
        if not self.cells:
            raise InputError(f"sweep {self.name!r} has no cells; give it at least one.")
        if self.max_stack < 1:
            raise InputError(f"max_stack must be at least 1, got {self.max_stack}.")
        canonical(self.settings)
        seen: set[str] = set()
        for key in map(canonical, self.cells):
            if key in seen:
                raise InputError(f"sweep {self.name!r} has the cell {key} twice; take one out.")
            seen.add(key)

    def stacks(self) -> list[list[Cell]]:
        """Neighbours that may be run in one call, at most `max_stack` of them."""
        if self.stack is None:
            return [[cell] for cell in self.cells]
        runs = (list(group) for _, group in groupby(self.cells, self.stack))
        size = self.max_stack
        return [run[i : i + size] for run in runs for i in range(0, len(run), size)]

    def shard(self, number: int, of: int) -> list[list[Cell]]:
        """Stacks number, number + of, number + 2 of, ...: a fair sample of every prefix.

        Parameters
        ----------
        number : int
            1 to `of`.
        of : int
        """
        if not 1 <= number <= of:
            raise InputError(f"a shard is 1/n to n/n, got {number}/{of}.")
        return self.stacks()[number - 1 :: of]

    def cost_of(self, cell: Cell) -> float:
        """The relative cost of a cell; 1 where none was given."""
        return 1.0 if self.cost is None else float(self.cost(cell))


def canonical(value: Mapping[str, Any]) -> str:
    """Canonical JSON: sorted keys, no spaces, shortest floats. The key of a cell.

    Source: own

    Raises
    ------
    InputError
        If JSON cannot hold the value exactly.
    """
    try:
        return json.dumps(
            value, sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=False
        )
    except (TypeError, ValueError) as error:
        raise InputError(
            f"cells and settings hold JSON values only ({error}), got {value!r}."
        ) from error
