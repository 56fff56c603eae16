"""What one training step of each method costs, as a ratio to nominal training in the same run.

Methods take turns, step by step, so that a machine that slows down slows them all; the median of
each is compared with the median of Nominal. On one thread the time is the processor's, which other
programs do not add to; on several threads or a GPU it is the clock's. Peak memory is read in a
process of its own a method.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch

from robustcore import defenses
from robustcore.balls import LpBall
from robustcore.networks import ReLUNetwork

from ..oracles.one_graph import rub_one_graph

Rows = list[dict[str, Any]]
# name: inputs, batch, classes; the architecture is 3 x 200 everywhere, as in Section 6.1
SHAPES = {"uci": (30, 256, 3), "mnist": (784, 32, 10), "cifar10": (3072, 128, 10)}
# what a process of its own is told to do
_APART = f"import sys; from {__name__} import _measure_memory as run; run(*sys.argv[1:])"
_TOO_LARGE = {"cifar10": ("RUB, one graph", "RUB, as printed", "PGD-Linf", "COAP-Linf")}
_INFINITY = float("inf")

Loss = Callable[[torch.nn.Module, torch.Tensor, torch.Tensor], torch.Tensor]


def methods(epsilon: float, M: int, seed: int = 0) -> dict[str, Loss]:
    """The defenses of the paper's Tables 2 and 6, with L1 radius sqrt(M) epsilon.

    Source: [B] Tables 2, 6
    """
    l1, l_inf = LpBall(1, M**0.5 * epsilon), LpBall(_INFINITY, epsilon)
    generator = torch.Generator().manual_seed(seed)
    pgd = defenses.pgd(l_inf, 40, epsilon / 30, random_start=True, generator=generator)
    return {
        "Nominal": defenses.nominal(),
        "Baseline-Linf": defenses.baseline(l_inf),
        "FGSM-Linf": defenses.fgsm(l_inf),
        "aRUB-L1": defenses.arub(l1),
        "aRUB-Linf": defenses.arub(l_inf),
        "PGD-Linf": pgd,
        "COAP-Linf": defenses.coap(l_inf),
        "RUB, top 8": defenses.rub(l1, top=8),
        "RUB": defenses.rub(l1),
        "RUB, one graph": partial(rub_one_graph, ball=l1),
        "RUB, as printed": partial(rub_one_graph, ball=l1, printed=True),
    }


class Step:
    """Whole training steps of one method: loss, gradient, Adam.

    Source: own
    """

    def __init__(self, net: ReLUNetwork, x: torch.Tensor, y: torch.Tensor, loss: Loss) -> None:
        self.net, self.x, self.y, self.loss = net, x, y, loss
        self.update = torch.optim.Adam(self.net.parameters(), lr=1e-3)

    @classmethod
    def of(cls, shape: str, epsilon: float, method: str, device: str, seed: int) -> Step:
        """Steps on random inputs of one of the shapes."""
        M, batch, K = SHAPES[shape]
        generator = torch.Generator().manual_seed(seed)
        net = ReLUNetwork([M, 200, 200, 200, K], generator).to(device)
        x = torch.rand(batch, M, generator=generator).to(device)
        y = torch.randint(0, K, (batch,), generator=generator).to(device)
        return cls(net, x, y, methods(epsilon, M)[method])

    def __call__(self) -> float:
        """Seconds of one step."""
        alone = not self.x.is_cuda and torch.get_num_threads() == 1
        clock = time.process_time if alone else time.perf_counter
        self._wait()
        start = clock()
        self.update.zero_grad(set_to_none=True)
        self.loss(self.net, self.x, self.y).backward()
        self.update.step()
        self._wait()
        return clock() - start

    def _wait(self) -> None:
        if self.x.is_cuda:
            torch.cuda.synchronize()


def peak_megabytes(shape: str, epsilon: float, method: str, device: str) -> float:
    """Memory that one step adds to a fresh process (CPU) or to the card (CUDA), in MiB.

    Source: own
    """
    command = [sys.executable, "-c", _APART, shape, str(epsilon), method, device]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(answer.stdout)


def record(
    shapes: Sequence[str] = ("uci", "mnist", "cifar10"),
    epsilon: float = 0.1,
    repeats: int = 7,
    device: str = "cpu",
    threads: int = 1,
    skip: Sequence[str] = (),
    timing: bool = True,
    memory: bool = True,
) -> dict[str, Rows]:
    """Time every method at every shape, methods in turn, and measure their memory; print both.

    Source: [B] Tables 2, 6

    Parameters
    ----------
    shapes : sequence of str
        Of `SHAPES`. On the largest, what would not fit or takes minutes is left out.
    epsilon : float
        Linf radius; the L1 radius is sqrt(M) times that.
    repeats : int
        Counted steps of each method, after one that is not; two at most on the largest shape.
    device : str
    threads : int
        Of torch, on the CPU.
    skip : sequence of str
        Methods to leave out.
    timing, memory : bool
        Which of the two records to make.

    Returns
    -------
    dict
        `b7_speed.steps`: a row a (shape, method) with median, fastest and slowest step in seconds,
        `ratio` to Nominal and batches a second. `b7_speed.memory`: `peak_mib`, the memory that a
        step adds to a process.
    """
    found: dict[str, Rows] = {}
    if timing:
        found["b7_speed.steps"] = timing_rows(shapes, epsilon, repeats, device, threads, skip)
    if memory:
        found["b7_speed.memory"] = memory_rows(shapes, epsilon, device, skip)
    for id, rows in found.items():
        print(id, *table(rows), sep="\n")
    return found


def timing_rows(
    shapes: Sequence[str],
    epsilon: float = 0.1,
    repeats: int = 7,
    device: str = "cpu",
    threads: int = 1,
    skip: Sequence[str] = (),
) -> Rows:
    """The steps of every method, in turn; see `record`.

    Source: [B] Tables 2, 6
    """
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        return [row for s in shapes for row in _timed(s, epsilon, repeats, device, skip)]
    finally:
        torch.set_num_threads(before)


def memory_rows(
    shapes: Sequence[str], epsilon: float = 0.1, device: str = "cpu", skip: Sequence[str] = ()
) -> Rows:
    """The peak memory of one step of every method; see `record`.

    Source: own
    """
    return [
        {**_about(shape, name), "peak_mib": peak_megabytes(shape, epsilon, name, device)}
        for shape in shapes
        for name in _chosen(shape, epsilon, skip)
    ]


def in_turns(steps: Mapping[str, Step], repeats: int) -> dict[str, list[float]]:
    """Seconds of each counted step; the methods take turns, and a first round is not counted.

    Source: own
    """
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for turn in range(repeats + 1):
        for name, step in steps.items():
            taken = step()
            if turn:
                seconds[name].append(taken)
    return seconds


def table(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Rows of either record as lines of text.

    Source: own
    """
    lines = []
    for r in rows:
        line = f"{r['shape']:8} M = {r['M']:4d}, batch {r['batch']:3d}  {r['method']:16}"
        if "ratio" in r:
            line += f" {r['ratio']:8.1f} x Nominal {1e3 * r['seconds']:10.2f} ms"
        lines.append(line + (f" {r['peak_mib']:8.0f} MiB" if "peak_mib" in r else ""))
    return lines


