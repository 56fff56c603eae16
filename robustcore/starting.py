"""Ctrl-C in a command: one line that says what is kept, and status 130, also while it loads.

Standard library only, so that a command can have it before it loads anything else.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

STATUS = 130  # of a process that Ctrl-C ended, as shells have it


@contextmanager
def loading(name: str, started: bool = True) -> Iterator[None]:
    """While a command loads its modules Ctrl-C ends the process at once: nothing has begun.

    An exception would not do: what C code imports in the middle of its own may swallow it.

    Source: own

    Parameters
    ----------
    name : str
        Of the command.
    started : bool
        Whether a shell started this process for the command alone; otherwise nothing is changed.
    """

    def end(number: int, frame: object) -> None:
        os.write(2, f"{name}: stopped by Ctrl-C while it started; nothing was done.\n".encode())
        os._exit(STATUS)

    if not started or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def stoppable(name: str, kept: str) -> Iterator[None]:
    """End the process with one line where Ctrl-C stops what is inside.

    Source: own

    Parameters
    ----------
    name : str
        Of the command.
    kept : str
        What becomes of its work, for the line; an interrupt that says more has its own word.

    Raises
    ------
    SystemExit
        With status 130.
    """
    try:
        yield
    except KeyboardInterrupt as stop:
        print(str(stop) or f"{name}: stopped by Ctrl-C; {kept}.", file=sys.stderr, flush=True)
        sys.exit(STATUS)
