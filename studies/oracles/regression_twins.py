"""Theorem 5 and the steps of its proof, and of Theorem 4's, against slow and literal twins.

Each check returns the size of the largest violation on one small, often degenerate instance; the
instances are those of `oracles.instances`, with real targets instead of labels.
"""

from __future__ import annotations

import functools
import itertools
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from robustcore import convex, patterns
from robustcore.convex.parts import Problem
from robustcore.convex.robust_program import build
from robustcore.convex.solving import load_cvxpy, solve
from robustcore.networks import TwoLayerReLU

from .checks import Check, by_name
from .expected import read_from_the_solution
from .instances import Instance, instance
from .over_vertices import optimum_over_vertices

_JOINT = 3  # samples over whose perturbations a maximum is taken jointly


class RegressionInstance(Instance):
    """An instance with real targets; its robust optimum is solved for once.

    Source: own
    """

    @functools.cached_property
    @read_from_the_solution()
    def solution(self) -> convex.ConvexSolution:
        """(18) over all patterns."""
        return convex.train_robust_squared(
            self.X, self.y, self.all_patterns, self.ball, self.beta, self.perturb_bias
        )

    @property
    def attacked(self) -> int:
        """How many columns of [X, 1] are perturbed."""
        return self.X.shape[1] + self.perturb_bias


def regression_instance(seed: int) -> RegressionInstance:
    """Instance number `seed` with standard normal targets: Theorem 5 asks for no labels.

    Source: own
    """
    case = instance(seed)
    given = {field.name: getattr(case, field.name) for field in fields(case)}
    targets = case.rng.standard_normal(len(case.y))
    return RegressionInstance(**{**given, "y": targets, "loss": "squared"})


@dataclass(frozen=True)
class Point:
    """A random feasible point of (17), its outputs on clean data, and its slopes q_k.

    Source: own
    """

    v: np.ndarray
    w: np.ndarray
    kept: patterns.Patterns
    score: np.ndarray
    q: np.ndarray

    def network(self) -> TwoLayerReLU:
        """The network recovered from it by (7)."""
        return convex.recover(self.v, self.w, self.kept.bias)


def feasible_point(case: RegressionInstance) -> Point:
    """v_i and w_i are random multiples of a point of their robust cone (11); some are zero.

    Source: own (on [A] eq. (11))
    """
    cells = case.all_patterns
    kept = cells.take(patterns.robust_feasible(case.X, cells, case.ball, case.perturb_bias))
    design = patterns.design_matrix(case.X, case.bias)
    inside = np.zeros((len(kept), design.shape[1]))
    for i, e in enumerate(kept.signs.T):
        inside[i] = patterns.widest_point(e[:, None] * design, case.ball, case.attacked)
    scale = case.rng.exponential(size=(2, len(kept), 1)) * case.rng.integers(
        0, 2, (2, len(kept), 1)
    )
    v, w = scale * inside
    active = kept.active.astype(float)
    score = (active * (design @ (v - w).T)).sum(axis=1)
    return Point(v, w, kept, score, (active @ (v - w))[:, : case.attacked])


def program_as_printed(case: RegressionInstance) -> float:
    """|(18) with all its variables, rows and patterns - the reduced program that is solved|.

    Source: [A] eq. (18), Theorem 5
    """
    data = Problem.of(
        case.X, case.y, case.all_patterns, case.beta, "squared", case.ball, case.perturb_bias
    ).scaled()
    problem = build(load_cvxpy(), data, reduce=False, as_printed=True).problem
    solve(problem, "clarabel")
    return abs(float(problem.value) - case.solution.objective)


def every_vertex(case: RegressionInstance) -> float:
    """|(17) with every vertex of every box listed - the program (18) that is solved|.

    Source: [A] eqs. (17), (18), Theorem 5
    """
    literal = optimum_over_vertices(
        case.X, case.y, case.all_patterns, case.ball, case.beta, "squared", case.perturb_bias
    )
    return abs(literal - case.solution.objective)


def worst_corner(case: RegressionInstance) -> float:
    """|optimum of (18) - cost (16) of its network at the worst corner of every box|.

    Source: [A] eqs. (16), (17), (18), Theorem 5
    """
    solution = case.solution
    return abs(_corner_cost(case, solution.network()) - solution.objective)


def worst_corner_anywhere(case: RegressionInstance) -> float:
    """The same at a random feasible point of (17), relative to the cost.

    Source: [A] eqs. (16), (17), (18)
    """
    point = feasible_point(case)
    worst = np.abs(point.score - case.y) + case.ball.support(point.q)  # (18)
    lengths = [np.linalg.norm(u, axis=1).sum() for u in (point.v, point.w)]
    value = 0.5 * float(np.square(worst).sum()) + case.beta * sum(lengths)
    return abs(_corner_cost(case, point.network()) - value) / max(1.0, value)


