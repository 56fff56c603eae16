"""Gates moved off every ball: each is a strict witness, and its pattern is robust-feasible."""

import math

import numpy as np
import pytest

from robustcore import patterns
from robustcore.balls import LpBall
from robustcore.errors import InputError
from studies import planar_boxes


def witnesses(X, found, ball, attacked):
    """(11), written down naively: every sample, every pattern."""
    q = {math.inf: 1, 1: math.inf, 2: 2}[ball.p]
    design = patterns.design_matrix(X, found.bias)
    return all(
        (1 if on else -1) * (x @ a) > ball.radius * np.linalg.norm(a[:attacked], q)
        for a, column in zip(found.gates.T, found.active.T, strict=True)
        for x, on in zip(design, column, strict=True)
    )


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("p", [1, 2, math.inf])
def test_each_gate_satisfies_the_constraint_strictly(seed, p):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((25, 4))
    ball = LpBall(p, 0.02 * (seed + 1))
    found = patterns.sample_robust(X, ball, 8, rng, bias=seed % 2 == 0, at_most=True)
    assert len(found) > 0
    assert witnesses(X, found, ball, 4)


@pytest.mark.parametrize("seed", range(3))
def test_what_is_found_is_among_all_robust_feasible_patterns_and_is_most_of_them(seed):
    points = planar_boxes.planar(seed, n=12)
    cells = patterns.enumerate(points.X, bias=True)
    alive = cells.take(patterns.robust_feasible(points.X, cells, points.ball))
    found = patterns.sample_robust(
        points.X,
        points.ball,
        200,
        np.random.default_rng(0),
        bias=True,
        max_draws=1024,
        at_most=True,
    )
    assert alive.contains(found).all()
    assert len(found) >= 0.8 * len(alive)


def test_it_finds_more_than_the_samples_of_algorithm_2_hold():
    points = planar_boxes.planar(0)
    rng = np.random.default_rng(1)
    drawn = patterns.sample_perturbed(
        points.X, points.ball, 100, rng, n_gates=1000, n_perturbations=4, bias=True
    )
    usable = patterns.robust_feasible(points.X, drawn, points.ball).sum()
    found = patterns.sample_robust(
        points.X, points.ball, 100, rng, bias=True, max_draws=512, at_most=True
    )
    assert len(found) > usable


def test_a_perturbed_bias_counts_in_the_norm():
    X = np.random.default_rng(2).standard_normal((20, 3))
    ball = LpBall(math.inf, 0.2)
    found = patterns.sample_robust(
        X, ball, 40, np.random.default_rng(0), bias=True, perturb_bias=True, at_most=True
    )
    assert witnesses(X, found, ball, 4)


def test_clear_leaves_a_clear_gate_where_it_is_and_keeps_the_length_at_one():
    X = np.array([[1.0, 0.2], [-1.0, 0.1], [1.2, -0.3]])
    ball = LpBall(math.inf, 0.5)
    moved, cleared = patterns.clear(X, np.array([[2.0, 0.0], [0.0, 3.0]]).T, ball)
    assert moved[:, 0] == pytest.approx([1.0, 0.0])
    assert cleared[0]
    assert np.linalg.norm(moved, axis=0) == pytest.approx(1)
    assert moved[:, 1].tolist() != [0.0, 1.0]  # the ball of the second sample lay across it


def test_a_ball_that_holds_the_origin_can_never_be_cleared():
    X = np.array([[0.1, 0.0], [5.0, 1.0]])
    _, cleared = patterns.clear(X, np.eye(2), LpBall(math.inf, 0.2))
    assert not cleared.any()
    ball = LpBall(math.inf, 0.2)
    none = patterns.sample_robust(X, ball, 3, np.random.default_rng(0), at_most=True)
    assert len(none) == 0
    assert none.active.shape == (2, 0)
    with pytest.raises(InputError, match="3 robust-feasible patterns were wanted, 0 came out"):
        patterns.sample_robust(X, ball, 3, np.random.default_rng(0))


def test_the_same_generator_gives_the_same_patterns_whatever_the_units():
    X = np.random.default_rng(3).standard_normal((30, 4))
    one, two = (
        patterns.sample_robust(f * X, LpBall(math.inf, 0.1 * f), 10, np.random.default_rng(0))
        for f in (1.0, 256.0)
    )
    assert (one.active == two.active).all()


def test_identical_samples_have_two_patterns():
    found = patterns.sample_robust(
        np.ones((4, 3)), LpBall(2, 0.1), 5, np.random.default_rng(0), at_most=True
    )
    assert sorted(found.active.sum(0)) == [0, 4]


@pytest.mark.parametrize(
    ("gates", "message"),
    [
        (np.ones((2, 1)), r"gates must be \(3, P\)"),
        (np.zeros((3, 1)), "length 0"),
        (np.full((3, 1), np.nan), "gates"),
    ],
)
def test_gates_that_do_not_fit_are_refused(gates, message):
    with pytest.raises(InputError, match=message):
        patterns.clear(np.eye(3), gates, LpBall(2, 0.1))


def test_at_least_one_pattern_must_be_wanted():
    with pytest.raises(InputError, match="at least 1"):
        patterns.sample_robust(np.eye(3), LpBall(2, 0.1), 0, np.random.default_rng(0))


def test_no_more_starts_are_drawn_than_allowed_and_one_pattern_can_be_asked_for():
    X, ball = np.random.default_rng(0).standard_normal((10, 3)), LpBall(math.inf, 1e-6)
    drawn = patterns.sample_robust(X, ball, 5, np.random.default_rng(1), max_draws=2, at_most=True)
    assert 1 <= len(drawn) <= 2
    assert len(patterns.sample_robust(X, ball, 1, np.random.default_rng(1))) == 1
