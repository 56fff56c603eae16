"""A run that ends when it is told to: at its time, by Ctrl-C, or by SIGTERM."""

from __future__ import annotations

import os
import signal
import threading
import time
from types import FrameType, TracebackType
from typing import Any


class Stopped(BaseException):
    """Raised in the middle of a stack; not an Exception, so that no study takes it for its own."""


class Stopping:
    """While it is open, time and signals end the stack under way, and a second Ctrl-C the process.

    Source: own

    Parameters
    ----------
    seconds : float, optional
        From now.

    Notes
    -----
    Outside the main thread nothing is interrupted; `reason` still tells when the time is up.
    """

    def __init__(self, seconds: float | None = None) -> None:
        self.signal: int | None = None
        self._ends = None if seconds is None else time.monotonic() + seconds
        self._in_stack = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Stopping:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM):
                self._before[number] = signal.signal(number, self._arrived)
            if self._ends is not None:
                signal.setitimer(signal.ITIMER_REAL, max(1e-6, self._ends - time.monotonic()))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._before:
            signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @property
    def left(self) -> float:
        """Seconds until the time is up."""
        return float("inf") if self._ends is None else self._ends - time.monotonic()

    @property
    def reason(self) -> str:
        """Why nothing more is to be run; empty as long as all is well."""
        if self.signal is not None:
            return "by Ctrl-C" if self.signal == signal.SIGINT else "by SIGTERM"
        return "at its time" if self.left <= 0 else ""

    def call(self, run: Any, *arguments: Any, **named: Any) -> Any:
        """Call a function that `Stopped` may end."""
        if self.reason:
            raise Stopped
        self._in_stack = True
        try:
            return run(*arguments, **named)
        finally:
            self._in_stack = False

    def _arrived(self, number: int, frame: FrameType | None) -> None:
        if number != signal.SIGALRM:
            if self.signal is not None:  # asked twice
                signal.signal(number, signal.SIG_DFL)
                os.kill(os.getpid(), number)
            self.signal = number
        if self._in_stack:
            self._in_stack = False
            raise Stopped
