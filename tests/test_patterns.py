"""Patterns: sampling, exact enumeration, and which of them can carry a robust neuron."""

import dataclasses
import math

import numpy as np
import pytest

from robustcore import patterns
from robustcore.balls import LpBall
from robustcore.errors import InputError
from robustcore.patterns import Patterns, feasibility
from studies.oracles import convex_twins, instances


@pytest.fixture(name="X")
def planar_points():
    return np.random.default_rng(0).standard_normal((12, 2))


@pytest.mark.parametrize(
    ("n", "d", "bias"), [(1, 1, False), (2, 3, False), (40, 2, False), (40, 2, True), (12, 4, True)]
)
def test_in_general_position_the_enumeration_has_covers_count(n, d, bias):
    X = np.random.default_rng(n).standard_normal((n, d))
    found = patterns.enumerate(X, bias)
    rank = min(n, d + bias)
    assert len(found) == patterns.count(n, rank)
    assert len(found) <= patterns.count_bound(n, rank) or n == 1
    assert ((patterns.design_matrix(X, bias) @ found.gates >= 0) == found.active).all()


def test_the_papers_figures_for_forty_points_in_the_plane():
    assert patterns.count(40, 2) == 80
    assert patterns.count(40, 3) == 1562
    assert math.ceil(patterns.count_bound(40, 2)) == 11239


@pytest.mark.parametrize("seed", range(24))
def test_no_gaussian_gate_meets_a_pattern_that_the_enumeration_lacks(seed):
    assert convex_twins.all_cells(instances.instance(seed)) == 0


@pytest.mark.parametrize("kind", range(1, 6))
def test_degenerate_data_has_exactly_the_patterns_that_many_gates_meet(kind):
    case = instances.instance(kind)
    met = patterns.sample(case.X, 2**14, case.rng, case.bias, max_draws=200_000, at_most=True)
    assert case.all_patterns.contains(met).all()
    assert met.contains(case.all_patterns).all()


def test_a_zero_row_is_active_in_every_pattern():
    X = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    for found in (patterns.enumerate(X), patterns.sample(X, 4, np.random.default_rng(0))):
        assert found.active[0].all()
        assert len(found) == 4
    assert patterns.enumerate(np.zeros((3, 2))).active.tolist() == [[True]] * 3


def test_a_gate_on_a_hyperplane_switches_its_sample_on():
    assert patterns.of(np.array([[1.0], [-1.0]]), np.array([0.0])).active.all()


def test_sampling_is_distinct_reproducible_and_says_when_it_runs_out(X):
    first, second = (patterns.sample(X, 10, np.random.default_rng(3)) for _ in range(2))
    assert (first.active == second.active).all()
    assert patterns.of(X, first.gates).active.tolist() == first.active.tolist()
    with pytest.raises(InputError, match=r"30 distinct patterns were wanted.*at most 24 exist"):
        patterns.sample(X, 30, np.random.default_rng(3))
    assert len(patterns.sample(X, 30, np.random.default_rng(3), at_most=True)) <= 24


def test_algorithm_2_begins_with_the_clean_pattern_of_its_gate_and_stops_in_all(X):
    arguments = {"n_gates": 50, "n_perturbations": 6}
    found = patterns.sample_perturbed(
        X, LpBall(math.inf, 0.5), 20, np.random.default_rng(0), **arguments
    )
    assert len(found) == 20
    assert patterns.of(X, found.gates[:, :1]).active[:, 0].tolist() == found.active[:, 0].tolist()
    assert not patterns.enumerate(X).contains(found).all()
    unmoved = patterns.sample_perturbed(
        X, LpBall(math.inf, 0), 10, np.random.default_rng(0), **arguments
    )
    assert patterns.enumerate(X).contains(unmoved).all()
    with pytest.raises(InputError, match="raise n_gates"):
        patterns.sample_perturbed(
            X, LpBall(math.inf, 0), 10, np.random.default_rng(0), n_gates=1, n_perturbations=5
        )


