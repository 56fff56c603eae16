r"""The same bounds by auto_LiRPA, where it is installed: how far apart, and how long each takes.

It is no dependency of this book. Its release in the public registry, 0.3, asks for a torch below
1.13 and calls what torch has removed since, so that it cannot be loaded beside the locked one; a
build for today's torch, where somebody has one, is raced as it is.
"""

from __future__ import annotations

import importlib
import importlib.util
import itertools
import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from robustcore import bounds
from robustcore.balls import LpBall
from robustcore.errors import MissingExtraError

# ours, and what auto_LiRPA calls the same
PAIRS = {"ibp": "IBP", "crown": "CROWN", "crown_optimised": "CROWN-Optimized"}


def installed() -> bool:
    """Whether there is an auto_LiRPA to race with.

    Source: own
    """
    return importlib.util.find_spec("auto_LiRPA") is not None


class Peer:
    """A network as auto_LiRPA reads it, once; `gaps` is what it says of the worst ones.

    Source: own

    Raises
    ------
    MissingExtraError
        Where it is not installed.
    """

    def __init__(self, net: nn.Module, x: torch.Tensor, steps: int) -> None:
        try:
            self.lirpa = importlib.import_module("auto_LiRPA")
        except ImportError as error:
            raise MissingExtraError(
                f"the race needs auto_LiRPA, which is not here: {error}."
            ) from error
        options = {"optimize_bound_args": {"iteration": steps, "lr_alpha": 0.1}}
        self.module = self.lirpa.BoundedModule(net, x[:1], bound_opts=options, device=x.device)

    def gaps(self, x: torch.Tensor, y: torch.Tensor, ball: LpBall, method: str) -> torch.Tensor:
        """Upper bounds of z_k - z_y: minus its lower bounds of z_y - z_k, (n, K).

        Source: own
        """
        norm = self.lirpa.PerturbationLpNorm(norm=ball.p, eps=ball.radius)
        eye = torch.eye(self.module(x[:1]).shape[1], dtype=x.dtype, device=x.device)
        rows = eye[y][:, None] - eye[None]
        perturbed = self.lirpa.BoundedTensor(x, norm)
        low, _ = self.module.compute_bounds(
            x=(perturbed,), C=rows, method=PAIRS[method], bound_upper=False
        )
        return -low.detach()


def race(
    widths: Sequence[int],
    p: float,
    radius: float,
    samples: int,
    steps: int,
    repeats: int,
    seed: int,
) -> list[dict[str, Any]]:
    """A row for each method, on one network that is drawn: the same work, in turns.

    Source: own

    Parameters
    ----------
    widths : sequence of int
        M, the hidden layers, K.
    p, radius : float
    samples : int
    steps : int
        Updates of the slopes of the optimised method.
    repeats : int
        The least time of so many counts, after one call that does not.
    seed : int
    """
    torch.manual_seed(seed)
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise(widths):
        layers += [nn.Linear(before, after), nn.ReLU()]
    net = nn.Sequential(*layers[:-1]).double().requires_grad_(False)
    x = torch.randn(samples, widths[0], dtype=torch.float64)
    y, ball = net(x).argmax(1), LpBall(p, radius)
    peer, rows = Peer(net, x, steps), []
    for method in PAIRS:
        own = getattr(bounds, method)
        options = {"steps": steps} if method == "crown_optimised" else {}

        def ours(own: Any = own, options: Any = options) -> torch.Tensor:
            return own(net, x, y, ball, **options)

        def theirs(method: str = method) -> torch.Tensor:
            return peer.gaps(x, y, ball, method)

        (gaps, seconds), (others, their_seconds) = _timed([ours, theirs], repeats)
        wrong = torch.arange(widths[-1]) != y[:, None]
        rows.append(
            {
                **{"method": method, "p": "inf" if math.isinf(p) else f"{p:g}", "radius": radius},
                **{"widths": "-".join(map(str, widths)), "samples": samples, "seed": seed},
                **{"seconds": seconds, "their_seconds": their_seconds},
                **{"apart": float((gaps - others)[wrong].abs().max())},
                **{"mean": float(gaps[wrong].mean()), "their_mean": float(others[wrong].mean())},
            }
        )
    return rows


def _timed(
    calls: Sequence[Callable[[], torch.Tensor]], repeats: int
) -> list[tuple[torch.Tensor, float]]:
    """What each says, and its least time; they take turns."""
    answers = [call() for call in calls]
    least = [math.inf] * len(calls)
    for _ in range(repeats):
        for i, call in enumerate(calls):
            start = time.perf_counter()
            call()
            least[i] = min(least[i], time.perf_counter() - start)
    return list(zip(answers, least, strict=True))


def record(
    widths: Sequence[int] = (20, 30, 30, 5),
    radius: float = 0.05,
    samples: int = 20,
    steps: int = 20,
    repeats: int = 2,
    networks: int = 2,
) -> dict[str, list[dict[str, Any]]]:
    """The rows of the race.

    Source: own

    Raises
    ------
    MissingExtraError
        Where auto_LiRPA is not installed: nothing is recorded.
    """
    rows: list[dict[str, Any]] = []
    for seed in range(networks):
        for p in (1.0, 2.0, math.inf):
            size = radius * widths[0] ** (1 / (2 * p))  # as paper B scales its L1 balls
            rows += race(widths, p, size, samples, steps, repeats, seed)
    return {"c2_race": rows}
