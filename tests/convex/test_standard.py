"""Standard convex training: Theorem 1, Lemma 6, and what is refused."""

import importlib

import numpy as np
import pytest
import torch

from robustcore import convex, patterns
from robustcore.errors import InputError, LicenceError, MissingExtraError, SolverError
from studies.oracles import convex_twins, instances

TWINS = (
    "strong_duality",
    "global_optimality",
    "pruned_width",
    "recovered_cost",
    "recovered_cost_at_any_point",
    "more_patterns",
)


@pytest.fixture
def case():
    return instances.instance(1)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("name", TWINS)
def test_theorem_against_its_twin(name, seed):
    check = convex_twins.CHECKS[name]
    assert check.violation(instances.instance(seed)) <= check.tolerance


@pytest.mark.parametrize("beta", [0.05, 0.2, 0.7])
def test_two_points_on_a_line_by_hand(beta):
    """X = (1, -1), y = (1, -1): v on the first cell, w on the second, equal by symmetry.

    Then score = (v, -w) and the program is twice min (1 - v)_+ / 2 + beta v: v = 1 while
    beta <= 1/2, the value is 2 beta; beyond, v = 0 and the value is 1.
    """
    X, y = np.array([[1.0], [-1.0]]), np.array([1.0, -1.0])
    solution = convex.train_standard(X, y, patterns.enumerate(X), beta)
    assert solution.objective == pytest.approx(min(2 * beta, 1.0), abs=1e-7)
    assert solution.n_neurons == (2 if beta <= 0.5 else 0)
    assert solution.network().u.shape[0] == solution.n_neurons


def test_an_optimum_may_have_more_than_n_plus_one_blocks_by_hand():
    """X = I, y = e_1, squared loss: v = (1 - beta) e_1, split over the eight cones that hold it."""
    X, y, beta = np.eye(4), np.eye(4)[0], 0.1
    cells = patterns.enumerate(X)
    holds = cells.active.T[cells.active[0]]
    assert len(holds) == 8
    v = (1 - beta) / 8 * y
    signs = np.where(holds, 1, -1)
    assert (signs * (X @ v) >= 0).all()
    output = sum(d * (X @ v) for d in holds)
    cost = ((output - y) ** 2).sum() / 2 + beta * 8 * np.linalg.norm(v)
    assert cost == pytest.approx(convex.train_standard(X, y, cells, beta, "squared").objective)


@pytest.mark.parametrize("loss", ["squared", "logistic"])
def test_one_point_by_hand(loss):
    """X = (1, -1) with targets y: each point has a cell of its own, so the loss separates."""
    X, y, beta = np.array([[1.0], [-1.0]]), np.array([1.0, -1.0]), 0.1
    solution = convex.train_standard(X, y, patterns.enumerate(X), beta, loss)
    if loss == "squared":  # min (v - 1)^2 / 2 + beta v: v = 1 - beta
        expected = 2 * (beta**2 / 2 + beta * (1 - beta))
    else:  # min log(1 + e^-v) / 2 + beta v: sigma(-v) = 2 beta
        v = np.log(1 / (2 * beta) - 1)
        expected = 2 * (np.log1p(np.exp(-v)) / 2 + beta * v)
    assert solution.objective == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize("s", [1e-3, 255.0])
def test_values_do_not_depend_on_the_units_of_x(s):
    """X * s with beta * s is the same problem: v scales by 1 / s."""
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((9, 2)), np.resize([1.0, -1.0], 9)
    base = convex.train_standard(X, y, patterns.enumerate(X), 1e-2)
    scaled = convex.train_standard(s * X, y, patterns.enumerate(s * X), s * 1e-2)
    assert scaled.objective == pytest.approx(base.objective, abs=1e-7)
    assert scaled.gap <= 2e-6


def test_no_pattern_at_all_is_the_zero_network(case):
    none = case.all_patterns.take([])
    solution = convex.train_standard(case.X, case.y, none, 1e-2)
    assert solution.objective == solution.lower_bound == 1.0
    assert solution.status == "no pattern kept"
    assert solution.network()(torch.from_numpy(case.X)).tolist() == [0.0] * len(case.y)


def test_a_beta_so_large_that_the_network_is_zero(case):
    solution = convex.train_standard(case.X, case.y, case.all_patterns, 1e3)
    assert solution.objective == 1.0
    assert solution.gap <= 1e-8
    assert solution.n_neurons == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y": np.array([0.0, 1.0, 1, 1, 1, 1, 1, 1, 1, 1])}, "labels must be -1 or \\+1"),
        ({"y": np.ones(10)}, "both labels"),
        ({"y": np.ones(3)}, "one entry for each row of X"),
        ({"beta": 0.0}, "beta must be a positive number"),
        ({"beta": -1.0}, "beta must be a positive number"),
        ({"loss": "absolute"}, "loss must be one of hinge, squared, logistic"),
        ({"solver": "ecos"}, "solver must be one of"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(change, message):
    X = np.random.default_rng(0).standard_normal((10, 2))
    good = {"y": np.repeat([1.0, -1.0], 5), "beta": 0.1, "loss": "hinge", "solver": "clarabel"}
    cells = patterns.enumerate(X)
    with pytest.raises(InputError, match=message):
        convex.train_standard(X, patterns=cells, **{**good, **change})
    with pytest.raises(InputError, match="another X"):
        convex.train_standard(X[::-1], patterns=cells, **good)
    with pytest.raises(InputError, match="y must be finite"):
        convex.train_standard(X, np.full(10, np.nan), cells, 0.1)


def test_a_solver_that_stops_early_is_an_error_with_its_status(case):
    with pytest.raises(SolverError, match=r"'user_limit'|failed on this program"):
        convex.train_standard(
            case.X, case.y, case.all_patterns, 1e-3, solver="clarabel", options={"max_iter": 2}
        )


def test_mosek_without_a_licence_is_an_error_that_names_the_way_out(case):
    if convex.mosek_licensed():
        pytest.skip("MOSEK has a licence here: its refusal cannot be shown")
    with pytest.raises(LicenceError, match="MOSEK has no licence here; solve with"):
        convex.train_standard(case.X, case.y, case.all_patterns, 1e-2, solver="mosek")


def test_without_cvxpy_the_message_names_the_extra(case, monkeypatch):
    real = importlib.import_module

    def absent(name, package=None):
        if name == "cvxpy":
            raise ImportError(name)
        return real(name, package)

    monkeypatch.setattr(importlib, "import_module", absent)
    with pytest.raises(MissingExtraError, match=r"needs cvxpy, .* pip install '\.\[convex\]'"):
        convex.train_standard(case.X, case.y, case.all_patterns, 1e-2, solver="clarabel")


def test_prune_refuses_robust_solutions(case):
    solution = convex.train_robust_hinge(case.X, case.y, case.all_patterns, case.ball, 1e-2)
    with pytest.raises(InputError, match="prune works on standard training"):
        convex.prune(solution, case.X, case.y)
