"""Robust convex training for Linf, L1 and L2 balls: one door for every loss."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from ..balls import LpBall
from ..errors import InputError
from ..losses import named
from ..patterns import Patterns, design_matrix
from . import robust_program
from .parts import Problem
from .running import train
from .solving import ConvexSolution


def check_norm(ball: LpBall) -> None:
    """Refuse what is not a ball, or one whose robust program is not written down here.

    Source: own
    """
    if not isinstance(ball, LpBall):
        raise InputError(
            f"ball must be an LpBall, got {type(ball).__name__}; use LpBall(float('inf'), radius)."
        )
    if ball.p not in (1, 2, math.inf):
        raise InputError(f"robust training takes p = 1, 2 or inf, got p={ball.p:g}; use one.")


def train_robust(
    X: np.ndarray,
    y: np.ndarray,
    patterns: Patterns,
    ball: LpBall,
    beta: float,
    loss: str = "hinge",
    perturb_bias: bool = False,
    solver: str = "auto",
    reduce: bool = True,
    options: Mapping[str, Any] | None = None,
) -> ConvexSolution:
    r"""Train a network against every perturbation of the ball, by one convex program.

    .. math:: \min_{v,w}\ \max_{\delta_k\in U}\ \ell\Bigl(\bigl(\sum_i d_{ik}
              (x_k+\delta_k)^\top(v_i-w_i)\bigr)_k,\,y\Bigr)+\beta\sum_i\|v_i\|_2+\|w_i\|_2

    .. math:: \text{s.t.}\ (2D_i-I)Xv_i\ge\epsilon\|v_i\|_q,\ (2D_i-I)Xw_i\ge\epsilon\|w_i\|_q

    Source: [A] eqs. (10), (11), Theorem 3, Algorithm 2

    Parameters
    ----------
    X, y, patterns, ball, beta, perturb_bias, solver, reduce, options
        As for `train_robust_hinge`.
    loss : str
        As for `train_standard`; the programs of three of them are written down at
        `train_robust_hinge` and its siblings.

    Returns
    -------
    ConvexSolution
        Its objective is the exact robust cost of its network, and an upper bound of the optimum
        of (2) with this loss.

    Raises
    ------
    InputError
        For an unknown loss, another p, bad labels, NaN, beta <= 0, or patterns of another X.
    LicenceError, SolverError, MissingExtraError
        If the solver may not run, stops early, or is not there; "auto" goes on to the next first.
    """
    check_norm(ball)
    general = partial(robust_program.solved, reduce=reduce)
    problem = Problem.of(X, y, patterns, beta, loss, ball, perturb_bias)
    return train(problem, general, solver, reduce, options)


def worst_perturbation(solution: ConvexSolution, X: np.ndarray, y: np.ndarray) -> np.ndarray:
    r"""The perturbation at which the inner maximum of robust training is attained.

    .. math:: \delta_k = -\epsilon\, y_k\, \operatorname{sgn}\Bigl(\sum_i d_{ik}(v_i-w_i)\Bigr)

    for the losses of labels; for those of residuals the sign of :math:`\hat y_k - y_k` stands in
    the place of :math:`-y_k`.

    Source: [A] Theorems 3, 4, 5

    Parameters
    ----------
    solution : ConvexSolution
        Of robust training.
    X : (n, d) array
    y : (n,) array

    Returns
    -------
    (n, d') or (n, d) array
        With the perturbation of the column of ones only if that was perturbed in training. For
        p = 1 and 2 the sign gives way to the point of the ball that the dual norm names.
    """
    if solution.ball is None:
        raise InputError("a worst perturbation belongs to robust training; pass such a solution.")
    solution.patterns.check_belongs_to(X)
    cells, target = solution.patterns, np.asarray(y, dtype=float)
    q = cells.active.astype(float) @ (solution.v - solution.w)
    score = (q * design_matrix(X, cells.bias)).sum(axis=1)
    side = named(solution.loss).towards_hurt(score, target)
    if cells.bias and not solution.perturb_bias:
        q = q[:, :-1]
    return side[:, None] * solution.ball.maximiser(q)
