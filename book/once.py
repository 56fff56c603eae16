"""One run at a time: a lock that its holder's death releases, whatever kills it.

    python book/once.py WHAT COMMAND ...     run a command while holding _build/locks/WHAT

The file is locked by the kernel (`flock`), not by being there: what a killed run leaves behind
locks nothing. Standard library only, so that it runs before the environment exists.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path
from typing import TextIO

LOCKS = Path(__file__).resolve().parents[1] / "_build" / "locks"


class BusyError(Exception):
    """Another process of this checkout does the same at this moment."""


def hold(what: str, folder: Path = LOCKS) -> TextIO:
    """Lock FOLDER/WHAT for as long as the file returned stays open, or this process lives.

    Raises
    ------
    BusyError
        If another process holds it, with its number.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file = (folder / what).open("a+", encoding="utf-8")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        holder = file.read().strip() or "unknown"
        file.close()
        raise BusyError(
            f"{what!r} is already running in this folder (process {holder}); "
            "wait until it has finished, or end it."
        ) from None
    file.truncate(0)
    file.write(f"{os.getpid()}\n")
    file.flush()
    return file


def main(arguments: list[str]) -> int:
    what, *command = arguments
    try:
        held = hold(what)
    except BusyError as error:
        print(error, file=sys.stderr)
        return 1
    with held:
        try:
            return subprocess.run(command).returncode
        except KeyboardInterrupt:  # the command had the same signal, and has said its own
            return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
