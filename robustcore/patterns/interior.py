"""A point inside the constraints of one cell on a whole ball, or the proof that there is none."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.optimize import linprog, nnls

from ..balls import LpBall
from ..errors import InputError, SolverError

_UNATTACKED = 1e-3  # what a coordinate that no ball moves adds to the length of a point
_ROUNDING = 1e-9


def widest_point(rows: np.ndarray, ball: LpBall, attacked: int) -> np.ndarray:
    r"""A point of one cell that is far from its walls.

    .. math:: \arg\max_{\|u\|_\infty\le1}\ \min_k\; r_k u - \epsilon\|u\|_q

    for p = inf and 1; for p = 2 the shortest u with :math:`r_k u \ge 1`, which is inside if its
    length on the attacked coordinates is less than :math:`1/\epsilon`.

    Source: own (on [A] eq. (11))

    Parameters
    ----------
    rows : (n, d') array
        The rows e_k x_k of the cell.
    ball : LpBall
        p = inf, 1 or 2, or radius 0.
    attacked : int
        The norm is over the first so many coordinates.

    Returns
    -------
    (d',) array
        Not inside if the cell has no interior: zero, or for p = 2 anything.

    Raises
    ------
    InputError
        For another p.
    SolverError
        If the linear program was not solved.
    """
    rows = np.unique(rows, axis=0)
    if ball.radius == 0 or math.isinf(ball.p):
        return _by_sums(rows, ball.radius, attacked)
    if ball.p == 1:
        return _by_largest(rows, ball.radius, attacked)
    if ball.p == 2:
        return _shortest(rows, ball.radius, attacked)[0]
    raise InputError(f"widest_point needs p=1, 2 or inf, got p={ball.p:g}; use one.")


def cell_is_empty(rows: np.ndarray, ball: LpBall, attacked: int) -> bool:
    r"""Whether it is proved for p = 2 that only u = 0 keeps :math:`r_k u \ge \epsilon\|u\|_2`.

    Weights on the rows that sum to one, with :math:`\|\sum_k\mu_kr_k\|_2 < \epsilon`, prove it;
    what they leave on coordinates that are not attacked counts with the most that u can be there.

    Source: own (on [A] eq. (11))

    Parameters
    ----------
    rows, ball, attacked
        As for `widest_point`, with p = 2.
    """
    rows = np.unique(rows, axis=0)
    weights = _shortest(rows, ball.radius, attacked)[1]
    if not weights.sum() > 0:
        return False
    pull = (weights / weights.sum()) @ rows
    short = float(np.linalg.norm(pull[:attacked]))
    if attacked < rows.shape[1]:
        free = rows[:, -1]
        if attacked < rows.shape[1] - 1 or not free.min() < 0 < free.max():
            return False
        heads = np.linalg.norm(rows[:, :attacked], axis=1) / np.maximum(np.abs(free), 1e-300)
        reach = max(heads[side * free > 0].min() for side in (1.0, -1.0))
        short += abs(float(pull[-1])) * reach  # |u_d'| is at most reach times the rest of u
    return short < ball.radius * (1 - _ROUNDING)


def _by_sums(rows: np.ndarray, radius: float, attacked: int) -> np.ndarray:
    """p = inf: u = u+ - u-, and the norm is the sum of both."""
    d = rows.shape[1]
    price = np.zeros(d)
    price[:attacked] = radius
    A = np.hstack([price - rows, price + rows, np.ones((len(rows), 1))])
    cost = np.zeros(2 * d + 1)
    cost[-1] = -1.0
    bounds = [(0, 1)] * (2 * d) + [(0, None)]
    x = _solved(cost, A, bounds)
    return x[:d] - x[d : 2 * d]


def _by_largest(rows: np.ndarray, radius: float, attacked: int) -> np.ndarray:
    """p = 1: one more unknown above all |u_j|."""
    n, d = rows.shape
    walls = np.hstack([-rows, np.full((n, 1), radius), np.ones((n, 1))])
    some, beside = np.eye(d)[:attacked], np.tile([-1.0, 0.0], (attacked, 1))
    A = np.vstack([walls, np.hstack([some, beside]), np.hstack([-some, beside])])
    cost = np.zeros(d + 2)
    cost[-1] = -1.0
    return _solved(cost, A, [(-1, 1)] * d + [(0, 1), (0, None)])[:d]


def _solved(
    cost: np.ndarray, A: np.ndarray, bounds: Sequence[tuple[float, float | None]]
) -> np.ndarray:
    answer = linprog(cost, A_ub=A, b_ub=np.zeros(len(A)), bounds=bounds, method="highs")
    if answer.status != 0:
        raise SolverError(
            f"the linear program of a cell ended with '{answer.message.strip()}'; rescale X."
        )
    return np.asarray(answer.x)


def _shortest(rows: np.ndarray, radius: float, attacked: int) -> tuple[np.ndarray, np.ndarray]:
    """p = 2: the shortest u with r_k u >= radius, and its multipliers; zeros where none was found.

    A problem of least distance, by non-negative least squares.
    Source: Lawson and Hanson, "Solving least squares problems" (1974), chapter 23.
    """
    n, d = rows.shape
    size = float(np.linalg.norm(rows[:, :attacked], axis=1).max(initial=0.0)) or 1.0
    units = np.full(d, 1 / size)
    units[attacked:] = 1 / (_UNATTACKED * size)
    target = np.zeros(d + 1)
    target[-1] = 1.0
    E = np.vstack([(rows * units).T, np.full((1, n), radius / size)])
    try:
        weights, _ = nnls(E, target, maxiter=20 * n)
    except RuntimeError:  # the active set cycled: nothing is known
        return np.zeros(d), np.zeros(n)
    left = E @ weights - target
    if not left[-1] < 0:
        return np.zeros(d), weights
    return -left[:-1] / left[-1] * units, weights
