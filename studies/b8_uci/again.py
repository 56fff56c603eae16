"""Run random finished cells again, and say whether they give the recorded rows.

    python -m studies.b8_uci.again --cells 3 --seed 0

On the processor that made a row it comes again to the last count. On another one, floating-point
sums are taken in another order: a network that trains apart by a rounding may answer a few rows
otherwise, and what differs is told.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from robustcore.errors import RobustcoreError
from robustcore.starting import stoppable
from studies import __main__ as command
from studies.engine import Sweep, read

_TIMES = ("train_seconds", "judge_seconds")


def again(made: Sweep, n: int, seed: int, device: str = "cpu") -> list[dict[str, Any]]:
    """Random finished cells of a sweep, each with the keys in which its new row differs.

    Source: own

    Parameters
    ----------
    made : Sweep
    n : int
        Cells, at most those that are done.
    seed : int
        Of the choice.
    device : str

    Returns
    -------
    list of dict
        The "cell" and what "differs", an empty list if the row came again.
    """
    rows = read(made).rows
    picks = np.random.default_rng(seed).permutation(len(rows))[:n]
    found = []
    for row in (rows[i] for i in picks):
        cell = {key: row[key] for key in made.cells[0]}
        found.append({"cell": cell, "differs": differs(row, made.run([cell], device=device)[0])})
    return found


def differs(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """The keys of the second row, times aside, at which the first has something else.

    Source: own
    """
    return [key for key, value in other.items() if key not in _TIMES and one[key] != value]


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line.

    Source: own
    """
    parser = argparse.ArgumentParser(
        prog="python -m studies.b8_uci.again", description=(__doc__ or "").split("\n\n")[0]
    )
    parser.add_argument("--cells", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--profile", default="desktop")
    options = parser.parse_args(arguments)
    name = "b8_uci"
    try:
        asked = command.parameters(name, options.profile, {}, "sweep")
        found = again(command.study(name, "sweep")(**asked), options.cells, options.seed)
    except RobustcoreError as error:
        parser.exit(1, f"{error}\n")
    for one in found:
        words = ", ".join(one["differs"]) or "the recorded row"
        print(f"{' '.join(map(str, one['cell'].values()))}: {words}", flush=True)
    if not found:
        parser.exit(1, "no cell of this sweep is done; there is nothing to run again.\n")
    if any(one["differs"] for one in found):
        parser.exit(1)


if __name__ == "__main__":
    with stoppable("python -m studies.b8_uci.again", "nothing was changed"):
        main()