@pytest.mark.parametrize("S", [1, 2, 5])
def test_each_gate_of_algorithm_2_gives_one_clean_pattern_and_s_less_one_perturbed(S):
    """Forty samples and a wide box: no two of the draws can be the same pattern."""
    X = np.random.default_rng(1).standard_normal((40, 3))
    arguments = {"n_gates": 4, "n_perturbations": S, "at_most": True}
    found = patterns.sample_perturbed(
        X, LpBall(math.inf, 1.0), 1000, np.random.default_rng(0), **arguments
    )
    assert len(found) == 4 * S
    clean = patterns.of(X, found.gates[:, ::S]).active
    assert (found.active[:, ::S] == clean).all()


@pytest.mark.parametrize(
    ("bias", "perturb_bias", "moves"),
    [(False, False, True), (True, False, False), (True, True, True)],
)
def test_the_last_coordinate_moves_unless_it_is_a_bias_that_is_left_alone(
    bias, perturb_bias, moves
):
    """A sample switches only within reach, and beyond that of the others if the last one moves."""
    rng = np.random.default_rng(2)
    X = rng.standard_normal((60, 2))
    wanted = {"n_gates": 20, "n_perturbations": 20, "at_most": True}
    found = patterns.sample_perturbed(
        X, LpBall(math.inf, 0.5), 1000, rng, bias=bias, perturb_bias=perturb_bias, **wanted
    )
    output = patterns.design_matrix(X, bias) @ found.gates
    switched = found.active != (output >= 0)
    reach, without = (0.5 * np.abs(g).sum(axis=0) for g in (found.gates, found.gates[:-1]))
    assert switched.any()
    assert not (switched & (np.abs(output) > reach)).any()
    assert (switched & (np.abs(output) > without)).any() == moves


@pytest.mark.parametrize("seed", range(30))
def test_robust_feasibility_is_10b_over_all_vertices(seed):
    assert convex_twins.feasibility_filter(instances.instance(seed)) == 0


@pytest.mark.parametrize("seed", range(10))
def test_robust_feasibility_for_l1_balls(seed):
    case = instances.instance(seed)
    ball = LpBall(1, case.ball.radius)
    fast = patterns.robust_feasible(case.X, case.all_patterns, ball, case.perturb_bias)
    slow = instances.feasible_over_vertices(case.X, case.all_patterns, ball, case.perturb_bias)
    assert fast.tolist() == slow.tolist()
    assert fast.sum() > 0 or case.ball.radius > 0.02


@pytest.mark.parametrize("p", [1, math.inf])
def test_a_pattern_is_dropped_on_multipliers_and_never_on_a_value(p, monkeypatch):
    """A solver that calls 0 the largest total of every cell drops none that it can't disprove."""
    truthful = feasibility.linprog

    def pessimist(cost, **options):
        found = truthful(cost, **options)
        found.fun, found.x = 0.0, 0 * found.x
        return found

    rng = np.random.default_rng(0)
    X = rng.standard_normal((7, 2))
    cells, ball = patterns.enumerate(X, bias=True), LpBall(p, 0.2)
    cells = dataclasses.replace(cells, gates=None)
    honest = patterns.robust_feasible(X, cells, ball)
    monkeypatch.setattr(feasibility, "linprog", pessimist)
    assert patterns.robust_feasible(X, cells, ball).tolist() == honest.tolist()
    assert 0 < honest.sum() < len(cells)

    def dumb(cost, **options):
        found = pessimist(cost, **options)
        found.ineqlin.marginals = 0 * found.ineqlin.marginals
        return found

    monkeypatch.setattr(feasibility, "linprog", dumb)
    assert patterns.robust_feasible(X, cells, ball)[honest].all()


def test_a_neuron_whose_constraint_is_tight_counts_as_feasible():
    """max of the margin is 0 here although v = 1 is allowed: x v = 1 = radius |v|."""
    X = np.array([[1.0]])
    cells = patterns.enumerate(X)
    assert patterns.robust_feasible(X, cells, LpBall(math.inf, 1.0)).all()
    assert not patterns.robust_feasible(X, cells, LpBall(math.inf, 1.001)).any()


