"""The literal program over all vertices: by hand, against the closed forms, and its refusals."""

import math

import numpy as np
import pytest

from robustcore import convex, losses, patterns
from robustcore.balls import LpBall
from robustcore.errors import InputError
from studies.oracles.over_vertices import optimum_over_vertices


@pytest.mark.filterwarnings("ignore::robustcore.errors.EmptyNetworkWarning")
@pytest.mark.parametrize("beta", [0.1, 0.3, 0.9])
def test_one_point_by_hand(beta):
    """One neuron of size s: 1/2 (|s - 1| + s/4)^2 + beta s, least over s."""
    X, y = np.array([[1.0]]), np.array([1.0])
    s = np.linspace(0, 2, 200_001)
    by_hand = (0.5 * (np.abs(s - 1) + s / 4) ** 2 + beta * s).min()
    ball, cells = LpBall(math.inf, 0.25), patterns.enumerate(X)
    literal = optimum_over_vertices(X, y, cells, ball, beta, "squared")
    solved = convex.train_robust_squared(X, y, cells, ball, beta)
    assert literal == pytest.approx(by_hand, abs=1e-6)
    assert solved.objective == pytest.approx(by_hand, abs=1e-6)


@pytest.mark.filterwarnings("ignore::robustcore.errors.EmptyNetworkWarning")
@pytest.mark.parametrize("p", [1, math.inf])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("loss", losses.CONVEX)
def test_the_closed_forms_have_the_literal_value(loss, bias, p):
    found = 0
    for seed in range(3):
        rng = np.random.default_rng(seed)
        X, y = rng.normal(size=(6, 2)), rng.choice([-1.0, 1.0], size=6)
        y[:2] = 1.0, -1.0
        ball, cells = LpBall(p, 0.1), patterns.enumerate(X, bias)
        solution = convex.train_robust(X, y, cells, ball, 1e-2, loss, perturb_bias=bias)
        literal = optimum_over_vertices(X, y, cells, ball, 1e-2, loss, perturb_bias=bias)
        assert solution.objective == pytest.approx(literal, abs=2e-6)
        found += solution.n_neurons
    assert found > 0, "zero networks alone would agree for no reason"


def test_refusals():
    X, y = np.eye(2), np.array([1.0, -1.0])
    cells, ball = patterns.enumerate(X), LpBall(math.inf, 0.1)
    with pytest.raises(InputError, match=r"loss must be one of hinge, .*, got 'zero-one'"):
        optimum_over_vertices(X, y, cells, ball, 0.1, "zero-one")
    wide = np.random.default_rng(0).normal(size=(8, 15))
    signs = np.resize([1.0, -1.0], 8)
    with pytest.raises(InputError, match="too many"):
        optimum_over_vertices(wide, signs, patterns.of(wide, np.ones(15)), ball, 0.1)
