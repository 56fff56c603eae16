"""Robust convex training with the squared loss: (17) and (18), for Linf, L1 and L2 balls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..balls import LpBall
from ..patterns import Patterns
from .robust import train_robust
from .solving import ConvexSolution


def train_robust_squared(
    X: np.ndarray,
    y: np.ndarray,
    patterns: Patterns,
    ball: LpBall,
    beta: float,
    perturb_bias: bool = False,
    solver: str = "auto",
    reduce: bool = True,
    options: Mapping[str, Any] | None = None,
) -> ConvexSolution:
    r"""Train a regression network against every perturbation of the ball, by one convex program.

    .. math:: \min_{v,w}\ \frac12\sum_k\Bigl(\bigl|\sum_i d_{ik}x_k^\top(v_i-w_i)-y_k\bigr|
              +\epsilon\bigl\|\sum_i d_{ik}(v_i-w_i)\bigr\|_q\Bigr)^2
              +\beta\sum_i\|v_i\|_2+\|w_i\|_2

    .. math:: \text{s.t.}\ (2D_i-I)Xv_i\ge\epsilon\|v_i\|_q,\ (2D_i-I)Xw_i\ge\epsilon\|w_i\|_q

    Source: [A] eqs. (17), (18), Theorem 5

    Parameters
    ----------
    X : (n, d) array
    y : (n,) array
        Any finite targets. The loss is half a *sum* of squares: beta does not compare with that of
        the hinge loss.
    patterns : Patterns
        As for `train_robust_hinge`.
    ball : LpBall
        p = inf as printed; p = 1 and p = 2 through the dual norm. Its radius is in the units of X;
        its box is not used.
    beta : float
        Positive.
    perturb_bias : bool
        Perturb the column of ones too, as eq. (1) read literally does.
    solver : str
        As for `train_robust_hinge`.
    reduce : bool
        Apply the exact reductions of `robustcore.convex.reductions`.
    options : mapping, optional
        As for `train_standard`.

    Returns
    -------
    ConvexSolution
        Its objective is the exact robust cost of its network, and an upper bound of the optimum
        of (16).

    Raises
    ------
    InputError
        For another p, NaN, beta <= 0, or patterns of another X.
    LicenceError, SolverError, MissingExtraError
        If the solver may not run, stops early, or is not there.
    """
    return train_robust(
        X, y, patterns, ball, beta, "squared", perturb_bias, solver, reduce, options
    )
