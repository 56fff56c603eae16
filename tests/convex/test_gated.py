"""Gated programs: fixed gates, no facets, one output or several."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from robustcore import LpBall, bounds, convex, networks, patterns
from robustcore.convex import gated
from robustcore.convex.gated import gated_lower_bound
from robustcore.convex.interior_point import minimise
from robustcore.convex.parts import Problem
from robustcore.errors import AccuracyWarning, EmptyNetworkWarning, InputError, RobustcoreError

LOSSES = ("squared", "hinge", "logistic")


def points(seed: int, n: int = 24, d: int = 4, outputs: int | None = None):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d))
    return X, rng.standard_normal((n, outputs) if outputs else n), rng


def targets_of(loss: str, y: np.ndarray) -> np.ndarray:
    return y if loss in ("squared", "huber") else np.where(y > 0, 1.0, -1.0)


def cost_of(solution: convex.GatedSolution, X, y, beta: float) -> float:
    """By the network's own forward pass, in the units of X, for the squared loss."""
    score = solution.network()(torch.from_numpy(X)).detach().numpy()
    norms = np.linalg.norm(solution.weights.reshape(len(solution.weights), -1), axis=1)
    return 0.5 * float(((score - y) ** 2).sum()) + beta * float(norms.sum())


def test_by_hand_one_sample_is_a_soft_threshold() -> None:
    # min (2u - 3)^2 / 2 + |u|: u = (6 - 1) / 4, value (5/2 - 3)^2 / 2 + 5/4 = 1.375
    X = np.array([[2.0]])
    gate = patterns.Patterns(
        np.array([[True]]), np.array([[1.0]]), False, patterns.of(X, np.ones((1, 1))).fingerprint
    )
    found = convex.train_gated(X, np.array([3.0]), gate, beta=1.0)
    assert found.weights == pytest.approx(np.array([[1.25]]), abs=1e-4)
    assert found.objective == pytest.approx(1.375, abs=1e-6)
    assert found.lower_bound <= 1.375 + 1e-12


@pytest.mark.parametrize("loss", [*LOSSES, "huber", "squared_hinge"])
@pytest.mark.parametrize("beta", [1e-1, 1e-4])
def test_our_solver_and_a_general_one_meet(loss: str, beta: float) -> None:
    X, y, rng = points(0)
    y, draw = targets_of(loss, y), patterns.sample(X, 8, rng, bias=True)
    wanted = {"tolerance": 1e-5}  # at a hundredth of it Clarabel fails on some
    ours = None if loss in LOSSES else wanted
    mine = convex.train_gated(X, y, draw, beta, loss, options=ours)
    theirs = convex.train_gated(X, y, draw, beta, loss, solver="clarabel", options=wanted)
    if loss in LOSSES:
        assert mine.gap <= 1.01e-7 * max(1.0, mine.objective)
    assert mine.solver == ("interior_point" if loss in LOSSES else "clarabel")
    for one, other in ((mine, theirs), (theirs, mine)):
        assert one.status.startswith("optimal")
        assert one.lower_bound <= other.objective + 1e-9
        assert one.gap <= 1e-5 * max(1.0, one.objective)


@pytest.mark.parametrize("seed", range(4))
def test_several_outputs_meet_a_general_solver(seed: int) -> None:
    X, y, rng = points(seed, n=20, d=(3, 30, 5, 2)[seed], outputs=(2, 3, 5, 1)[seed])
    draw = patterns.sample(X, 6, rng)
    mine = convex.train_gated(X, y, draw, 0.05)
    theirs = convex.train_gated(X, y, draw, 0.05, solver="clarabel", options={"tolerance": 1e-5})
    assert mine.gap <= 1e-6 * max(1.0, mine.objective)
    assert mine.lower_bound <= theirs.objective + 1e-9
    assert theirs.lower_bound <= mine.objective + 1e-9
    assert cost_of(mine, X, y, 0.05) == pytest.approx(mine.objective, rel=1e-9)


