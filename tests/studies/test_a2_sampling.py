"""The law behind Theorem 2 against brute force, and the rows of Figure 1 against the optimum."""

import itertools
import math

import numpy as np
import pytest

from robustcore import convex, patterns
from studies import a2_distinct as distinct
from studies import a2_growth
from studies import a2_law as law
from studies import a2_sampling as study
from studies.a2_sampling import tables


@pytest.fixture(name="planar", scope="module")
def lattices_of_every_loss():
    return law.lattices(3)


@pytest.mark.parametrize("seed", range(6))
def test_sectors_are_what_gaussian_gates_meet(seed):
    X = law.instance(seed)[0]
    cells = patterns.enumerate(X)
    mass = law.sector_masses(X, cells)
    assert mass.sum() == pytest.approx(1)
    gates = np.random.default_rng(seed).standard_normal((2, 40_000))
    active = X @ gates >= 0
    for column, probability in zip(cells.active.T, mass, strict=True):
        met = float((active == column[:, None]).all(axis=0).mean())
        assert met == pytest.approx(probability, abs=4 * 0.5 / math.sqrt(40_000))


@pytest.mark.parametrize("n_draws", [1, 2, 3])
@pytest.mark.parametrize("scheme", law.SCHEMES)
def test_the_law_of_sets_against_all_sequences(scheme, n_draws):
    mass = np.array([0.5, 0.3, 0.15, 0.05])
    expected = np.zeros(16)
    for draws in itertools.product(range(4), repeat=n_draws):
        if scheme == "distinct" and len(set(draws)) < n_draws:
            continue
        chance, left = 1.0, 1.0
        for i in draws:
            chance *= mass[i] / left
            left -= mass[i] if scheme == "distinct" else 0.0
        expected[sum({1 << i for i in draws})] += chance
    assert law.law_of_sets(mass, scheme, n_draws) == pytest.approx(expected, abs=1e-14)


def test_the_law_against_simulated_runs_of_algorithm_1(planar):
    """Draw, look up whether the next draw lowers the value: means agree."""
    one = planar[0]
    rng, mass = np.random.default_rng(0), planar[0].masses["gaussian"]
    values, chance = law.violation_law(one, "independent", "gaussian", "gaussian", 4)
    hits = 0
    for _ in range(4000):
        *first, last = rng.choice(len(mass), 5, p=mass)
        hits += one.lowers[sum({1 << int(i) for i in first}), last]
    assert hits / 4000 == pytest.approx(float(values @ chance), abs=4 * 0.5 / math.sqrt(4000))


def test_theorem_2_on_every_set_of_patterns(planar):
    assert law.monotone(planar)["largest_rise"] < 1e-5
    for row in law.rows(planar):
        if row["scheme"] == "independent" and row["drawn"] == row["further"]:
            assert row["excess_printed"] <= 1e-9
            assert row["excess_binomial"] <= 1e-9
            assert row["largest_mean"] <= row["mean_bound"]


def test_a_uniform_further_draw_breaks_it():
    """Inputs of different size, alternating labels: nearly every gate gives one of two patterns."""
    one = law.lattice(*law.instance(7))
    broken = law.against_theorem_2(one, "independent", "gaussian", "uniform", 32)
    assert broken["mean"] > 4 * broken["mean_bound"]
    assert broken["excess_printed"] > 0.5
    same = law.against_theorem_2(one, "independent", "gaussian", "gaussian", 32)
    assert same["excess_binomial"] <= 1e-9


@pytest.mark.parametrize("bias", [False, True])
def test_violated_cells_are_those_that_lower_the_optimum(bias):
    """theta against solving (9) for every cell; a twelve-point copy of Figure 1."""
    of = study.task(3, bias, beta=1e-2, n=12)
    found = study.draw(of, "distinct", 10 if bias else 4, np.random.default_rng(1))
    solved = convex.train_standard(of.X, of.y, found, of.beta)
    assert len(solved.v) < len(of.cells)
    lowered = 0
    for i in range(len(of.cells)):
        more = convex.train_standard(of.X, of.y, found.union(of.cells.take([i])), of.beta)
        lowered += more.objective < solved.objective * (1 - 1e-6)
    counted = study.violation(of, solved, np.random.default_rng(0))["uniform"] * len(of.cells)
    assert 0 < lowered <= round(counted) <= lowered + 2


