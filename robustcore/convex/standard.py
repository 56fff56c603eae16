"""Standard convex training: (5) over all patterns, (8) over sampled ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..patterns import Patterns
from .dual import Multipliers, lower_bound
from .interior import Solved
from .options import Options
from .parts import Data, Parts, Problem, variables
from .running import tidy, train
from .solving import ConvexSolution, load_cvxpy, solve


@dataclass(frozen=True)
class StandardProgram:
    """(8) as a cvxpy problem, with the handles from which multipliers are read."""

    problem: Any
    parts: Parts
    cone_v: Any
    cone_w: Any
    weight: float

    def multipliers(self) -> Multipliers:
        """After solving: theta, lambda for v, lambda for w."""
        return Multipliers(
            theta=-self.parts.score_rule.dual_value / self.weight,
            lam_v=self.cone_v.dual_value / self.weight,
            lam_w=self.cone_w.dual_value / self.weight,
        )


def build(cp: Any, data: Data) -> StandardProgram:
    """Write (8) down.

    Source: [A] eq. (8)
    """
    parts = variables(cp, data)
    loss = data.loss.program(cp, data.loss.sides(cp, parts.score, data.y)[0])
    cone_v = parts.cone(cp, data, parts.v) >= 0
    cone_w = parts.cone(cp, data, parts.w) >= 0
    objective = cp.Minimize(data.loss.weight * (loss + parts.penalty))  # (8)
    problem = cp.Problem(objective, [parts.score_rule, cone_v, cone_w])
    return StandardProgram(problem, parts, cone_v, cone_w, data.loss.weight)


def train_standard(
    X: np.ndarray,
    y: np.ndarray,
    patterns: Patterns,
    beta: float,
    loss: str = "hinge",
    solver: str = "auto",
    options: Mapping[str, Any] | None = None,
) -> ConvexSolution:
    r"""Train a one-hidden-layer network by one convex program.

    .. math:: \min_{v,w}\ \ell\Bigl(\sum_i D_iX(v_i-w_i),\,y\Bigr)
              + \beta\sum_i\|v_i\|_2+\|w_i\|_2
              \quad\text{s.t.}\ (2D_i-I)Xv_i\ge0,\ (2D_i-I)Xw_i\ge0

    Source: [A] eqs. (5), (8), Theorem 1, Algorithm 1

    Parameters
    ----------
    X : (n, d) array
    y : (n,) array
        Labels -1 and +1 for the losses of labels, any numbers for those of residuals.
    patterns : Patterns
        Of this X. All of them (`patterns.enumerate`) give (5), a sample gives (8).
    beta : float
        Positive.
    loss : str
        A name of `robustcore.losses.CONVEX`: of labels "hinge", "logistic" or "squared_hinge", each
        a mean; of residuals "squared" (half the sum) or "huber" (a sum). One beta does not mean
        the same for all.
    solver : str
        "auto" tries one after the other until the gap is certified: our own "interior_point" on
        large programs, MOSEK where a licence can be checked out, Clarabel, and our own on small
        ones.
    options : mapping, optional
        For every solver "tolerance", of the certified gap relative to max(1, objective),
        "max_iterations" and "start", a solution nearby (only our own is faster for it); for our
        own also "progress", a callable (iteration, objective, lower bound), and "device", of
        torch: "auto" is then our own. A solver named here takes its own settings too, as cvxpy
        has them.

    Returns
    -------
    ConvexSolution
        With (5), the optimum of (4) over networks of any width; with (8), an upper bound of it.
        Its status begins with "optimal" only if its gap says so, to 1e-5 or the tolerance.

    Warns
    -----
    AccuracyWarning
        With both bounds, where a gap is above that.
    EmptyNetworkWarning
        If the network has no neuron.

    Raises
    ------
    InputError
        For labels that do not fit the loss, one class only, NaN, beta <= 0, patterns of another X.
    LicenceError, SolverError, MissingExtraError
        If the solver may not run, stops early, or is not there; "auto" goes on to the next first.
    """

    def general(data: Data, name: str, read: Options) -> Solved:
        program = build(load_cvxpy(), data)
        status = solve(program.problem, name, read)
        v, w = tidy(program.parts.v.value, program.parts.w.value)
        given = program.multipliers()
        return Solved(v, w, lower_bound(data, given), status, given.theta)

    problem = Problem.of(X, y, patterns, beta, loss)
    return train(problem, general, solver, options=options)
