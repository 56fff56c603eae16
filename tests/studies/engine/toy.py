"""A sweep of small cells in a process of its own, for tests that kill it.

    python toy.py FOLDER N MILLISECONDS STACK [SHARD [SECONDS]]

The row of cell i is its square; what it costs is sleep. Cells listed in FOLDER/bad fail.
"""

import sys
import time
from pathlib import Path

from studies.engine import Sweep, run


def sweep(n=200, milliseconds=0.0, max_stack=1, folder=None):
    def rows(cells, device="cpu"):
        listed = Path(folder or "", "bad")
        bad = listed.read_text().split() if listed.exists() else []
        for cell in cells:
            time.sleep(milliseconds / 1000)
            if str(cell["i"]) in bad:
                raise ValueError(f"cell {cell['i']}\nis bad")
        return [{"square": cell["i"] ** 2, "device": device} for cell in cells]

    cells = [{"i": i, "half": i % 2} for i in range(n)]
    return Sweep("toy", 1, cells, rows, stack=lambda cell: cell["i"] // 20, max_stack=max_stack)


if __name__ == "__main__":
    folder, n, milliseconds, stack, *rest = sys.argv[1:]
    number, of = map(int, (rest[0] if rest else "1/1").split("/"))
    asked = sweep(int(n), float(milliseconds), int(stack), folder)
    seconds = float(rest[1]) if len(rest) > 1 else None
    print("ready", flush=True)
    print(*run(asked, (number, of), seconds=seconds, results=folder), sep="; stopped ", flush=True)
