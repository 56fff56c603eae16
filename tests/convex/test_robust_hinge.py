"""Robust convex training: Theorem 4, the reductions, and dead patterns."""

import math
from importlib.util import find_spec

import numpy as np
import pytest
import torch

from robustcore import convex, patterns
from robustcore.balls import LpBall
from robustcore.convex import robust_program, standard
from robustcore.convex.parts import Problem
from robustcore.errors import InputError
from studies.oracles import convex_twins, instances

TWINS = ("inner_maximum", "robust_duality", "reductions", "dead_patterns")


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("name", TWINS)
def test_theorem_against_its_twin(name, seed):
    check = convex_twins.CHECKS[name]
    assert check.violation(instances.instance(seed)) <= check.tolerance


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("p", [1, 2, math.inf])
def test_other_balls_no_perturbation_costs_more_than_the_objective(seed, p):
    case = instances.instance(seed)
    ball = LpBall(p, case.ball.radius)
    args = (case.X, case.y, case.all_patterns, ball, case.beta, case.perturb_bias)
    solution = convex.train_robust_hinge(*args)
    assert solution.gap <= 5e-6
    assert solution.objective == pytest.approx(
        convex.train_robust_hinge(*args, reduce=False).objective, abs=2e-6
    )
    net, delta = solution.network(), convex.worst_perturbation(solution, case.X, case.y)
    assert ball.contains(delta).all()
    if case.perturb_bias:
        return  # the network class has no input for the column of ones
    with torch.no_grad():
        worst = (1 - case.y * net(torch.from_numpy(case.X + delta)).numpy()).clip(min=0)
        for _ in range(20):
            moved = case.X + ball.sample(case.X.shape, case.rng)
            assert ((1 - case.y * net(torch.from_numpy(moved)).numpy()) <= worst + 1e-7).all()
        cost = worst.mean() + case.beta * float(net.penalty())
    assert cost == pytest.approx(solution.objective, abs=1e-7)


@pytest.mark.parametrize("seed", range(4))
def test_radius_zero_is_algorithm_1(seed):
    case = instances.instance(seed)
    robust = convex.train_robust_hinge(
        case.X, case.y, case.all_patterns, LpBall(math.inf, 0), case.beta
    )
    plain = convex.train_standard(case.X, case.y, case.all_patterns, case.beta)
    assert robust.objective == pytest.approx(plain.objective, abs=2e-7)


def test_two_points_on_a_line_by_hand():
    """X = (1, -1), y = (1, -1), radius e: v, w feasible iff e <= 1, each margin is (1 - e) v."""
    X, y, beta = np.array([[1.0], [-1.0]]), np.array([1.0, -1.0]), 0.1
    cells = patterns.enumerate(X)
    for radius in (0.25, 0.5):  # v = 1 / (1 - e) pays while beta <= (1 - e) / 2
        solution = convex.train_robust_hinge(X, y, cells, LpBall(math.inf, radius), beta)
        assert solution.objective == pytest.approx(2 * beta / (1 - radius), abs=1e-6)
        assert np.abs(solution.v).max() == pytest.approx(1 / (1 - radius), abs=1e-4)
    beyond = convex.train_robust_hinge(X, y, cells, LpBall(math.inf, 1.5), beta)
    assert not beyond.pattern_kept.any()
    assert beyond.objective == beyond.lower_bound == 1.0
    assert beyond.status == "no pattern kept"
    assert len(beyond.network().alpha) == 0


def test_the_objective_rises_with_the_radius_and_with_an_attacked_bias():
    case = instances.instance(1)
    cells = patterns.enumerate(case.X, bias=True)
    values = [
        convex.train_robust_hinge(case.X, case.y, cells, LpBall(math.inf, r), 1e-2).objective
        for r in (0.0, 0.05, 0.1, 0.2)
    ]
    assert (np.diff(values) >= -1e-7).all()
    attacked = convex.train_robust_hinge(
        case.X, case.y, cells, LpBall(math.inf, 0.1), 1e-2, perturb_bias=True
    )
    assert attacked.objective >= values[2] - 1e-7


@pytest.mark.skipif(find_spec("mosek") is None, reason="MOSEK is not installed")
@pytest.mark.parametrize("robust", [False, True])
def test_the_mosek_task_of_both_programs_is_written_without_a_licence(robust, tmp_path):
    import cvxpy as cp
    import mosek

    case = instances.instance(1)
    ball = case.ball if robust else None
    data = Problem.of(case.X, case.y, case.all_patterns, 1e-2, "hinge", ball).scaled()
    program = (robust_program if robust else standard).build(cp, data)
    path = tmp_path / "task.ptf"
    if convex.mosek_licensed():
        program.problem.solve(solver=cp.MOSEK, save_file=str(path))
    else:  # the task is complete and written before the licence is asked for
        with pytest.raises(mosek.Error, match="license"):
            program.problem.solve(solver=cp.MOSEK, save_file=str(path))
    task = path.read_text()
    assert "VAR" in task.upper()
    cones = task.upper().count("QUAD")
    assert cones >= 2 * len(case.all_patterns)


def test_bad_input_is_refused_in_one_sentence():
    case = instances.instance(1)
    with pytest.raises(InputError, match="p = 1, 2 or inf, got p=3"):
        convex.train_robust_hinge(case.X, case.y, case.all_patterns, LpBall(3, 0.1), 0.1)
    with pytest.raises(InputError, match="another X"):
        convex.train_robust_hinge(case.X + 1, case.y, case.all_patterns, case.ball, 0.1)
    plain = convex.train_standard(case.X, case.y, case.all_patterns, 0.1)
    with pytest.raises(InputError, match="robust training"):
        convex.worst_perturbation(plain, case.X, case.y)
