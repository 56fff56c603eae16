"""Gradient descent on the true robust cost (13) of planar networks, its inner maximum exact.

On a box in the plane a one-hidden-layer network is linear between the lines on which a neuron
switches. Its smallest margin is attained at a corner, where such a line meets an edge, or where two
such lines meet: finitely many points, all of which are tried at every step, for all runs at once.
"""

from __future__ import annotations

import math

import numpy as np
import torch

from robustcore.balls import LpBall
from robustcore.networks import TwoLayerReLU

_INSIDE = 1e-9  # relative slack within which a point of an edge counts as in the box

Weights = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


def worst_moves(weights: Weights, X: torch.Tensor, y: torch.Tensor, radius: float) -> torch.Tensor:
    """Where each of R planar networks has its smallest margin in each box.

    Source: [A] eqs. (1), (2), (13)

    Parameters
    ----------
    weights : u (R, m, 2), b (R, m), alpha (R, m) tensors
    X : (n, 2) tensor
    y : (n,) tensor
    radius : float
        Of the boxes.

    Returns
    -------
    (R, n, 2) tensor
        Exact up to rounding, whatever the activations do.
    """
    u, b, alpha = weights
    corners = radius * X.new_tensor([[1, 1], [1, -1], [-1, 1], [-1, -1], [0, 0]])
    places = [
        corners.expand(len(u), len(X), 5, 2),
        _meet_edges(u, b, X, radius),
        _meet_each_other(u, b)[:, None] - X[:, None],
    ]
    moves = torch.cat(places, dim=2)
    inside = (moves.abs() <= radius * (1 + _INSIDE)).all(-1, keepdim=True)
    moves = torch.where(inside, moves, torch.zeros_like(moves)).clamp(-radius, radius)
    hidden = torch.einsum("rncd,rmd->rncm", X[:, None] + moves, u) + b[:, None, None]
    margin = torch.einsum("rncm,rm->rnc", hidden.clamp(min=0), alpha) * y[:, None]
    worst = margin.argmin(dim=2)[..., None, None].expand(-1, -1, 1, 2)
    return moves.gather(2, worst)[:, :, 0]


def _meet_edges(u: torch.Tensor, b: torch.Tensor, X: torch.Tensor, radius: float) -> torch.Tensor:
    """Where each switching line meets the four edges of each box: (R, n, 4 m, 2)."""
    height = torch.einsum("nd,rmd->rnm", X, u) + b[:, None]
    found = []
    for axis in (0, 1):
        slope, other = u[:, None, :, axis], u[:, None, :, 1 - axis]
        for side in (radius, -radius):
            across = -(height + slope * side) / other  # inf or nan where parallel: not inside
            along = torch.full_like(across, side)
            found.append(torch.stack([along, across] if axis == 0 else [across, along], dim=-1))
    return torch.nan_to_num(torch.cat(found, dim=2), nan=math.inf)


def _meet_each_other(u: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Where two switching lines meet: (R, m (m - 1) / 2, 2)."""
    first, second = torch.triu_indices(u.shape[1], u.shape[1], 1)
    p, q = u[:, first], u[:, second]
    det = p[..., 0] * q[..., 1] - p[..., 1] * q[..., 0]
    x = (p[..., 1] * b[:, second] - q[..., 1] * b[:, first]) / det
    z = (q[..., 0] * b[:, first] - p[..., 0] * b[:, second]) / det
    return torch.nan_to_num(torch.stack([x, z], dim=-1), nan=math.inf)


def costs(
    weights: Weights, X: torch.Tensor, y: torch.Tensor, radius: float, beta: float
) -> torch.Tensor:
    """The robust hinge cost of each of R networks, differentiable: (R,).

    Source: [A] eq. (13)

    Notes
    -----
    The gradient holds the worst points fixed, which is right wherever they are unique (Danskin).
    """
    with torch.no_grad():
        moved = X + worst_moves(weights, X, y, radius)
    u, b, alpha = weights
    hidden = (torch.einsum("rnd,rmd->rnm", moved, u) + b[:, None]).clamp(min=0)
    margin = y * torch.einsum("rnm,rm->rn", hidden, alpha)
    decay = u.square().sum((1, 2)) + b.square().sum(1) + alpha.square().sum(1)
    return (1 - margin).clamp(min=0).mean(1) + beta / 2 * decay  # (13)


def starts(width: int, n_runs: int, seed: int, first: TwoLayerReLU | None = None) -> Weights:
    """Random weights for each run; the first run begins at a given network, if there is one.

    Source: own

    Parameters
    ----------
    width, n_runs, seed : int
    first : TwoLayerReLU, optional
        Padded with small random neurons up to `width`, or to its own width if that is larger.
    """
    generator = torch.Generator().manual_seed(seed)
    width = max(width, 0 if first is None else len(first.alpha) + 2)
    u, b, alpha = (
        scale * torch.randn(n_runs, width, *shape, generator=generator, dtype=torch.float64)
        for scale, shape in ((1.0, (2,)), (0.5, ()), (width**-0.5, ()))
    )
    if first is not None:
        for given, own in ((u, first.u), (b, first.b), (alpha, first.alpha)):
            given[0] *= 0.05
            given[0, : len(own)] = own.detach()
    return u, b, alpha


def descend(
    X: np.ndarray,
    y: np.ndarray,
    ball: LpBall,
    beta: float,
    weights: Weights,
    n_steps: int,
    learning_rate: float = 0.02,
) -> list[TwoLayerReLU]:
    """Adam on (13) with a perfect adversary, full batch: the cheapest network that each run met.

    Source: [A] eqs. (2), (13)

    Parameters
    ----------
    X : (n, 2) array
    y : (n,) array
    ball : LpBall
        With p = inf.
    beta : float
    weights : Weights
        From `starts`.
    n_steps : int
    learning_rate : float
        Falls to nothing along a cosine.

    Returns
    -------
    list of TwoLayerReLU
        Each one's cost is an upper bound of (13), and nothing more.
    """
    inputs, target = torch.from_numpy(X), torch.from_numpy(y)
    variables = [w.clone().requires_grad_() for w in weights]
    optimiser = torch.optim.Adam(variables, lr=learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, n_steps)
    lowest = torch.full((len(weights[0]),), math.inf, dtype=torch.float64)
    best = [w.clone() for w in weights]
    for _ in range(n_steps + 1):
        u, b, alpha = variables
        cost = costs((u, b, alpha), inputs, target, ball.radius, beta)
        better = cost.detach() < lowest
        lowest = torch.where(better, cost.detach(), lowest)
        for kept, variable in zip(best, variables, strict=True):
            kept[better] = variable.detach()[better]
        optimiser.zero_grad()
        cost.sum().backward()
        optimiser.step()
        schedule.step()
    return [TwoLayerReLU(u, alpha, b) for u, b, alpha in zip(*best, strict=True)]
