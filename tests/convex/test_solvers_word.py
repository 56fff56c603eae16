"""What a solver says is not taken on its word, and whatever breaks inside one is one sentence."""

import math
import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch

from robustcore import convex, patterns
from robustcore.balls import LpBall
from robustcore.convex import interior, running, solving, standard
from robustcore.convex.options import OWN
from robustcore.errors import (
    AccuracyWarning,
    EmptyNetworkWarning,
    InputError,
    LicenceError,
    SolverError,
)

ROBUST = {
    "hinge": convex.train_robust_hinge,
    "squared": convex.train_robust_squared,
    "logistic": convex.train_robust_logistic,
}


def badly_scaled(seed, factor=1e6, bias=False):
    """One feature in units a million times smaller than the others'."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((20, 3))
    y = np.where(X[:, 0] + 0.3 * rng.standard_normal(20) > 0, 1.0, -1.0)
    X[:, 2] *= factor
    return X, y, patterns.sample(X, 12, rng, bias, at_most=True)


def small(seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((12, 2))
    y = np.where(X[:, 0] + 0.5 * rng.standard_normal(12) > 0, 1.0, -1.0)
    return X, y, patterns.enumerate(X)


@pytest.mark.parametrize("loss", ["hinge", "logistic", "squared"])
@pytest.mark.parametrize("seed", range(3))
def test_auto_goes_on_until_a_gap_is_certified(seed, loss):
    X, y, found = badly_scaled(seed)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        solution = convex.train_standard(X, y, found, 1e-2, loss)
    assert solution.status.startswith("optimal")
    assert abs(solution.gap) <= 1e-5 * max(1.0, solution.objective)
    assert [w.category for w in said] == [AccuracyWarning] * (solution.solver == OWN)


def test_the_warning_has_both_numbers_and_a_named_solver_is_not_believed():
    X, y, found = badly_scaled(0)
    with pytest.warns(AccuracyWarning, match=r"clarabel left the objective 0\.17.* above"):
        best = convex.train_standard(X, y, found, 1e-2)
    with pytest.warns(AccuracyWarning, match="it is the best answer") as said:
        alone = convex.train_standard(X, y, found, 1e-2, solver="clarabel")
    assert alone.status.startswith("not certified: clarabel said 'optimal")
    assert alone.lower_bound <= best.objective <= alone.objective
    for number in (alone.objective, alone.lower_bound):
        assert f"{number:.6g}" in str(said[0].message)


@pytest.mark.parametrize("loss", ROBUST)
def test_robust_training_goes_on_as_well(loss):
    X, y, found = badly_scaled(0, bias=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AccuracyWarning)
        solution = ROBUST[loss](X, y, found, LpBall(math.inf, 0.01), 1e-2)
    assert solution.status.startswith("optimal")
    assert abs(solution.gap) <= 1e-5 * max(1.0, solution.objective)


def lying(change):
    """A general solver that returns something else than what it found."""
    honest = standard.solve

    def solve(problem, solver, options=None):
        status = honest(problem, solver, options)
        for variable in problem.variables():
            variable.save_value(change(variable.value))
        return status

    return solve


@pytest.mark.parametrize(
    "change",
    [lambda v: 0.9 * v, lambda v: 1.1 * v, lambda v: -v, lambda v: v + 1e-2, lambda v: v * np.nan],
)
def test_no_changed_answer_passes_as_optimal(change, monkeypatch):
    """Too short, too long, of the other sign, outside its cones, or no number at all."""
    X, y, cells = small()
    honest = convex.train_standard(X, y, cells, 1e-2)
    monkeypatch.setattr(standard, "solve", lying(change))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        named = convex.train_standard(X, y, cells, 1e-2, solver="clarabel")
        chosen = convex.train_standard(X, y, cells, 1e-2)
    assert not named.status.startswith("optimal")
    assert named.lower_bound <= honest.objective + 1e-7
    assert chosen.solver == OWN
    assert chosen.objective == pytest.approx(honest.objective, abs=1e-6)


FAULTS = [
    MemoryError(),
    RuntimeError("License file not found\nlook elsewhere"),
    OSError("libmkl.so: cannot open shared object file"),
    ZeroDivisionError("division by zero"),
    TypeError("unexpected"),
    torch.OutOfMemoryError("out of memory"),
    type("PanicException", (BaseException,), {})("a panic of compiled code"),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)
def test_whatever_breaks_inside_a_solver_is_one_sentence_or_the_next_solver(fault, monkeypatch):
    X, y, cells = small()

    def broken(*_, **__):
        raise fault

    import cvxpy

    monkeypatch.setattr(cvxpy.Problem, "solve", broken)
    assert convex.train_standard(X, y, cells, 1e-2).solver == OWN
    kind = LicenceError if "License" in str(fault) else SolverError
    with pytest.raises(kind, match="clarabel failed on this program") as raised:
        convex.train_standard(X, y, cells, 1e-2, solver="clarabel")
    assert "\n" not in str(raised.value)
    monkeypatch.setattr(interior, "minimise", broken)
    with pytest.raises(kind, match=f"{OWN} failed on this program"):
        convex.train_standard(X, y, cells, 1e-2, solver=OWN)
    with pytest.raises(kind, match=f"{OWN} failed on this program"):
        convex.train_batch(X, y, [cells], 1e-2)
    with pytest.raises(kind, match="clarabel failed on this program"):  # the first of those tried
        convex.train_standard(X, y, cells, 1e-2)


def test_our_own_may_break_and_auto_goes_on(monkeypatch):
    X, y, cells = small()
    monkeypatch.setattr(running, "worthwhile", lambda data: True)

    def broken(*_, **__):
        raise MemoryError

    monkeypatch.setattr(interior, "minimise", broken)
    assert convex.train_standard(X, y, cells, 1e-2).solver != OWN


def test_a_licence_that_ends_while_solving(monkeypatch):
    """Checked out at the door, gone at the solve: Clarabel takes over, MOSEK by name says so."""
    X, y, cells = small()
    honest = standard.solve

    def expired(problem, solver, options=None):
        if solver == "mosek":
            with solving.in_one_sentence(solver):
                raise RuntimeError("rescode.err_license_expired(1001): The license has expired.")
        return honest(problem, solver, options)

    monkeypatch.setattr(solving, "mosek_licensed", lambda: True)
    monkeypatch.setattr(standard, "solve", expired)
    assert convex.train_standard(X, y, cells, 1e-2).solver == "clarabel"
    with pytest.raises(LicenceError, match="mosek failed on this program"):
        convex.train_standard(X, y, cells, 1e-2, solver="mosek")


def test_the_callers_own_errors_stay_the_callers():
    X, y, cells = small()

    def stop(*_):
        raise LookupError("mine")

    for solver in ("auto", OWN):
        with pytest.raises(LookupError, match="mine"):
            convex.train_standard(X, y, cells, 1e-2, solver=solver, options={"progress": stop})


def test_an_interrupt_ends_the_call_and_not_only_one_solver():
    X, y, cells = small()

    def stop(iteration, *_):
        if iteration == 2:
            raise KeyboardInterrupt

    solution = convex.train_standard(X, y, cells, 1e-2, options={"progress": stop})
    assert solution.status.startswith("interrupted")


@pytest.mark.parametrize("loss", ROBUST)
def test_a_network_without_a_neuron_warns(loss):
    X, y, cells = small()
    with pytest.warns(EmptyNetworkWarning, match="no pattern given can carry one; take patterns"):
        none = ROBUST[loss](X, y, cells, LpBall(math.inf, 50.0), 1e-2)
    with pytest.warns(EmptyNetworkWarning, match="beta is too large for any"):
        zero = convex.train_standard(X, y, cells, 1e4, loss)
    assert none.n_neurons == zero.n_neurons == 0
    draws = [cells.take([0, 1])]
    with pytest.warns(EmptyNetworkWarning):
        convex.train_batch(X, y, draws, 1e4, loss)
    with pytest.warns(EmptyNetworkWarning):
        convex.train_grown(X, y, 1e4, loss, rng=np.random.default_rng(0))


def test_badly_scaled_features_lose_no_pattern():
    """Scaling a column, with an L1 ball or none, changes no pattern; nor may the answer."""
    rng = np.random.default_rng(5)
    X = rng.standard_normal((8, 3))
    cells = patterns.enumerate(X)
    for factor in (1e-9, 1e9):
        scaled = X * np.array([1.0, factor, 1.0])
        same = replace(patterns.of(scaled, np.zeros((3, 1))), active=cells.active, gates=None)
        assert patterns.robust_feasible(scaled, same, LpBall(math.inf, 0.0)).all()
        assert patterns.robust_feasible(scaled, same, LpBall(1, 0.0)).all()


def test_a_refusal_of_our_own_solver_is_told_where_it_was_asked_for():
    """Two opposite points: a ball that just reaches the origin leaves a cell only its boundary."""
    X, y = np.array([[1.0], [-1.0]]), np.array([1.0, -1.0])
    cells, ball = patterns.enumerate(X), LpBall(2, 1.0)
    with pytest.raises(InputError, match="no neuron strictly inside"):
        convex.train_robust_hinge(X, y, cells, ball, 1e-2, solver=OWN)
    with pytest.raises(InputError, match="no neuron strictly inside"):
        convex.train_robust_hinge(X, y, cells, ball, 1e-2, options={"progress": lambda *_: None})
