"""Column generation against full enumeration: same optimum, fewer patterns, a sound bound."""

import numpy as np
import pytest

from robustcore import convex, patterns
from robustcore.convex import pricing
from robustcore.errors import InputError
from studies.oracles import instances


def forty(seed=0, n=40, d=2):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d))
    return X, np.where(rng.random(n) < 0.5, 1.0, -1.0)


def grow(X, y, beta, loss="hinge", seed=0, **rest):
    return convex.train_grown(X, y, beta, loss, rng=np.random.default_rng(seed), **rest)


@pytest.mark.parametrize("seed", range(36))
def test_the_optimum_of_5_on_data_of_every_kind(seed):
    """Hinge, squared and logistic; duplicate, zero, opposite rows; started from two patterns."""
    case = instances.instance(seed)
    full = convex.train_standard(case.X, case.y, case.all_patterns, case.beta, case.loss)
    grown = grow(case.X, case.y, case.beta, case.loss, bias=case.bias, start=2)
    size = max(1.0, full.objective)
    assert grown.exhaustive
    assert grown.objective == pytest.approx(full.objective, abs=2e-5 * size)
    assert grown.global_gap <= 1e-5 * size
    assert grown.global_lower_bound <= full.objective + 1e-7 * size
    assert grown.objective >= full.lower_bound - 1e-7 * size
    assert case.all_patterns.contains(grown.patterns).all()


@pytest.mark.parametrize("bias", [False, True])
def test_forty_points_need_a_part_of_their_patterns(bias):
    X, y = forty()
    cells = patterns.enumerate(X, bias)
    full = convex.train_standard(X, y, cells, 1e-4)
    grown = grow(X, y, 1e-4, bias=bias)
    assert grown.objective == pytest.approx(full.objective, rel=1e-5)
    assert grown.global_gap <= 1e-5 * grown.objective
    assert len(grown.patterns) < (0.25 if bias else 0.8) * len(cells)


def test_the_history_tells_of_a_sandwich_that_closes():
    X, y = forty(1)
    grown = grow(X, y, 1e-3, bias=True, start=10)
    other = grow(X, y, 1e-3, bias=True, candidates=patterns.enumerate(X, True), seed=3)
    counts, values, bounds, excess = zip(
        *((r.patterns, r.objective, r.lower_bound, r.excess) for r in grown.history), strict=True
    )
    assert counts[0] == 10
    assert all(np.diff(counts) > 0)
    assert all(np.diff(values) <= 1e-7)
    assert all(np.diff(bounds) >= 0)
    assert max(bounds) <= other.objective + 1e-12  # each is certified on its own side
    assert min(values) >= other.history[-1].lower_bound - 1e-12
    assert other.objective - other.history[-1].lower_bound < 1e-5
    assert excess[0] > 1.01
    assert excess[-1] == pytest.approx(1, abs=1e-4)
    assert (grown.objective, grown.global_lower_bound) == (values[-1], bounds[-1])


def test_candidates_give_the_optimum_of_8_over_them():
    X, y = forty(2)
    sampled = patterns.sample(X, 200, np.random.default_rng(0), bias=True)
    all_at_once = convex.train_standard(X, y, sampled, 1e-3)
    grown = grow(X, y, 1e-3, candidates=sampled, start=5)  # the bias comes with the candidates
    assert grown.objective == pytest.approx(all_at_once.objective, rel=1e-5)
    assert sampled.contains(grown.patterns).all()
    assert grown.objective > grow(X, y, 1e-3, bias=True).objective * 1.001


@pytest.mark.parametrize("seed", range(3))
def test_search_finds_the_optimum_and_says_that_it_cannot_prove_it(seed):
    X, y = forty(seed, n=30)
    exact = grow(X, y, 1e-3, bias=True)
    searched = grow(X, y, 1e-3, bias=True, most_cells=0, seed=seed)
    assert not searched.exhaustive
    assert "searched" in repr(searched)
    assert searched.objective == pytest.approx(exact.objective, rel=5e-3)
    assert searched.objective >= exact.global_lower_bound
    assert searched.global_lower_bound <= exact.objective
    assert searched.global_gap > 0.05 * exact.objective  # the relaxed bound does not close


def test_search_where_enumeration_is_out_of_the_question():
    X, y = forty(5, n=40, d=12)
    sampled = convex.train_standard(X, y, patterns.sample(X, 80, np.random.default_rng(0)), 1e-2)
    grown = grow(X, y, 1e-2, start=20, max_rounds=4)
    assert grown.objective < sampled.objective * 0.99
    assert 0 < grown.global_lower_bound < grown.objective
    assert [r.lower_bound for r in grown.history[:-1]] == [-np.inf] * (len(grown.history) - 1)


