"""Seven draws of the patterns as one batch, against one after the other, on a CPU and on a GPU.

    python -m studies c1_batch --profile paper --set device=cuda

A machine that has not CIFAR-10 takes the few images that are used, 0.2 MB, from a file:

    python -m studies.c1_batch pair.npz          (where the data are)
    python -m studies c1_batch --profile paper --set device=cuda --set pair_file=pair.npz

Seconds are wall time of a library call, the shortest of a few. On a GPU the first call, which loads
its kernels, is not counted, and the CPU of the same machine is measured in the same run, on one
thread and on as many as torch takes by itself.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import torch

from robustcore import convex, patterns
from robustcore.balls import LpBall
from robustcore.convex import ConvexSolution

from .c1_certified_solver.jobs import images
from .cifar_pairs import Pair
from .mnist_networks import pick_device

QUICK = (("(8)", 40, 20, 6), ("(8)", 100, 6, 10), ("(15)", 40, 20, 4))
_RADIUS = 1 / 255  # of (15)
_BETA = 1e-4


def measure(
    pair: Pair,
    size: tuple[str, int, int, int],
    n_draws: int,
    device: str,
    threads: int,
    repeats: int,
    tolerance: float,
) -> dict[str, Any]:
    """One row: the batch on the device, and the same programs one by one on it.

    Source: own (on [A] eqs. (8), (15))

    Parameters
    ----------
    pair : Pair
        At least as many images as the size needs.
    size : (program, n, every, P)
        "(8)" or "(15)"; the first n images; every so many of the 147 columns; patterns of a draw.
    n_draws : int
    device : str
        Of torch.
    threads : int
        Of torch on the CPU.
    repeats : int
        Each is measured so often, in turn; the shortest time counts.
    tolerance : float

    Returns
    -------
    dict
        seconds_batch, seconds_alone (all programs), ratio of the two; iterations of the longest;
        gap and deviation, the worst over the draws, in units of max(1, objective).
    """
    program, n, every, P = size
    X, y = np.ascontiguousarray(pair.X[:n, ::every]), pair.y[:n]
    draws = [patterns.sample(X, P, np.random.default_rng(k)) for k in range(n_draws)]
    ball = LpBall(math.inf, _RADIUS) if program == "(15)" else None
    steps: list[int] = []
    options = {"tolerance": tolerance, "device": device}

    def batch() -> list[ConvexSolution]:
        steps.clear()
        told = {**options, "progress": lambda k, *bounds: steps.append(k)}
        return convex.train_batch(X, y, draws, _BETA, "hinge", ball, options=told)

    def alone() -> list[ConvexSolution]:
        each = (convex.train_batch(X, y, [d], _BETA, "hinge", ball, options=options) for d in draws)
        return [found for (found,) in each]

    with _threads(threads):
        if device != "cpu":
            batch()
        apart, seconds_alone = _shortest(alone, repeats)
        together, seconds_batch = _shortest(batch, repeats)
    worst = [_compared(a, b) for a, b in zip(together, apart, strict=True)]
    return {
        "program": program,
        "n": n,
        "d": X.shape[1],
        "patterns": P,
        "draws": n_draws,
        "device": device,
        "threads": threads,
        "tolerance": tolerance,
        "iterations": steps[-1],
        "gap": max(gap for gap, _ in worst),
        "deviation": max(deviation for _, deviation in worst),
        "seconds_batch": seconds_batch,
        "seconds_alone": seconds_alone,
        "ratio": seconds_alone / seconds_batch,
    }


def record(
    sizes: Sequence[Sequence[Any]] = QUICK,
    n_draws: int = 7,
    repeats: int = 3,
    tolerance: float = 1e-6,
    device: str = "auto",
    pair_file: str = "",
) -> dict[str, list[dict[str, Any]]]:
    """Every size on one thread; where there is a GPU also on all threads, and on the GPU.

    Source: own
    """
    pair = read_pair(pair_file) if pair_file else images(max(n for _, n, _, _ in sizes))
    places = [("cpu", 1)]
    if pick_device(device).type != "cpu":
        places += [("cpu", torch.get_num_threads()), ("cuda", torch.get_num_threads())]
    rows = []
    for program, n, every, P in sizes:
        for where, threads in places:
            size = (program, n, every, P)
            rows.append(measure(pair, size, n_draws, where, threads, repeats, tolerance))
            print(line(rows[-1]), flush=True)
    return {"c1_batch": rows}


def write_pair(file: str, n: int = 600) -> None:
    """The first n images of the pair, for a machine without the data set.

    Source: own
    """
    pair = images(n)
    np.savez_compressed(
        file, **asdict(replace(pair, X_test=pair.X_test[:0], y_test=pair.y_test[:0]))
    )


def read_pair(file: str) -> Pair:
    """What `write_pair` wrote.

    Source: own
    """
    with np.load(file) as stored:
        return Pair(**stored)


def heading() -> str:
    """The head of the table that `line` fills.

    Source: own
    """
    size = f"{'':5} {'n':>4} {'d':>4} {'P':>3} {'draws':>5}"
    return f"{size} {'device':>6} {'threads':>7} {'its':>4} {'batch':>8} {'alone':>8} {'ratio':>6}"


def line(row: Mapping[str, Any]) -> str:
    """One row of the table as text; seconds.

    Source: own
    """
    size = f"{row['program']:5} {row['n']:4} {row['d']:4} {row['patterns']:3} {row['draws']:5}"
    times = f"{row['seconds_batch']:8.2f} {row['seconds_alone']:8.2f} {row['ratio']:6.2f}"
    return f"{size} {row['device']:>6} {row['threads']:7} {row['iterations']:4} {times}"


def _shortest(
    call: Callable[[], list[ConvexSolution]], repeats: int
) -> tuple[list[ConvexSolution], float]:
    """What it answers, and the seconds of its quickest run."""
    seconds = []
    for _ in range(repeats):
        started = time.perf_counter()
        found = call()  # ends with numbers on the CPU, so a GPU has finished
        seconds.append(time.perf_counter() - started)
    return found, min(seconds)


def _compared(a: ConvexSolution, b: ConvexSolution) -> tuple[float, float]:
    """The larger gap, and the difference of the objectives."""
    size = max(1.0, b.objective)
    return max(a.gap, b.gap) / size, abs(a.objective - b.objective) / size


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


if __name__ == "__main__":
    write_pair(sys.argv[1])
