"""What training promises for each loss of the table, those without a program of ours included."""

import math

import numpy as np
import pytest

from robustcore import convex, losses, patterns
from robustcore.balls import LpBall
from robustcore.convex.interior_point import STANDARD
from robustcore.errors import InputError

EACH = pytest.mark.parametrize("loss", losses.CONVEX)
OTHERS = sorted(set(losses.CONVEX) - set(STANDARD))


def instance(seed, n=8):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, 2))
    y = rng.choice([-1.0, 1.0], size=n)
    y[:2] = 1.0, -1.0
    return X, y, patterns.enumerate(X, bias=bool(seed % 2))


@EACH
@pytest.mark.parametrize("seed", range(3))
def test_with_all_patterns_the_network_is_proved_to_be_the_best(loss, seed):
    X, y, cells = instance(seed)
    best = convex.train_standard(X, y, cells, 1e-2, loss)
    assert best.status.startswith("optimal")
    assert -1e-9 <= best.gap <= 1e-6
    net = best.network()
    assert convex.training_cost(net, X, y, 1e-2, loss) == pytest.approx(best.objective, abs=1e-8)
    bound = convex.certify(X, y, cells, best.theta, 1e-2, loss)
    assert bound == pytest.approx(best.objective, abs=1e-6)
    slim = convex.prune(best, X, y)
    assert slim.n_neurons <= len(y)
    assert slim.objective <= best.objective + 1e-7


@EACH
def test_any_theta_bounds_the_optimum(loss):
    X, y, cells = instance(4)
    best = convex.train_standard(X, y, cells, 1e-2, loss).objective
    rng = np.random.default_rng(0)
    for size in np.geomspace(1e-3, 1e2, 12):
        theta = size * rng.standard_normal(len(y))
        assert convex.certify(X, y, cells, theta, 1e-2, loss) <= best + 1e-9
        bound = convex.global_lower_bound(X, y, theta, 1e-2, loss, most_cells=0)
        assert bound <= best + 1e-9


@EACH
def test_robust_training_of_a_batch_of_draws_and_one_by_one(loss):
    """A loss without a program of ours is refused by name and solved by "auto" all the same."""
    X, y, cells = instance(2)
    ball = LpBall(math.inf, 0.05)
    found = convex.train_robust(X, y, cells, ball, 1e-2, loss)
    assert -1e-9 <= found.gap <= 1e-5
    if loss in STANDARD:
        (batched,) = convex.train_batch(X, y, [cells], 1e-2, loss, ball)
        assert batched.objective == pytest.approx(found.objective, abs=2e-6)
        return
    for call in (
        lambda: convex.train_batch(X, y, [cells], 1e-2, loss, ball),
        lambda: convex.train_robust(X, y, cells, ball, 1e-2, loss, solver="interior_point"),
        lambda: convex.train_standard(X, y, cells, 1e-2, loss, options={"device": "cpu"}),
    ):
        with pytest.raises(InputError, match=f"no program for the loss {loss}.*clarabel"):
            call()


@pytest.mark.parametrize("loss", OTHERS)
def test_a_large_program_without_one_of_ours_goes_to_a_general_solver(loss):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 4))
    y = np.where(X[:, 0] + 0.3 * rng.standard_normal(60) > 0, 1.0, -1.0)
    cells = patterns.sample(X, 40, rng)
    found = convex.train_standard(X, y, cells, 1e-3, loss)
    assert found.solver in ("clarabel", "mosek")
    assert 0 <= found.gap <= 1e-5


@EACH
def test_column_generation_ends_at_the_optimum_of_all_cells(loss):
    X, y, cells = instance(2)
    grown = convex.train_grown(X, y, 1e-2, loss, rng=np.random.default_rng(0))
    best = convex.train_standard(X, y, cells, 1e-2, loss)
    assert grown.exhaustive
    assert grown.objective == pytest.approx(best.objective, abs=1e-5)


def test_the_squared_hinge_by_hand():
    """X = (1, -1), y = (1, -1): the output is s y with 0 <= s <= 1, so (1 - s)^2 / 2 + 2 beta s.

    One neuron on each side, of length s each: s = 1 - 2 beta, cost 2 beta (1 - beta).
    """
    X, y = np.array([[1.0], [-1.0]]), np.array([1.0, -1.0])
    for beta in (0.1, 0.3):
        best = convex.train_standard(X, y, patterns.enumerate(X), beta, "squared_hinge")
        assert best.objective == pytest.approx(2 * beta * (1 - beta), abs=1e-8)


def test_an_outlier_pulls_no_harder_than_huber_lets_it():
    """X = 1, nine y = 1 and one y = 100: 9 (1 - s)^2 / 2 + |100 - s| - 1/2 + beta s.

    So s = 1 + (1 - beta) / 9. The squared loss would follow the outlier, s = (109 - beta) / 10.
    """
    X, y, beta = np.ones((10, 1)), np.array([1.0] * 9 + [100.0]), 0.1
    cells = patterns.enumerate(X)
    for loss, expected in (("huber", 1 + (1 - beta) / 9), ("squared", (109 - beta) / 10)):
        solved = convex.train_standard(X, y, cells, beta, loss)
        assert (solved.v - solved.w).sum() == pytest.approx(expected, abs=1e-5)
