r"""Lower bounds in closed form: weak duality, checked by arithmetic and not by a solver.

For any :math:`\theta` in the domain of :math:`\ell^*`, any :math:`\lambda_i \ge 0` and any
:math:`\pi_r` with :math:`\|\pi_r\|_p` at most radius times the weight of row r, each block of the
Lagrangian is bounded below by 0 as soon as

.. math:: \operatorname{dist}_2\bigl(\pm(X'D_i\theta + \textstyle\sum_r R_{ri}\pi_r)
          - X'(2D_i-I)\lambda_i,\; \{\|\cdot\|_p\le\epsilon\mathbf1'\lambda_i\}\bigr) \le \beta.

If it is not, dividing theta, pi and lambda by the excess makes it so. That is all.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import nnls

from ..balls import LpBall
from ..errors import InputError
from ..patterns import Patterns
from .parts import Data, Problem


@dataclass(frozen=True)
class Multipliers:
    """What a solver hands over; any values are allowed, good ones give a tight bound.

    `theta` (n,) belongs to the output, `lam_v` and `lam_w` (n, P) to the cones; `rows` (R, P)
    lists the pattern rows, `row_of` (n,) the row of each sample, `pi` (R, attacked) belongs to the
    norms of the rows, `push` (n,) to what hurts: the loss says what it may be.
    """

    theta: np.ndarray
    lam_v: np.ndarray | None = None
    lam_w: np.ndarray | None = None
    rows: np.ndarray | None = None
    row_of: np.ndarray | None = None
    pi: np.ndarray | None = None
    push: np.ndarray | None = None


def cell_supremum(design: np.ndarray, signs: np.ndarray, c: np.ndarray) -> float:
    r"""The constraint of the dual in one cell, exactly.

    .. math:: \sup\{c^\top u : \|u\|_2\le1,\ (2D-I)Xu\ge0\}
              = \min_{\lambda\ge0}\|c+X'(2D-I)\lambda\|_2

    Source: [A] eqs. (19), (20)

    Parameters
    ----------
    design : (n, d') array
    signs : (n,) array of -1 and +1
    c : (d',) array

    Returns
    -------
    float
        Exact up to the accuracy of non-negative least squares; never below the supremum.
    """
    A = -(signs[:, None] * design).T
    try:
        lam, _ = nnls(A, c, maxiter=20 * A.shape[1])
    except RuntimeError:  # the active set cycled: lambda = 0 is a bound too
        return float(np.linalg.norm(c))
    return min(float(np.linalg.norm(c - A @ lam)), float(np.linalg.norm(c)))


def largest_dual_ratio(data: Data, given: Multipliers) -> float:
    """By how much the multipliers exceed beta in their worst block; at most 1 is feasible.

    Source: [A] eqs. (6), (20)
    """
    pull = data.design.T @ (data.active * given.theta[:, None])  # (d', P), X' D_i theta
    if given.pi is not None and given.rows is not None:
        pull[: data.attacked] += given.pi.T @ given.rows
    worst = 0.0
    for side, lam in ((-1.0, given.lam_v), (1.0, given.lam_w)):
        for i, c in zip(range(pull.shape[1]), side * pull.T, strict=True):
            worst = max(worst, _block_norm(data, i, c, None if lam is None else lam[:, i]))
    return worst / data.beta


def _block_norm(data: Data, i: int, c: np.ndarray, lam: np.ndarray | None) -> float:
    """An upper bound of sup c'u - radius 1'lam ||u||_q over the unit ball of cell i."""
    if lam is None:
        if data.ball.radius == 0:
            return cell_supremum(data.design, data.signs[:, i], c)
        lam = np.zeros(len(data.y))
    lam = np.maximum(lam, 0.0)
    c = c + data.design.T @ (data.signs[:, i] * lam)
    if data.ball.radius > 0:
        slack = data.ball.with_radius(data.ball.radius * float(lam.sum()))
        head = c[: data.attacked]
        c = np.concatenate([head - LpBall(slack.p, slack.radius).project(head), c[data.attacked :]])
    return float(np.linalg.norm(c))


def in_domain(data: Data, given: Multipliers) -> Multipliers:
    """The nearest multipliers at which the conjugate and the norm's polar are finite."""
    theta, push = data.loss.into_domain(given.theta, data.y, given.push)
    pi = given.pi
    if pi is not None and given.row_of is not None:
        weight = np.bincount(given.row_of, weights=push, minlength=len(pi))
        ball = LpBall(data.ball.p, data.ball.radius)
        pi = np.stack(
            [
                ball.with_radius(ball.radius * total).project(row)
                for row, total in zip(pi, weight, strict=True)
            ]
        )
    return replace(given, theta=theta, push=push, pi=pi)


def lower_bound(data: Data, given: Multipliers) -> float:
    r"""The certificate of a prepared program.

    .. math:: \max_{0\le s\le\min(1,\ \beta/\max_i\|\cdot\|)} -\ell^*(s\,\theta)

    Source: [A] eqs. (6), (19), (20); the robust form is own

    Notes
    -----
    For the hinge loss this is mean(a) min(1, beta / max_i ||.||) with a = -n y theta.
    """
    given = in_domain(data, given)
    ratio = largest_dual_ratio(data, given)
    scale = min(1.0, 1.0 / ratio) if ratio > 0 else 1.0
    return data.loss.dual_value(given.theta, data.y, scale, given.push)


def certify(
    X: np.ndarray,
    y: np.ndarray,
    patterns: Patterns,
    theta: np.ndarray,
    beta: float,
    loss: str = "hinge",
) -> float:
    r"""A lower bound of (8) over the given patterns, from any output multiplier.

    With all patterns of X it is a lower bound of (5), hence of (4) at any width: it certifies
    networks that gradient descent found as well.

    Source: [A] eqs. (6), (19), (20)

    Parameters
    ----------
    X : (n, d) array
    y : (n,) array
    patterns : Patterns
        The cells over which the dual constraint is imposed.
    theta : (n,) array
        Any vector; the gradient of the loss at a good output gives a good bound. It is moved into
        the domain of the conjugate and scaled into the constraints.
    beta : float
    loss : str

    Returns
    -------
    float
        Sound for every theta. Each cell is a non-negative least squares problem.
    """
    data = Problem.of(X, y, patterns, beta, loss).scaled()
    theta = np.asarray(theta, dtype=np.float64)
    if theta.shape != data.y.shape or not np.isfinite(theta).all():
        raise InputError(f"theta must be finite of shape {data.y.shape}, got {theta.shape}.")
    return lower_bound(data, Multipliers(theta))
