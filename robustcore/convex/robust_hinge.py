"""Robust convex training with the hinge loss: (15), for Linf, L1 and L2 balls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..balls import LpBall
from ..patterns import Patterns
from .robust import train_robust
from .solving import ConvexSolution


def train_robust_hinge(
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
    r"""Train a network against every perturbation of the ball, by one convex program.

    .. math:: \min_{v,w}\ \frac1n\sum_k\Bigl(1-y_k\sum_i d_{ik}x_k^\top(v_i-w_i)
              +\epsilon\bigl\|\sum_i d_{ik}(v_i-w_i)\bigr\|_q\Bigr)_+
              +\beta\sum_i\|v_i\|_2+\|w_i\|_2

    .. math:: \text{s.t.}\ (2D_i-I)Xv_i\ge\epsilon\|v_i\|_q,\ (2D_i-I)Xw_i\ge\epsilon\|w_i\|_q

    Source: [A] eqs. (11), (12), (14), (15), Theorem 4, Algorithm 2

    Parameters
    ----------
    X : (n, d) array
    y : (n,) array
        Labels -1 and +1.
    patterns : Patterns
        Of this X: from `patterns.sample_robust` for this ball, or all of them. Of the patterns that
        `patterns.sample` draws, most can carry no robust neuron on data of many features.
    ball : LpBall
        p = inf as printed; p = 1 and p = 2 through the dual norm. Its radius is in the units of X;
        its box is not used.
    beta : float
        Positive.
    perturb_bias : bool
        Perturb the column of ones too, as eq. (1) read literally does.
    solver : str
        "auto" is our own interior-point method ("interior_point") on large programs; else
        MOSEK where a licence can be checked out, else Clarabel.
    reduce : bool
        Apply the exact reductions of `robustcore.convex.reductions`; False writes (15) as printed.
    options : mapping, optional
        As for `train_standard`.

    Returns
    -------
    ConvexSolution
        Its objective is the exact robust cost of its network, and an upper bound of the optimum
        of (13). If no pattern can carry a neuron, the zero network.

    Raises
    ------
    InputError
        For another p, bad labels, NaN, beta <= 0, or patterns of another X.
    LicenceError, SolverError, MissingExtraError
        If the solver may not run, stops early, or is not there.
    """
    return train_robust(X, y, patterns, ball, beta, "hinge", perturb_bias, solver, reduce, options)
