"""What training a stack of networks costs beside training them one by one, defense by defense.

    python -m studies stack_benchmark --out FOLDER

prints a line a defense: milliseconds of one update of one network by itself, and of one network
within stacks. One by one is what the training loop does with a single network, by autograd; a
stack takes the explicit form of the loss, where there is one. A network and the stacks take turns,
so that a machine that slows down slows all alike; on one thread the time is the processor's.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch

from robustcore import defenses
from robustcore.balls import LpBall
from robustcore.defenses import Defense
from robustcore.networks import ReLUNetwork, Stack
from robustcore.training.updates import OfOne, OfStack

from .b7_speed.timing import SHAPES

Rows = list[dict[str, Any]]
_WIDTH, _HIDDEN = 200, 3
_RATE = 1e-3


def methods(epsilon: float, M: int) -> dict[str, Defense]:
    """Every defense, over the Linf ball of radius epsilon or the L1 ball of sqrt(M) epsilon.

    Source: own (on [B] Tables 2, 6)
    """
    l1, l_inf = LpBall(1, M**0.5 * epsilon), LpBall(math.inf, epsilon)
    boxed = LpBall(1, l1.radius, box=(0.0, 1.0))
    return {
        "Nominal": defenses.nominal(),
        "Baseline-Linf": defenses.baseline(l_inf),
        "FGSM-Linf": defenses.fgsm(l_inf),
        "PGD-Linf, 10 steps": defenses.pgd(l_inf, steps=10),
        "PGD-L1, 10 steps": defenses.pgd(l1, steps=10),
        "TRADES-Linf": defenses.trades(l_inf),
        "aRUB-L1": defenses.arub(l1),
        "aRUB-Linf": defenses.arub(l_inf),
        "RUB, top 1": defenses.rub(l1, top=1),
        "RUB, top 8": defenses.rub(l1, top=8),
        "RUB": defenses.rub(l1),
        "RUB in a box": defenses.rub_boxed(boxed),
        "intervals": defenses.ibp(l_inf),
        "CROWN": defenses.crown(l_inf),
        "COAP": defenses.coap(l_inf),
    }


def timed(
    shape: str,
    name: str,
    stacks: Sequence[int],
    epsilon: float = 0.1,
    repeats: int = 5,
    longest: float = 20.0,
    device: str = "cpu",
) -> Rows:
    """A row for each stack: median seconds of its update, and of as many networks one by one.

    Source: own

    Parameters
    ----------
    shape : str
        Of `SHAPES`: inputs, batch, classes.
    name : str
        Of `methods`.
    stacks : sequence of int
        How many networks.
    epsilon : float
    repeats : int
        Counted updates of each, after one that is not.
    longest : float
        A stack is left out where as many networks one by one would take more seconds.
    device : str
    """
    M, batch, K = SHAPES[shape]
    g = torch.Generator().manual_seed(0)
    x = torch.rand(batch, M, generator=g).to(device)
    y = torch.randint(0, K, (batch,), generator=g).to(device)
    defense = methods(epsilon, M)[name]
    sizes = [M, *[_WIDTH] * _HIDDEN, K]
    one = OfOne(ReLUNetwork(sizes, g).to(device), defense, _RATE, None, "adam")
    first = _clocked(one.update, x, y)
    taken = [S for S in stacks if S * first <= longest]
    updates: dict[int, Callable[..., Any]] = {0: one.update}
    for S in taken:
        stack = Stack([ReLUNetwork(sizes, g) for _ in range(S)]).to(device)
        updates[S] = OfStack(stack, defense, _RATE, None, "adam").update
    seconds: dict[int, list[float]] = {S: [] for S in updates}
    for turn in range(repeats + 1):
        for S, update in updates.items():
            found = _clocked(update, x, y)
            if turn:
                seconds[S].append(found)
    alone = statistics.median(seconds[0])
    about = {"shape": shape, "M": M, "batch": batch, "classes": K, "method": name}
    return [
        {
            **about,
            "networks": S,
            "explicit": defense.explicit is not None,
            "one_by_one": S * alone,
            "seconds": statistics.median(seconds[S]),
            "gain": S * alone / statistics.median(seconds[S]),
        }
        for S in taken
    ]


def record(
    shapes: Sequence[str] = ("uci", "mnist"),
    stacks: Sequence[int] = (1, 10, 77),
    epsilon: float = 0.1,
    repeats: int = 5,
    longest: float = 20.0,
    device: str = "cpu",
    threads: int = 1,
    skip: Sequence[str] = (),
) -> dict[str, Rows]:
    """Time every defense at every shape, and print a line of each as it is done.

    Source: own

    Parameters
    ----------
    shapes, stacks, epsilon, repeats, longest, device
        As for `timed`.
    threads : int
        Of torch, on the CPU.
    skip : sequence of str
        Names of `methods` to leave out.

    Returns
    -------
    dict
        `stack_benchmark.updates`: the rows of `timed`.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    rows: Rows = []
    try:
        for shape in shapes:
            for name in methods(epsilon, SHAPES[shape][0]):
                if name not in skip:
                    found = timed(shape, name, stacks, epsilon, repeats, longest, device)
                    print(line(shape, name, found), flush=True)
                    rows += found
    finally:
        torch.set_num_threads(before)
    return {"stack_benchmark.updates": rows}


def line(shape: str, name: str, rows: Rows) -> str:
    """One defense: milliseconds a network, by itself and in each stack, and the gain.

    Source: own
    """
    if not rows:
        return f"{shape:8} {name:20} left out: too long"
    alone = 1e3 * rows[0]["one_by_one"] / rows[0]["networks"]
    parts = [
        f"{r['networks']:3d}: {1e3 * r['seconds'] / r['networks']:8.2f} ({r['gain']:4.1f} x)"
        for r in rows
    ]
    return f"{shape:8} {name:20} {alone:8.2f} ms alone, in stacks of " + "  ".join(parts)


def _clocked(update: Callable[..., Any], x: torch.Tensor, y: torch.Tensor) -> float:
    clock = time.perf_counter
    if not x.is_cuda and torch.get_num_threads() == 1:
        clock = time.process_time
    _wait(x)
    start = clock()
    update(x, y, 1.0, 1.0, "while it was timed")
    _wait(x)
    return clock() - start


def _wait(x: torch.Tensor) -> None:
    if x.is_cuda:
        torch.cuda.synchronize()
