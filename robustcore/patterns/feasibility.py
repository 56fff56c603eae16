"""Which patterns can carry a neuron at all, once their constraints must hold on a whole ball."""

from __future__ import annotations

import math

import numpy as np
from scipy.optimize import linprog

from ..balls import LpBall
from ..errors import InputError, SolverError
from .interior import cell_is_empty, widest_point
from .record import Patterns, design_matrix


def robust_feasible(
    X: np.ndarray, patterns: Patterns, ball: LpBall, perturb_bias: bool = False
) -> np.ndarray:
    r"""Whether each pattern admits a neuron with a non-zero output under (11).

    .. math:: \exists v:\quad (2D_i - I)Xv \ge \epsilon\|v\|_1,\quad Xv \ne 0

    One linear program for each pattern decides it: maximise
    :math:`\sum_k e_{ik} x_k v` over that cone cut with a box; the answer is yes if and only if the
    maximum is positive.

    Source: own (on [A] eqs. (10b), (11))

    Parameters
    ----------
    X : (n, d) array
    patterns : Patterns
        Of this X.
    ball : LpBall
        With p = inf or p = 1: the constraint is then linear. Its box is not used.
    perturb_bias : bool
        Whether the column of ones is perturbed too.

    Returns
    -------
    (P,) bool array

    Raises
    ------
    InputError
        For another p, or patterns of another X.
    SolverError
        If a linear program was not solved.

    Notes
    -----
    Where the answer is no, v_i = w_i = 0 is forced and the pattern can be dropped from (10), (15)
    and (18) without changing their value. With a positive radius the answer is yes only for
    patterns that clean data has: a pattern that exists on perturbed data alone is dead weight.
    The maximum is used rather than the largest margin, which is 0 also when a neuron exists whose
    constraint holds with equality. A no is proved by the multipliers of the program, which bound
    that maximum by 1e-7 where the entries of its rows are at most 1; everything else is a yes.
    """
    found = _looked_at(X, patterns, ball, perturb_bias, inside=False)
    return np.array([answer for answer, _ in found], dtype=bool)


def robust_interior(
    X: np.ndarray, patterns: Patterns, ball: LpBall, perturb_bias: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """`robust_feasible`, and a point strictly inside the constraints of each pattern that has one.

    Where there is such a point, the linear program that finds it answers both questions.

    Source: own (on [A] eqs. (10b), (11))

    Parameters
    ----------
    X, patterns, perturb_bias
        As for `robust_feasible`.
    ball : LpBall
        With p = inf, 1 or 2. For p = 2 a no is proved as `cell_is_empty` says, and what lies within
        rounding of the boundary is a yes.

    Returns
    -------
    feasible : (P,) bool array
    points : (d', P) array
        Not a number in the columns of patterns without interior.

    Raises
    ------
    InputError
        For another p, or patterns of another X.
    SolverError
        If a linear program was not solved.
    """
    if ball.p not in (1, 2, math.inf):
        raise InputError(f"robust_interior needs p=1, 2 or inf, got p={ball.p:g}; use one.")
    found = _looked_at(X, patterns, ball, perturb_bias, inside=True)
    points = np.full((design_matrix(X, patterns.bias).shape[1], len(patterns)), math.nan)
    for i, (_, point) in zip(range(len(found)), found, strict=True):
        if point is not None:
            points[:, i] = point
    return np.array([answer for answer, _ in found], dtype=bool), points


def _looked_at(
    X: np.ndarray, patterns: Patterns, ball: LpBall, perturb_bias: bool, inside: bool
) -> list[tuple[bool, np.ndarray | None]]:
    """For each pattern the answer, and a strict witness where one is known or looked for."""
    patterns.check_belongs_to(X)
    if not (math.isinf(ball.p) or ball.p == 1 or inside):
        raise InputError(
            f"robust_feasible solves linear programs and needs p=inf or p=1, got p={ball.p:g}; "
            "keep all patterns instead."
        )
    design = design_matrix(X, patterns.bias)
    scale = np.abs(design).max(initial=0.0) or 1.0
    attacked = design.shape[1] - (patterns.bias and not perturb_bias)
    scaled_ball = ball.with_radius(ball.radius / scale)
    answers: list[tuple[bool, np.ndarray | None]] = []
    for i, e in zip(range(len(patterns)), patterns.signs.T, strict=True):
        rows = np.unique(e[:, None] * design, axis=0) / scale
        known = None if patterns.gates is None else patterns.gates[:, i]
        if known is None or not _holds(rows, known, scaled_ball, attacked):
            known = widest_point(rows, scaled_ball, attacked) if inside else None
        if known is not None and _holds(rows, known, scaled_ball, attacked):
            answers.append((True, known))
        elif ball.p == 2:
            answers.append((not cell_is_empty(rows, scaled_ball, attacked), None))
        else:
            answers.append((_largest_total(rows, scaled_ball, attacked) > 1e-7, None))
    return answers


def _holds(rows: np.ndarray, v: np.ndarray, ball: LpBall, attacked: int) -> bool:
    """Whether v is a strict witness, which spares a linear program."""
    need = float(ball.support(v[:attacked]))
    return bool((rows @ v).min() > need + 1e-9 * max(need, float(np.linalg.norm(v))))


def _largest_total(rows: np.ndarray, ball: LpBall, attacked: int) -> float:
    """A bound of max sum_k r_k v over r_k v >= radius ||v||_q, v = v+ - v-, in units of its own.

    Whether it is positive depends neither on the units of a column, v_j in units of 1 / c_j, nor on
    those of a row. With both the largest entries are 1, and a tolerance means something.
    """
    c = np.abs(rows).max(axis=0)
    c[c == 0] = 1.0
    rows = rows / c
    if math.isinf(ball.p):  # q = 1: the norm is the sum of v+ and v-
        price = np.zeros(rows.shape[1])
        price[:attacked] = ball.radius / c[:attacked]
        A = np.hstack([price - rows, price + rows])  # (11)
    else:  # q = inf: one more unknown t >= |v_j|
        unit = float(c[:attacked].min(initial=math.inf)) if attacked else 1.0
        total = np.hstack([-rows, rows, np.full((len(rows), 1), ball.radius / unit)])
        bound = np.diag(unit / c)[:attacked]
        A = np.vstack([total, np.hstack([bound, bound, -np.ones((attacked, 1))])])
    A = A / np.maximum(np.abs(A).max(axis=1, keepdims=True), np.finfo(float).tiny)
    size = np.abs(rows).max(axis=1, keepdims=True)
    gain = (rows / np.where(size > 0, size, 1.0)).sum(axis=0)
    cost = np.zeros(A.shape[1])
    cost[: 2 * rows.shape[1]] = np.concatenate([-gain, gain]) / len(rows)
    answer = linprog(
        cost,
        A_ub=A,
        b_ub=np.zeros(len(A)),
        bounds=(0, 1),
        method="highs",
        options={"primal_feasibility_tolerance": 1e-9, "dual_feasibility_tolerance": 1e-9},
    )
    if answer.status != 0:
        raise SolverError(
            f"the linear program of a pattern ended with '{answer.message.strip()}'; rescale X."
        )
    multipliers = np.maximum(-answer.ineqlin.marginals, 0)
    return float(np.maximum(-cost - multipliers @ A, 0).sum())  # weak duality, on [0, 1]
