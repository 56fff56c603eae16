"""How many multiplications the matrix products of a call take."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from torch.utils.flop_counter import FlopCounterMode


def multiplications(call: Callable[[], object]) -> float:
    """Multiplications, each with its addition, in all matrix products of a call.

    Source: own
    """
    counter = FlopCounterMode(display=False)
    # torch's own tracker hooks every module: hooked modules are read by no bound, and an attack
    # that asks for a gradient meets the hooks on its way
    counter.mod_tracker = _NoModules()  # type: ignore[assignment]
    with counter:
        call()
    return counter.get_total_flops() / 2


class _NoModules(contextlib.nullcontext[None]):
    """A tracker of modules that tells none apart: all products count to the whole."""

    parents = ("Global",)
