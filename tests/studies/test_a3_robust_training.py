"""Theorem 3 and Lemma 7 as properties, and the study's own instruments against slower ones."""

import math

import cvxpy as cp
import numpy as np
import pytest
import torch

from robustcore import bounds, convex, patterns
from robustcore.balls import LpBall
from robustcore.networks import TwoLayerReLU
from studies import a3_draws, a3_lower_bounds, a3_small_radii
from studies.a3_robust_training import counts, descent, distances
from studies.a3_robust_training.distances import exact_robust_cost
from studies.oracles import instances, robust_twins
from studies.oracles.planar_exact import worst_margins


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("name", robust_twins.CHECKS)
def test_statement_against_its_twin(name, seed):
    check = robust_twins.CHECKS[name]
    assert check.violation(instances.instance(seed)) <= check.tolerance


def test_a_wrong_closed_form_would_be_found(monkeypatch):
    """Without the dual norm in (11), and where it is doubled, the first twin speaks."""
    case = instances.instance(1)
    true = LpBall.support
    for factor in (0.0, 2.0):
        monkeypatch.setattr(LpBall, "support", lambda self, c, f=factor: f * true(self, c))
        assert robust_twins.robust_constraint(case) > 1e-3


def random_networks(seed, n_runs=3, width=5):
    return descent.starts(width, n_runs, seed)


@pytest.mark.parametrize("seed", range(4))
def test_two_exact_inner_maxima_and_an_integer_program_agree(seed):
    points = distances.ring(6, seed)
    X, y = torch.from_numpy(points.X), torch.from_numpy(points.y)
    weights = random_networks(seed)
    moves = descent.worst_moves(weights, X, y, 0.3)
    assert moves.abs().max() <= 0.3
    for run, (u, b, alpha) in enumerate(zip(*weights, strict=True)):
        net, ball = TwoLayerReLU(u, alpha, b), LpBall(math.inf, 0.3)
        with torch.no_grad():
            batched = (y * net(X + moves[run])).numpy()
        np.testing.assert_allclose(batched, worst_margins(net, points.X, points.y, ball), atol=1e-9)
        gaps = bounds.exact(net.as_classifier(), X, (y > 0).long(), ball, attained=True)
        other = (y <= 0).long()[:, None]  # the gap of the true class to itself is 0
        np.testing.assert_allclose(-gaps.gather(1, other)[:, 0].numpy(), batched, atol=2e-6)


def test_descent_returns_the_cheapest_network_and_its_cost_is_exact():
    points = distances.ring(6, 0)
    start = random_networks(0)
    X, y = torch.from_numpy(points.X), torch.from_numpy(points.y)
    before = descent.costs(start, X, y, points.ball.radius, 1e-2)
    nets = descent.descend(points.X, points.y, points.ball, 1e-2, start, 60)
    after = [exact_robust_cost(net, points.X, points.y, points.ball, 1e-2) for net in nets]
    assert (np.array(after) < before.numpy()).all()


def test_a_run_can_begin_at_the_convex_optimum():
    points = distances.ring(8, 1)
    cells = patterns.enumerate(points.X, bias=True)
    robust = convex.train_robust_hinge(points.X, points.y, cells, points.ball, 1e-2)
    net = robust.network()
    u, _, _ = descent.starts(3, 2, 0, net)
    assert u.shape[1] == max(3, len(net.alpha) + 2)
    torch.testing.assert_close(u[0, : len(net.alpha)], net.u.detach())
    assert float(u[1].std()) > 0.3
    cost = exact_robust_cost(net, points.X, points.y, points.ball, 1e-2)
    assert cost == pytest.approx(robust.objective, abs=1e-7)


@pytest.mark.parametrize("radius", [0.0, 0.05, 0.3, 2.0])
def test_all_perturbed_patterns_against_dense_sampling(radius):
    """Random u and corner perturbations only find patterns of the list, and soon all of them."""
    rng = np.random.default_rng(3)
    X = rng.uniform(-1, 1, size=(5, 2))
    every = counts.perturbed_patterns(X, radius)
    u = rng.standard_normal((2, 200_000))
    noise = radius * rng.choice([-1.0, 1.0], size=(200_000, 5, 2))
    score = np.einsum("knd,dk->kn", X[None] + noise, u)
    met = np.unique(score >= 0, axis=0)
    listed = {row.tobytes() for row in every}
    assert {row.tobytes() for row in met} <= listed
    assert len(met) >= 0.9 * len(every)
    if radius == 0.0:
        assert len(every) == len(patterns.enumerate(X))
    if radius == 2.0:  # every box holds the origin, so that nothing is fixed
        assert len(every) == 2**5


