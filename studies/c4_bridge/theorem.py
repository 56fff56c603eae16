"""No neuron switches in (10): what that makes of paper B's bounds, and what a tolerance leaves."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from robustcore import bounds, convex
from robustcore.balls import LpBall
from robustcore.convex import ConvexSolution
from robustcore.losses import named
from robustcore.networks import TwoLayerReLU

from ..oracles.expected import read_from_the_solution
from ..oracles.instances import Instance, instance

NORMS = (math.inf, 1.0, 2.0)
ROUNDING = 1e-12  # times the size of an output: what the arithmetic of both sides may be off
_ALWAYS = ("arub", "crown", "coap")

Found = tuple[dict[str, torch.Tensor], torch.Tensor, torch.Tensor]


@read_from_the_solution()
def trained(seed: int, p: float) -> tuple[Instance, ConvexSolution]:
    """Instance number `seed` with an Lp ball, and (10) over all its patterns.

    Source: [A] eq. (10)
    """
    case = instance(seed)
    case = replace(case, ball=LpBall(p, case.ball.radius), perturb_bias=False)
    given = (case.X, case.y, case.all_patterns, case.ball, case.beta, case.loss)
    return case, convex.train_robust(*given, solver="clarabel")


def attained(net: TwoLayerReLU, X: torch.Tensor, y: torch.Tensor, ball: LpBall) -> torch.Tensor:
    """Values of the gap (n,) that the network itself takes on each ball, the largest found.

    At the point at which the first order peaks, at every vertex where there are any, and at the
    point of the integer program.

    Source: own

    Notes
    -----
    Without the integer program for p = 2: a lower bound of the worst gap there.
    """
    with torch.no_grad():
        side = 1.0 - 2.0 * y.to(X)  # the gap is this times the output
        slope = ((X @ net.u.T + net.b > 0) * net.alpha) @ net.u
        moves = [ball.maximiser(side[:, None] * slope)[None]]
        if ball.p != 2:
            corners = torch.from_numpy(ball.vertices(X.shape[1]))
            moves.append(corners[:, None].expand(-1, len(X), -1))
        values = torch.stack([side * net(X + move) for part in moves for move in part])
        best = values.amax(0)
        if ball.p != 2:
            exact = bounds.exact(net, X, y, ball, attained=True)
            best = torch.maximum(best, exact.gather(1, 1 - y[:, None])[:, 0])
    return best


def both_ways(net: TwoLayerReLU, X: np.ndarray, ball: LpBall) -> Found:
    """Every bound of the output's rise and of its fall at each point: (2 n,) each.

    Source: [B] eqs. (9), (35)

    Returns
    -------
    bounds : dict of str to (2 n,) tensor
        With "exact": the largest value attained.
    below, above : (2 n,) tensor
        Of `bounds.arub_error`.
    """
    x = torch.from_numpy(np.concatenate([X, X]))
    y = torch.arange(2).repeat_interleave(len(X))  # label 1: how far it falls
    names = (*_ALWAYS, "rub") if ball.p == 1 else _ALWAYS
    with torch.no_grad():
        found = {name: getattr(bounds, name)(net, x, y, ball) for name in names}
        below, above = bounds.arub_error(net, x, y, ball)
    other = (1 - y)[:, None]
    own = {name: value.gather(1, other)[:, 0] for name, value in found.items()}
    return (
        {**own, "exact": attained(net, x, y, ball)},
        below.gather(1, other)[:, 0],
        above.gather(1, other)[:, 0],
    )


def excess(found: dict[str, torch.Tensor], below: torch.Tensor, above: torch.Tensor) -> float:
    """By how much the theorem with tolerances fails at most, over the size of the outputs.

    Source: own (on [A] eqs. (10b), (11); [B] eqs. (9), (35))

    Parameters
    ----------
    found, below, above
        From `both_ways`.
    """
    exact, arub, width = found["exact"], found["arub"], above - below
    over = [arub + below - exact, exact - arub - above]
    for name in ("crown", "coap"):
        over += [exact - found[name], found[name] - exact - width]
    if "rub" in found:
        over += [exact - found["rub"], found["rub"] - exact + below]
        over += [arub - found["rub"], found["rub"] - arub - above]
    return float(torch.stack(over).max()) / (1.0 + float(exact.abs().max()))


def property_row(seed: int, p: float) -> dict[str, Any]:
    """The theorem at the solution of one instance: what is proved, and what is seen.

    Source: own (on [A] Theorem 3)

    Returns
    -------
    dict
        `violation`: t, by how much (10b) is missed, in units of the output; `allowed`, the largest
        proved |aRUB - exact|, and `neurons_times_t` above it; `arub_off`, `crown_off`, `rub_off`,
        `coap_off`, the largest distances seen; `over`, of `excess`; `cost_off`, the objective of
        (10) less the robust cost attained, and `cost_allowed`.
    """
    case, solution = trained(seed, p)
    neurons, t = solution.n_neurons, solution.violation
    row: dict[str, Any] = {
        "seed": seed,
        "p": "inf" if math.isinf(p) else f"{p:g}",
        "loss": case.loss,
        "neurons": neurons,
        "violation": t,
        "neurons_times_t": neurons * t,
    }
    net = solution.network().requires_grad_(False)
    found, below, above = both_ways(net, case.X, case.ball)
    cost, allowed = attained_cost(net, case, found["exact"].numpy(), neurons * t)
    off = {f"{k}_off": float((v - found["exact"]).abs().max()) for k, v in found.items()}
    return {
        **row,
        "allowed": float(torch.maximum(-below, above).max()),
        **{k: v for k, v in off.items() if k != "exact_off"},
        "over": excess(found, below, above),
        "cost_off": solution.objective - cost,
        "cost_allowed": allowed,
    }


def attained_cost(
    net: TwoLayerReLU, case: Instance, rise: np.ndarray, reach: float
) -> tuple[float, float]:
    """The robust cost (2) from how far each output may rise and fall, (2 n,).

    Source: [A] eqs. (2), (13), (16)

    Returns
    -------
    cost : float
    allowed : float
        How much more it costs if each output may move by `reach` more.
    """
    up, down = np.split(rise, 2)  # sup of the output, and of its negative
    kind = named(case.loss)
    worst = np.where(kind.hurt(up, case.y) >= kind.hurt(-down, case.y), up, -down)
    cost = kind.value(worst, case.y)
    more = kind.value(worst, case.y, reach) - cost
    return cost + case.beta * float(net.penalty()), more


def over_instances(n_instances: int) -> list[dict[str, Any]]:
    """`property_row` for seeds 0, 1, ..., with Linf, L1 and L2 balls in turn.

    Source: own (on [A] Theorem 3)
    """
    return [property_row(seed, NORMS[(seed // 3) % len(NORMS)]) for seed in range(n_instances)]


def stretched(n_instances: int, stretches: Sequence[float]) -> list[dict[str, Any]]:
    """The same networks on larger balls, on which neurons do switch: error against proved error.

    Source: own (on [A] eq. (10b))

    Parameters
    ----------
    n_instances : int
        With Linf and L1 balls in turn.
    stretches : sequence of float
        The radius is (1 + stretch) times that of training.

    Returns
    -------
    list of dict
        `allowed` and `arub_off` of the sample at which the latter is largest, `over` of all.
    """
    return list(_stretched(n_instances, stretches))


def _stretched(n_instances: int, stretches: Sequence[float]) -> Iterator[dict[str, Any]]:
    for seed in range(n_instances):
        p = NORMS[(seed // 3) % 2]
        case, solution = trained(seed, p)
        if not solution.n_neurons:
            continue
        net = solution.network().requires_grad_(False)
        for stretch in stretches:
            ball = case.ball.with_radius((1 + stretch) * case.ball.radius)
            found, below, above = both_ways(net, case.X, ball)
            off = found["exact"] - found["arub"]
            worst = int(off.abs().argmax())
            yield {
                "seed": seed,
                "p": "inf" if math.isinf(p) else "1",
                "stretch": stretch,
                "allowed": float(torch.maximum(-below, above)[worst]),
                "arub_off": float(off[worst].abs()),
                "over": excess(found, below, above),
            }
