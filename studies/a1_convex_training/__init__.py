"""Theorem 1 of paper A in numbers: the convex program, its dual, and gradient descent on (4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from robustcore import convex, patterns
from robustcore.losses import hinge

from ..oracles import convex_twins
from . import losses

LOSSES = ("hinge", "squared", "logistic")
STATEMENTS = (
    "strong_duality",
    "global_optimality",
    "pruned_width",
    "recovered_cost",
    "recovered_cost_at_any_point",
    "all_cells",
)


@dataclass(frozen=True)
class Planar:
    """Points in the plane with labels, and all their patterns.

    Source: own
    """

    X: np.ndarray
    y: np.ndarray
    patterns: patterns.Patterns


def planar(n: int, seed: int) -> Planar:
    """`n` uniform points of the square, labelled by a ring: no line separates them.

    Source: own

    Parameters
    ----------
    n : int
    seed : int
    """
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1, 1, size=(n, 2))
    distance = np.linalg.norm(X, axis=1)
    y = np.where(distance > np.median(distance), 1.0, -1.0)
    return Planar(X, y, patterns.enumerate(X, bias=True))


def duality(points: Planar, betas: Sequence[float]) -> list[dict[str, Any]]:
    """(5), (6), (4) and m* for every loss and beta.

    Source: [A] Theorem 1, Lemma 6

    Parameters
    ----------
    points : Planar
    betas : sequence of float
    """
    rows = []
    for loss in LOSSES:
        for beta in betas:
            solution = convex.train_standard(points.X, points.y, points.patterns, beta, loss)
            pruned = convex.prune(solution, points.X, points.y)
            costs = [
                convex.training_cost(s.network(), points.X, points.y, beta, loss)
                for s in (solution, pruned)
            ]
            rows.append(
                {
                    "loss": loss,
                    "beta": beta,
                    "n": len(points.y),
                    "patterns": len(points.patterns),
                    "primal": solution.objective,
                    "dual": solution.lower_bound,
                    "network_cost": costs[0],
                    "pruned_cost": costs[1],
                    "m_star": solution.n_neurons,
                    "m_pruned": pruned.n_neurons,
                }
            )
    return rows


def twins(n_instances: int) -> list[dict[str, Any]]:
    """Largest violation of each statement of this page, over small, often degenerate instances.

    Source: own

    Parameters
    ----------
    n_instances : int
    """
    return [convex_twins.run_check(name, n_instances) for name in STATEMENTS]


def gradient_descent(
    points: Planar, beta: float, widths: Sequence[int], n_runs: int, n_steps: int, seed: int
) -> list[dict[str, Any]]:
    """Adam on (4), full batch, from Glorot starts: the cost at every fiftieth step.

    Source: [A] eq. (4)

    Parameters
    ----------
    points : Planar
    beta : float
    widths : sequence of int
        m, one family of runs for each.
    n_runs : int
        Starts for each width.
    n_steps : int
    seed : int

    Returns
    -------
    list of dict
        width, run, step, cost (the lowest one so far).
    """
    generator = torch.Generator().manual_seed(seed)
    return [
        row for width in widths for row in _descend(points, beta, width, n_runs, n_steps, generator)
    ]


def _descend(
    points: Planar, beta: float, width: int, n_runs: int, n_steps: int, generator: torch.Generator
) -> list[dict[str, Any]]:
    X, y = torch.from_numpy(points.X), torch.from_numpy(points.y)

    def start(*shape: int) -> torch.Tensor:
        scale = (2 / (2 + width)) ** 0.5 if len(shape) == 3 else (2 / (width + 1)) ** 0.5
        return (scale * torch.randn(*shape, generator=generator, dtype=X.dtype)).requires_grad_()

    u, alpha = start(n_runs, width, 2), start(n_runs, width)
    b = torch.zeros(n_runs, width, dtype=X.dtype, requires_grad=True)
    optimiser = torch.optim.Adam([u, alpha, b], lr=0.02)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, n_steps)
    best = torch.full((n_runs,), torch.inf, dtype=X.dtype)
    rows: list[dict[str, Any]] = []
    for step in range(n_steps + 1):
        hidden = (torch.einsum("nd,rmd->rnm", X, u) + b[:, None]).clamp(min=0)
        score = (hidden * alpha[:, None]).sum(-1)
        loss = torch.stack([hinge(s, y) for s in score])
        decay = u.square().sum((1, 2)) + b.square().sum(1) + alpha.square().sum(1)
        cost = loss + beta / 2 * decay  # (4)
        best = torch.minimum(best, cost.detach())
        if step % 50 == 0:
            rows += [
                {"width": width, "run": run, "step": step, "cost": float(c)}
                for run, c in zip(range(n_runs), best, strict=True)
            ]
        optimiser.zero_grad()
        cost.sum().backward()
        optimiser.step()
        schedule.step()
    return rows


def gaps_after(
    runs: Sequence[dict[str, Any]], lower_bound: float, step: int
) -> list[dict[str, Any]]:
    """Best, median and worst excess over the certified optimum at one step, for each width.

    Source: own

    Parameters
    ----------
    runs : list of dict
        From `gradient_descent`.
    lower_bound : float
    step : int
    """
    rows = []
    for width in dict.fromkeys(row["width"] for row in runs):
        excess = sorted(
            row["cost"] / lower_bound - 1
            for row in runs
            if row["width"] == width and row["step"] == step
        )
        rows.append(
            {
                "width": width,
                "best": excess[0],
                "median": excess[len(excess) // 2],
                "worst": excess[-1],
            }
        )
    return rows


def record(
    n: int = 12,
    seed: int = 0,
    beta: float = 1e-2,
    betas: Sequence[float] = (1e-1, 1e-2, 1e-3),
    widths: Sequence[int] = (4, 12, 48),
    n_runs: int = 8,
    n_steps: int = 3000,
    n_instances: int = 6,
) -> dict[str, list[dict[str, Any]]]:
    """The rows that the page shows.

    Source: [A] Theorem 1, Lemma 6
    """
    points = planar(n, seed)
    best = convex.train_standard(points.X, points.y, points.patterns, beta)
    runs = gradient_descent(points, beta, widths, n_runs, n_steps, seed)
    last = n_steps - n_steps % 50
    return {
        "a1_convex_training.duality": duality(points, betas),
        "a1_convex_training.descent": gaps_after(runs, best.lower_bound, last),
        "a1_convex_training.twins": twins(n_instances),
        "a1_convex_training.losses": losses.loss_rows(n_instances),
        "a1_convex_training.cells": [losses.constraint_by_cells(n_instances)],
        "a1_convex_training.zeros": [losses.zero_blocks(n_instances)],
    }
