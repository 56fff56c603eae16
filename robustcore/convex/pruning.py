"""Fewer neurons at the same cost: the bound on m* in Theorem 1, done and not only stated."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..errors import InputError
from .parts import Problem
from .running import cone_violation, value_of
from .solving import ConvexSolution

_DEPENDENT = 1e-10  # a singular value below this share of the largest counts as zero
_ROUNDING = 1e-8  # of the price, for each neuron removed


def prune(solution: ConvexSolution, X: np.ndarray, y: np.ndarray) -> ConvexSolution:
    r"""An equally good solution of (5) or (8) with at most n non-zero blocks.

    Block j contributes the vector :math:`z_j = \pm D_iXv_i \in \mathbb{R}^n` at the price
    :math:`\|v_i\|_2`. While the z_j are dependent, a combination of them that vanishes shrinks one
    block to nothing, changes no output, and does not raise the price.

    Source: [A] Theorem 1 (m* <= n + 1; the construction is own and leaves n at most)

    Parameters
    ----------
    solution : ConvexSolution
        Of standard training.
    X : (n, d) array
        Its data.
    y : (n,) array
        Its targets.

    Returns
    -------
    ConvexSolution
        With the same output on X up to rounding; `objective` is recomputed,
        and larger by rounding at most.

    Raises
    ------
    InputError
        For a solution of robust training: (15) depends on more than the n outputs.
    """
    if solution.ball is not None:
        raise InputError("prune works on standard training, got a robust solution; keep it as is.")
    data = Problem.of(X, y, solution.patterns, solution.beta, solution.loss).scaled()
    blocks = np.concatenate([solution.v, -solution.w]) * data.sigma
    alive = np.flatnonzero(blocks.any(axis=1))
    if not alive.size:
        return solution
    z = (np.hstack([data.active] * 2) * (data.design @ blocks.T))[:, alive]
    scale = np.zeros(len(blocks))
    scale[alive] = _fewest(z, np.linalg.norm(blocks[alive], axis=1))
    v, w = np.split(np.concatenate([solution.v, solution.w]) * scale[:, None], 2)
    scaled = v * data.sigma, w * data.sigma
    return replace(
        solution,
        v=v,
        w=w,
        objective=value_of(data, *scaled),
        violation=cone_violation(data, *scaled),
    )


def _fewest(z: np.ndarray, price: np.ndarray) -> np.ndarray:
    """Factors s >= 0 with z s = z 1 and price's <= price'1, at most rank(z) of them positive."""
    factor = np.ones(z.shape[1])
    while True:
        alive = np.flatnonzero(factor)
        sizes = np.maximum(np.linalg.norm(z[:, alive], axis=0), 1e-300)
        _, singular, axes = np.linalg.svd(z[:, alive] / sizes, full_matrices=True)
        if len(alive) == len(singular) and singular[-1] > _DEPENDENT * singular[0]:
            return factor
        factor[alive] = _shrink_one(factor[alive], axes[-1] / sizes, price[alive])


def _shrink_one(factor: np.ndarray, direction: np.ndarray, price: np.ndarray) -> np.ndarray:
    """Move along +-direction until one factor is zero.

    The price falls along one of the two. The other is taken if it moves less and the price rises by
    rounding only: at an optimum it hardly changes either way, and a neuron that is noise of the
    solver must be shrunk, not blown up.
    """
    if direction @ price > 0:
        direction = -direction
    choices = []
    for side in (direction, -direction):
        steps = np.full(len(factor), np.inf)
        steps[side < 0] = factor[side < 0] / -side[side < 0]
        gone = int(steps.argmin())
        if np.isfinite(steps[gone]):
            moved = np.maximum(factor + steps[gone] * side, 0.0)
            moved[gone] = 0.0
            choices.append(moved)
    falling, *rising = choices
    total = float(factor @ price)
    if rising and float(rising[0] @ price) <= total * (1 + _ROUNDING):
        return min(choices, key=lambda moved: float(np.abs(moved - factor) @ price))
    return falling
