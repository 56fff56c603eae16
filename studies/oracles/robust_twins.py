"""Theorem 3, its constraints, Lemma 7 and the theorem on dead patterns against their naive twins.

Every loss, L1 and Linf balls, degenerate data: see `oracles.instances`.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from robustcore import convex, patterns
from robustcore.balls import LpBall
from robustcore.convex import ConvexSolution
from robustcore.patterns import Patterns, design_matrix, widest_point

from . import losses
from .checks import Check, by_name
from .expected import read_from_the_solution
from .instances import Instance, instance

_EXTRA = 6  # patterns that are none, for Lemma 7


def _with_ball(case: Instance) -> Instance:
    """Every second instance with an L1 ball; both kinds have vertices to enumerate."""
    p = 1.0 if (case.X.shape[0] + len(case.loss)) % 2 else math.inf
    return replace(case, ball=LpBall(p, case.ball.radius))


@read_from_the_solution()
def _train(case: Instance, which: Patterns, reduce: bool = True) -> ConvexSolution:
    given = (case.X, case.y, which, case.ball, case.beta, case.loss)
    return convex.train_robust(*given, case.perturb_bias, "clarabel", reduce)


def _perturbed(case: Instance, n_patterns: int) -> Patterns:
    return patterns.sample_perturbed(
        case.X,
        case.ball.with_radius(3 * case.ball.radius),
        n_patterns,
        case.rng,
        n_gates=10,
        n_perturbations=5,
        bias=case.bias,
        perturb_bias=case.perturb_bias,
        at_most=True,
    )


def _cost(case: Instance, v: np.ndarray, w: np.ndarray) -> float:
    """(2) for the recovered network, over the vertices of the ball."""
    net = convex.recover(v, w, case.bias)
    return convex.vertex_cost(
        net, case.X, case.y, case.ball, case.beta, case.loss, case.perturb_bias
    )


def robust_constraint(case: Instance) -> float:
    """(11) and (27): |min over all vertices of e (x + delta) v - closed form|, for random v.

    Source: [A] eqs. (10b), (10c), (11), (27)
    """
    case = _with_ball(case)
    design = design_matrix(case.X, case.bias)
    attacked = design.shape[1] - (case.bias and not case.perturb_bias)
    corners = np.pad(case.ball.vertices(attacked), ((0, 0), (0, design.shape[1] - attacked)))
    v = case.rng.standard_normal((20, design.shape[1]))
    e = case.rng.choice([-1.0, 1.0], size=(20, len(design)))
    literal = (e[:, :, None] * ((design[:, None] + corners) @ v.T).transpose(2, 0, 1)).min(2)
    closed = e * (v @ design.T) - case.ball.support(v[:, :attacked])[:, None]  # (11)
    return float(np.abs(literal - closed).max())


def robust_cost(case: Instance) -> float:
    """Theorem 3: |objective of (10) - (2) at the recovered network|, over all vertices.

    Source: [A] Theorem 3
    """
    case = _with_ball(case)
    solution = _train(case, case.all_patterns)
    value = abs(_cost(case, solution.v, solution.w) - solution.objective)
    return value / max(1.0, solution.objective)


def robust_cost_anywhere(case: Instance) -> float:
    """The same away from the optimum: random points of the cones (11), (10a) taken literally.

    Source: [A] eqs. (10a), (21), Theorem 3
    """
    case = _with_ball(replace(case, ball=case.ball.with_radius(case.ball.radius / 4)))
    cells = case.all_patterns
    design = design_matrix(case.X, case.bias)
    attacked = design.shape[1] - (case.bias and not case.perturb_bias)
    larger = LpBall(math.inf, case.ball.radius)  # its cone lies in that of L1
    points = np.array([widest_point(e[:, None] * design, larger, attacked) for e in cells.signs.T])
    v, w = case.rng.exponential(size=(2, len(cells), 1)) * points
    q = cells.active @ (v - w)
    corners = np.pad(case.ball.vertices(attacked), ((0, 0), (0, design.shape[1] - attacked)))
    score = np.einsum("nd,cnd->cn", q, design[None] + corners[:, None])
    value = (
        losses.listed(case.loss, score, case.y)
        + case.beta * (np.linalg.norm(v, axis=1) + np.linalg.norm(w, axis=1)).sum()
    )
    return abs(_cost(case, v, w) - value) / max(1.0, value)


def worst_point(case: Instance) -> float:
    """Theorem 3: by how much a vertex costs the network more than X + Delta_rob does.

    Source: [A] Theorem 3
    """
    case = _with_ball(replace(case, perturb_bias=False))
    solution = _train(case, case.all_patterns)
    moved = case.X + convex.worst_perturbation(solution, case.X, case.y)
    net = solution.network()
    there = convex.training_cost(net, moved, case.y, case.beta, case.loss)
    return abs(_cost(case, solution.v, solution.w) - there) / max(1.0, there)


def lower_bounds_of_2(case: Instance) -> float:
    """Certified optima (24) of training at fixed Delta, all of them below (2): never above (10).

    Source: [A] eqs. (24), (2), Theorem 3
    """
    case = _with_ball(replace(case, perturb_bias=False))
    solution = _train(case, case.all_patterns)
    moves = [np.zeros_like(case.X), convex.worst_perturbation(solution, case.X, case.y)]
    moves.append(case.ball.maximiser(case.rng.standard_normal(case.X.shape)))
    worst = 0.0
    for X in (case.X + move for move in moves):
        cells = patterns.enumerate(X, case.bias)
        fixed = convex.train_standard(X, case.y, cells, case.beta, case.loss, "clarabel")
        worst = max(worst, fixed.lower_bound - solution.objective)
    return worst


def redundant_patterns(case: Instance) -> float:
    """Lemma 7: |(23) - (22)| with diagonals added that no u realises.

    Source: [A] eqs. (22), (23), Lemma 7
    """
    cells = case.all_patterns
    extra = case.rng.integers(0, 2, size=(len(case.y), _EXTRA)).astype(bool)
    both = Patterns(np.unique(extra, axis=1), None, case.bias, cells.fingerprint)
    both = cells.union(both.take(~cells.contains(both)))
    few, many = (
        convex.train_standard(case.X, case.y, which, case.beta, case.loss, "clarabel")
        for which in (cells, both)
    )
    return abs(few.objective - many.objective) / max(1.0, few.objective)


def dead_patterns(case: Instance) -> float:
    """(10) over clean and perturbed patterns, no filter: |change| against the clean ones alone.

    Source: own (on [A] eq. (10), Algorithm 2)

    Notes
    -----
    What the certificate of the unfiltered program leaves open is taken off: a cell that carries no
    neuron has no interior, and on one logistic program in 200 the solver stops early for it.
    """
    case = _with_ball(case)
    cells = case.all_patterns
    both = cells.union(_perturbed(case, 20))
    alone, whole = _train(case, cells), _train(case, both, reduce=False)
    change = abs(alone.objective - whole.objective) - max(whole.gap, 0.0)
    return max(0.0, change) / max(1.0, alone.objective)


def dead_by_sign(case: Instance) -> float:
    """Neurons of perturbed patterns: those that satisfy (11) and have not the sign pattern of Xv.

    Source: own (on [A] eqs. (10b), (11))
    """
    case = _with_ball(case)
    design = design_matrix(case.X, case.bias)
    attacked = design.shape[1] - (case.bias and not case.perturb_bias)
    moves = np.concatenate([np.zeros((1, attacked)), case.ball.vertices(attacked)[:4]])
    wrong = 0
    for v in case.rng.standard_normal((400, design.shape[1])):
        score, need = design @ v, float(case.ball.support(v[:attacked]))
        for shift in moves @ v[:attacked]:
            e = np.where(score + shift >= 0, 1.0, -1.0)
            wrong += int((e * score >= need).all() and (np.sign(score) != e).any())
    return float(wrong)


def more_samples(case: Instance) -> float:
    """(12): the rise of its optimum when Algorithm 2 has sampled more; it never falls below (10).

    Source: [A] eq. (12), Algorithm 2
    """
    case = _with_ball(case)
    sampled = _perturbed(case, 12)
    few, many = (
        _train(case, sampled.take(np.arange(k))) for k in (len(sampled) // 2, len(sampled))
    )
    least = _train(case, case.all_patterns).lower_bound
    size = max(1.0, few.objective)
    return max(0.0, many.objective - few.objective, least - many.objective) / size


def consistent_surrogate(case: Instance) -> float:
    """(25): at each Delta that keeps a network's patterns, the convex cost is the network's cost.

    Source: [A] eqs. (21), (25)

    Notes
    -----
    Hence the inner maximum of (25), which sees only such Delta, is at most that of (2).
    """
    case = _with_ball(replace(case, bias=False, perturb_bias=False))
    d = case.X.shape[1]
    u = torch.from_numpy(case.rng.standard_normal((3, d)))
    alpha = torch.tensor([1.0, -0.7, 0.4], dtype=torch.float64)
    active = (case.X @ u.numpy().T >= 0).astype(float)
    q = active @ (alpha[:, None] * u).numpy()
    worst = 0.0
    for _ in range(30):
        X = case.X + case.ball.sample(case.X.shape, case.rng)
        if ((X @ u.numpy().T >= 0) == active).all():
            score = (torch.from_numpy(X) @ u.T).clamp(min=0) @ alpha
            worst = max(worst, float(np.abs((q * X).sum(1) - score.numpy()).max()))
    return worst


def minimiser_signs(n_vectors: int) -> list[dict[str, Any]]:
    """e (x + delta) v at the point that (27) prints, at its negative, and at the best vertex.

    Source: [A] eq. (27)

    Parameters
    ----------
    n_vectors : int
        Random v in four dimensions, with e = +1 and -1 in turn; x = 0 and epsilon = 1.
    """
    rng, box = np.random.default_rng(0), LpBall(math.inf, 1.0)
    rows = []
    for k, v in enumerate(rng.standard_normal((n_vectors, 4))):
        e = 1.0 if k % 2 else -1.0
        printed = np.sign(e * v)
        rows.append(
            {
                "e": e,
                "at_printed": float(e * printed @ v),
                "at_negative": float(-e * printed @ v),
                "least": float((e * box.vertices(4) @ v).min()),
            }
        )
    return rows


CHECKS = by_name(
    Check("(11): (10b) in closed form", robust_constraint, 1e-12),
    Check("Theorem 3: (10) = robust cost of its network", robust_cost, 1e-7),
    Check("Theorem 3: the same at any point of (11)", robust_cost_anywhere, 1e-11),
    Check("Theorem 3: X + Delta_rob is worst", worst_point, 1e-7),
    Check("Theorem 3: (10) >= (24) at any Delta", lower_bounds_of_2, 1e-7),
    Check("(12) >= (10), and falls with samples", more_samples, 2e-6),
    Check("(25): exact where patterns are kept", consistent_surrogate, 1e-12),
    Check("Lemma 7: (23) = (22)", redundant_patterns, 2e-6),
    Check("dead patterns: (10) does not change", dead_patterns, 3e-6),
    Check("dead patterns: (11) gives the clean signs", dead_by_sign, 0.0),
)


def run_check(name: str, n_instances: int) -> dict[str, Any]:
    """The largest violation of one statement over `n_instances` instances.

    Source: own
    """
    check = CHECKS[name]
    sizes = [check.violation(instance(seed)) for seed in range(n_instances)]
    return check.row(sizes)
