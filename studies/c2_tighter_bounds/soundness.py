"""A campaign for a counterexample: every sound bound against exact values and attacks.

Small random networks, with weights in float64 and rounded to float32. The exact values come from
mixed-integer programs and are attained at a point of the set: a sound bound lies above them, up to
the rounding of float64.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch

from robustcore import attacks, bounds, evaluation
from robustcore.balls import LpBall
from robustcore.losses import gaps

from ..oracles.bound_twins import Instance, random_instances
from ..oracles.exact_gaps import Shape, worst_gaps

BOX = (-1.5, 1.5)
L1, L2, LINF, CUT, HULL = "L1", "L2", "Linf", "L1 cut with a box", "polytope"

_ANY_P = ("rub_any", "coap", "crown", "ibp", "tightest")
_BOUNDS = {L1: ("rub", "rub_optimised", *_ANY_P), L2: _ANY_P, LINF: _ANY_P}
_EXPONENTS = {L1: 1.0, L2: 2.0, LINF: float("inf")}


@dataclass(frozen=True)
class Case:
    """One set around one batch: what is exact, what attacks reached, what the bounds say.

    Source: own

    Parameters
    ----------
    set : str
    exact : (n, K) tensor or None
        None where no program describes the set (L2).
    attacked : (n, K) tensor
        The largest gap of each class over all attacked points.
    points : int
        How many there were, over the whole batch.
    found : dict of (n, K) tensors
        The bounds by name.
    """

    set: str
    exact: torch.Tensor | None
    attacked: torch.Tensor
    points: int
    found: dict[str, torch.Tensor]


def cases(instance: Instance, draws: int, rng: np.random.Generator) -> Iterator[Case]:
    """Every set and every bound of one instance.

    Source: own

    Parameters
    ----------
    instance : Instance
    draws : int
        Random points of each sample and set; projected ascent adds its own.
    rng : numpy Generator
    """
    for name, p in _EXPONENTS.items():
        yield _ball_case(instance, name, LpBall(p, instance.radius), draws, rng)
    yield _cut_case(instance, draws, rng)
    yield _hull_case(instance, draws, rng)


def _ball_case(
    instance: Instance, name: str, ball: LpBall, draws: int, rng: np.random.Generator
) -> Case:
    net, x, y = instance.net, instance.x, instance.y
    found = {b: getattr(bounds, b)(net, x, y, ball) for b in _BOUNDS[name]}
    exact = None
    if name != L2:
        exact = bounds.exact(net, x, y, ball, attained=True)
        vertices = torch.from_numpy(ball.vertices(x.shape[1]))
        found["rub_polytope"] = bounds.rub_polytope(net, x, y, vertices)
    moved = _random(ball, x, draws, rng) + _climbed(net, x, y, ball, attacks.pgd)
    return Case(name, exact, *_reached(net, moved, y), found)


def _cut_case(instance: Instance, draws: int, rng: np.random.Generator) -> Case:
    net, x, y = instance.net, instance.x.clamp(*BOX), instance.y
    ball = LpBall(1, instance.radius, BOX)
    exact = [
        worst_gaps(net, x[i], int(y[i]), Shape.ball(ball, x[i].numpy())) for i in range(len(y))
    ]
    moved = [v.clamp(*BOX) for v in _random(ball, x, draws, rng)]  # clamping only shortens
    moved += _climbed(net, x, y, ball, attacks.pgd)
    found = {"rub_boxed": bounds.rub_boxed(net, x, y, ball)}
    return Case(CUT, torch.stack(exact), *_reached(net, moved, y), found)


def _hull_case(instance: Instance, draws: int, rng: np.random.Generator) -> Case:
    net, x, y = instance.net, instance.x, instance.y
    M = x.shape[1]
    vertices = rng.normal(size=(M + 2, M)) * instance.radius / 2
    exact = [worst_gaps(net, x[i], int(y[i]), Shape.hull(vertices)) for i in range(len(y))]
    weights = rng.dirichlet(np.full(M + 2, 0.3), size=(draws, len(y)))
    moved = [x + torch.from_numpy(w @ vertices) for w in weights]
    found = {"rub_polytope": bounds.rub_polytope(net, x, y, torch.from_numpy(vertices))}
    return Case(HULL, torch.stack(exact), *_reached(net, moved, y), found)


def _random(
    ball: LpBall, x: torch.Tensor, draws: int, rng: np.random.Generator
) -> list[torch.Tensor]:
    """Points of the ball, half of them on its surface."""
    delta = ball.sample((draws, *x.shape), rng)
    norm = ball.norm(delta[::2])[..., None]
    delta[::2] *= ball.radius * (1 - 1e-12) / np.maximum(norm, 1e-300)
    return [x + torch.from_numpy(d) for d in delta]


def _climbed(
    net: torch.nn.Module, x: torch.Tensor, y: torch.Tensor, ball: LpBall, attack: Callable
) -> list[torch.Tensor]:
    return [
        attack(net, x, y, ball, steps=20),
        attack(net, x, y, ball, steps=20, loss=attacks.margin),
    ]


def _reached(
    net: torch.nn.Module, moved: list[torch.Tensor], y: torch.Tensor
) -> tuple[torch.Tensor, int]:
    every = torch.stack([gaps(net(points.to(torch.float64)), y) for points in moved])
    return every.amax(0).detach(), len(moved) * len(y)


def campaign(
    networks: int = 500, samples: int = 4, draws: int = 10, seed: int = 0
) -> list[dict[str, object]]:
    """All bounds on all sets of many networks; each (network, sample) has a radius of its network.

    Source: own (on [B] Theorem 11, eqs. (12), (35))

    Parameters
    ----------
    networks, samples : int
        Their product is the number of (network, sample, radius) triples.
    draws : int
        Random points of each triple and set.
    seed : int

    Returns
    -------
    list of dict
        A row for each (set, bound): `triples`, `gaps` compared; `above_exact`, the largest
        excess `(exact - bound) / (1 + abs(exact))`, None for L2; `above_attack` likewise;
        `points` attacked; `attained`, the share of gaps whose bound is within 1e-9 of exact.

    Notes
    -----
    Every second network has its weights and inputs rounded to float32, and is then read in float64,
    as `evaluation` reads a float32 network.
    """
    rng = np.random.default_rng(seed)
    kept: dict[tuple[str, str], list[Case]] = {}
    for i, drawn in enumerate(random_instances(networks, seed, samples)):
        instance = _rounded(drawn) if i % 2 else drawn
        for case in cases(instance, draws, rng):
            other = torch.nn.functional.one_hot(instance.y, case.attacked.shape[1]) == 0
            case = replace(
                case,
                exact=None if case.exact is None else case.exact[other],
                attacked=case.attacked[other],
                found={name: value.detach()[other] for name, value in case.found.items()},
            )
            for name in case.found:
                kept.setdefault((case.set, name), []).append(case)
    return [_row(set, name, found, samples) for (set, name), found in kept.items()]


def _rounded(instance: Instance) -> Instance:
    """The network and the inputs that float32 holds, in float64."""
    net = instance.net.float().double()
    return replace(instance, net=net, x=instance.x.float().double())


def _row(set: str, name: str, found: list[Case], samples: int) -> dict[str, object]:
    bound = torch.cat([case.found[name] for case in found])
    attacked = torch.cat([case.attacked for case in found])
    row: dict[str, object] = {
        "set": set,
        "bound": name,
        "triples": samples * len(found),
        "gaps": bound.numel(),
        "above_exact": None,
        "above_attack": float(((attacked - bound) / (1 + attacked.abs())).max()),
        "points": sum(case.points for case in found),
        "attained": None,
    }
    if found[0].exact is not None:
        exact = torch.cat([case.exact for case in found if case.exact is not None])
        row["above_exact"] = float(((exact - bound) / (1 + exact.abs())).max())
        row["attained"] = float((bound <= exact + 1e-9).double().mean())
    return row


def float32(networks: int = 300, samples: int = 4, seed: int = 1) -> list[dict[str, object]]:
    """What float32 costs: bounds computed in it, and certificates of networks stored in it.

    Source: own

    Returns
    -------
    list of dict
        For each bound over the L1 ball: `undershoot`, the largest excess of `campaign`,
        when bound and weights are float32; `certified` samples by :mod:`robustcore.evaluation`,
        given the float32 network, and `wrong`, how many of those the exact value refutes.
    """
    rows: list[dict[str, object]] = []
    instances = list(random_instances(networks, seed, samples))
    exact = [
        bounds.exact(
            i.net.float().double(), i.x.float().double(), i.y, LpBall(1, i.radius), attained=True
        )
        for i in instances
    ]
    for name in ("rub", "coap", "crown", "ibp"):
        undershoot, certified, wrong = -np.inf, 0, 0
        for instance, value in zip(instances, exact, strict=True):
            net, x, ball = instance.net.float(), instance.x.float(), LpBall(1, instance.radius)
            found = getattr(bounds, name)(net, x, instance.y, ball).double()
            undershoot = max(undershoot, float(((value - found) / (1 + value.abs())).max()))
            proved = evaluation.certified(net, x, instance.y, ball, name)
            other = torch.nn.functional.one_hot(instance.y, value.shape[1]) == 0
            certified += int(proved.sum())
            wrong += int((proved & ((value >= 0) & other).any(1)).sum())
        rows.append(
            {"bound": name, "undershoot": undershoot, "certified": certified, "wrong": wrong}
        )
    return rows
