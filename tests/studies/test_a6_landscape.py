"""Figure 3: the difference is that of switched neurons, and the certificate ends where one does."""

import math

import numpy as np
import pytest
import torch

from robustcore import convex, patterns
from robustcore.balls import LpBall
from robustcore.networks import TwoLayerReLU
from studies import a6_landscape as study
from studies.a6_landscape import certificate
from studies.planar_boxes import planar


@pytest.fixture(scope="module", params=[0, 3])
def solved(request):
    points = planar(request.param, 10)
    return points, study.train(points, 1e-2, 30, 0)


def test_the_difference_is_zero_in_the_box_of_training_and_not_outside(solved):
    points, solutions = solved
    rows = study.point_rows(solutions, points)
    robust = [r for r in rows if r["method"] == "Algorithm 2"]
    assert max(r["inside"] for r in robust) < 1e-8
    assert min(r["certificate_radius"] for r in robust) >= points.ball.radius - 1e-7
    assert max(r["above"] - r["below"] for r in robust) > 1e-2
    standard = [r for r in rows if r["method"] == "Algorithm 1"]
    assert max(r["inside"] for r in standard) > 1e-3


def test_the_difference_is_the_sum_over_switched_neurons(solved):
    points, solutions = solved
    assert max(r["by_flips"] for r in study.point_rows(solutions, points)) < 1e-9


def test_with_the_hinge_the_difference_only_shrinks(solved):
    points, solutions = solved
    solution, moves = solutions["Algorithm 2"], certificate.window(study.WIDE)
    for k in range(len(points.y)):
        raw = certificate.difference(solution, points, k, moves)
        with torch.no_grad():
            score = solution.network()(torch.from_numpy(points.X[k] + moves)).numpy()
        true = 1 - points.y[k] * score
        linear = true + raw
        clipped = np.maximum(linear, 0) - np.maximum(true, 0)
        assert (np.abs(clipped) <= np.abs(raw) + 1e-12).all()


@pytest.mark.parametrize("p", [1, 2, math.inf])
@pytest.mark.parametrize("seed", range(5))
def test_a_neuron_switches_just_beyond_the_radius_and_none_before(p, seed):
    rng = np.random.default_rng(seed)
    u, b = rng.standard_normal((4, 3)), rng.standard_normal(4)
    X = rng.standard_normal((6, 3))
    net = TwoLayerReLU(torch.from_numpy(u), torch.ones(4, dtype=torch.float64), torch.from_numpy(b))
    ball = LpBall(p, 1.0)
    for x, reach in zip(X, certificate.certificate_radius(net, X, ball), strict=True):
        before = x @ u.T + b >= 0
        moves = ball.with_radius(reach * (1 - 1e-9)).sample((2000, 3), rng)
        assert (((x + moves) @ u.T + b >= 0) == before).all()
        side = np.where(before, -1.0, 1.0)[:, None]
        worst = ball.with_radius(reach * (1 + 1e-9)).maximiser(side * u)
        switched = ((x + worst) * u).sum(1) + b >= 0
        assert (switched != before).any()


def test_a_network_without_neurons_is_certified_everywhere():
    net = convex.recover(np.zeros((0, 3)), np.zeros((0, 3)), bias=True)
    reach = certificate.certificate_radius(net, np.ones((2, 2)), LpBall(math.inf, 1.0))
    assert np.isinf(reach).all()


def test_beyond_its_radius_the_convex_loss_is_no_bound(solved):
    points, solutions = solved
    rows = study.beyond(solutions, points, (0.0, points.ball.radius, 0.3))
    for row in rows:
        if row["method"] == "Algorithm 2" and row["radius"] <= points.ball.radius:
            assert row["too_low"] == row["too_high"] == 0
            assert row["convex"] == pytest.approx(row["true"], abs=1e-7)
    assert rows[-1]["too_low"] + rows[-1]["too_high"] > 0


def test_the_loss_at_its_own_radius_is_the_objective_without_the_penalty(solved):
    points, solutions = solved
    solution = solutions["Algorithm 2"]
    (row,) = study.beyond({"Algorithm 2": solution}, points, (points.ball.radius,))
    penalty = solution.beta * float(solution.network().penalty().detach())
    assert row["convex"] + penalty == pytest.approx(solution.objective, abs=1e-9)
    again = convex.train_robust_hinge(
        points.X, points.y, patterns.enumerate(points.X, bias=True), points.ball, solution.beta
    )
    assert again.objective <= solution.objective + 1e-7
