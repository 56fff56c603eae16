"""The certificates: sound for any multiplier, tight for good ones."""

import numpy as np
import pytest

from robustcore import convex, patterns
from robustcore.convex.dual import Multipliers, lower_bound
from robustcore.convex.parts import Problem
from studies.oracles import instances


@pytest.mark.parametrize("seed", range(12))
def test_any_multipliers_give_a_lower_bound(seed):
    case = instances.instance(seed)
    cells = case.all_patterns
    solution = convex.train_standard(case.X, case.y, cells, case.beta, case.loss)
    data = Problem.of(case.X, case.y, cells, case.beta, case.loss).scaled()
    for size in (1e-3, 1e-1, 10.0):
        theta = size * case.rng.standard_normal(len(case.y))
        lam = size * case.rng.standard_normal((2, *cells.active.shape))
        assert lower_bound(data, Multipliers(theta, *lam)) <= solution.objective + 1e-8
        assert (
            convex.certify(case.X, case.y, cells, theta, case.beta, case.loss)
            <= solution.objective + 1e-8
        )


@pytest.mark.parametrize("seed", range(12))
def test_any_multipliers_give_a_lower_bound_of_the_robust_program(seed):
    case = instances.instance(seed)
    cells = case.all_patterns
    best = convex.train_robust_hinge(case.X, case.y, cells, case.ball, case.beta, case.perturb_bias)
    data = Problem.of(
        case.X, case.y, cells, case.beta, "hinge", case.ball, case.perturb_bias
    ).scaled()
    rows, row_of = np.unique(data.active, axis=0, return_inverse=True)
    for size in (1e-3, 1e-1, 10.0):
        lam = size * case.rng.standard_normal((2, *cells.active.shape))
        given = Multipliers(
            -case.y * case.rng.uniform(size=len(case.y)) / len(case.y),
            *lam,
            rows=rows,
            row_of=row_of.reshape(-1),
            pi=size * case.rng.standard_normal((len(rows), data.attacked)),
        )
        assert lower_bound(data, given) <= best.objective + 1e-7


@pytest.mark.parametrize("beta", [0.1, 0.4])
def test_the_gradient_at_the_optimum_certifies_it_exactly(beta):
    """X = (1, -1), y = (1, -1), squared loss: score = (1 - beta) y, so theta = -beta y."""
    X, y = np.array([[1.0], [-1.0]]), np.array([1.0, -1.0])
    cells = patterns.enumerate(X)
    optimum = 2 * (beta**2 / 2 + beta * (1 - beta))
    for size in (1.0, 7.0):  # a theta that is too long is scaled into the constraints
        bound = convex.certify(X, y, cells, -size * beta * y, beta, "squared")
        assert bound == pytest.approx(optimum, abs=1e-14)
    assert convex.certify(X, y, cells, beta * y, beta, "squared") == 0.0


def test_the_supremum_over_a_cell_is_that_of_many_directions():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((6, 2))
    angles = np.linspace(0, 2 * np.pi, 100_001)
    u = np.stack([np.cos(angles), np.sin(angles)])
    for e in patterns.enumerate(X).signs.T:
        c = rng.standard_normal(2)
        inside = (e[:, None] * (X @ u) >= 0).all(axis=0)
        assert inside.any()
        found, reached = convex.cell_supremum(X, e, c), max(0.0, (c @ u[:, inside]).max())
        step = 2 * np.pi / 100_000
        assert reached <= found * (1 + 1e-12) <= reached + step * np.linalg.norm(c)
