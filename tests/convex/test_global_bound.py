"""The bound of the global program: never above the optimum, exact where it can be."""

import numpy as np
import pytest

from robustcore import convex, patterns
from robustcore.balls import LpBall
from robustcore.errors import InputError
from studies.oracles import instances


def supremum(X, theta, bias=False):
    """sup |theta'(Xu)_+| over the unit ball, cell by cell."""
    cells = patterns.enumerate(X, bias)
    design = patterns.design_matrix(X, bias)
    return max(
        convex.cell_supremum(design, e, side * design.T @ (on * theta))
        for e, on in zip(cells.signs.T, cells.active.T, strict=True)
        for side in (1.0, -1.0)
    )


@pytest.mark.parametrize("seed", range(36))
def test_the_relaxation_is_above_every_cell_and_close(seed):
    """Six kinds of data, five of them degenerate; even the first round is a bound."""
    case = instances.instance(seed)
    theta = case.rng.standard_normal(len(case.y))
    exact = supremum(case.X, theta, case.bias)
    bound = convex.gate_supremum_bound(case.X, theta, case.bias)
    assert exact * (1 - 1e-9) <= bound <= 1.5 * exact
    assert convex.gate_supremum_bound(case.X, theta, case.bias, max_rounds=1) >= bound
    assert convex.gate_supremum_bound(case.X, -3 * theta, case.bias) == pytest.approx(3 * bound)


def test_the_relaxation_by_hand():
    """One sample: |theta| ||x||. Two orthogonal samples of length 1: sqrt(2). Opposite ones: 1."""
    one = convex.gate_supremum_bound(np.array([[3.0, 4.0]]), np.array([-2.0]))
    assert one == pytest.approx(10.0, rel=1e-6)
    both = np.ones(2)
    # every direction of the relaxation's sphere is as good: the hard case of the ball problem
    assert convex.gate_supremum_bound(np.eye(2), both) == pytest.approx(2**0.5, rel=1e-3)
    opposite = np.array([[1.0, 0.0], [-1.0, 0.0]])
    assert convex.gate_supremum_bound(opposite, both) == pytest.approx(1.0, rel=1e-3)
    assert convex.gate_supremum_bound(np.eye(2), np.zeros(2)) == 0.0
    assert convex.gate_supremum_bound(np.zeros((2, 3)), both) == 0.0


def test_the_relaxation_holds_on_wide_data():
    """Where no enumeration is possible: above what many ascents reach."""
    rng = np.random.default_rng(0)
    X, theta = rng.standard_normal((60, 25)), rng.standard_normal(60)
    bound = convex.gate_supremum_bound(X, theta)
    u = rng.standard_normal((25, 400))
    for k in range(100):
        u /= np.linalg.norm(u, axis=0)
        u += X.T @ (theta[:, None] * (X @ u > 0)) / (10 + k)
    u /= np.linalg.norm(u, axis=0)
    reached = float((theta @ np.maximum(X @ u, 0.0)).max())
    assert 0.5 * bound <= reached <= bound


@pytest.mark.parametrize("seed", range(18))
def test_below_the_optimum_of_5(seed):
    """From the theta of a sampled program, from noise; with cells and without."""
    case = instances.instance(seed)
    few = patterns.sample(case.X, 2, case.rng, case.bias, at_most=True)
    given = (case.X, case.y)
    sampled = convex.train_standard(*given, few, case.beta, case.loss)
    full = convex.train_standard(*given, case.all_patterns, case.beta, case.loss)
    size = max(1.0, full.objective)
    for theta in (sampled.theta, full.theta, case.rng.standard_normal(len(case.y))):
        rest = (theta, case.beta, case.loss, case.bias)
        exact = convex.global_lower_bound(*given, *rest)
        relaxed = convex.global_lower_bound(*given, *rest, most_cells=0)
        assert relaxed <= exact + 1e-9 * size
        assert exact <= full.objective + 1e-7 * size
    best = convex.global_lower_bound(*given, full.theta, case.beta, case.loss, case.bias)
    assert best == pytest.approx(full.objective, abs=5e-6 * size)


@pytest.mark.parametrize("loss", ["hinge", "squared"])
@pytest.mark.parametrize("solver", ["clarabel", "interior_point"])
def test_theta_of_both_solvers_is_that_of_the_certificate(loss, solver):
    """Same sign, same units: over the sampled cells it certifies what the solver certified."""
    rng = np.random.default_rng(3)
    X = 7.0 * rng.standard_normal((20, 4))
    y = np.where(X[:, 0] + rng.standard_normal(20) > 0, 1.0, -1.0)
    found = patterns.sample(X, 5, rng)
    solved = convex.train_standard(X, y, found, 0.05, loss, solver)
    again = convex.certify(X, y, found, solved.theta, 0.05, loss)
    assert again == pytest.approx(solved.objective, abs=5e-6 * max(1.0, solved.objective))


@pytest.mark.parametrize("solver", ["clarabel", "interior_point"])
def test_theta_of_robust_training_bounds_the_robust_cost(solver):
    """With a vanishing radius the robust programs are the standard ones, and so is theta."""
    rng = np.random.default_rng(4)
    X = rng.standard_normal((20, 3))
    y = np.where(X[:, 0] + 0.5 * rng.standard_normal(20) > 0, 1.0, -1.0)
    found = patterns.sample(X, 5, rng)
    for train, loss in (
        (convex.train_robust_hinge, "hinge"),
        (convex.train_robust_squared, "squared"),
    ):
        solved = train(X, y, found, LpBall(np.inf, 1e-6), 0.02, solver=solver)
        again = convex.certify(X, y, found, solved.theta, 0.02, loss)
        assert again == pytest.approx(solved.objective, rel=1e-4)
        bound = convex.global_lower_bound(X, y, solved.theta, 0.02, loss)
        assert 0 < bound <= solved.objective + 1e-9


def test_bad_theta_is_refused():
    X, y = np.eye(3), np.array([1.0, -1.0, 1.0])
    with pytest.raises(InputError, match="kept no pattern"):
        convex.global_lower_bound(X, y, None, 0.1)
    with pytest.raises(InputError, match="theta"):
        convex.global_lower_bound(X, y, np.ones(2), 0.1)
    with pytest.raises(InputError, match="theta"):
        convex.gate_supremum_bound(X, np.array([1.0, np.nan, 0.0]))
