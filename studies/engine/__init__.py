"""The engine of sweeps: many cells, one row each, none lost when a run is cut off.

A study declares what its cells are, which of them may share one call, and a pure function from the
cells of such a stack to their rows; the engine runs them, here or in shards on several machines:

    from studies import engine

    def sweep(n_seeds: int = 3) -> engine.Sweep:
        cells = [{"method": m, "seed": s} for m in ("nominal", "rub") for s in range(n_seeds)]
        return engine.Sweep("toy", 1, cells, rows, stack=lambda c: c["method"], max_stack=8)

    engine.run(sweep(), shard=(3, 16), seconds=600)   # or python -m studies toy --shard 3/16
    engine.read(sweep()).rows                         # what all shards have found

A row is on disk when its stack is done: one line of a file that this process alone writes, in
`results/sweeps/NAME/`. `kill -9` loses the stack under way and nothing else.
"""

from .grid import Grid, compact, forget, read
from .progress import Progress, progress
from .recording import save_record
from .running import complete, run
from .sweep import Sweep

__all__ = [
    "Grid",
    "Progress",
    "Sweep",
    "compact",
    "complete",
    "forget",
    "progress",
    "read",
    "run",
    "save_record",
]
