"""The robust programs (10), (14) and (17) written down literally: every vertex of every ball."""

from __future__ import annotations

import numpy as np

from robustcore.balls import LpBall
from robustcore.convex.parts import Problem, variables
from robustcore.convex.solving import load_cvxpy, solve
from robustcore.errors import InputError
from robustcore.patterns import Patterns

_MOST_ROWS = 200_000


def optimum_over_vertices(
    X: np.ndarray,
    y: np.ndarray,
    patterns: Patterns,
    ball: LpBall,
    beta: float,
    loss: str = "hinge",
    perturb_bias: bool = False,
) -> float:
    r"""The value of (14) or (17) with each maximum and each constraint listed, and no closed form.

    .. math:: \min_{v,w}\ \ell\text{ of }\max_{\delta\in\mathrm{vert}(U)}\ldots
              \quad\text{s.t. } e_{ik}(x_k+\delta)^\top v_i\ge0,\ e_{ik}(x_k+\delta)^\top w_i\ge0
              \ \text{for all } i, k, \delta

    Source: [A] eqs. (10), (10a), (10b), (10c), (14), (17)

    Parameters
    ----------
    X : (n, d) array
    y : (n,) array
    patterns : Patterns
        Of this X; all of them are kept.
    ball : LpBall
        p = inf or p = 1, and few dimensions: the program has 2 P n constraints for each vertex.
    beta : float
    loss : str
        As for `train_robust`.
    perturb_bias : bool

    Returns
    -------
    float
        On the word of the solver, to its tolerance: no bound. A twin of `train_robust`, which
        solves the same program from its closed form.

    Raises
    ------
    InputError
        For an unknown loss, or a program of too many rows.
    """
    data = Problem.of(X, y, patterns, beta, loss, ball, perturb_bias).scaled()
    n, d = data.design.shape
    corners = np.pad(data.ball.vertices(data.attacked), ((0, 0), (0, d - data.attacked)))
    if 2 * data.active.size * len(corners) > _MOST_ROWS:
        raise InputError(
            f"{len(corners)} vertices and {data.active.size} pairs of a sample and a pattern are "
            f"too many; at most {_MOST_ROWS} constraints are written down."
        )
    cp = load_cvxpy()
    parts = variables(cp, data)
    t = cp.Variable(n)
    rules = [parts.score_rule]
    for corner in corners:
        moved = data.design + corner
        score = cp.sum(cp.multiply(data.active, moved @ (parts.v - parts.w).T), axis=1)  # (10a)
        rules += [t >= side for side in data.loss.sides(cp, score, data.y)]
        for u in (parts.v, parts.w):
            rules.append(cp.multiply(data.signs, moved @ u.T) >= 0)  # (10b), (10c)
    cost = data.loss.program(cp, t)
    problem = cp.Problem(cp.Minimize(data.loss.weight * (cost + parts.penalty)), rules)
    solve(problem, "clarabel")
    return float(problem.value) / data.loss.weight