@pytest.mark.parametrize("seed", range(20))
def test_interior_points_are_strictly_inside_and_the_answers_are_the_same(seed):
    """Every robust constraint holds with room; a pattern without such a point has none to give."""
    case = instances.instance(seed)
    given = (case.X, case.all_patterns, case.ball, case.perturb_bias)
    alive, points = patterns.robust_interior(*given)
    assert alive.tolist() == patterns.robust_feasible(*given).tolist()
    design = patterns.design_matrix(case.X, case.all_patterns.bias)
    attacked = design.shape[1] - (case.all_patterns.bias and not case.perturb_bias)
    found = np.isfinite(points).all(axis=0)
    assert (alive | ~found).all()
    assert found.any() or not alive.any()
    for e, u in zip(case.all_patterns.signs.T[found], points.T[found], strict=True):
        assert (e * (design @ u)).min() > case.ball.support(u[:attacked])


def test_a_tight_neuron_has_no_interior_point():
    X = np.array([[1.0]])
    alive, points = patterns.robust_interior(X, patterns.enumerate(X), LpBall(math.inf, 1.0))
    assert alive.all()
    assert np.isnan(points).all()


def test_only_constant_patterns_survive_any_radius_with_a_bias_left_alone(X):
    cells = patterns.enumerate(X, bias=True)
    alive = cells.take(patterns.robust_feasible(X, cells, LpBall(math.inf, 1e3)))
    assert sorted(alive.active.sum(axis=0).tolist()) == [0, len(X)]
    assert not patterns.robust_feasible(X, cells, LpBall(math.inf, 1e3), perturb_bias=True).any()


def test_fewer_patterns_are_feasible_at_a_larger_radius(X):
    cells = patterns.enumerate(X, bias=True)
    alive = [patterns.robust_feasible(X, cells, LpBall(math.inf, r)) for r in (0, 0.05, 0.2, 0.8)]
    assert alive[0].all()
    for wide, narrow in zip(alive[1:], alive[:-1], strict=True):
        assert (narrow | ~wide).all()
        assert wide.sum() < narrow.sum()


def test_take_and_union_keep_gates_and_order(X):
    cells = patterns.enumerate(X)
    left, right = cells.take([0, 1, 2]), cells.take([2, 3])
    both = left.union(right)
    assert both.active.tolist() == cells.take(range(4)).active.tolist()
    assert both.gates.tolist() == cells.take(range(4)).gates.tolist()
    assert len(cells.take([])) == 0
    assert cells.contains(both).all()
    assert left.contains(right).tolist() == [True, False]
    assert set(np.unique(cells.signs)) == {-1.0, 1.0}


def test_bad_input_is_refused_in_one_sentence(X):
    rng = np.random.default_rng(0)
    cells = patterns.enumerate(X)
    with pytest.raises(InputError, match="belong to another X"):
        patterns.robust_feasible(X + 1, cells, LpBall(math.inf, 0.1))
    with pytest.raises(InputError, match="one X and one choice of bias"):
        cells.union(patterns.enumerate(X, bias=True))
    with pytest.raises(InputError, match="got 1 repeats"):
        Patterns(np.ones((3, 2), dtype=bool), None, False, "")
    with pytest.raises(InputError, match="boolean matrix"):
        Patterns(np.ones((3, 2)), None, False, "")
    with pytest.raises(InputError, match="needs p=inf or p=1"):
        patterns.robust_feasible(X, cells, LpBall(2, 0.1))
    with pytest.raises(InputError, match="needs p=1, 2 or inf"):
        patterns.robust_interior(X, cells, LpBall(3, 0.1))
    with pytest.raises(InputError, match="widest_point needs p=1, 2 or inf"):
        patterns.widest_point(X, LpBall(3, 0.1), 2)
    with pytest.raises(InputError, match="X must be finite"):
        patterns.sample(np.array([[np.nan]]), 1, rng)
    with pytest.raises(InputError, match="n_patterns must be at least 1"):
        patterns.sample(X, 0, rng)
    with pytest.raises(InputError, match="gates must be \\(3, P\\)"):
        patterns.of(X, np.ones(2), bias=True)
    with pytest.raises(InputError, match="sample them instead"):
        patterns.enumerate(rng.standard_normal((60, 20)))
