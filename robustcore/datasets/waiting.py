"""Calls that wait for a server, none of them for longer than a deadline.

A time-out of a socket is for one byte: a server that sends one now and then, in its headers say,
keeps a call for as long as it likes, and so may a look-up of its name.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from queue import SimpleQueue
from threading import Thread
from types import TracebackType
from typing import Any, TypeVar

Found = TypeVar("Found")


class LateError(Exception):
    """The deadline came before the answer."""


class Waiting:
    """A thread that makes calls one after the other, and is left behind with one that is late.

    Source: own

    Parameters
    ----------
    until : float
        The deadline, as `time.monotonic` counts.

    Notes
    -----
    The last answer that can be closed is closed at the end, in that thread: nobody else may, while
    it reads. A thread left behind ends with its call, or with the process.
    """

    def __init__(self, until: float) -> None:
        self.until = until
        self._calls: SimpleQueue[tuple[Callable[[], Any], Future[Any]] | None] = SimpleQueue()

    def __enter__(self) -> Waiting:
        Thread(target=_answered, args=(self._calls,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._calls.put(None)

    def call(self, function: Callable[..., Found], *given: Any) -> Found:
        """What a function answers in time.

        Raises
        ------
        LateError
            If that is not before the deadline.
        """
        future: Future[Found] = Future()
        self._calls.put((lambda: function(*given), future))
        wait([future], timeout=max(0.0, self.until - time.monotonic()))
        if not future.done():
            raise LateError
        try:
            return future.result()
        finally:
            del future  # an error holds this frame, and would be held by it


def _answered(calls: SimpleQueue[tuple[Callable[[], Any], Future[Any]] | None]) -> None:
    last: Any = None
    while (asked := calls.get()) is not None:
        found = _answer(*asked)
        last = found if hasattr(found, "close") else last
        del asked, found
    if last is not None:
        last.close()


def _answer(call: Callable[[], Any], future: Future[Any]) -> Any:
    try:
        found = call()
    except BaseException as error:
        future.set_exception(error)
        return None
    else:
        future.set_result(found)
        return found
    finally:
        del future
