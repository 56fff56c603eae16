r"""Lower bounds of (5), and so of (4) at any width, where the patterns cannot be enumerated.

The dual (6) asks for :math:`\sup_u|\theta^\top(Xu)_+|` over the whole unit ball, a maximum of a
function that is neither convex nor concave. With :math:`(t)_+=(t+|t|)/2` and
:math:`\theta=\theta^+-\theta^-`,

.. math:: \theta^\top(Xu)_+ = \tfrac12\theta^\top Xu + \tfrac12\sum_k\theta_k^+|x_ku|
          - \tfrac12\sum_k\theta_k^-|x_ku|.

For any numbers :math:`c_k>0` and any unit u, :math:`|x_ku|\le\frac12(c_k+(x_ku)^2/c_k)` and
:math:`|x_ku|\ge(x_ku)^2/\|x_k\|`. What is left is a quadratic on a ball, whose maximum is one
eigenvalue decomposition and one scalar equation. Every c gives a bound. The best c solve a convex
program (the semidefinite relaxation of the supremum); Frank-Wolfe steps approach it, and each step
is itself a bound.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq, minimize_scalar

from .. import patterns
from ..errors import InputError, check_finite, check_length
from .dual import Multipliers, certify, in_domain
from .parts import Problem

_ROUNDING = 1e-10  # relative, added to every bound: well above the error of its arithmetic
_SMALLEST = 1e-6  # the c_k, relative to the length of the row


def gate_supremum_bound(
    X: np.ndarray,
    theta: np.ndarray,
    bias: bool = False,
    tolerance: float = 1e-3,
    max_rounds: int = 100,
) -> float:
    r"""An upper bound of the constraint of the dual over every gate at once.

    .. math:: \sup_{\|u\|_2\le1}|\theta^\top(Xu)_+| \le \max_\pm\min_{c>0}\Bigl\{
              \tfrac14c^\top\theta^\pm + \max_{\|u\|_2\le1}\pm\tfrac12\theta^\top Xu
              + u^\top X^\top\operatorname{diag}\Bigl(\frac{\theta_k^\pm}{4c_k}
              - \frac{\theta_k^\mp}{2\|x_k\|_2}\Bigr)Xu\Bigr\}

    Source: own (for [A] eq. (6))

    Parameters
    ----------
    X : (n, d) array
    theta : (n,) array
        Any vector.
    bias : bool
        Append a column of ones to X.
    tolerance : float
        Stop when the bound is within this share of the best c.
    max_rounds : int
        Eigenvalue decompositions for each sign, at most.

    Returns
    -------
    float
        An upper bound after any number of rounds; exact for one sample.

    Raises
    ------
    InputError
        If theta is not one finite number for each sample.
    """
    design = patterns.design_matrix(X, bias)
    theta = _checked(theta, len(design))
    return max(_one_sided(design, side * theta, tolerance, max_rounds) for side in (1.0, -1.0))


def global_lower_bound(
    X: np.ndarray,
    y: np.ndarray,
    theta: np.ndarray | None,
    beta: float,
    loss: str = "hinge",
    bias: bool = False,
    most_cells: int = 4096,
) -> float:
    r"""A lower bound of (5): no network of any width and no set of patterns has a smaller cost.

    .. math:: \max_{0\le s\le\min(1,\ \beta/\sup_u|\theta^\top(Xu)_+|)} -\ell^*(s\,\theta)

    Source: [A] eqs. (4), (5), (6); the bound of the supremum is own

    Parameters
    ----------
    X : (n, d) array
    y : (n,) array
    theta : (n,) array
        Any vector: that of a solution (`ConvexSolution.theta`), or the gradient of the loss at the
        output of a network. It is moved into the domain of the conjugate and scaled.
    beta : float
        Positive.
    loss : str
        As for `train_standard`.
    bias : bool
        Append a column of ones to X.
    most_cells : int
        Up to so many patterns in all, each cell is visited and the supremum is exact; beyond, it
        is bounded by `gate_supremum_bound`.

    Returns
    -------
    float
        A clean cost is never above the robust one, so it is a lower bound of (2) as well.

    Raises
    ------
    InputError
        For labels that do not fit the loss, NaN, beta <= 0, no theta or one of another length.

    Notes
    -----
    A lower bound for every theta. Exact suprema and the theta of (5) make it the optimum; the
    relaxed suprema do not, and on wide data the bound is loose: see the page on this solver.
    """
    design = patterns.design_matrix(X, bias)
    theta = _checked(theta, len(design))
    if patterns.count(len(design), int(np.linalg.matrix_rank(design))) <= most_cells:
        return certify(X, y, patterns.enumerate_all(X, bias), theta, beta, loss)
    one = patterns.of(X, np.zeros((design.shape[1], 1)), bias)  # for the units; any pattern will do
    data = Problem.of(X, y, one, beta, loss).scaled()
    theta = in_domain(data, Multipliers(theta)).theta
    ratio = gate_supremum_bound(data.design, theta) / data.beta
    return data.loss.dual_value(theta, data.y, min(1.0, 1.0 / ratio) if ratio > 0 else 1.0)


def _checked(theta: np.ndarray | None, n: int) -> np.ndarray:
    if theta is None:
        raise InputError(
            "theta must be one number for each sample, got None; a solution that kept no pattern "
            "has none: pass the gradient of the loss at the output 0."
        )
    theta = np.asarray(theta, dtype=np.float64)
    check_length("theta", theta, n, "X")
    check_finite("theta", theta)
    return theta


@dataclass(frozen=True)
class _Moments:
    """A point of the relaxation: E u and E (x_k u)^2 for a random u of the unit ball."""

    linear: float  # half theta'X E u
    square: np.ndarray  # (n,)

    def towards(self, other: _Moments, step: float) -> _Moments:
        linear = self.linear + step * (other.linear - self.linear)
        return _Moments(linear, self.square + step * (other.square - self.square))


def _one_sided(design: np.ndarray, theta: np.ndarray, tolerance: float, max_rounds: int) -> float:
    """A bound of sup theta'(Xu)_+ over the unit ball, rows of zeros left out."""
    length = np.linalg.norm(design, axis=1)
    design, theta, length = (a[length > 0] for a in (design, theta, length))
    plus, minus = np.maximum(theta, 0.0), np.maximum(-theta, 0.0)
    if not plus.any():
        return 0.0
    slope = 0.5 * design.T @ theta

    def value(at: _Moments) -> float:
        return at.linear + 0.5 * float(plus @ np.sqrt(at.square) - minus @ (at.square / length))

    at, best = _Moments(0.0, length**2 / design.shape[1]), np.inf
    for _ in range(max_rounds):
        c = np.maximum(np.sqrt(at.square), _SMALLEST * length)
        curvature = (design.T * (0.25 * plus / c - 0.5 * minus / length)) @ design
        top, u, rest = _largest_on_ball(slope, curvature)
        best = min(best, 0.25 * float(plus @ c) + top)
        if best - value(at) <= tolerance * best:
            break
        corner = _Moments(float(slope @ u), np.square(design @ u) + np.square(design @ rest))
        found = minimize_scalar(
            lambda step, a=at, b=corner: -value(a.towards(b, step)),
            bounds=(0, 1),
            method="bounded",
        )
        at = at.towards(corner, float(found.x))
    return best * (1 + _ROUNDING)


