"""(17) = (18) = brute force, the certificate, and both solvers."""

import itertools
import math

import cvxpy as cp
import numpy as np
import pytest
import torch

from robustcore import convex, patterns
from robustcore.balls import LpBall
from robustcore.convex.parts import Problem
from robustcore.convex.robust_program import build
from robustcore.errors import InputError


def instance(seed, n=8, d=2, P=6, bias=False):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    y = np.abs(X[:, 0]) + 0.3 * rng.normal(size=n)
    return X, y, patterns.sample(X, P, rng, bias=bias)


def brute_force(solution, X, y, ball, beta):
    """The cost (16) of the recovered network at the worst corner of each sample's box."""
    net = solution.network()
    corners = np.array(list(itertools.product((-1.0, 1.0), repeat=X.shape[1]))) * ball.radius
    with torch.no_grad():
        scores = np.stack([net(torch.from_numpy(X + c)).numpy() for c in corners])
        penalty = beta * float(net.penalty())
    return 0.5 * np.square(np.abs(scores - y).max(axis=0)).sum() + penalty


@pytest.mark.parametrize("seed", range(10))
def test_17_is_18_is_the_cost_of_the_network(seed):
    X, y, found = instance(seed, bias=seed % 2 == 0)
    ball = LpBall(math.inf, 0.05)
    solution = convex.train_robust_squared(X, y, found, ball, 1e-2, solver="clarabel")
    assert solution.objective == pytest.approx(brute_force(solution, X, y, ball, 1e-2), abs=1e-7)
    data = Problem.of(X, y, found, 1e-2, "squared", ball).scaled()
    printed = build(cp, data, reduce=False, as_printed=True).problem
    printed.solve(solver="CLARABEL", tol_gap_abs=1e-10, tol_gap_rel=1e-10, tol_feas=1e-10)
    assert solution.objective == pytest.approx(printed.value, abs=2e-6)


@pytest.mark.parametrize("p", [1, 2, math.inf])
def test_the_certificate_meets_the_objective(p):
    for seed in range(4):
        X, y, found = instance(seed)
        solution = convex.train_robust_squared(
            X, y, found, LpBall(p, 0.03), 1e-2, solver="clarabel"
        )
        assert -1e-9 <= solution.gap <= 1e-6


@pytest.mark.parametrize("seed", range(12))
def test_our_solver_agrees_with_clarabel(seed):
    X, y, found = instance(seed, n=12, d=3, P=8, bias=seed % 3 > 0)
    ball = LpBall(math.inf, [1e-3, 0.03, 0.1][seed % 3])
    options = {"perturb_bias": seed % 3 == 2}
    theirs = convex.train_robust_squared(X, y, found, ball, 1e-2, solver="clarabel", **options)
    if not theirs.pattern_kept.any():
        pytest.skip("no robust-feasible pattern in this draw: nothing to solve")
    ours = convex.train_robust_squared(X, y, found, ball, 1e-2, solver="interior_point", **options)
    size = max(1.0, theirs.objective)
    assert ours.status.startswith("optimal")
    assert ours.violation <= 1e-12
    assert ours.objective == pytest.approx(theirs.objective, abs=2e-6 * size)
    assert -1e-12 <= ours.gap <= 1.1e-6 * size
    assert ours.lower_bound <= theirs.objective + 1e-9 * size


def test_radius_zero_is_standard_training():
    X, y, found = instance(3)
    robust = convex.train_robust_squared(X, y, found, LpBall(math.inf, 0.0), 1e-2)
    standard = convex.train_standard(X, y, found, 1e-2, loss="squared")
    assert robust.objective == pytest.approx(standard.objective, abs=1e-7)


def test_bad_arguments_are_refused():
    X, y, found = instance(4)
    with pytest.raises(InputError, match=r"p = 1, 2 or inf, got p=3"):
        convex.train_robust_squared(X, y, found, LpBall(3, 0.1), 1e-2)
    with pytest.raises(InputError, match="y must be finite"):
        convex.train_robust_squared(X, y * np.nan, found, LpBall(2, 0.1), 1e-2)
