"""What one training step of each method costs, as a ratio to nominal training in the same run.

Methods take turns, step by step, so that a machine that slows down slows them all; the median of
each is compared with the median of Nominal. Peak memory is read in a process of its own a method.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from .. import defenses
from ..balls import LpBall
from ..bounds.recursion import Recursion
from ..bounds.rub import vertex_steps
from ..losses import adversarial_loss_bound
from ..networks import ReLUNetwork

# name: inputs, batch, classes; the architecture is 3 x 200 everywhere, as in Section 6.1
SHAPES = {"uci": (30, 256, 3), "mnist": (784, 32, 10), "cifar10": (3072, 128, 10)}
_INFINITY = float("inf")

Loss = Callable[[torch.nn.Module, torch.Tensor, torch.Tensor], torch.Tensor]


def rub_one_graph(
    net: torch.nn.Module, x: torch.Tensor, y: torch.Tensor, ball: LpBall
) -> torch.Tensor:
    """RUB as the formula reads: every vertex in one graph. The twin that two passes are held to.

    Source: [B] eq. (27)
    """
    at = Recursion.around(net, x, y)
    bound = at.values(vertex_steps(at.layers[0][0], ball.radius)).amax(dim=1)
    return adversarial_loss_bound(bound, y).mean()


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
        "RUB, top 8": defenses.rub(l1, top=8),
        "RUB": defenses.rub(l1),
        "RUB, one graph": partial(rub_one_graph, ball=l1),
    }


class Step:
    """Whole training steps of one method: loss, gradient, Adam.

    Source: own
    """

    def __init__(self, shape: str, epsilon: float, method: str, device: str, seed: int) -> None:
        M, batch, K = SHAPES[shape]
        generator = torch.Generator().manual_seed(seed)
        self.net = ReLUNetwork([M, 200, 200, 200, K], generator).to(device)
        self.x = torch.rand(batch, M, generator=generator).to(device)
        self.y = torch.randint(0, K, (batch,), generator=generator).to(device)
        self.loss = methods(epsilon, M)[method]
        self.update = torch.optim.Adam(self.net.parameters(), lr=1e-3)

    def __call__(self) -> float:
        """Seconds of one step."""
        self._wait()
        start = time.perf_counter()
        self.update.zero_grad(set_to_none=True)
        self.loss(self.net, self.x, self.y).backward()
        self.update.step()
        self._wait()
        return time.perf_counter() - start

    def _wait(self) -> None:
        if self.x.is_cuda:
            torch.cuda.synchronize()


def peak_megabytes(shape: str, epsilon: float, method: str, device: str) -> float:
    """Memory that one step adds to a fresh process (CPU) or to the card (CUDA), in MiB.

    Source: own
    """
    command = [sys.executable, "-m", __name__, shape, str(epsilon), method, device]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(answer.stdout)


def record(
    shapes: tuple[str, ...] = ("uci", "mnist"),
    epsilon: float = 0.1,
    repeats: int = 7,
    device: str = "cpu",
    threads: int = 1,
    skip: tuple[str, ...] = (),
    memory: bool = True,
) -> dict[str, list[dict[str, Any]]]:
    """Time every method at every shape, methods in turn.

    Source: [B] Tables 2, 6

    Parameters
    ----------
    shapes : tuple of str
        Of `SHAPES`.
    epsilon : float
        Linf radius; the L1 radius is sqrt(M) times that.
    repeats : int
        Counted steps of each method, after one that is not.
    device : str
    threads : int
        Of torch, on the CPU.
    skip : tuple of str
        Methods to leave out.
    memory : bool
        Measure peak memory too.

    Returns
    -------
    dict
        One record, `b_speed`: a row a (shape, method) with median, fastest and slowest step in
        seconds, ratio to Nominal, batches a second and peak MiB.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        rows = [row for s in shapes for row in _rows(s, epsilon, repeats, device, skip, memory)]
    finally:
        torch.set_num_threads(before)
    return {"b_speed": rows}


def _rows(
    shape: str, epsilon: float, repeats: int, device: str, skip: tuple[str, ...], memory: bool
) -> list[dict[str, Any]]:
    M, batch, K = SHAPES[shape]
    names = [name for name in methods(epsilon, M) if name not in skip]
    steps = {name: Step(shape, epsilon, name, device, seed=0) for name in names}
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(repeats + 1):
        for name, step in steps.items():
            taken = step()
            if turn:
                seconds[name].append(taken)
    nominal = statistics.median(seconds["Nominal"])
    return [
        {
            "shape": shape, "M": M, "batch": batch, "classes": K, "method": name,
            "seconds": statistics.median(taken), "fastest": min(taken), "slowest": max(taken),
            "ratio": statistics.median(taken) / nominal,
            "batches_per_second": 1 / statistics.median(taken),
            "peak_mib": peak_megabytes(shape, epsilon, name, device) if memory else None,
        }
        for name, taken in seconds.items()
    ]  # fmt: skip


def _measure_memory(shape: str, epsilon: str, method: str, device: str) -> None:
    torch.set_num_threads(1)
    if device == "cpu":
        Step(shape, float(epsilon), "Nominal", device, 0)()
        before = _high_water_kib()
        Step(shape, float(epsilon), method, device, 0)()
        print((_high_water_kib() - before) / 1024)
    else:
        Step(shape, float(epsilon), method, device, 0)()
        print(torch.cuda.max_memory_allocated() / 2**20)


def _high_water_kib() -> int:
    """Peak resident memory of this process alone; getrusage would count its parent's too."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))


if __name__ == "__main__":
    _measure_memory(*sys.argv[1:])