@pytest.mark.parametrize("seed", range(12))
def test_prices_are_suprema_of_cells(seed):
    """Against what every gate of a fine sample reaches, and cell_supremum one by one."""
    case = instances.instance(seed)
    cells = case.all_patterns
    design = patterns.design_matrix(case.X, case.bias)
    theta = case.rng.standard_normal(len(case.y))
    values = pricing.price(design, cells, theta)
    one_by_one = [
        max(convex.cell_supremum(design, e, side * design.T @ (on * theta)) for side in (1.0, -1.0))
        for e, on in zip(cells.signs.T, cells.active.T, strict=True)
    ]
    assert values == pytest.approx(one_by_one, abs=1e-9)
    floor = float(np.median(values))
    cheap = pricing.price(design, cells, theta, floor)
    assert cheap[values > floor] == pytest.approx(values[values > floor])
    assert (cheap[values <= floor] <= floor * (1 + 1e-12)).all()
    u = case.rng.standard_normal((design.shape[1], 4000))
    u /= np.linalg.norm(u, axis=0)
    reached = np.abs(theta @ np.maximum(design @ u, 0)).max()
    assert 0.8 * values.max() <= reached <= values.max() * (1 + 1e-12)


@pytest.mark.parametrize("seed", range(12))
def test_search_and_climb_end_in_cells_of_the_data(seed):
    case = instances.instance(seed)
    theta = case.rng.standard_normal(len(case.y))
    design = patterns.design_matrix(case.X, case.bias)
    found, values = pricing.search(case.X, theta, case.rng, case.bias)
    assert values.max() == pytest.approx(
        pricing.price(design, case.all_patterns, theta).max(), rel=1e-6
    )
    gate = case.rng.standard_normal(design.shape[1])
    above = pricing.climb(design, theta, gate)
    pull = [
        max(0.0, pricing.price(design, patterns.of(case.X, g, case.bias), theta)[0])
        for g in (gate, above)
    ]
    start = float(theta @ np.maximum(design @ gate, 0)) / np.linalg.norm(gate)
    assert pull[1] >= start - 1e-9
    assert len(found) == len(values)


def test_a_climb_never_falls_and_mostly_rises():
    """By the supremum of its first cell and of its last one, on one side of theta."""
    rng, rose = np.random.default_rng(0), 0
    for _ in range(40):
        X, theta = rng.standard_normal((9, 3)), rng.standard_normal(9)
        gates = [rng.standard_normal(3)]
        gates.append(pricing.climb(X, theta, gates[0]))
        first, last = (
            convex.cell_supremum(X, np.where(on, 1.0, -1.0), X.T @ (on * theta))
            for on in (X @ gate >= 0 for gate in gates)
        )
        assert last >= first * (1 - 1e-9)
        rose += last > 1.01 * first
    assert rose >= 20


def test_worst_first_takes_one_cell_for_each_value():
    values = np.array([1.0, 3.0, 2.0, 3.0, 0.5])
    assert pricing.worst_first(values, 0.9, 10).tolist() == [1, 2, 0]
    assert pricing.worst_first(values, 0.9, 2).tolist() == [1, 2]
    assert pricing.worst_first(values, 3.5, 2).tolist() == []


def test_a_beta_that_forbids_every_neuron():
    X, y = forty(0, n=10)
    grown = grow(X, y, 1e3)
    assert grown.objective == pytest.approx(1.0)
    assert grown.n_neurons == 0
    assert grown.global_gap <= 1e-5


@pytest.mark.parametrize(
    ("rest", "message"),
    [
        ({"tolerance": 0.0}, "tolerance"),
        ({"max_rounds": 0}, "max_rounds"),
        ({"per_round": 0}, "per_round"),
        ({"start": 0}, "start"),
        ({"loss": "cross-entropy"}, "loss"),
    ],
)
def test_bad_arguments_are_refused(rest, message):
    X, y = forty(0, n=5)
    with pytest.raises(InputError, match=message):
        grow(X, y, 0.1, **rest)


def test_a_start_of_other_data_is_refused():
    X, y = forty(0, n=5)
    other = patterns.enumerate(X + 1.0)
    with pytest.raises(InputError, match="belong to"):
        grow(X, y, 0.1, start=other)
    with pytest.raises(InputError, match="belong to"):
        grow(X, y, 0.1, candidates=other)
