"""The certificates: sound for any multiplier, tight for good ones."""

import math

import numpy as np
import pytest
import torch

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


@pytest.mark.parametrize("seed", range(6))
def test_the_cells_are_needed_to_certify_an_optimum(seed):
    """Its residual certifies it over the cells, and falls short where u may be anywhere."""
    rng = np.random.default_rng(seed)
    X, y = rng.standard_normal((6, 2)), rng.standard_normal(6)
    cells = patterns.enumerate(X)
    best = convex.train_standard(X, y, cells, 0.3, "squared")
    theta = best.network()(torch.from_numpy(X)).detach().numpy().reshape(-1) - y
    bound = convex.certify(X, y, cells, theta, 0.3, "squared")
    assert best.objective - 1e-5 <= bound <= best.objective + 1e-12
    data = Problem.of(X, y, cells, 0.3, "squared").scaled()
    zero = np.zeros(cells.active.shape)
    assert lower_bound(data, Multipliers(theta, zero, zero)) < bound - 1e-3


@pytest.mark.parametrize("size", [1.0, 3.0])
@pytest.mark.parametrize(
    ("loss", "slope", "optimum"),
    [
        ("hinge", -1 / 2, 1.0),
        ("logistic", -1 / 4, math.log(2)),
        ("squared_hinge", -1 / 2, 0.5),
        ("squared", -1.0, 1.0),
        ("huber", -1.0, 1.0),
    ],
)
def test_where_zero_is_optimal_no_multiplier_says_more(loss, slope, optimum, size):
    """The slopes at the output 0 certify its cost; room in the constraints scales none beyond."""
    X, y = np.array([[1.0], [2.0]]), np.array([1.0, -1.0])
    cells = patterns.enumerate(X)
    for some in (cells, cells.take(np.flatnonzero(~cells.active.any(axis=0)))):  # ratio 0
        bound = convex.certify(X, y, some, size * slope * y, 10.0, loss)
        assert bound <= optimum + 1e-12
        assert size > 1 or bound == pytest.approx(optimum, abs=1e-12)


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
