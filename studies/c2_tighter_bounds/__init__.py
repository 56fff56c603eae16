"""Bounds beyond paper B on trained networks: how tight, how dear, how far they certify."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence

import torch

from robustcore import attacks, bounds, evaluation
from robustcore.balls import LpBall
from robustcore.losses import gaps
from robustcore.networks import ReLUNetwork

from ..products import multiplications
from . import soundness
from .small_networks import PROVING, TRAININGS, Trained, defended, trained_networks
from .threats import tabular_threats

TIGHT = {
    "1": ("ibp", "coap", "crown", "rub", "rub_optimised", "tightest"),
    "2": ("ibp", "coap", "crown", "rub_any", "tightest"),
    "inf": ("ibp", "coap", "crown", "rub_any", "tightest"),
}
CERTIFYING = ("ibp", "coap", "crown", "rub", "rub_optimised", "best")


def tightness(
    networks: Sequence[Trained], scales: Sequence[float] = (0.5, 1.0, 2.0), n: int = 12
) -> list[dict[str, object]]:
    r"""How far each bound rises above the clean gap, in units of the exact rise.

    .. math:: \frac{\text{bound}-\text{clean gap}}{\text{exact}-\text{clean gap}} \ge 1

    Source: own (on [B] eqs. (12), (35))

    Parameters
    ----------
    networks : sequence of Trained
    scales : sequence of float
        Radii as multiples of the training radius; an L1 radius r is compared with the L2 radius
        r / sqrt(M) and the Linf radius r / M of the ball that it contains.
    n : int
        Test samples.

    Returns
    -------
    list of dict
        A row for each (network, p, scale, method): `rise`, the mean over samples and classes,
        `rise_max`, `below`, the largest (exact - bound), and `against`: "exact", or "attack" for
        p = 2, where the value that projected ascent reached stands in and a rise is an upper
        estimate. `over_parts` is the largest excess of "tightest" over min(RUB, CROWN).
    """
    rows = []
    for one, (p, methods), scale in itertools.product(networks, TIGHT.items(), scales):
        x, y = one.x[:n], one.y[:n]
        M = x.shape[1]
        ball = LpBall(float(p), scale * one.radius / {"1": 1.0, "2": math.sqrt(M), "inf": M}[p])
        exact = (
            _attacked(one, x, y, ball)
            if p == "2"
            else bounds.exact(one.net, x, y, ball, attained=True)
        )
        found = {name: getattr(bounds, name)(one.net, x, y, ball) for name in methods}
        about = {
            "data": one.data,
            "training": one.training,
            "p": p,
            "scale": scale,
            "against": "attack" if p == "2" else "exact",
        }
        rows += [about | row for row in _compared(found, exact, gaps(one.net(x), y), y)]
    return rows


def _compared(
    found: dict[str, torch.Tensor], exact: torch.Tensor, clean: torch.Tensor, y: torch.Tensor
) -> list[dict[str, object]]:
    other = torch.nn.functional.one_hot(y, clean.shape[1]) == 0
    counted = other & (exact - clean > 1e-6)
    parts = [found[name] for name in ("rub", "crown") if name in found]
    least = functools.reduce(torch.minimum, parts)
    rows: list[dict[str, object]] = []
    for name, bound in found.items():
        rise = ((bound - clean) / (exact - clean))[counted]
        over = float((bound - least)[other].max()) if name == "tightest" else None
        rows.append(
            {
                "method": name,
                "gaps": int(counted.sum()),
                "rise": float(rise.mean()),
                "rise_max": float(rise.max()),
                "below": float((exact - bound)[other].max()),
                "over_parts": over,
            }
        )
    return rows


def _attacked(one: Trained, x: torch.Tensor, y: torch.Tensor, ball: LpBall) -> torch.Tensor:
    """The largest gap of each class that ascent on that gap itself reaches."""
    reached = torch.zeros(len(y), int(one.net.n_classes), dtype=x.dtype)
    for k in range(reached.shape[1]):

        def gap(z: torch.Tensor, y: torch.Tensor, k: int = k) -> torch.Tensor:
            return gaps(z, y)[:, k]

        reached[:, k] = gap(one.net(attacks.pgd(one.net, x, y, ball, steps=50, loss=gap)), y)
    return reached


def cost(sizes: Sequence[int], methods: Sequence[str], n: int = 1) -> list[dict[str, object]]:
    """Multiplications of one certificate, counted by torch: the same number on every machine.

    Source: own

    Parameters
    ----------
    sizes : sequence of int
        Of a dense network, (M, r_1, ..., K), with random weights.
    methods : sequence of str
        Names of bounds over the L1 ball.
    n : int
        Samples of the batch that is counted.

    Returns
    -------
    list of dict
        `multiplications` (a multiply-add is one) of all matrix products, a sample, and `forwards`,
        the same in units of a forward pass. Sorting and elementwise work are not counted.
    """
    generator = torch.Generator().manual_seed(0)
    net = ReLUNetwork(sizes, generator).requires_grad_(False)
    x, y = torch.rand(n, sizes[0], generator=generator), torch.zeros(n, dtype=torch.long)
    forward = multiplications(lambda: net(x)) / n
    rows = []
    for name in methods:
        each = (
            multiplications(functools.partial(getattr(bounds, name), net, x, y, LpBall(1, 0.5))) / n
        )
        rows.append({"method": name, "multiplications": each, "forwards": each / forward})
    return rows


def radii(
    networks: Sequence[Trained],
    n: int = 50,
    largest: float = 4.0,
    tolerance: float = 1 / 64,
    exact: Sequence[str] = ("iris",),
) -> list[dict[str, object]]:
    """The certified L1 radius of each test sample by each method.

    Source: own

    Parameters
    ----------
    networks : sequence of Trained
    n : int
        Test samples.
    largest : float
        The largest radius asked about, as a multiple of the training radius.
    tolerance : float
        Of the bisection, a share of the largest radius.
    exact : sequence of str
        Data sets on which the exact value is asked as well.

    Returns
    -------
    list of dict
        A row for each (network, method): the sorted `radii`, their `mean`, and `behind`, how many
        samples have a larger radius by RUB or by CROWN alone.
    """
    rows = []
    for one in networks:
        x, y = one.x[:n], one.y[:n]
        ball = LpBall(1, largest * one.radius)
        methods = (*CERTIFYING, "exact") if one.data in exact else CERTIFYING
        found = {m: evaluation.certified_radius(one.net, x, y, ball, m, tolerance) for m in methods}
        parts = torch.maximum(found["rub"], found["crown"])
        for name, radius in found.items():
            rows.append(
                {
                    "data": one.data,
                    "training": one.training,
                    "method": name,
                    "unit": one.unit,
                    "trained_at": one.radius,
                    "n": len(y),
                    "largest": ball.radius,
                    "mean": float(radius.mean()),
                    "behind": int((radius < parts).sum()),
                    "radii": [round(r, 6) for r in sorted(radius.tolist())],
                }
            )
    return rows


def record(
    data: Sequence[str] = ("iris",),
    steps: int = 400,
    scales: Sequence[float] = (0.5, 1.0, 2.0),
    n_tight: int = 12,
    n_radii: int = 20,
    tolerance: float = 0.03125,
    networks: int = 10,
    samples: int = 4,
    draws: int = 10,
    sizes: Sequence[int] = (196, 50, 50, 50, 10),
    seed: int = 0,
) -> dict[str, list[dict]]:
    """All experiments of the page.

    Source: own

    Returns
    -------
    dict
        Records `c2_tighter_bounds.` tightness, radii, defended, tabular, cost,
        soundness and float32.
    """
    trained = list(trained_networks(data, PROVING, steps, max(n_tight, n_radii), seed))
    papers = [one for one in trained if one.training in TRAININGS]
    images = [one for one in papers if one.data == "digits"]  # dear to solve exactly
    tables = [one for one in papers if one.data != "digits"]
    found = {
        "tightness": tightness(tables, scales, n_tight) + tightness(images, scales, n_tight // 4),
        "radii": radii(papers, n_radii, tolerance=tolerance),
        "defended": defended(trained, n_radii),
        "tabular": tabular_threats(steps, n_radii, seed),
        "cost": cost(sizes, TIGHT["1"]),
        "soundness": soundness.campaign(networks, samples, draws, seed),
        "float32": soundness.float32(networks, samples, seed + 1),
    }
    return {f"c2_tighter_bounds.{name}": rows for name, rows in found.items()}