def _corner_cost(case: RegressionInstance, net: TwoLayerReLU) -> float:
    return convex.vertex_cost(
        net, case.X, case.y, case.ball, case.beta, "squared", case.perturb_bias
    )


def certificate(case: RegressionInstance) -> float:
    """Optimum of (18) minus its closed-form lower bound.

    Source: own (on [A] eq. (18))
    """
    return abs(case.solution.gap)


def joint_cone(case: RegressionInstance) -> float:
    """The least a of (30), by bisection over all joint vertices, against half the sum of squares.

    Source: [A] eqs. (17), (30), Appendix F

    Notes
    -----
    Perturbations are x - delta, as the proof writes them; the sum over samples of the largest
    squares is the right side.
    """
    point = feasible_point(case)
    corners = case.ball.vertices(point.q.shape[1])
    few = slice(0, _JOINT)
    each = (point.score - case.y)[few, None] - point.q[few] @ corners.T
    joint = np.array([np.linalg.norm(r) for r in itertools.product(*each)]).max()
    separate = 0.5 * float(np.square(np.abs(each).max(axis=1)).sum())
    low, high = 0.0, 1.0 + separate * 2
    for _ in range(200):
        a = (low + high) / 2
        holds = np.hypot(joint, 2 * a - 0.25) <= 2 * a + 0.25  # (30)
        low, high = (low, a) if holds else (a, high)
    return abs(high - separate) / max(1.0, separate)


def hinge_of_a_sample(case: RegressionInstance) -> float:
    """(28) at every vertex against its closed form, with the factor |y_k| that (29) drops at +-1.

    Source: [A] eqs. (28), (29), Appendix E
    """
    point = feasible_point(case)
    largest = 0.0
    for y in (case.y, np.where(case.y >= 0, 1.0, -1.0)):
        corners = case.ball.vertices(point.q.shape[1])
        listed = np.maximum(1 - y * (point.score + corners @ point.q.T), 0).max(axis=0)  # (28)
        closed = np.maximum(1 - y * point.score + np.abs(y) * case.ball.support(point.q), 0)  # (29)
        delta = -case.ball.maximiser(y[:, None] * point.q)
        attained = np.maximum(1 - y * (point.score + (delta * point.q).sum(axis=1)), 0)
        size = max(1.0, float(closed.max()))
        error = max(np.abs(listed - closed).max(), np.abs(attained - closed).max())
        largest = max(largest, float(error) / size)
    return largest


def robust_constraint(case: RegressionInstance) -> float:
    """(27) over the vertices, sample by sample, against the closed form that gives (11).

    Source: [A] eqs. (10b), (11), (27), Appendix D

    Notes
    -----
    The minimum is taken at -eps sgn(e v); at eps sgn(e v), as printed, the value is the maximum.
    """
    design = patterns.design_matrix(case.X, case.bias)
    corners = case.ball.vertices(case.attacked)
    v = case.rng.standard_normal((design.shape[1],))
    head = v[: case.attacked]
    e = np.where(case.rng.standard_normal(len(design)) > 0, 1.0, -1.0)
    listed = e * (design @ v + (corners @ head)[:, None])  # (27)
    closed = e * (design @ v) - case.ball.support(head)  # (11)
    at_minus = e * (design @ v - case.ball.maximiser(e[:, None] * head) @ head)
    error = max(np.abs(listed.min(axis=0) - closed).max(), np.abs(at_minus - closed).max())
    return float(error)


CHECKS = by_name(
    Check("Theorem 5: (18) as printed = solved", program_as_printed, 2e-6),
    Check("Theorem 5: (17) over all vertices = (18)", every_vertex, 2e-6),
    Check("Theorem 5: (18) = (16) at worst corners", worst_corner, 1e-7),
    Check("(17) = (18) at any feasible point", worst_corner_anywhere, 1e-12),
    Check("(18) = its certificate", certificate, 5e-6),
    Check("(30): least a over joint vertices", joint_cone, 1e-9),
    Check("(28) = (29), real and +-1 targets", hinge_of_a_sample, 1e-12),
    Check("(27) = (11)", robust_constraint, 1e-12),
)


def run_checks(n_instances: int, first_seed: int = 0) -> list[dict[str, Any]]:
    """The largest violation of each statement over `n_instances` instances.

    Source: own
    """
    sizes: dict[str, list[float]] = {name: [] for name in CHECKS}
    for seed in range(first_seed, first_seed + n_instances):
        case = regression_instance(seed)
        for name, check in CHECKS.items():
            sizes[name].append(float(check.violation(case)))
    return [CHECKS[name].row(found, first_seed) for name, found in sizes.items()]
