"""Robust convex training with the logistic loss, for Linf, L1 and L2 balls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..balls import LpBall
from ..patterns import Patterns
from .robust import train_robust
from .solving import ConvexSolution


def train_robust_logistic(
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
    r"""Train a network with the logistic loss against every perturbation of the ball.

    .. math:: \min_{v,w}\ \frac1n\sum_k\log\Bigl(1+\exp\bigl(
              -y_k\sum_i d_{ik}x_k^\top(v_i-w_i)
              +\epsilon\bigl\|\sum_i d_{ik}(v_i-w_i)\bigr\|_q\bigr)\Bigr)
              +\beta\sum_i\|v_i\|_2+\|w_i\|_2

    .. math:: \text{s.t.}\ (2D_i-I)Xv_i\ge\epsilon\|v_i\|_q,\ (2D_i-I)Xw_i\ge\epsilon\|w_i\|_q

    Source: [A] eqs. (10), (11), Theorem 3; the closed form is own, after Theorem 4

    Parameters
    ----------
    X : (n, d) array
    y : (n,) array
        Labels -1 and +1. The loss is a mean, as that of the hinge.
    patterns : Patterns
        Of this X: from `patterns.sample_robust` for this ball, or all of them. Of the patterns that
        `patterns.sample` draws, most can carry no robust neuron on data of many features.
    ball : LpBall
        p = 1, 2 or inf. Its radius is in the units of X; its box is not used.
    beta : float
        Positive.
    perturb_bias : bool
        Perturb the column of ones too, as eq. (1) read literally does.
    solver : str
        "auto" is our own interior-point method ("interior_point") on large programs; else
        MOSEK where a licence can be checked out, else Clarabel, with exponential cones.
    reduce : bool
        Apply the exact reductions of `robustcore.convex.reductions`.
    options : mapping, optional
        As for `train_standard`.

    Returns
    -------
    ConvexSolution
        Its objective is the exact robust cost of its network, and an upper bound of the optimum
        of (2) with this loss; its lower bound is the entropy form of the dual, in closed form. If
        no pattern can carry a neuron, the zero network, of loss log 2.

    Raises
    ------
    InputError
        For another p, bad labels, NaN, beta <= 0, or patterns of another X.
    LicenceError, SolverError, MissingExtraError
        If the solver may not run, stops early, or is not there; "auto" goes on to the next first.
    """
    return train_robust(
        X, y, patterns, ball, beta, "logistic", perturb_bias, solver, reduce, options
    )
