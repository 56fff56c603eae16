"""Figure 6 of paper A: five ways to train on 34 points, at four penalties, judged by exact cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike

from robustcore import convex
from robustcore.networks import TwoLayerReLU

from ..oracles.planar_exact import robust_cost, worst_margins
from ..planar_boxes import BETAS, Planar, figure_2, planar

METHODS = ("Algorithm 1", "GD-std", "Algorithm 2", "GD-PGD", "exact (15)")
PGD_STEPS, PGD_SHARE = 40, 1 / 30  # Section VII-D: steps, and one step in radii
_RATE, _MOMENTUM = 0.1, 0.9
_GRID = 121

Networks = dict[tuple[str, float], TwoLayerReLU]
Margins = dict[tuple[str, float], np.ndarray]


def convex_networks(points: Planar, beta: float, seed: int) -> dict[str, TwoLayerReLU]:
    """Algorithms 1 and 2 at P_s = 360, and (15) over every robust-feasible pattern.

    Source: [A] Figure 6, Algorithms 1 and 2

    Parameters
    ----------
    points : Planar
    beta : float
    seed : int
        Of the patterns.
    """
    return {name: found.network() for name, found in figure_2(points, beta, seed).items()}


def descend(
    points: Planar, betas: Sequence[float], attacked: bool, width: int, n_steps: int, seed: int
) -> list[TwoLayerReLU]:
    r"""Gradient descent on (4), or on (13) with the inner maximum by (3), for all betas at once.

    .. math:: \tilde x_{t+1} = \Pi\Bigl(\tilde x_t - \gamma\,\mathrm{sgn}\Bigl(
              y\sum_{j:\tilde x_t^\top u_j\ge0}u_j\alpha_j\Bigr)\Bigr)

    Source: [A] Figure 6, Section VII-D (GD-std, GD-PGD), eq. (3)

    Parameters
    ----------
    points : Planar
    betas : sequence of float
        One network for each; all start from the same weights.
    attacked : bool
        GD-PGD if true: 40 steps of radius / 30 from the clean point.
    width : int
        m.
    n_steps : int
        Of gradient descent, on all points at once, rate .1 and momentum .9.
    seed : int

    Returns
    -------
    list of TwoLayerReLU
        The last iterates. The paper gives neither optimiser nor rate nor number of steps.
    """
    X, y = torch.from_numpy(points.X), torch.from_numpy(points.y)
    start = TwoLayerReLU.initialise(2, width, torch.Generator().manual_seed(seed), bias=True)
    u, b, alpha = (
        p.detach().expand(len(betas), *p.shape).clone().requires_grad_()
        for p in (start.u, start.b, start.alpha)
    )
    weights = torch.tensor(list(betas), dtype=X.dtype)
    optimiser = torch.optim.SGD([u, b, alpha], lr=_RATE, momentum=_MOMENTUM)
    for _ in range(n_steps):
        moved = X.expand(len(betas), *X.shape)
        if attacked:
            moved = _attack(moved, y, u.detach(), b.detach(), alpha.detach(), points.ball.radius)
        hidden = (moved @ u.transpose(1, 2) + b[:, None]).clamp(min=0)
        margin = y * (hidden @ alpha[..., None])[..., 0]
        decay = u.square().sum((1, 2)) + b.square().sum(1) + alpha.square().sum(1)
        cost = (1 - margin).clamp(min=0).mean(dim=1) + weights / 2 * decay  # (13)
        optimiser.zero_grad()
        cost.sum().backward()
        optimiser.step()
    parts = (p.detach() for p in (u, alpha, b))
    return [TwoLayerReLU(*weights) for weights in zip(*parts, strict=True)]


def _attack(
    x: torch.Tensor,
    y: torch.Tensor,
    u: torch.Tensor,
    b: torch.Tensor,
    alpha: torch.Tensor,
    radius: float,
) -> torch.Tensor:
    """(3) as Section VII-D evaluates it, with the activations of the moving point."""
    moved = x
    for _ in range(PGD_STEPS):
        on = (moved @ u.transpose(1, 2) + b[:, None] >= 0).to(u.dtype)
        slope = (on * alpha[:, None]) @ u
        moved = moved - PGD_SHARE * radius * torch.sign(y[:, None] * slope)  # (3)
        moved = torch.maximum(torch.minimum(moved, x + radius), x - radius)
    return moved


def networks(
    points: Planar, width: int, n_steps: int, seed: int, betas: Sequence[float] = BETAS
) -> Networks:
    """The cells of Figure 6: (method, beta) to a trained network.

    Source: [A] Figure 6

    Parameters
    ----------
    points : Planar
    width : int
        m of the two gradient methods.
    n_steps : int
        Of the two gradient methods.
    seed : int
        Of the patterns and of the starts.
    betas : sequence of float
    """
    found: Networks = {}
    for beta in betas:
        for method, net in convex_networks(points, beta, seed).items():
            found[method, beta] = net
    for method, attacked in (("GD-std", False), ("GD-PGD", True)):
        trained = descend(points, betas, attacked, width, n_steps, seed)
        found |= {(method, beta): net for beta, net in zip(betas, trained, strict=True)}
    return {(m, beta): found[m, beta] for m in METHODS for beta in betas}


def margins(found: Networks, points: Planar) -> Margins:
    """The least margin of every network over every box, exact.

    Source: own (on [A] Figure 6)
    """
    return {
        cell: worst_margins(net, points.X, points.y, points.ball) for cell, net in found.items()
    }


def cell_rows(found: Networks, points: Planar, worst: Margins) -> list[dict[str, Any]]:
    """What Figure 6 shows, in numbers that do not depend on how a network was found.

    Source: [A] Figure 6

    Parameters
    ----------
    found : mapping of (str, float) to TwoLayerReLU
        From `networks`.
    points : Planar
    worst : mapping of (str, float) to (n,) array
        From `margins`.

    Returns
    -------
    list of dict
        method, beta, cost (4), robust_cost (13), points and boxes (how many are right, of n),
        worst (least margin over all boxes), and differs (share of the picture in which the sign is
        not that of Algorithm 1 at the same beta).
    """
    rows = []
    for (method, beta), net in found.items():
        least = worst[method, beta]
        with torch.no_grad():
            score = net(torch.from_numpy(points.X)).numpy()
        plain = found.get(("Algorithm 1", beta), net)
        rows.append(
            {
                "method": method,
                "beta": beta,
                "cost": convex.training_cost(net, points.X, points.y, beta),
                "robust_cost": robust_cost(net, least, beta),
                "points": int((points.y * score > 0).sum()),
                "boxes": int((least > 0).sum()),
                "worst": float(least.min()),
                "differs": float((_signs(net) != _signs(plain)).mean()),
            }
        )
    return rows


def _signs(net: TwoLayerReLU) -> np.ndarray:
    side = torch.linspace(-1, 1, _GRID, dtype=torch.float64)
    with torch.no_grad():
        return (net(torch.cartesian_prod(side, side)) > 0).numpy()


def over_data_sets(seeds: Sequence[int], width: int, n_steps: int) -> list[dict[str, Any]]:
    """The cells for several sets of points: one picture is one data set.

    Source: own (on [A] Figure 6)

    Parameters
    ----------
    seeds : sequence of int
        Of the points; patterns and starts have seed 0.
    width, n_steps : int
        As for `networks`.
    """
    rows = []
    for seed in seeds:
        points = planar(seed)
        found = networks(points, width, n_steps, seed=0)
        for row in cell_rows(found, points, margins(found, points)):
            rows.append({"data_seed": seed, **row})
    return rows


def boxes_by_set(rows: Sequence[Mapping[str, Any]], method: str) -> dict[int, list[int]]:
    """How many boxes one method gets right: data seed to one number for each beta, largest first.

    Source: [A] Figure 6
    """
    seeds = dict.fromkeys(row["data_seed"] for row in rows)
    return {
        seed: [r["boxes"] for r in rows if r["method"] == method and r["data_seed"] == seed]
        for seed in seeds
    }


def network(u: ArrayLike, b: ArrayLike, alpha: ArrayLike) -> TwoLayerReLU:
    """A network from lists of numbers, in float64.

    Source: own

    Parameters
    ----------
    u : (m, 2) array
    b : (m,) array
    alpha : (m,) array
    """
    weights = (torch.from_numpy(np.asarray(part, dtype=np.float64)) for part in (u, alpha, b))
    return TwoLayerReLU(*weights)


def record(
    planar_seed: int = 3,
    data_seeds: Sequence[int] = (3,),
    width: int = 100,
    n_steps: int = 600,
) -> dict[str, list[dict[str, Any]]]:
    """The rows that the page shows.

    Source: [A] Figure 6
    """
    seeds = list(dict.fromkeys([planar_seed, *data_seeds]))
    return {"a4_decision_regions.cells": over_data_sets(seeds, width, n_steps)}
