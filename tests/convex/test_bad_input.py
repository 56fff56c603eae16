"""Whatever is wrong with a call, each training call says so in one clear sentence."""

import math

import numpy as np
import pytest

from robustcore import convex, patterns
from robustcore.balls import LpBall
from robustcore.errors import InputError, RobustcoreError, SolverError

X = np.random.default_rng(0).standard_normal((10, 2))
Y = np.repeat([1.0, -1.0], 5)
CELLS = patterns.enumerate(X)
BALL = LpBall(math.inf, 0.01)


def standard(loss):
    def call(X, y, patterns, beta, ball=None, **others):
        return convex.train_standard(X, y, patterns, beta, loss, **others)

    return call


def robust(function):
    def call(X, y, patterns, beta, ball=BALL, **others):
        return function(X, y, patterns, ball, beta, **others)

    return call


CALLS = {
    "standard hinge": standard("hinge"),
    "standard squared": standard("squared"),
    "standard logistic": standard("logistic"),
    "robust hinge": robust(convex.train_robust_hinge),
    "robust logistic": robust(convex.train_robust_logistic),
    "robust squared": robust(convex.train_robust_squared),
}
ROBUST = [name for name in CALLS if name.startswith("robust")]
LABELLED = [name for name in CALLS if not name.endswith("squared")]


def with_entry(array, value):
    changed = array.copy()
    changed.flat[3] = value
    return changed


def refused(name, change, message, error=InputError):
    good = {"X": X, "y": Y, "patterns": CELLS, "beta": 0.1}
    with pytest.raises(error, match=message) as raised:
        CALLS[name](**{**good, **change})
    sentence = str(raised.value)
    assert sentence.endswith((".", ";")) or error is SolverError
    assert "\n" not in sentence
    assert isinstance(raised.value, RobustcoreError)


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"X": with_entry(X, np.nan)}, "X must be finite, got 1 NaN"),
        ({"X": with_entry(X, np.inf)}, "X must be finite, got 1 NaN"),
        ({"X": X[:0]}, r"X must be a non-empty matrix \(n, d\), got shape \(0, 2\)"),
        ({"X": X[:, 0]}, r"X must be a non-empty matrix \(n, d\), got shape \(10,\)"),
        ({"X": X.astype(str) + "cm"}, "X must be an array of numbers"),
        ({"X": X + 1.0}, "belong to another X"),
        ({"X": X[:5], "y": Y[:5]}, "belong to another X"),
        ({"y": with_entry(Y, np.nan)}, "y must be finite, got 1 NaN"),
        ({"y": with_entry(Y, -np.inf)}, "y must be finite, got 1 NaN"),
        ({"y": Y[:9]}, "one entry for each row of X"),
        ({"y": Y[:, None]}, r"must have shape \(10,\)"),
        ({"y": ["yes"] * 10}, "y must be an array of numbers"),
        ({"patterns": CELLS.active}, "patterns must be a Patterns record, got ndarray"),
        ({"beta": 0.0}, r"beta must be a positive number, got 0\.0"),
        ({"beta": -1e-3}, r"beta must be a positive number, got -0\.001"),
        ({"beta": math.nan}, "beta must be a positive number, got nan"),
        ({"beta": math.inf}, "beta must be a positive number, got inf"),
        ({"beta": "small"}, "beta must be a positive number, got 'small'"),
        ({"solver": "ecos"}, "solver must be one of auto, clarabel, mosek, interior_point"),
    ],
)
def test_every_call_refuses(name, change, message):
    refused(name, change, message)


@pytest.mark.parametrize("name", LABELLED)
@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.where(Y > 0, 1.0, 0.0), r"labels must be -1 or \+1, got the values \[0.0, 1.0\]"),
        (2 * Y, r"labels must be -1 or \+1"),
        (np.ones(10), r"both labels -1 and \+1 must occur, got only \+1"),
        (-np.ones(10), r"both labels -1 and \+1 must occur, got only -1"),
    ],
)
def test_labels_that_are_not_two_signs_are_refused(name, labels, message):
    """One class only is refused as well: its best network is a constant, and seldom what is meant.

    The squared loss takes any targets, a constant one too.
    """
    refused(name, {"y": labels}, message)


@pytest.mark.parametrize("name", ROBUST)
@pytest.mark.parametrize(
    ("ball", "message"),
    [
        (0.1, r"ball must be an LpBall, got float; use LpBall"),
        (None, "ball must be an LpBall, got NoneType"),
        (LpBall(3, 0.1), "p = 1, 2 or inf, got p=3"),
        (LpBall(1.5, 0.1), r"p = 1, 2 or inf, got p=1\.5"),
    ],
)
def test_what_is_no_ball_is_refused(name, ball, message):
    refused(name, {"ball": ball}, message)


@pytest.mark.parametrize("radius", [-0.1, math.nan, math.inf])
def test_a_ball_of_such_a_radius_does_not_exist(radius):
    with pytest.raises(InputError, match="radius must be a finite number >= 0"):
        LpBall(math.inf, radius)


@pytest.mark.parametrize("name", CALLS)
def test_a_solver_that_stops_early_is_an_error_with_its_status(name):
    change = {"beta": 1e-3, "solver": "clarabel", "options": {"max_iter": 1}}
    refused(name, change, "'user_limit' where an optimum was wanted|failed on this", SolverError)


@pytest.mark.parametrize("name", ROBUST)
def test_a_radius_that_no_neuron_survives_gives_the_zero_network_and_says_so(name):
    """(10) is never infeasible: v = w = 0 is in it. Where nothing else is, that is the answer."""
    solution = CALLS[name](X, Y, CELLS, 0.1, ball=LpBall(math.inf, 50.0))
    assert solution.status == "no pattern kept"
    assert not solution.pattern_kept.any()
    zero = {"hinge": 1.0, "logistic": math.log(2.0), "squared": 5.0}[solution.loss]
    assert solution.objective == solution.lower_bound == pytest.approx(zero, abs=1e-15)


def test_an_infeasible_program_is_an_error_that_names_the_status():
    import cvxpy as cp

    from robustcore.convex.solving import solve

    x = cp.Variable()
    problem = cp.Problem(cp.Minimize(x), [x >= 1, x <= 0])
    with pytest.raises(SolverError, match="status 'infeasible' where an optimum was wanted"):
        solve(problem, "clarabel")