def test_equal_outputs_are_one_output_at_a_smaller_beta() -> None:
    # C equal columns: C loss(Xu) + beta sqrt(C) |u| = C (loss(Xu) + beta / sqrt(C) |u|)
    X, y, rng = points(5)
    draw = patterns.sample(X, 7, rng)
    together = convex.train_gated(X, np.stack([y] * 4, axis=1), draw, beta=0.2)
    alone = convex.train_gated(X, y, draw, beta=0.2 / math.sqrt(4))
    assert together.objective == pytest.approx(4 * alone.objective, rel=1e-6)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("loss", LOSSES)
def test_any_multiplier_bounds_the_optimum_from_below(loss: str, seed: int) -> None:
    X, y, rng = points(seed, n=15, d=3)
    y, draw = targets_of(loss, y), patterns.sample(X, 5, rng)
    best = convex.train_gated(X, y, draw, 0.01, loss)
    data = Problem.of(X, y, draw, 0.01, loss).scaled()
    own = gated_lower_bound(data, y, best.theta)
    assert own == pytest.approx(best.lower_bound, rel=1e-12)
    for size in (1e-3, 1.0, 1e3):
        for theta in (size * rng.standard_normal(15), size * best.theta, -best.theta):
            assert gated_lower_bound(data, y, theta) <= best.objective + 1e-9


@pytest.mark.parametrize("loss", LOSSES)
def test_it_costs_no_more_than_relu_over_the_same_patterns(loss: str) -> None:
    X, y, rng = points(7, n=16, d=3)
    y, draw = targets_of(loss, y), patterns.sample(X, 9, rng)
    gated = convex.train_gated(X, y, draw, 0.01, loss)
    relu = convex.train_standard(X, y, draw, 0.01, loss)
    assert gated.lower_bound <= relu.objective + 1e-9
    assert gated.objective < relu.objective  # here some facet binds


def test_several_outputs_cost_no_more_than_relu_for_each() -> None:
    X, y, rng = points(14, n=16, d=3, outputs=3)
    draw = patterns.sample(X, 6, rng)
    alone = [convex.train_standard(X, one, draw, 0.1, "squared").objective for one in y.T]
    assert convex.train_gated(X, y, draw, 0.1).lower_bound <= sum(alone) + 1e-8


def test_where_no_facet_binds_both_cost_the_same() -> None:
    X, y = np.array([[1.0], [2.0], [4.0]]), np.array([1.0, -1.0, 2.0])
    active = patterns.of(X, np.array([[1.0]]))
    gated = convex.train_gated(X, y, active, 0.3)
    relu = convex.train_standard(X, y, active, 0.3, "squared")
    assert gated.objective == pytest.approx(relu.objective, abs=1e-6)


def test_units_of_x_do_not_matter() -> None:
    X, y, _ = points(8)
    first = convex.train_gated(X, y, patterns.sample(X, 6, np.random.default_rng(1)), 0.1)
    big = convex.train_gated(1e4 * X, y, patterns.sample(1e4 * X, 6, np.random.default_rng(1)), 1e3)
    assert big.objective == pytest.approx(first.objective, rel=1e-6)


@pytest.mark.parametrize("solver", ["interior_point", "clarabel"])
@pytest.mark.parametrize("outputs", [None, 3])
def test_a_large_beta_leaves_no_neuron(outputs: int | None, solver: str) -> None:
    X, y, rng = points(9, outputs=outputs)
    draw = patterns.sample(X, 4, rng)
    with pytest.warns(EmptyNetworkWarning, match="beta is too large"):
        found = convex.train_gated(X, y, draw, beta=1e4, solver=solver)
    assert found.n_neurons == 0
    assert found.objective == 0.5 * float((y**2).sum())
    assert abs(found.gap) <= 1e-5 * found.objective
    shape = (len(X),) if outputs is None else (len(X), outputs)
    assert tuple(found.network()(torch.from_numpy(X)).shape) == shape