def test_figure_1_stays_above_the_optimum_and_reaches_it():
    of = study.task(0, False, beta=1e-3, n=10)
    rows = study.figure_1(of, (4, 20, 64), 2)
    assert all(r["excess"] > -1e-5 for r in rows)
    assert {r["n_patterns"] for r in rows if r["scheme"] == "distinct"} == {4, 20}
    every = [r for r in rows if r["scheme"] == "distinct" and r["n_patterns"] == 20]
    assert all(r["distinct"] == 20 and r["excess"] < 1e-5 for r in every)
    by_draws = [r["distinct"] for r in rows if r["scheme"] == "independent"]
    assert max(by_draws) <= 20
    compared = tables.compare(rows, rows)
    assert [r["n_patterns"] for r in compared] == [4, 20]
    assert all(r["recorded"] == r["here"] for r in compared)


def test_rare_patterns_can_carry_the_optimum():
    of = study.task(0, True, scale=0.03)
    (row,) = study.repeated(of, 128, 1, tables.NARROW)
    assert row["violation_gaussian"] < 0.01
    assert row["excess"] > 0.1


def test_exact_says_which_bounds_close():
    methods = {r["method"]: r for r in study.exact(study.task(1, True, beta=1e-2, n=10))}
    assert methods["enumeration"]["relative_gap"] < 1e-5
    assert methods["column generation"]["relative_gap"] < 1.1e-5
    assert methods["searched cells"]["relative_gap"] > 1e-3
    assert methods["column generation"]["patterns"] < methods["enumeration"]["patterns"]


def runs_until_distinct(mass, n_draws):
    """Naive: every order in which so many distinct patterns can be met, with its probability."""
    for order in itertools.permutations(range(len(mass)), n_draws):
        chance, left = 1.0, 1.0
        for i in order:
            chance *= mass[i] / left
            left -= mass[i]
        yield order, chance


@pytest.mark.parametrize("n_draws", [1, 3, 5])
def test_both_laws_after_distinct_draws_against_every_order(planar, n_draws):
    one = planar[1]
    mass, gate, following = one.masses["gaussian"], 0.0, 0.0
    for order, chance in runs_until_distinct(mass, n_draws):
        helps = one.lowers[sum(1 << i for i in order)] & ~np.isin(np.arange(len(mass)), order)
        gate += chance * mass[helps].sum()
        following += chance * mass[helps].sum() / (1 - mass[list(order)].sum())
    row = distinct.row(one, n_draws)
    assert row["mean_gate"] == pytest.approx(gate, abs=1e-12)
    assert row["mean_next"] == pytest.approx(following, abs=1e-12)


def test_insertion_by_hand():
    """Two patterns of p and q after one draw: Q = p q / (1 - p) + q p / (1 - q), over 2 p q."""
    p, q = 0.5, 0.3
    mass = np.array([p, q, 0.2])
    pairs = [(1 / (1 - a) + 1 / (1 - b)) / 2 for a, b in itertools.combinations(mass, 2)]
    assert distinct.insertion(mass, 1) == pytest.approx(min(pairs))


@pytest.mark.parametrize("seed", range(5))
def test_insertion_is_never_below_one(seed):
    mass = np.random.default_rng(seed).dirichlet(np.full(6, 0.5))
    assert min(distinct.insertion(mass, n) for n in range(1, 6)) >= 1


def test_needed_patterns_are_those_whose_loss_costs(planar):
    one = planar[0]
    needed = distinct.needed(one)
    for index in (1, 21, 63):
        for j in range(6):
            inside = bool(index >> j & 1)
            without = one.value[index & ~(1 << j)]
            assert needed[index, j] == (inside and without > one.value[index] * (1 + 1e-5))
    assert needed.sum(axis=1).max() <= one.n


def test_the_next_new_pattern_can_break_the_bound_and_one_more_gate_does_not():
    """Six wide cones come first, and each of the four narrow ones helps."""
    rows = distinct.record(1, (2,), 1, (12,), 2)
    row = rows["a2_distinct.built"][5]
    assert row["n_draws"] == 6
    assert row["mean_bound"] == pytest.approx(6 / 7)
    assert row["mean_next"] > 0.99
    assert row["excess_next"] > 0.1
    for other in rows["a2_distinct.instances"] + rows["a2_distinct.built"]:
        assert other["excess_gate"] <= 1e-9
        assert other["mean_gate"] <= other["needed_bound"] + 1e-12
        assert other["insertion"] >= 1 - 1e-9
    assert all(0 <= r["violation"] < r["mean_bound"] for r in rows["a2_distinct.many"])


def test_patterns_are_a_polynomial_of_the_samples_and_all_signs_at_full_rank():
    rows = a2_growth.record((1, 3), (4, 8), 4)
    fixed = {(r["rank"], r["n"]): r["patterns"] for r in rows["a2_growth.fixed_rank"]}
    assert fixed == {(1, 4): 2, (1, 8): 2, (3, 4): 14, (3, 8): 58}  # 2 (1 + 3 + 3), 2 (1 + 7 + 21)
    assert [r["patterns"] for r in rows["a2_growth.full_rank"]] == [4, 8, 16]
