"""The robust program of the squared loss, (17) and (18), as cvxpy writes it down."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from .dual import Multipliers, largest_dual_ratio
from .interior import Solved
from .options import Options
from .parts import Data, Parts, variables
from .reductions import distinct_rows
from .robust_margin import support
from .running import tidy
from .solving import load_cvxpy, solve


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


def solved(data: Data, solver: str, options: Options, reduce: bool) -> Solved:
    """By a general solver, with the bound that its multipliers prove.

    Source: [A] eq. (18), Theorem 5
    """
    program = build(load_cvxpy(), data, reduce)
    status = solve(program.problem, solver, options)
    v, w = tidy(program.parts.v.value, program.parts.w.value)
    theta = program.above.dual_value - program.below.dual_value
    return Solved(v, w, program.lower_bound(data), status, theta)