def test_counts_tell_the_theorem_on_dead_patterns():
    rows = counts.exact_counts(7, 0, (0.0, 0.1, 0.3))
    assert [row["usable_not_clean"] for row in rows] == [0, 0, 0]
    assert rows[0]["P"] == rows[0]["P_hat"] == rows[0]["usable"] == 14
    hats, usable = ([row[c] for row in rows] for c in ("P_hat", "usable"))
    assert hats == sorted(hats)
    assert usable == sorted(usable, reverse=True)
    assert hats[-1] > 14 > usable[-1]


def test_the_distance_of_10_is_held_between_two_certified_optima():
    rows = a3_small_radii.sandwich(8, 0, 3e-3, (1e-4, 1e-2, 0.1))
    gaps = [row["gap_at_most"] for row in rows]
    assert -1e-6 < gaps[0] < 0.1 * gaps[1] < gaps[2]
    points, ball = distances.ring(8, 0), LpBall(math.inf, 0.1)
    net = convex.train_robust_hinge(
        points.X, points.y, patterns.enumerate(points.X, bias=True), ball, 3e-3
    ).network()
    cost = exact_robust_cost(net, points.X, points.y, ball, 3e-3)
    assert rows[2]["clean_lower_bound"] < cost <= rows[2]["convex"] * (1 + 1e-5)


def test_one_sample_by_hand():
    """One input x = 1 or -1: of two patterns one is on, and half of all gates have it.

    The neuron s x costs (|s - y| + .2 s)^2 / 2 + .003 s, least at s = y as long as y > .02.
    """
    X, y = a3_draws.data(1, 0, "squared")
    cells, size = patterns.enumerate(X), abs(y[0])
    solved = a3_draws.solve(X, y, cells, 0.2, "squared")
    assert size > 0.02
    assert solved.objective == pytest.approx((0.2 * size) ** 2 / 2 + 3e-3 * size, rel=1e-6)
    assert a3_draws.needed(1, 0, 0.2, "squared")["needed"] == 1
    on = cells.active[0]
    for run in range(4):
        pick = np.random.default_rng((0, run)).integers(2, size=1)
        row = a3_draws.violation(1, 0, run, 0.2, "squared", "independent", 1)
        assert row["violation"] == (0.0 if on[pick] else 0.5)


def test_the_robust_program_can_need_more_patterns_than_theorem_2_counts():
    """Three samples: five of eight patterns, where n + 1 is four, and at radius 0 three at most."""
    robust = a3_draws.needed(3, 1, 0.2, "squared")
    assert robust["needed"] == 5 > robust["printed"] == 4
    assert robust["needed"] <= robust["dimension"] == 9
    assert a3_draws.needed(3, 1, 0.0, "squared")["needed"] <= 3


def test_needed_patterns_are_among_those_with_a_neuron():
    X, y = a3_draws.data(3, 0, "hinge")
    solved = a3_draws.solve(X, y, patterns.enumerate(X), 0.2, "hinge")
    used = (np.abs(solved.v).max(axis=1) > 1e-4) | (np.abs(solved.w).max(axis=1) > 1e-4)
    assert a3_draws.needed(3, 0, 0.2, "hinge")["needed"] <= used.sum()


@pytest.mark.parametrize("scheme", a3_draws.SCHEMES)
def test_violation_counts_the_patterns_that_lower_the_program(scheme):
    row = a3_draws.violation(3, 1, 0, 0.2, "squared", scheme, 4)
    assert row["distinct"] <= 4
    assert row["violation"] * 8 == round(row["violation"] * 8) <= 8 - row["distinct"] + 1e-9
    assert row["mean_bound"] == 4 / 5


def test_rows_of_the_draws():
    rows = a3_draws.record(n_small=2, n_instances=1, n=2, n_draws=3)
    assert len(rows["a3_draws.needed"]) == 4
    assert [(r["loss"], r["radius"], r["scheme"]) for r in rows["a3_draws.violation"]] == [
        ("squared", 0.2, "independent"),
        ("squared", 0.2, "independent"),
        ("squared", 0.0, "independent"),
        ("squared", 0.2, "Algorithm 2"),
        ("hinge", 0.2, "independent"),
    ]


