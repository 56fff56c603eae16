"""Robust convex training with the squared loss: (17) and (18), for Linf, L1 and L2 balls."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..balls import LpBall
from ..patterns import Patterns
from .dual import Multipliers, largest_dual_ratio
from .interior import Solved
from .options import Options
from .parts import Data, Parts, variables
from .reductions import distinct_rows
from .robust_margin import check_norm, support
from .running import tidy, train
from .solving import ConvexSolution, load_cvxpy, solve


@dataclass(frozen=True)
class RobustSquaredProgram:
    """(18) as a cvxpy problem, with the handles from which multipliers are read."""

    problem: Any
    parts: Parts
    cones: tuple[Any, Any]
    above: Any
    below: Any
    row_rule: Any
    rows: np.ndarray
    row_of: np.ndarray

    def lower_bound(self, data: Data) -> float:
        r"""Weak duality from the multipliers after solving.

        .. math:: \max_{0\le s\le\beta/\max_i\|\cdot\|}
                  s\,y^\top(b_- - b_+) - \tfrac12 s^2\|b_+ + b_-\|_2^2

        Source: own (for [A] eq. (18))
        """
        plus, minus = (np.maximum(rule.dual_value, 0.0) for rule in (self.above, self.below))
        weight = np.bincount(self.row_of, weights=plus + minus, minlength=len(self.rows))
        ball = data.ball
        pi = np.stack(
            [
                ball.with_radius(ball.radius * total).project(row)
                for row, total in zip(-self.row_rule.dual_value, weight, strict=True)
            ]
        )
        given = Multipliers(
            plus - minus, self.cones[0].dual_value, self.cones[1].dual_value,
            self.rows, self.row_of, pi,
        )  # fmt: skip
        ratio = largest_dual_ratio(data, given)
        inner, square = float(data.y @ (minus - plus)), float(np.square(plus + minus).sum())
        if square == 0.0:
            return 0.0
        scale = min(max(inner / square, 0.0), 1.0 / ratio if ratio > 0 else math.inf)
        return scale * inner - 0.5 * scale**2 * square


def build(
    cp: Any, data: Data, reduce: bool = True, as_printed: bool = False
) -> RobustSquaredProgram:
    """Write (18) down: with the epigraph variables a and z as printed, or with 1/2 sum z_k^2.

    Source: [A] eq. (18), Theorem 5
    """
    parts = variables(cp, data)
    n = len(data.y)
    rows, row_of = distinct_rows(data.active, reduce)
    q = cp.Variable((len(rows), data.attacked))
    row_rule = q == (rows @ (parts.v - parts.w))[:, : data.attacked]
    worst = support(cp, data, q)[row_of]
    z = cp.Variable(n)
    above = z >= parts.score - data.y + worst  # (18)
    below = z >= data.y - parts.score + worst  # (18)
    rules, cones = [parts.score_rule, row_rule, above, below], []
    for u in (parts.v, parts.w):
        length = support(cp, data, u)
        if reduce:
            bound = cp.Variable(len(data.signs.T))
            rules.append(length <= bound)
            length = bound
        cones.append(parts.cone(cp, data, u) >= np.ones((n, 1)) @ cp.reshape(length, (1, -1), "C"))
    if as_printed:
        a, last = cp.Variable(), cp.Variable()
        rules += [last >= cp.abs(2 * a - 0.25), cp.norm(cp.hstack([z, last])) <= 2 * a + 0.25]
        loss: Any = a
    else:
        loss = 0.5 * cp.sum_squares(z)
    problem = cp.Problem(cp.Minimize(loss + parts.penalty), [*rules, *cones])
    return RobustSquaredProgram(
        problem, parts, (cones[0], cones[1]), above, below, row_rule, rows, row_of
    )


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
    check_norm(ball)

    def general(data: Data, name: str, read: Options) -> Solved:
        program = build(load_cvxpy(), data, reduce)
        status = solve(program.problem, name, read)
        v, w = tidy(program.parts.v.value, program.parts.w.value)
        theta = program.above.dual_value - program.below.dual_value
        return Solved(v, w, program.lower_bound(data), status, theta)

    return train(
        X, y, patterns, beta, "squared", general, ball, perturb_bias, solver, reduce, options
    )
