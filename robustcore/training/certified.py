r"""Convex start, certified descent: from the optimum of (10) down on a proved robust cost.

(10) allows no neuron to switch on any ball. Its network is a start whose proved cost is the optimum
of (10) itself; from there the best sound bound of the worst outputs is descended on, which may use
networks that (10) forbids. What is kept is the cheapest network whose cost is proved.

Shape letters: n samples, d inputs, m neurons.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from .. import bounds
from ..balls import LpBall
from ..convex import ConvexSolution, train_robust
from ..errors import InputError, check_count, check_number
from ..networks import TwoLayerReLU
from ..patterns import sample_robust
from .certified_cost import GapBound, certified_cost, read_problem, worst_hurt
from .schedules import falling
from .widening import balanced, balanced_penalty, scaled_adam, widened


@dataclass(frozen=True)
class CertifiedNetwork:
    """A network, its proved robust cost, and every proof on the way there.

    Source: own

    Attributes
    ----------
    network : TwoLayerReLU
        float64.
    cost : float
        Proved: at least the robust cost (2) of `network`, up to the rounding of float64.
    start : ConvexSolution or TwoLayerReLU
        What was started from.
    trail : tuple of (step, float)
        The proved cost of the start, step 0, and of each network that was cheaper than all before
        it; the last is `cost`.
    steps : int
        Updates made.
    seconds : float
        Of everything, the start included.
    """

    network: TwoLayerReLU
    cost: float
    start: ConvexSolution | TwoLayerReLU
    trail: tuple[tuple[int, float], ...]
    steps: int
    seconds: float


def fit_certified(
    X: np.ndarray,
    y: np.ndarray,
    ball: LpBall,
    beta: float,
    *,
    width: int,
    steps: int,
    rng: np.random.Generator,
    start: ConvexSolution | TwoLayerReLU | None = None,
    n_patterns: int = 36,
    bias: bool = False,
    loss: str = "hinge",
    bound: GapBound = bounds.tightest,
    rates: Sequence[float] = (0.03, 0.01, 0.003),
    seconds: float | None = None,
    options: Mapping[str, Any] | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> CertifiedNetwork:
    r"""Solve (10), then descend on a certified robust cost: proved, and never above the start.

    Source: own (on [A] eqs. (2), (10), Theorem 3; [B] eqs. (27), (35))

    Parameters
    ----------
    X : (n, d) array
    y : (n,) array
    ball : LpBall
        Any p that `convex.train_robust` takes, or with a `start` any that `bound` takes.
    beta : float
    width : int
        Neurons of the descent; those of the start are kept, however many they are.
    steps : int
        Updates at most; each sees all samples.
    rng : numpy Generator
        Draws the patterns and the new neurons.
    start : ConvexSolution or TwoLayerReLU, optional
        Of (10), or any network; by default (10) is solved over `n_patterns` robust-feasible
        patterns.
    n_patterns : int
    bias : bool
        Of the network; that of the start where one is given.
    loss : str
        As for `convex.train_robust`.
    bound : callable
        As for `certified_cost`, and differentiable in the parameters.
    rates : sequence of float
        Of Adam, as shares of the size of each group of weights: one round each, which begins at the
        best network so far and in which the rate falls along a cosine.
    seconds : float, optional
        The descent also ends when so much time has gone since the call.
    options : mapping, optional
        Of `convex.train_robust`.
    clock : callable
        Seconds, rising. On a busy machine `time.process_time` counts this process alone.

    Returns
    -------
    CertifiedNetwork
        Its cost is at most the proved cost of the start, which for a solution of (10) is its
        objective, up to neurons times violation ("No neuron switches in (10)").

    Notes
    -----
    New neurons begin with output weight 0, so that the widened network costs what the start does.
    A network is judged with ||u_j|| = |alpha_j|, the cheapest scaling of the same function.

    Raises
    ------
    InputError
        For a ball, labels or sizes that do not fit.
    """
    began = clock()
    kind, x, target = read_problem(X, y, ball, beta, loss)
    check_count("steps", steps)
    check_count("width", width)
    if not rates or not all(check_number("a rate", rate) > 0 for rate in rates):
        raise InputError(f"rates must be positive numbers, at least one, got {rates!r}.")
    if start is None:
        drawn = sample_robust(X, ball, n_patterns, rng, bias=bias, at_most=True)
        start = train_robust(X, y, drawn, ball, beta, loss, options=options)
    first = balanced(start.network() if isinstance(start, ConvexSolution) else start)
    given = (X, y, ball, beta, loss, bound)
    descent = _Descent(
        loss_of=lambda net: kind.total(worst_hurt(net, x, target, ball, kind, bound)),
        proved=lambda net: certified_cost(net, *given),
        beta=beta,
        late=lambda: 0.0 if seconds is None else (clock() - began) / seconds,
    )
    best, trail, made = first, [(0, descent.proved(first))], 0
    for left, rate in zip(range(len(rates), 0, -1), rates, strict=True):
        net = widened(best, x, width, rng)
        best, made = descent.round(net, best, trail, made, -(-(steps - made) // left), rate, left)
    return CertifiedNetwork(best, trail[-1][1], start, tuple(trail), made, clock() - began)


@dataclass(frozen=True)
class _Descent:
    """Knows neither data nor bound: `loss_of` has a graph, `proved` none, `late` ends at 1."""

    loss_of: Callable[[TwoLayerReLU], torch.Tensor]
    proved: Callable[[TwoLayerReLU], float]
    beta: float
    late: Callable[[], float]

    def round(
        self,
        net: TwoLayerReLU,
        best: TwoLayerReLU,
        trail: list[tuple[int, float]],
        made: int,
        steps: int,
        rate: float,
        left: int,
    ) -> tuple[TwoLayerReLU, int]:
        """The cheapest network so far and the updates made; what is cheaper goes on the trail."""
        adam, began = scaled_adam(net, rate), self.late()
        span = (1.0 - began) / left  # of the time, what this round may have
        own = [group["lr"] for group in adam.param_groups]
        for step in range(steps + 1):
            value = self.loss_of(net)
            cheap = float(value.detach() + self.beta * balanced_penalty(net)) < trail[-1][1]
            if cheap and step > 0:  # before the first, only rounding sets it apart from the best
                candidate = balanced(net)
                cost = self.proved(candidate)  # of what is returned, from its own weights
                if cost < trail[-1][1]:
                    best = candidate
                    trail.append((made + step, cost))
            gone = (self.late() - began) / span if span > 0 else 1.0
            share = max(step / steps if steps else 1.0, gone)
            if share >= 1:
                break
            adam.zero_grad(set_to_none=True)
            (value + self.beta * net.penalty()).backward()
            for group, usual in zip(adam.param_groups, own, strict=True):
                group["lr"] = usual * falling(share)
            adam.step()
        return best, made + step
