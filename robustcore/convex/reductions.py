"""Three exact reductions of the robust programs: fewer patterns, fewer rows, fewer norms.

1. A pattern that no neuron can carry on the whole ball is dropped (`robust_feasible`).
2. q_k = sum_i d_ik (v_i - w_i) depends on row k of the pattern matrix only: samples with equal
   rows share one norm.
3. ||v_i||_q enters n constraints but is one number: one bound t_i for each pattern.
"""

from __future__ import annotations

import numpy as np

from ..patterns import robust_feasible, robust_interior
from .parts import Problem


def kept_patterns(problem: Problem, inside: bool = False) -> tuple[np.ndarray, np.ndarray | None]:
    """Which patterns enter the program, those that can carry a neuron; interior points on request.

    Source: own (on [A] eq. (11))

    Parameters
    ----------
    problem : Problem
    inside : bool
        Whether a point strictly inside the constraints of each kept pattern is of use.

    Returns
    -------
    kept : (P,) bool array
    points : (d', P) array or None
        In place of the gates.

    Notes
    -----
    For an L2 ball the test is no linear program. Where interior points are of use, patterns that
    are proved to carry nothing are dropped all the same; else all patterns are kept, which changes
    the size of the program and not its value. So it is in standard training.
    """
    patterns, ball = problem.patterns, problem.ball
    if ball is None or (ball.p == 2 and not (inside and ball.radius > 0)):
        return np.ones(len(patterns), dtype=bool), patterns.gates
    given = problem.X, patterns, ball, problem.perturb_bias
    if inside:
        return robust_interior(*given)
    return robust_feasible(*given), patterns.gates


def distinct_rows(active: np.ndarray, reduce: bool) -> tuple[np.ndarray, np.ndarray]:
    """The distinct rows of the pattern matrix, and the row of each sample.

    Source: own (on [A] eq. (15))

    Parameters
    ----------
    active : (n, P) array
    reduce : bool
        If False, each sample keeps a row of its own.

    Returns
    -------
    rows : (R, P) array
    row_of : (n,) array
    """
    if not reduce:
        return active, np.arange(len(active))
    rows, row_of = np.unique(active, axis=0, return_inverse=True)
    return rows, row_of.reshape(-1)
