"""What the robust programs of monotone losses share: hinge (15), and the logistic loss.

A loss that falls as the margin y_k f(x_k) grows is worst where the margin is least, and under (11)
the margin is linear on the whole ball. So its inner maximum is the loss itself, at the clean margin
less radius times a dual norm; all that differs from loss to loss is the scalar function outside.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import InputError
from ..patterns import design_matrix
from .dual import Multipliers, lower_bound
from .interior import Solved
from .options import Options
from .parts import Data, Parts, variables
from .reductions import distinct_rows
from .running import tidy
from .solving import ConvexSolution, load_cvxpy, solve


@dataclass(frozen=True)
class RobustProgram:
    """A robust program as a cvxpy problem, with the handles from which multipliers are read."""

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
    """Write the program down, as printed or with its rows and norms shared.

    Source: [A] eqs. (12), (15)
    """
    parts = variables(cp, data)
    n = len(data.y)
    rows, row_of = distinct_rows(data.active, reduce)
    q = cp.Variable((len(rows), data.attacked))
    row_rule = q == (rows @ (parts.v - parts.w))[:, : data.attacked]
    shortfall = support(cp, data, q)[row_of] - cp.multiply(data.y, parts.score)
    outer = cp.pos(1 + shortfall) if data.loss == "hinge" else cp.logistic(shortfall)
    loss = cp.sum(outer) / n  # (15)
    rules, cones = [parts.score_rule, row_rule], []
    for u in (parts.v, parts.w):
        length = support(cp, data, u)
        if reduce:
            bound = cp.Variable(len(data.signs.T))
            rules.append(length <= bound)
            length = bound
        cones.append(
            parts.cone(cp, data, u) >= np.ones((n, 1)) @ cp.reshape(length, (1, -1), "C")
        )  # (11)
    problem = cp.Problem(cp.Minimize(data.weight * (loss + parts.penalty)), [*rules, *cones])
    return RobustProgram(problem, parts, cones[0], cones[1], row_rule, rows, row_of, data.weight)


def support(cp: Any, data: Data, u: Any) -> Any:
    """radius ||u||_q of each row, over the perturbed coordinates.

    Source: [A] eqs. (11), (15), (27)
    """
    q = data.ball.dual_exponent
    return data.ball.radius * cp.norm(u[:, : data.attacked], "inf" if math.isinf(q) else q, axis=1)


def solved(data: Data, solver: str, options: Options, reduce: bool) -> Solved:
    """By a general solver, with the bound that its multipliers prove.

    Source: [A] eqs. (10), (12), Theorem 3
    """
    program = build(load_cvxpy(), data, reduce)
    status = solve(program.problem, solver, options)
    v, w = tidy(program.parts.v.value, program.parts.w.value)
    given = program.multipliers()
    return Solved(v, w, lower_bound(data, given), status, given.theta)


def worst_perturbation(solution: ConvexSolution, X: np.ndarray, y: np.ndarray) -> np.ndarray:
    r"""The perturbation at which the inner maximum of robust training is attained.

    .. math:: \delta_k = -\epsilon\, y_k\, \operatorname{sgn}\Bigl(\sum_i d_{ik}(v_i-w_i)\Bigr)

    for the hinge and the logistic loss; for the squared loss the sign of the residual
    :math:`\hat y_k - y_k` stands in the place of :math:`-y_k`.

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
    side = -target
    if solution.loss == "squared":
        score = (q * design_matrix(X, cells.bias)).sum(axis=1)
        side = np.where(score >= target, 1.0, -1.0)
    if cells.bias and not solution.perturb_bias:
        q = q[:, :-1]
    return side[:, None] * solution.ball.maximiser(q)
