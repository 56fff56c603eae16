"""The robust program of every loss, (12), (15) and (18), as cvxpy writes it down.

Under (11) each output is linear on the whole ball, so a ball moves it by at most radius times a
dual norm, and the worst loss is that of what hurts plus so much. Where what hurts is the larger of
two affine expressions, as |score - y| is, a variable stands above both.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from .dual import Multipliers, lower_bound
from .interior import Solved
from .options import Options
from .parts import Data, Parts, variables
from .reductions import distinct_rows
from .running import tidy
from .solving import load_cvxpy, solve


@dataclass(frozen=True)
class RobustProgram:
    """A robust program as a cvxpy problem, with the handles from which multipliers are read."""

    problem: Any
    parts: Parts
    cone_v: Any
    cone_w: Any
    above: tuple[Any, ...]  # the rules of the variable above both sides; none where there is one
    row_rule: Any
    rows: np.ndarray
    row_of: np.ndarray
    weight: float

    def multipliers(self) -> Multipliers:
        """After solving: theta, lambda for v and w, pi for the rows, and the push on what hurts."""
        theta, push = -self.parts.score_rule.dual_value / self.weight, None
        if self.above:
            plus, minus = (np.maximum(rule.dual_value, 0.0) / self.weight for rule in self.above)
            theta, push = plus - minus, plus + minus
        return Multipliers(
            theta=theta,
            lam_v=self.cone_v.dual_value / self.weight,
            lam_w=self.cone_w.dual_value / self.weight,
            rows=self.rows,
            row_of=self.row_of,
            pi=-self.row_rule.dual_value / self.weight,
            push=push,
        )


def build(cp: Any, data: Data, reduce: bool = True, as_printed: bool = False) -> RobustProgram:
    """Write the program down, as printed or with its rows and norms shared.

    `as_printed` is for (18): half the sum of squares through its epigraph variables a and z.

    Source: [A] eqs. (12), (15), (18), Theorems 4, 5
    """
    parts, loss = variables(cp, data), data.loss
    n = len(data.y)
    rows, row_of = distinct_rows(data.active, reduce)
    q = cp.Variable((len(rows), data.attacked))
    row_rule = q == (rows @ (parts.v - parts.w))[:, : data.attacked]
    worst = support(cp, data, q)[row_of]
    sides = [side + worst for side in loss.sides(cp, parts.score, data.y)]
    hurt, above = sides[0], ()
    if len(sides) > 1:
        hurt = cp.Variable(n)
        above = tuple(hurt >= side for side in sides)  # (18)
    rules, cones = [parts.score_rule, row_rule, *above], []
    for u in (parts.v, parts.w):
        length = support(cp, data, u)
        if reduce:
            bound = cp.Variable(len(data.signs.T))
            rules.append(length <= bound)
            length = bound
        cones.append(
            parts.cone(cp, data, u) >= np.ones((n, 1)) @ cp.reshape(length, (1, -1), "C")
        )  # (11)
    cost = loss.program(cp, hurt)  # (15), (18)
    if as_printed:
        cost, last = cp.Variable(), cp.Variable()
        rules += [last >= cp.abs(2 * cost - 0.25)]
        rules += [cp.norm(cp.hstack([hurt, last])) <= 2 * cost + 0.25]
    problem = cp.Problem(cp.Minimize(loss.weight * (cost + parts.penalty)), [*rules, *cones])
    return RobustProgram(
        problem, parts, cones[0], cones[1], above, row_rule, rows, row_of, loss.weight
    )


def support(cp: Any, data: Data, u: Any) -> Any:
    """radius ||u||_q of each row, over the perturbed coordinates.

    Source: [A] eqs. (11), (15), (27)
    """
    q = data.ball.dual_exponent
    return data.ball.radius * cp.norm(u[:, : data.attacked], "inf" if math.isinf(q) else q, axis=1)


def solved(data: Data, solver: str, options: Options, reduce: bool) -> Solved:
    """By a general solver, with the bound that its multipliers prove.

    Source: [A] eqs. (10), (12), (18), Theorems 3, 5
    """
    program = build(load_cvxpy(), data, reduce)
    status = solve(program.problem, solver, options)
    v, w = tidy(program.parts.v.value, program.parts.w.value)
    given = program.multipliers()
    return Solved(v, w, lower_bound(data, given), status, given.theta)