def case_of_26(case, place, flat):
    """Naive: (26) on the bent instance as a cone program, Delta* at one place, by CVXPY."""
    X, y = a3_lower_bounds.bent()
    centre = X[2].copy()
    X[2, 0] = place
    order = np.argsort(X[:, 0] / X[:, 1])
    on = np.zeros((10, 5))
    for i in range(5):
        on[i, order[:i]] = 1
        on[5 + i] = 1 - on[i]
    v, w = cp.Variable((10, 2)), cp.Variable((10, 2))
    side = 2 * on - 1
    kept = [cp.multiply(side, v @ X.T) >= 0, cp.multiply(side, w @ X.T) >= 0]
    output = cp.sum(cp.multiply(on, (v - w) @ X.T), axis=0)
    q = on[:, 2] @ (v - w)
    if flat:
        kept.append(q[0] == 0)
    else:
        end, way = case.split(", ")
        kept.append(q[0] >= 0 if way == "rising" else q[0] <= 0)
        below = (end == "left") == (way == "rising")
        kept.append(q @ centre <= y[2] if below else q @ centre >= y[2])
    norms = cp.sum(cp.norm(v, axis=1)) + cp.sum(cp.norm(w, axis=1))
    program = cp.Problem(cp.Minimize(cp.sum_squares(output - y) / 2 + 3.0 * norms), kept)
    return program.solve(solver="CLARABEL")


@pytest.mark.parametrize(
    ("case", "lo", "hi"),
    [
        ("left, rising", -0.5, -0.5),
        ("right, rising", 1.5, 1.5),
        ("right, falling", 1.5, 1.5),
        ("anywhere, flat", 0.0, 0.5),
    ],
)
def test_bounds_of_26_are_below_the_program_and_close(case, lo, hi):
    bound = a3_lower_bounds.lower_bound(case, lo, hi)
    values = [case_of_26(case, place, "flat" in case) for place in np.linspace(lo, hi, 3)]
    assert bound <= min(values) + 1e-6
    assert bound > 0.95 * min(values)


def test_26_is_above_2_on_the_bent_instance():
    """The network's robust cost, beside one on a fine grid, and every case of (26) above it."""
    rows = a3_lower_bounds.record(1, 2)["a3_lower_bounds.squared"]
    assert {row["case"] for row in rows} == set(a3_lower_bounds.CASES)
    assert min(row["bound"] for row in rows) > 1.005 * rows[0]["cost_2"]
    rng = np.random.default_rng(0)
    u, alpha = rng.standard_normal((4, 2)), rng.standard_normal(4)
    X, y = a3_lower_bounds.bent()
    costs = []
    for move in np.linspace(-1, 1, 4001):
        moved = X.copy()
        moved[2, 0] += move
        costs.append(np.square(np.maximum(moved @ u.T, 0) @ alpha - y).sum() / 2)
    penalty = 1.5 * ((u**2).sum() + (alpha**2).sum())
    assert a3_lower_bounds.robust_squared_cost(u, alpha) == pytest.approx(max(costs) + penalty)


def test_shares_by_hand():
    """|x| is least at 0, where each half is on by half; -|x| at the farther end, on one side."""
    u, x = np.array([[1.0, 0.0], [-1.0, 0.0]]), np.array([0.2, 1.0])
    place, on = a3_lower_bounds.shares(u, np.ones(2), x, 1.0, 0.5)
    assert place == pytest.approx([0.0, 1.0])
    assert on == pytest.approx([0.5, 0.5])
    place, on = a3_lower_bounds.shares(u, np.ones(2), x, -1.0, 0.5)
    assert place == pytest.approx([0.7, 1.0])
    assert on == pytest.approx([1.0, 0.0])


def test_every_network_is_a_point_of_26_for_the_hinge_loss():
    rows = [a3_lower_bounds.attained(seed) for seed in range(60)]
    assert sum(row["inside"] for row in rows) > 10
    assert max(abs(row["difference"]) for row in rows) < 1e-12
    assert max(row["not_least"] for row in rows) < 1e-12
