"""Theorem 1 and Lemma 6 of paper A for every loss on every instance, and (6) cell by cell."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch

from robustcore import convex, patterns
from robustcore.networks import TwoLayerReLU

from ..oracles import convex_twins
from ..oracles.expected import read_from_the_solution
from ..oracles.instances import LOSSES, Instance, instance

_ANGLES = 200_001


def loss_rows(n_instances: int, first_seed: int = 0) -> list[dict[str, Any]]:
    """The same instances for each loss: values of (4), (5), (6), widths, and (21) anywhere.

    Source: [A] Theorem 1, Lemma 6, eqs. (4), (5), (6), (7), (20), (21)

    Returns
    -------
    list of dict
        loss, instances, and the largest of: gap (5) - (6); sampled_gap (8) - (20) over half of the
        patterns; network, |(4) at the network of (7) - (5)|; anywhere, the two sides of (21) at
        random feasible points, relative; neurons, m* after pruning minus n; pruned, the change of
        the cost by pruning; before, m* before pruning minus n.
    """
    return [
        _largest(loss, [_one(replace(instance(seed), loss=loss)) for seed in seeds])
        for seeds in [range(first_seed, first_seed + n_instances)]
        for loss in LOSSES
    ]


def _largest(loss: str, found: list[dict[str, float]]) -> dict[str, Any]:
    extremes = {name: max(row[name] for row in found) for name in found[0]}
    return {"loss": loss, "instances": len(found), **extremes}


@read_from_the_solution()
def _one(case: Instance) -> dict[str, float]:
    cells = case.all_patterns
    args = case.beta, case.loss
    solution = convex.train_standard(case.X, case.y, cells, *args)
    half = cells.take(case.rng.permutation(len(cells))[: 1 + len(cells) // 2])
    sampled = convex.train_standard(case.X, case.y, half, *args)
    slim = convex.prune(solution, case.X, case.y)
    cost = convex.training_cost(solution.network(), case.X, case.y, *args)  # (4)
    slim_cost = convex.training_cost(slim.network(), case.X, case.y, *args)
    return {
        "gap": abs(solution.gap),
        "sampled_gap": abs(sampled.gap),
        "network": abs(cost - solution.objective),
        "anywhere": float(convex_twins.recovered_cost_at_any_point(case)),
        "neurons": slim.n_neurons - len(case.y),
        "pruned": abs(slim_cost - solution.objective),
        "before": solution.n_neurons - len(case.y),
    }


def constraint_by_cells(n_instances: int, first_seed: int = 0) -> dict[str, Any]:
    r"""The constraint of (6) for all gates at once against its form cell by cell.

    .. math:: \max_{\|u\|_2\le1}|\theta^\top(Xu)_+| = \max_i\ \max_{\|u\|_2\le1,\ (2D_i-I)Xu\ge0}
              |\theta^\top D_iXu|

    Source: [A] eqs. (6), (19), Appendix B

    Returns
    -------
    dict
        above and below: by how much the right side exceeds the left and falls short of it,
        relative. The left side is a maximum over 200001 directions of the plane and those along
        which a sample switches: `above` may be of the size of the square of their angle.
    """
    above, below = [0.0], [0.0]
    for seed in range(first_seed, first_seed + n_instances):
        case = instance(seed)
        X = case.X[:, :2]
        theta = case.rng.standard_normal(len(X))
        listed, by_cells = _by_angles(X, theta), _by_cells(X, theta)
        size = max(listed, by_cells, 1e-300)
        above.append((by_cells - listed) / size)
        below.append((listed - by_cells) / size)
    return {"instances": n_instances, "above": max(above), "below": max(below)}


def _by_angles(X: np.ndarray, theta: np.ndarray) -> float:
    walls = np.arctan2(X[:, 1], X[:, 0])
    angles = np.concatenate(
        [np.linspace(0, 2 * np.pi, _ANGLES), walls + np.pi / 2, walls - np.pi / 2]
    )
    total = np.zeros(len(angles))
    for x, t in zip(X, theta, strict=True):
        total += t * np.maximum(x[0] * np.cos(angles) + x[1] * np.sin(angles), 0)
    return float(np.abs(total).max())


def _by_cells(X: np.ndarray, theta: np.ndarray) -> float:
    cells = patterns.enumerate(X)
    pull = X.T @ (cells.active * theta[:, None])
    return max(
        convex.cell_supremum(X, signs, side * c)  # (19)
        for signs, c in zip(cells.signs.T, pull.T, strict=True)
        for side in (1.0, -1.0)
    )


def zero_blocks(n_instances: int, first_seed: int = 0) -> dict[str, Any]:
    """(31) to the letter at points with zero blocks, and with 0/0 read as 0.

    Source: [A] eq. (31), Appendix G

    Returns
    -------
    dict
        blocks; undefined, how many of them (31) leaves undefined; cost, the largest relative
        difference to the cost of the network of (7) once those are read as 0.
    """
    undefined, blocks, largest = 0, 0, 0.0
    for seed in range(first_seed, first_seed + n_instances):
        case = instance(seed)
        gates = case.all_patterns.gates
        assert gates is not None
        scale = case.rng.exponential(size=(2, gates.shape[1], 1))
        v, w = scale * case.rng.integers(0, 2, size=scale.shape) * gates.T
        rows, signs = np.concatenate([v, w]), np.repeat([1.0, -1.0], len(v))
        with np.errstate(invalid="ignore"):
            u = rows / np.sqrt(np.linalg.norm(rows, axis=1))[:, None]  # (31)
        lost = np.isnan(u).any(axis=1)
        undefined, blocks = undefined + int(lost.sum()), blocks + len(rows)
        alpha = signs * np.sqrt(np.linalg.norm(rows, axis=1))
        whole = _network(np.where(lost[:, None], 0.0, u), alpha, case.bias)
        costs = [
            convex.training_cost(net, case.X, case.y, case.beta, case.loss)
            for net in (whole, convex.recover(v, w, case.bias))
        ]
        largest = max(largest, abs(costs[0] - costs[1]) / max(1.0, costs[1]))
    return {"instances": n_instances, "blocks": blocks, "undefined": undefined, "cost": largest}


def _network(u: np.ndarray, alpha: np.ndarray, bias: bool) -> TwoLayerReLU:
    weights, out = torch.from_numpy(u), torch.from_numpy(alpha)
    return (
        TwoLayerReLU(weights[:, :-1], out, weights[:, -1]) if bias else TwoLayerReLU(weights, out)
    )
