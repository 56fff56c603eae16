"""LpBall against sampling, vertices and the optimality conditions of a projection."""

import itertools
import math

import numpy as np
import pytest
import torch

from robustcore.balls import LpBall, lp
from robustcore.errors import InputError

EXPONENTS = [1, 1.5, 2, 3, math.inf]


@pytest.mark.parametrize("p", EXPONENTS)
def test_support_is_attained_at_the_maximiser_and_nowhere_exceeded(p):
    rng = np.random.default_rng(0)
    ball = LpBall(p, 0.7)
    c = rng.normal(size=(50, 4))
    best = ball.maximiser(c)
    assert ball.contains(best).all()
    assert (best * c).sum(-1) == pytest.approx(ball.support(c), abs=1e-12)
    inside = ball.sample((2000, 50, 4), rng)
    assert ((inside * c).sum(-1) <= ball.support(c) + 1e-12).all()


@pytest.mark.parametrize("p", [1, math.inf])
def test_support_is_the_maximum_over_the_vertices(p):
    rng = np.random.default_rng(1)
    ball = LpBall(p, 1.3)
    c = rng.normal(size=(20, 5))
    assert ball.support(c) == pytest.approx((c @ ball.vertices(5).T).max(axis=1), abs=1e-12)


@pytest.mark.parametrize("p", EXPONENTS)
def test_holders_inequality_pairs_p_with_its_dual(p):
    q = LpBall(p, 1).dual_exponent
    assert 1 / p + 1 / q == pytest.approx(1)


@pytest.mark.parametrize("box", [None, (0.0, 1.0)])
@pytest.mark.parametrize("p", EXPONENTS)
def test_projection_satisfies_the_variational_inequality(p, box):
    """<delta - proj, z - proj> <= 0 for every feasible z characterises the Euclidean projection."""
    rng = np.random.default_rng(2)
    ball = LpBall(p, 0.6, box)
    x, delta = rng.uniform(size=(30, 4)), rng.normal(size=(30, 4))
    projected = ball.project(delta, x)
    assert ball.contains(projected, x).all()
    feasible = ball.sample((3000, 30, 4), rng)
    if box:
        feasible = np.clip(feasible, -x, 1 - x)
    inner = ((delta - projected) * (feasible - projected)).sum(-1)
    assert inner.max() <= 1e-9


@pytest.mark.parametrize("p", EXPONENTS)
def test_projection_leaves_feasible_points_alone(p):
    rng = np.random.default_rng(3)
    ball = LpBall(p, 0.6)
    inside = ball.sample((40, 3), rng)
    assert ball.project(inside) == pytest.approx(inside, abs=1e-12)


def test_l1_projection_by_hand():
    # onto |.|_1 <= 2: (3, 1) shrinks by 1 twice; in (3, 0.1) the second is cut off first
    found = LpBall(1, 2.0).project(np.array([[3.0, 1.0], [3.0, 0.1]]))
    assert found == pytest.approx(np.array([[2.0, 0.0], [2.0, 0.0]]), abs=1e-12)


@pytest.mark.parametrize("p", EXPONENTS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_answers_in_kind(p, dtype):
    ball = LpBall(p, 0.5, (0.0, 1.0))
    x, delta = torch.full((2, 3), 0.5, dtype=dtype), torch.ones(2, 3, dtype=dtype)
    projected = ball.project(delta, x)
    assert projected.dtype == dtype
    assert ball.contains(projected, x, tol=1e-6).all()
    assert isinstance(ball.project(delta.numpy(), x.numpy()), np.ndarray)


def test_uniform_sampling_fills_the_ball():
    """The share of mass inside half the radius is 2^-d for a uniform draw, whatever p."""
    rng = np.random.default_rng(4)
    for p in EXPONENTS:
        ball = LpBall(p, 1.0)
        half = ball.norm(ball.sample((20_000, 3), rng)) <= 0.5
        assert half.mean() == pytest.approx(1 / 8, abs=0.01)


def test_radius_zero_is_the_point():
    for p in EXPONENTS:
        ball = LpBall(p, 0.0)
        assert (ball.project(np.ones((2, 3))) == 0).all()
        assert (ball.support(np.ones((2, 3))) == 0).all()


def test_a_zero_direction_has_a_zero_maximiser():
    for p in EXPONENTS:
        assert (LpBall(p, 1.0).maximiser(np.zeros((2, 3))) == 0).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0.5, 1.0), "p must be at least 1"),
        ((math.nan, 1.0), "p must be at least 1"),
        ((1, -0.1), "radius must be a finite number >= 0"),
        ((1, math.nan), "radius must be a finite number >= 0"),
        ((1, 1.0, (1.0, 0.0)), "low < high"),
    ],
)
def test_bad_balls_are_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        LpBall(*arguments)


def test_a_box_needs_the_inputs_and_the_inputs_need_the_box():
    ball = LpBall(2, 1.0, (0.0, 1.0))
    with pytest.raises(InputError, match="needs the inputs x"):
        ball.project(np.ones((1, 2)))
    with pytest.raises(InputError, match="x must lie in the box"):
        ball.project(np.ones((1, 2)), np.full((1, 2), 1.5))


def test_vertices_are_refused_where_there_are_none_or_too_many():
    with pytest.raises(InputError, match="only L1 and Linf"):
        LpBall(2, 1.0).vertices(3)
    with pytest.raises(InputError, match="2\\^21 vertices"):
        LpBall(math.inf, 1.0).vertices(21)


def test_vertices_come_in_their_order_up_to_the_most(monkeypatch):
    assert LpBall(1, 0.5).vertices(2).tolist() == [[0.5, 0], [0, 0.5], [-0.5, 0], [0, -0.5]]
    monkeypatch.setattr(lp, "_MAX_SIGN_VECTORS", 3)
    corners = LpBall(math.inf, 0.5).vertices(3)
    assert sorted(map(tuple, 2 * corners)) == sorted(itertools.product((-1.0, 1.0), repeat=3))
    with pytest.raises(InputError, match="2\\^4 vertices"):
        LpBall(math.inf, 0.5).vertices(4)


def test_inside_is_inside_the_ball_and_in_every_coordinate_inside_the_box():
    ball, x = LpBall(math.inf, 0.5, (1.0, 3.0)), np.array([1.2, 2.8])
    rows = {  # delta: in the ball, with x in the box, with a tolerance of a tenth
        (0.1, 0.1): (True, True, True),
        (0.1, 0.39): (True, False, True),  # 3.19, and a tenth of the width is 0.2
        (0.1, 0.41): (True, False, False),
        (-0.39, 0.1): (True, False, True),
        (-0.41, 0.1): (True, False, False),
        (-0.41, 0.41): (True, False, False),
        (0.54, 0.1): (False, False, True),
        (0.56, 0.1): (False, False, False),
    }
    deltas = np.array(list(rows))[:, None]  # two batch axes
    found = [ball.contains(deltas), ball.contains(deltas, x), ball.contains(deltas, x, tol=0.1)]
    assert np.stack(found, axis=-1)[:, 0].tolist() == [list(row) for row in rows.values()]


def test_the_border_belongs_to_the_ball_with_a_billionth():
    ball = LpBall(2, 0.5)
    radii = 0.5 * (1 + np.array([0.0, 0.9e-9, 1.1e-9]))
    assert ball.contains(radii[:, None]).tolist() == [True, True, False]
    assert LpBall(2, 0.0).contains(np.zeros(3))


def test_repr_reads_as_the_call():
    assert repr(LpBall(math.inf, 0.1, (0, 1))) == "LpBall(inf, 0.1, box=(0, 1))"
