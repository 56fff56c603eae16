"""Certified descent from the optimum of (10): every number against a twin that knows no bound."""

import itertools
import math

import numpy as np
import pytest
import torch

from robustcore import bounds, convex, patterns, training
from robustcore.balls import LpBall
from robustcore.errors import InputError
from robustcore.losses import named
from robustcore.networks import TwoLayerReLU
from robustcore.training.widening import balanced, widened
from studies.a3_robust_training.distances import exact_robust_cost, ring
from studies.c4_bridge.exact import planar_exact

BETA = 3e-3


def naive_cost(net, X, y, ball, beta, loss):
    """(2) by an integer program for the way up and the way down of each output, values attained."""
    x = torch.from_numpy(X)
    net = net.requires_grad_(False)
    zeros = torch.zeros(len(X), dtype=torch.long)
    up = bounds.exact(net, x, zeros, ball, attained=True)[:, 1].numpy()
    down = bounds.exact(net, x, zeros + 1, ball, attained=True)[:, 0].numpy()
    kind = named(loss)
    worst = np.where(kind.hurt(up, y) >= kind.hurt(-down, y), up, -down)
    rows = torch.cat([net.u, net.b[:, None], net.alpha[:, None]], 1).numpy()
    return kind.value(worst, y) + beta / 2 * float((rows**2).sum())


def solved(radius=0.12, p=math.inf, loss="hinge", n=8):
    points = ring(n, 0)
    ball = LpBall(p, radius)
    cells = patterns.enumerate(points.X, bias=True)
    return points, ball, convex.train_robust(points.X, points.y, cells, ball, BETA, loss)


def descended(start, points, ball, loss="hinge", **options):
    given = {"width": 16, "steps": 30, "bias": True, "loss": loss, **options}
    rng = np.random.default_rng(0)
    return training.fit_certified(points.X, points.y, ball, BETA, rng=rng, start=start, **given)


@pytest.mark.parametrize(
    ("p", "loss"), [(math.inf, "hinge"), (1, "hinge"), (math.inf, "squared"), (1, "logistic")]
)
def test_the_cost_is_proved_and_never_above_10(p, loss):
    points, ball, start = solved(p=p, loss=loss)
    found = descended(start, points, ball, loss)
    allowed = start.n_neurons * start.violation * (1 if loss != "squared" else 10 * len(points.y))
    assert abs(found.trail[0][1] - start.objective) <= allowed + 1e-12
    steps, costs = zip(*found.trail, strict=True)
    assert list(steps) == sorted(set(steps))
    assert all(later < sooner for sooner, later in itertools.pairwise(costs))
    assert found.cost == costs[-1] <= costs[0]
    again = training.certified_cost(found.network, points.X, points.y, ball, BETA, loss)
    assert found.cost == pytest.approx(again, abs=1e-15)
    exact = naive_cost(found.network, points.X, points.y, ball, BETA, loss)
    assert exact <= found.cost + 1e-9
    assert convex.vertex_cost(found.network, points.X, points.y, ball, BETA, loss) <= exact + 1e-9


def test_descent_leaves_10_and_an_exact_bound_leads_further():
    points, ball, start = solved(n=12)
    crown = descended(start, points, ball, steps=200, rates=(0.03,), bound=bounds.crown)
    exact = descended(start, points, ball, steps=200, rates=(0.03,), bound=planar_exact)
    assert exact.cost < crown.cost < start.objective - 1e-4
    own = exact_robust_cost(exact.network, points.X, points.y, ball, BETA)
    assert exact.cost == pytest.approx(own, abs=1e-12)


def test_an_estimate_in_place_of_a_bound_would_be_found():
    """By hand: descent on aRUB is led to .5 + 2 beta, where the network costs .9 + 2 beta."""
    X, y, ball = np.array([[1.0], [-0.1]]), np.array([1.0, -1.0]), LpBall(math.inf, 0.5)
    found = training.fit_certified(
        X,
        y,
        ball,
        0.01,
        width=4,
        steps=300,
        rng=np.random.default_rng(0),
        start=convex.recover(np.array([[1.0]]), np.zeros((0, 1))),
        bound=bounds.arub,
    )
    assert naive_cost(found.network, X, y, ball, 0.01, "hinge") > found.cost + 0.3


def test_the_exact_bound_of_the_plane_is_that_of_the_integer_program():
    points, ball, start = solved(n=6)
    net = widened(start.network(), torch.from_numpy(points.X), 12, np.random.default_rng(0))
    net = TwoLayerReLU(net.u, net.alpha + 0.3, net.b).requires_grad_(False)
    x, y = torch.from_numpy(points.X), torch.arange(6) % 2
    found = planar_exact(net, x, y, ball)
    torch.testing.assert_close(
        found, bounds.exact(net, x, y, ball, attained=True), atol=2e-6, rtol=0
    )
    with pytest.raises(InputError, match="boxes in the plane"):
        planar_exact(net, x, y, LpBall(1, 0.1))


def test_from_nothing_but_data():
    """By hand: (10) is the zero network of cost 1, and the best network costs .9 + 2 beta."""
    X, y = np.array([[1.0], [-0.1]]), np.array([1.0, -1.0])
    with pytest.warns(match="no neuron"):
        found = training.fit_certified(
            X,
            y,
            LpBall(math.inf, 0.5),
            0.01,
            width=4,
            steps=600,
            rates=(0.1, 0.03),
            rng=np.random.default_rng(0),
        )
    assert found.start.objective == found.trail[0][1] == 1.0
    assert 0.92 - 1e-12 <= found.cost < 0.921


def test_widening_and_balancing_keep_function_and_cost():
    points, ball, start = solved()
    net, x = start.network(), torch.from_numpy(points.X)
    lopsided = TwoLayerReLU(3 * net.u, net.alpha / 3, 3 * net.b)
    wide = widened(lopsided, x, 40, np.random.default_rng(0))
    assert len(wide.alpha) == 40
    torch.testing.assert_close(wide(x), net(x))
    back = balanced(wide)
    assert len(back.alpha) == len(net.alpha)
    costs = [
        training.certified_cost(one, points.X, points.y, ball, BETA)
        for one in (net, back, lopsided)
    ]
    assert costs[0] == pytest.approx(costs[1], abs=1e-12)
    assert costs[2] > costs[0]


def test_time_ends_it():
    points, ball, start = solved(n=6)
    found = descended(start, points, ball, steps=1_000_000, seconds=0.3)
    assert 0 < found.steps < 100_000  # each of the rounds ends
    assert found.seconds < 30
    assert descended(start, points, ball, steps=1_000_000, seconds=1e-9).steps == 0
    assert found.cost <= found.trail[0][1]


@pytest.mark.parametrize(
    "wrong", [{"rates": ()}, {"rates": (0.1, -1.0)}, {"steps": 0}, {"width": 0}]
)
def test_what_makes_no_descent_is_refused(wrong):
    points, ball, start = solved(n=6)
    with pytest.raises(InputError):
        descended(start, points, ball, **wrong)
