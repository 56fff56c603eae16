"""A sweep of small cells, and processes that run it and are killed by tests.

The processes are forks of one that has imported everything, so that none of them waits for torch.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from studies.engine import Sweep, run

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["studies.engine"])


def sweep(
    n: int = 200, milliseconds: float = 0.0, max_stack: int = 1, folder: Path | None = None
) -> Sweep:
    """The row of cell i is its square; what it costs is sleep; cells named in FOLDER/bad fail."""

    def rows(cells: Sequence[Mapping[str, Any]], device: str) -> list[dict[str, Any]]:
        listed = (folder or Path()) / "bad"
        bad = listed.read_text().split() if listed.exists() else []
        for cell in cells:
            time.sleep(milliseconds / 1000)
            if str(cell["i"]) in bad:
                raise ValueError(f"cell {cell['i']}\nis bad")
        return [{"square": cell["i"] ** 2} for cell in cells]

    cells = [{"i": i, "half": i % 2} for i in range(n)]
    return Sweep("toy", 1, cells, rows, stack=lambda cell: cell["i"] // 20, max_stack=max_stack)


class Process:
    """A run of the toy in a process of its own; `said` is what `run` returned there.

    Source: own
    """

    def __init__(
        self,
        folder: Path,
        n: int,
        milliseconds: float,
        max_stack: int,
        shard: tuple[int, int] = (1, 1),
        seconds: float | None = None,
    ) -> None:
        self._ours, theirs = PROCESSES.Pipe(duplex=False)
        arguments = (theirs, folder, n, milliseconds, max_stack, shard, seconds)
        self.process = PROCESSES.Process(target=_work, args=arguments)
        self.process.start()
        theirs.close()
        assert self._ours.recv() == "ready"

    def said(self) -> tuple[Any, str]:
        """Wait for its end."""
        found = self._ours.recv()
        self.join()
        return found

    def join(self) -> int | None:
        """Wait for its end, however it ends; the exit status."""
        self.process.join()
        self._ours.close()
        status = self.process.exitcode
        self.process.close()
        return status


def _work(
    pipe: Any,
    folder: Path,
    n: int,
    milliseconds: float,
    max_stack: int,
    shard: tuple[int, int],
    seconds: float | None,
) -> None:
    pipe.send("ready")
    asked = sweep(n, milliseconds, max_stack, folder)
    pipe.send(run(asked, shard, seconds=seconds, results=folder))
