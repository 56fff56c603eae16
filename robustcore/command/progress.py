"""How far the command is: a bar of tqdm, or lines without it; nothing without a terminal."""

from __future__ import annotations

import contextlib
import math
import sys
import time
from collections.abc import Callable, Iterator

_BAR, _LINE = 0.1, 5.0  # seconds between two looks
Show = Callable[[int, float], None]


@contextlib.contextmanager
def shown(what: str, n: int, unit: str = "rows", ending: bool = False) -> Iterator[Show]:
    """A function to call with how many are done, and how many seconds are left.

    Source: own

    Parameters
    ----------
    what : str
        What is done to each.
    n : int
    unit : str
        What they are.
    ending : bool
        Whether there is a time at which it ends; else the seconds are not looked at.
    """
    if not sys.stderr.isatty():
        yield lambda done, left: None
        return
    try:
        from tqdm import tqdm
    except ImportError:

        def tell(done: int, left: float) -> None:
            rest = f", {left:.0f} s left" if ending else ""
            print(f"{what}: {done} of {n} {unit}{rest}", file=sys.stderr, flush=True)

        yield _seldom(tell, _LINE)
        return
    form = "{l_bar}{bar}| {n_fmt}/{total_fmt}{unit}{postfix}" if ending else None
    with tqdm(total=n, desc=what, unit=f" {unit}", leave=False, bar_format=form) as bar:

        def draw(done: int, left: float) -> None:
            if ending:
                bar.set_postfix_str(f"{left:.0f} s left", refresh=False)
            bar.n = done
            bar.refresh()

        yield _seldom(draw, _BAR)


def _seldom(show: Show, every: float) -> Show:
    """At first, and whenever some seconds have passed."""
    last = -math.inf

    def called(done: int, left: float) -> None:
        nonlocal last
        if (now := time.monotonic()) - last >= every:
            show(done, left)
            last = now

    return called