def _largest_on_ball(g: np.ndarray, M: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    r"""An upper bound of max g'u + u'Mu over the unit ball, exact up to rounding.

    .. math:: \min_{\lambda\ge0,\ \lambda I\succ M} \lambda + \tfrac14g^\top(\lambda I-M)^{-1}g

    The maximum is reached at u + rest, and at u - rest.
    """
    eigenvalues, V = np.linalg.eigh(M)
    h = V.T @ g
    size = max(float(np.abs(eigenvalues).max()), float(np.linalg.norm(h)))
    least = max(float(eigenvalues[-1]), 0.0)
    low, high = least + 1e-12 * size, least + 0.5 * float(np.linalg.norm(h)) + 2e-12 * size

    def excess(multiplier: float) -> float:
        return 1.0 - float(np.square(h / (2 * (multiplier - eigenvalues))).sum())

    if size == 0.0:
        return 0.0, 0 * g, 0 * g
    multiplier = low if excess(low) >= 0 else float(brentq(excess, low, high))
    inside = h / (2 * (multiplier - eigenvalues))
    top = multiplier + float((np.square(h) / (4 * (multiplier - eigenvalues))).sum())
    spare = max(0.0, 1.0 - float(inside @ inside)) if eigenvalues[-1] > 0 else 0.0
    return top, V @ inside, np.sqrt(spare) * V[:, -1]
