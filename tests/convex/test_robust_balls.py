"""Every loss, three balls: the objective is the cost of the network at the worst point found."""

import math

import numpy as np
import pytest
import torch

from robustcore import convex, losses, patterns
from robustcore.balls import LpBall
from robustcore.errors import InputError
from studies.oracles.losses import listed

CALLS = {
    "hinge": convex.train_robust_hinge,
    "logistic": convex.train_robust_logistic,
    "squared": convex.train_robust_squared,
}
BALLS = (1, 2, math.inf)
_ANGLES = np.linspace(0.0, 2 * math.pi, 4001)


def instance(seed, n=8):
    """Points in the plane off a line through the origin, so that robust neurons exist."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1, 1, size=(n, 2))
    X[:, 0] += np.where(X[:, 0] > 0, 0.3, -0.3)
    y = np.sign(X[:, 0]) * rng.choice([1.0, 1.0, -1.0], size=n)
    y[:2] = 1.0, -1.0
    return X, y


def candidates(ball):
    """Where the output of a network that is linear on the ball can be largest or smallest."""
    if ball.p == 2:  # no vertices: the circle, to 3e-7 of the radius
        return ball.radius * np.stack([np.cos(_ANGLES), np.sin(_ANGLES)], axis=1)
    return ball.vertices(2)


def outputs(net, X, moves):
    with torch.no_grad():
        return np.stack([net(torch.from_numpy(X + move)).numpy() for move in moves])


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("p", BALLS)
@pytest.mark.parametrize("loss", losses.CONVEX)
def test_the_objective_is_the_cost_at_the_worst_point(loss, p, seed):
    X, y = instance(seed)
    bias, ball, beta = bool(seed % 2), LpBall(p, 0.1), 1e-2
    cells = patterns.enumerate(X, bias=bias)
    solution = convex.train_robust(X, y, cells, ball, beta, loss, solver="clarabel")
    net = solution.network()
    assert len(net.alpha) > 0
    assert -1e-9 <= solution.gap <= 3e-6
    with torch.no_grad():
        penalty = beta * float(net.penalty())
    worst = listed(loss, outputs(net, X, candidates(ball)), y) + penalty
    assert worst == pytest.approx(solution.objective, abs=1e-6)
    inside = ball.sample((300, *X.shape), np.random.default_rng(seed))
    inside = listed(loss, outputs(net, X, inside), y) + penalty
    assert inside <= solution.objective + 1e-7
    delta = convex.worst_perturbation(solution, X, y)
    assert ball.contains(delta).all()
    attained = listed(loss, outputs(net, X + delta, [0.0]), y) + penalty
    assert attained == pytest.approx(solution.objective, abs=1e-7)


@pytest.mark.parametrize("p", BALLS)
@pytest.mark.parametrize("loss", CALLS)
def test_reduced_is_as_printed_and_radius_zero_is_standard(loss, p):
    X, y = instance(7)
    cells = patterns.enumerate(X)
    args = (X, y, cells, LpBall(p, 0.05), 1e-2)
    reduced = CALLS[loss](*args, solver="clarabel")
    printed = CALLS[loss](*args, solver="clarabel", reduce=False)
    assert reduced.objective == pytest.approx(printed.objective, abs=2e-6)
    point = CALLS[loss](X, y, cells, LpBall(p, 0.0), 1e-2, solver="clarabel")
    plain = convex.train_standard(X, y, cells, 1e-2, loss, solver="clarabel")
    assert point.objective == pytest.approx(plain.objective, abs=1e-6)
    assert reduced.objective >= plain.objective - 1e-7


@pytest.mark.parametrize("p", BALLS)
@pytest.mark.parametrize("loss", CALLS)
def test_one_door_takes_every_loss_by_name(loss, p):
    X, y = instance(3)
    given = (X, y, patterns.enumerate(X), LpBall(p, 0.05), 1e-2)
    door, named = convex.train_robust(*given, loss), CALLS[loss](*given)
    assert door.loss == named.loss == loss
    np.testing.assert_array_equal(door.v, named.v)
    with pytest.raises(InputError, match="loss must be one of hinge, squared, logistic"):
        convex.train_robust(*given, loss="cross-entropy")


@pytest.mark.parametrize("loss", CALLS)
def test_a_larger_ball_costs_more(loss):
    """L1 in L2 in Linf of one radius, so the three optima are in that order; not all are equal."""
    X, y = instance(11)
    cells = patterns.enumerate(X, bias=True)
    values = [
        CALLS[loss](X, y, cells, LpBall(p, 0.1), 1e-2, solver="clarabel").objective for p in BALLS
    ]
    assert values[0] <= values[1] + 1e-6
    assert values[1] <= values[2] + 1e-6
    assert values[2] - values[0] > 1e-4


@pytest.mark.parametrize("radius", [0.0, 0.25, 0.5])
def test_two_points_on_a_line_by_hand_with_the_logistic_loss(radius):
    """X = (1, -1): each margin is (1 - e) s, so log(1 + e^-m) + 2 beta m / (1 - e) is least where
    1 / (1 + e^m) = 2 beta / (1 - e); beyond 2 beta = (1 - e) / 2 no neuron pays."""
    X, y = np.array([[1.0], [-1.0]]), np.array([1.0, -1.0])
    cells, ball = patterns.enumerate(X), LpBall(math.inf, radius)
    for beta in (0.02, 0.1, 0.3):
        price = 2 * beta / (1 - radius)
        margin = math.log(1 / price - 1) if price < 0.5 else 0.0
        expected = math.log1p(math.exp(-margin)) + price * margin
        solution = convex.train_robust_logistic(X, y, cells, ball, beta)
        assert solution.objective == pytest.approx(expected, abs=1e-7)
        assert 0 <= solution.gap + 1e-9 <= 1e-6


@pytest.mark.parametrize("seed", range(6))
def test_any_multipliers_give_a_lower_bound_of_the_robust_logistic_program(seed):
    from robustcore.convex.dual import Multipliers, lower_bound
    from robustcore.convex.parts import Problem
    from robustcore.convex.reductions import distinct_rows

    X, y = instance(seed)
    rng = np.random.default_rng(seed)
    cells, ball = patterns.enumerate(X, bias=seed % 2 == 0), LpBall(BALLS[seed % 3], 0.1)
    best = convex.train_robust_logistic(X, y, cells, ball, 1e-2, solver="clarabel")
    data = Problem.of(X, y, cells, 1e-2, "logistic", ball).scaled()
    rows, row_of = distinct_rows(data.active, True)
    bounds = []
    for size in (1e-3, 1e-1, 10.0):
        theta = -y * rng.uniform(size=len(y)) / len(y)
        lam = size * rng.standard_normal((2, *cells.active.shape))
        pi = size * rng.standard_normal((len(rows), data.attacked))
        bounds.append(lower_bound(data, Multipliers(theta, *lam, rows, row_of, pi)))
    assert 0.0 <= max(bounds) <= best.objective + 1e-7