def test_auto_goes_on_where_our_own_stops_early(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y, rng = points(15)
    draw = patterns.sample(X, 5, rng)

    def stopped(*args, **kwargs):
        return minimise(*args, **{**kwargs, "max_iterations": 2})

    monkeypatch.setattr(gated, "minimise", stopped)
    with pytest.warns(AccuracyWarning, match="stopped after 2 iterations.*clarabel went on"):
        found = convex.train_gated(X, y, draw, 1e-2)
    assert found.solver == "clarabel"
    assert found.status.startswith("optimal")
    with pytest.warns(AccuracyWarning, match="it is the best answer"):
        alone = convex.train_gated(X, y, draw, 1e-2, solver="interior_point")
    assert alone.lower_bound <= found.objective + 1e-9
    assert found.objective <= alone.objective


def test_what_only_ours_can_do_is_not_passed_on() -> None:
    X, y, rng = points(16)
    draw = patterns.sample(X, 4, rng)
    with pytest.raises(InputError, match="no program for the loss huber"):
        convex.train_gated(X, y, draw, 0.1, "huber", options={"device": "cpu"})


@pytest.mark.parametrize("loss", LOSSES)
def test_degenerate_data(loss: str) -> None:
    X, y, rng = points(10, n=12, d=3)
    X = np.concatenate([X, X[:, :1], np.zeros((12, 1)), 1e4 * X[:, 1:2]], axis=1)
    X[3] = 0.0
    X[5] = X[4]
    y, draw = targets_of(loss, y), patterns.sample(X, 5, rng)
    found = convex.train_gated(X, y, draw, 1e-3, loss)
    assert found.status.startswith("optimal")
    assert -1e-12 <= found.gap <= 1e-6 * max(1.0, found.objective)


def test_the_network_is_switched_by_its_gates() -> None:
    gates = torch.tensor([[1.0, -1.0], [0.0, 0.0]])
    net = networks.GatedReLU(gates, torch.tensor([[2.0, 1.0], [3.0, 0.0]]))
    x = torch.tensor([[1.0, 5.0], [-1.0, 5.0], [0.0, 5.0]])
    assert net(x).tolist() == [7.0, -3.0, 5.0]  # at 0 both gates are on
    several = networks.GatedReLU(gates, torch.ones(2, 2, 4))
    assert several(x).shape == (3, 4)


def test_what_is_refused() -> None:
    X, y, rng = points(11)
    draw = patterns.sample(X, 4, rng)
    two = np.stack([y, y], axis=1)
    with pytest.raises(InputError, match="several outputs go with the squared loss"):
        convex.train_gated(X, two, draw, 0.1, "hinge")
    with pytest.raises(InputError, match="y must be"):
        convex.train_gated(X, two[:5], draw, 0.1)
    with pytest.raises(InputError, match="takes no warm start"):
        convex.train_gated(X, y, draw, 0.1, options={"start": 1})
    with pytest.raises(InputError, match="use solver='clarabel'"):
        convex.train_gated(X, y, draw, 0.1, "huber", solver="interior_point")
    with pytest.raises(InputError, match="beta must be a positive number"):
        convex.train_gated(X, y, draw, 0.0)
    with pytest.raises(InputError, match="gates must be"):
        networks.GatedReLU(torch.ones(2, 3), torch.ones(2, 3))
    net = convex.train_gated(X, y, draw, 0.1).network().float()
    with pytest.raises(RobustcoreError, match="GatedReLU"):
        bounds.crown(net, torch.from_numpy(X).float(), torch.zeros(len(X)).long(), LpBall(2, 0.1))


def test_too_few_iterations_are_said() -> None:
    X, y, rng = points(12)
    with pytest.warns(AccuracyWarning, match="stopped after 2 iterations"):
        found = convex.train_gated(
            X, y, patterns.sample(X, 4, rng), 1e-3, options={"max_iterations": 2}
        )
    assert not found.status.startswith("optimal")
    assert found.lower_bound <= found.objective


def test_progress_is_told() -> None:
    X, y, rng = points(13)
    told: list[tuple[int, float, float]] = []
    found = convex.train_gated(
        X, y, patterns.sample(X, 4, rng), 0.1, options={"progress": lambda *a: told.append(a)}
    )
    assert told[-1][1] == pytest.approx(found.objective, abs=1e-5)
    assert [step for step, _, _ in told] == list(range(len(told)))
