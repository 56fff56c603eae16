r"""Which cells violate the dual (6) at a given theta, and by how much.

A cell that the sampled program (8) lacks can lower its optimum only if its constraint of (19),
:math:`\sup\{|\theta^\top D_iXu| : \|u\|_2\le1,\ (2D_i-I)Xu\ge0\}\le\beta`, is violated by every
optimal theta of (20). `price` answers for a list of cells, `search` looks for cells by ascent.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import nnls

from .. import patterns
from ..patterns import Patterns
from .dual import cell_supremum

_STEPS = 60  # of a gradient ascent
_MOST_CELLS = 200  # that one climb visits
_TINY = float(np.finfo(float).tiny)
_SAME_VALUE = 8  # decimals: cells that share a maximiser share its value


def price(design: np.ndarray, cells: Patterns, theta: np.ndarray, floor: float = 0.0) -> np.ndarray:
    r"""The largest pull of theta inside each cell.

    .. math:: \max_{\|u\|_2\le1,\;(2D_i-I)Xu\ge0}\bigl|\theta^\top D_iXu\bigr|

    Source: [A] eqs. (19), (20)

    Parameters
    ----------
    design : (n, d') array
        X with the column of ones that the cells have, in any unit.
    cells : Patterns
    theta : (n,) array
    floor : float
        Cells whose pull cannot exceed this get an upper bound below it, which is cheaper.

    Returns
    -------
    (P,) array
        Exact above `floor`, up to the accuracy of non-negative least squares.
    """
    signs = cells.signs
    pull = design.T @ (cells.active * theta[:, None])  # X' D_i theta, (d', P)
    length, along = np.linalg.norm(pull, axis=0), signs * (design @ pull)
    values = np.zeros(len(cells))
    for side in (1.0, -1.0):
        # the unconstrained maximiser lies in the cell, or is not worth looking at
        easy = (side * along >= 0).all(axis=0) | (length <= floor)
        value = np.where(easy, length, 0.0)
        for i in np.flatnonzero(~easy):
            value[i] = cell_supremum(design, signs[:, i], side * pull[:, i])
        values = np.maximum(values, value)
    return values


def worst_first(values: np.ndarray, level: float, at_most: int) -> np.ndarray:
    """Positions of the cells above `level`, the largest value first, one for each value.

    Source: own

    Notes
    -----
    Neighbouring cells often share their maximiser on the wall between them, and then one of them
    allows the neuron that the other would.
    """
    above = np.flatnonzero(values > level)
    _, first = np.unique(np.round(-values[above] / level, _SAME_VALUE), return_index=True)
    return above[first[:at_most]]


def search(
    X: np.ndarray,
    theta: np.ndarray,
    rng: np.random.Generator,
    bias: bool = False,
    n_starts: int = 64,
    n_best: int = 32,
) -> tuple[Patterns, np.ndarray]:
    r"""Cells with a large pull, by ascent of :math:`|\theta^\top(Xu)_+|` over the unit sphere.

    Source: own (for [A] eq. (6))

    Parameters
    ----------
    X : (n, d) array
    theta : (n,) array
    rng : numpy Generator
        Of the directions from which the ascents start.
    bias : bool
        Append a column of ones to X.
    n_starts : int
        Gradient ascents from Gaussian directions, and as many from corners of cells.
    n_best : int
        How many of them are then carried on from cell to cell.

    Returns
    -------
    cells : Patterns
        Distinct.
    values : (P,) array
        The pull of each, as `price` gives it.

    Notes
    -----
    A heuristic: the supremum is a non-concave maximum, and a cell that was not met may have a
    larger pull. It never certifies; see `robustcore.convex.gate_supremum_bound`.
    """
    design = patterns.design_matrix(X, bias)
    sides = np.tile([1.0, -1.0], n_starts)
    starts = rng.standard_normal((design.shape[1], n_starts))
    gates, height = _ascend(
        design, theta, sides, np.hstack([starts, _corners(design, n_starts, rng)])
    )
    best = np.argsort(-height, kind="stable")[:n_best]
    climbed = [climb(design, sides[j] * theta, gates[:, j]) for j in best]
    met = np.hstack([np.stack(climbed, axis=1), gates[:, best]])
    cells = patterns.of(X, met, bias)
    return cells, price(design, cells, theta)


def _ascend(
    design: np.ndarray, theta: np.ndarray, sides: np.ndarray, u: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Normalised gradient steps of all columns at once: the best points and their values."""
    best, height = u, np.full(u.shape[1], -np.inf)
    for step in range(_STEPS):
        u = u / np.maximum(np.linalg.norm(u, axis=0), _TINY)
        output = design @ u
        reached = sides * (theta @ np.maximum(output, 0.0))
        best, height = np.where(reached > height, u, best), np.maximum(reached, height)
        slope = sides * (design.T @ (theta[:, None] * (output >= 0)))
        u = u + slope / np.maximum(np.linalg.norm(slope, axis=0), _TINY) / np.sqrt(1.0 + step)
    return best, height


def climb(design: np.ndarray, theta: np.ndarray, gate: np.ndarray) -> np.ndarray:
    r"""From cell to cell while :math:`\sup\theta^\top D_iXu` grows: through the walls that hold it.

    Source: own (for [A] eq. (19))

    Parameters
    ----------
    design : (n, d') array
    theta : (n,) array
    gate : (d',) array
        A point of the first cell.

    Returns
    -------
    gate : (d',) array
        A point of the last cell.

    Notes
    -----
    The maximiser of a cell lies on the walls whose multipliers are positive, so it belongs to the
    cell behind them too: the value never falls. It ends at a local maximum.
    """
    last, value = gate, 0.0
    for _ in range(_MOST_CELLS):
        on = design @ gate >= 0
        signed = np.where(on, 1.0, -1.0)[:, None] * design
        peak, walls = _peak(signed, design.T @ (on * theta))
        if (reached := float(np.linalg.norm(peak))) <= value * (1 + 1e-9):
            break
        last, value = gate, reached
        if not walls.any():
            break
        across = np.linalg.lstsq(signed[walls], -np.ones(int(walls.sum())), rcond=None)[0]
        room, speed = signed[~walls] @ peak, -(signed[~walls] @ across)
        ahead = (speed > 0) & (room > 1e-9 * reached)
        gate = peak + across * 0.5 * float((room[ahead] / speed[ahead]).min(initial=reached))
    return last


def _corners(design: np.ndarray, n_corners: int, rng: np.random.Generator) -> np.ndarray:
    """Directions orthogonal to as many random samples as can be: small cells meet there too."""
    n, d = design.shape
    corners = np.empty((d, n_corners))
    for j in range(n_corners):
        walls = design[rng.choice(n, min(n, d - 1), replace=False)]
        corners[:, j] = np.linalg.svd(walls)[2][-1] if d > 1 else 1.0
    return corners * rng.choice([-1.0, 1.0], n_corners)


def _peak(signed: np.ndarray, pull: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The projection of the pull onto the cone of a cell, and which walls hold it."""
    try:
        held, _ = nnls(-signed.T, pull, maxiter=20 * len(signed))
    except RuntimeError:  # the active set cycled: stay where we are
        return np.zeros_like(pull), np.zeros(len(signed), dtype=bool)
    return pull + signed.T @ held, held > 1e-9 * held.max(initial=0.0)
