"""Robust convex training with the hinge loss: (15), for Linf, L1 and L2 balls."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..balls import LpBall
from ..errors import InputError
from ..patterns import Patterns
from .dual import Multipliers, lower_bound
from .interior import Solved
from .parts import Data, Parts, variables
from .reductions import distinct_rows
from .running import tidy, train
from .solving import ConvexSolution, load_cvxpy, solve


@dataclass(frozen=True)
class RobustProgram:
    """(15) as a cvxpy problem, with the handles from which multipliers are read."""

    problem: Any
    parts: Parts
    cone_v: Any
    cone_w: Any
    row_rule: Any
    rows: np.ndarray
    row_of: np.ndarray
    weight: float

    def multipliers(self) -> Multipliers:
        """After solving: theta, lambda for v and w, pi for the rows."""
        return Multipliers(
            theta=-self.parts.score_rule.dual_value / self.weight,
            lam_v=self.cone_v.dual_value / self.weight,
            lam_w=self.cone_w.dual_value / self.weight,
            rows=self.rows,
            row_of=self.row_of,
            pi=-self.row_rule.dual_value / self.weight,
        )


def build(cp: Any, data: Data, reduce: bool = True) -> RobustProgram:
    """Write (15) down, as printed or with its rows and norms shared.

    Source: [A] eq. (15)
    """
    parts = variables(cp, data)
    n = len(data.y)
    rows, row_of = distinct_rows(data.active, reduce)
    q = cp.Variable((len(rows), data.attacked))
    row_rule = q == (rows @ (parts.v - parts.w))[:, : data.attacked]
    worst = support(cp, data, q)[row_of]
    loss = cp.sum(cp.pos(1 - cp.multiply(data.y, parts.score) + worst)) / n  # (15)
    rules, cones = [parts.score_rule, row_rule], []
    for u in (parts.v, parts.w):
        length = support(cp, data, u)
        if reduce:
            bound = cp.Variable(len(data.signs.T))
            rules.append(length <= bound)
            length = bound
        cones.append(parts.cone(cp, data, u) >= np.ones((n, 1)) @ cp.reshape(length, (1, -1), "C"))
    problem = cp.Problem(cp.Minimize(data.weight * (loss + parts.penalty)), [*rules, *cones])
    return RobustProgram(problem, parts, cones[0], cones[1], row_rule, rows, row_of, data.weight)


def support(cp: Any, data: Data, u: Any) -> Any:
    """radius ||u||_q of each row, over the perturbed coordinates.

    Source: [A] eqs. (11), (15)
    """
    q = data.ball.dual_exponent
    return data.ball.radius * cp.norm(u[:, : data.attacked], "inf" if math.isinf(q) else q, axis=1)


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

    Source: [A] eqs. (11), (14), (15), Theorem 4, Algorithm 2

    Parameters
    ----------
    X : (n, d) array
    y : (n,) array
        Labels -1 and +1.
    patterns : Patterns
        Of this X, clean (`patterns.sample`, `patterns.enumerate`) or perturbed.
    ball : LpBall
        p = inf as printed; p = 1 and p = 2 through the dual norm. Its radius is in the units of X;
        its box is not used.
    beta : float
        Positive.
    perturb_bias : bool
        Perturb the column of ones too, as eq. (1) read literally does.
    solver : str
        "auto" is our own interior-point method ("structured") on large programs with p = inf;
        else MOSEK where a licence can be checked out, else Clarabel.
    reduce : bool
        Apply the exact reductions of `robustcore.convex.reductions`; False writes (15) as printed.
    options : mapping, optional
        Settings of the solver, as cvxpy takes them; for "structured" `tolerance`,
        `max_iterations`, `progress` and `device`.

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
    check_norm(ball)

    def general(data: Data, name: str) -> Solved:
        program = build(load_cvxpy(), data, reduce)
        status = solve(program.problem, name, options)
        v, w = tidy(program.parts.v.value, program.parts.w.value)
        given = program.multipliers()
        return Solved(v, w, lower_bound(data, given), status, given.theta)

    return train(
        X, y, patterns, beta, "hinge", general, ball, perturb_bias, solver, reduce, options
    )


def check_norm(ball: LpBall) -> None:
    """Refuse balls whose robust program is not written down here.

    Source: own
    """
    if ball.p not in (1, 2, math.inf):
        raise InputError(f"robust training takes p = 1, 2 or inf, got p={ball.p:g}; use one.")


def worst_perturbation(solution: ConvexSolution, X: np.ndarray, y: np.ndarray) -> np.ndarray:
    r"""The perturbation at which the inner maximum of (14) is attained.

    .. math:: \delta_k = -\epsilon\, y_k\, \operatorname{sgn}\Bigl(\sum_i d_{ik}(v_i-w_i)\Bigr)

    Source: [A] Theorem 4

    Parameters
    ----------
    solution : ConvexSolution
        Of robust training.
    X : (n, d) array
    y : (n,) array

    Returns
    -------
    (n, d') or (n, d) array
        With the perturbation of the column of ones only if that was perturbed in training.
    """
    if solution.ball is None:
        raise InputError("a worst perturbation belongs to robust training; pass such a solution.")
    solution.patterns.check_belongs_to(X)
    q = solution.patterns.active.astype(float) @ (solution.v - solution.w)
    if solution.patterns.bias and not solution.perturb_bias:
        q = q[:, :-1]
    return -np.asarray(y, dtype=float)[:, None] * solution.ball.maximiser(q)
