"""Options have one meaning for every solver, and are refused before anything runs."""

import math

import numpy as np
import pytest

from robustcore import convex, patterns
from robustcore.balls import LpBall
from robustcore.convex import running
from robustcore.convex.options import OWN, Options
from robustcore.convex.solving import settings_of
from robustcore.errors import InputError

RNG = np.random.default_rng(0)
X = RNG.standard_normal((12, 2))
Y = np.repeat([1.0, -1.0], 6)
CELLS = patterns.enumerate(X)
SOLVERS = ["auto", "clarabel", OWN]


def solve(solver, options, beta=1e-2, **rest):
    return convex.train_standard(X, Y, CELLS, beta, solver=solver, options=options, **rest)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("tolerance", [1e-4, 1e-8])
def test_the_tolerance_is_that_of_the_certified_gap(solver, tolerance):
    solution = solve(solver, {"tolerance": tolerance})
    assert abs(solution.gap) <= tolerance
    assert solution.status.startswith("optimal")


@pytest.mark.parametrize("solver", SOLVERS)
def test_enough_iterations_work_with_every_solver_and_too_few_are_told(solver):
    assert solve(solver, {"max_iterations": 80}).status.startswith("optimal")
    assert settings_of("clarabel", Options(max_iterations=3))["max_iter"] == 3
    told = settings_of("mosek", Options(max_iterations=3, special={"mosek_params": {"A": 1}}))
    assert told["mosek_params"] == {"MSK_IPAR_INTPNT_MAX_ITERATIONS": 3, "A": 1}


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("ball", [None, LpBall(math.inf, 0.01)])
def test_a_start_works_with_every_solver(solver, ball):
    def train(beta, options):
        if ball is None:
            return solve(solver, options, beta)
        return convex.train_robust_hinge(X, Y, CELLS, ball, beta, solver=solver, options=options)

    first = train(2e-2, None)
    second = train(1e-2, {"start": first})
    assert second.objective == pytest.approx(train(1e-2, None).objective, abs=2e-6)


def test_progress_and_device_make_auto_our_own():
    seen = []
    solution = solve("auto", {"progress": lambda *step: seen.append(step), "device": "cpu"})
    assert solution.solver == OWN
    assert [k for k, _, _ in seen] == list(range(len(seen)))
    assert seen[-1][1] - seen[-1][2] <= 1e-7


@pytest.mark.parametrize(
    ("solver", "options", "message"),
    [
        ("auto", {"tolerance": 0.0}, "tolerance must be a positive number, got 0.0"),
        ("clarabel", {"tolerance": "tight"}, "tolerance must be a positive number, got 'tight'"),
        (OWN, {"tolerance": math.nan}, "tolerance must be a positive number, got nan"),
        ("clarabel", {"max_iterations": 0}, "max_iterations must be a positive integer, got 0"),
        (OWN, {"max_iterations": 2.5}, r"max_iterations must be a positive integer, got 2\.5"),
        ("auto", {"progress": "yes"}, "progress must be callable, got str"),
        ("auto", {"start": "here"}, "start must be a ConvexSolution, got str"),
        ("clarabel", {"start": "here"}, "start must be a ConvexSolution, got str"),
        ("auto", {"device": "abacus"}, "device 'abacus' cannot be used here"),
        ("clarabel", {"progress": print}, "the option progress is of solver="),
        ("clarabel", {"device": "cpu"}, "the option device is of solver="),
        ("auto", {"max_iter": 5}, r"got \['max_iter'\]; name the solver whose settings"),
        (OWN, {"max_iter": 5}, r"takes the options .*, got \['max_iter'\]\."),
        ("clarabel", {"speed": 5}, "has no option 'speed'; use max_iterations, start, tolerance"),
        ("clarabel", {3: 5}, "has no option 3"),
        ("clarabel", {"max_iter": "many"}, "cannot set max_iter to 'many'"),
        ("clarabel", {"max_iter": -1}, "cannot set max_iter to -1"),
        ("auto", [("tolerance", 1e-6)], "options must be a mapping or None, got list"),
    ],
)
def test_what_a_solver_cannot_take_is_refused_before_anything_runs(
    solver, options, message, monkeypatch
):
    monkeypatch.setattr(running.Task, "solved", lambda *_: pytest.fail("a solver was reached"))
    with pytest.raises(InputError, match=message) as raised:
        solve(solver, options)
    assert "\n" not in str(raised.value)


def test_settings_of_one_solver_still_reach_it_and_win():
    settings = settings_of("clarabel", Options(tolerance=1e-4, special={"tol_feas": 1e-7}))
    assert settings["tol_feas"] == 1e-7
    assert settings["tol_gap_abs"] == pytest.approx(1e-6)
    assert solve("clarabel", {"max_iter": 60, "verbose": False}).status == "optimal"


def test_mosek_names_its_options():
    with pytest.raises(InputError, match=r"takes the options .*mosek_params.*, got \['speed'\]"):
        Options.read({"speed": 1}, "mosek")
    read = Options.read({"mosek_params": {"MSK_IPAR_NUM_THREADS": 1}, "tolerance": 1e-6}, "mosek")
    assert settings_of("mosek", read)["eps"] == pytest.approx(1e-8)