def _about(shape: str, name: str) -> dict[str, Any]:
    M, batch, K = SHAPES[shape]
    return {"shape": shape, "M": M, "batch": batch, "classes": K, "method": name}


def _chosen(shape: str, epsilon: float, skip: Sequence[str]) -> list[str]:
    left_out = {*skip, *_TOO_LARGE.get(shape, ())}
    return [name for name in methods(epsilon, SHAPES[shape][0]) if name not in left_out]


def _timed(shape: str, epsilon: float, repeats: int, device: str, skip: Sequence[str]) -> Rows:
    steps = {
        name: Step.of(shape, epsilon, name, device, seed=0)
        for name in _chosen(shape, epsilon, skip)
    }
    seconds = in_turns(steps, min(repeats, 2) if shape in _TOO_LARGE else repeats)
    nominal = statistics.median(seconds["Nominal"])
    return [
        {
            **_about(shape, name),
            "seconds": statistics.median(taken), "fastest": min(taken), "slowest": max(taken),
            "ratio": statistics.median(taken) / nominal,
            "batches_per_second": 1 / statistics.median(taken),
            "steps": len(taken),
        }
        for name, taken in seconds.items()
    ]  # fmt: skip


def _measure_memory(shape: str, epsilon: str, method: str, device: str) -> None:
    torch.set_num_threads(1)
    if device == "cpu":
        Step.of(shape, float(epsilon), "Nominal", device, 0)()
        before = _high_water_kib()
        Step.of(shape, float(epsilon), method, device, 0)()
        print((_high_water_kib() - before) / 1024)
    else:
        Step.of(shape, float(epsilon), method, device, 0)()
        print(torch.cuda.max_memory_allocated() / 2**20)


def _high_water_kib() -> int:
    """Peak resident memory of this process alone; getrusage would count its parent's too."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
