"""Theorem 2's numbers: the paper's example, both rules against each other and against draws."""

import math

import numpy as np
import pytest

from robustcore import patterns
from robustcore.errors import InputError


def test_the_papers_example():
    """41/129 = .318; ψ = ξ = .564; and ξ = .318 leaves ψ = 1 as printed, .337 by the tail."""
    product = patterns.mean_violation_bound(40, 128)
    assert product == 41 / 129
    assert round(product, 3) == 0.318
    assert math.sqrt(product) == pytest.approx(0.564, abs=5e-4)
    assert patterns.violation_level(40, 128, 0.318) > 0.999
    assert patterns.violation_level(40, 128, 0.318, "binomial") == pytest.approx(0.337, abs=5e-4)
    assert patterns.sample_size(40, 0.05, 0.05) == 41 * 400 - 1


@pytest.mark.parametrize("rule", ["printed", "binomial"])
@pytest.mark.parametrize(("n", "psi", "xi"), [(1, 0.5, 0.5), (7, 0.3, 0.1), (40, 0.05, 0.01)])
def test_the_three_directions_agree(rule, n, psi, xi):
    needed = patterns.sample_size(n, psi, xi, rule)
    assert patterns.violation_level(n, needed, xi, rule) <= psi * (1 + 1e-9)
    assert patterns.violation_level(n, needed - 1, xi, rule) > psi * (1 - 1e-9)
    assert patterns.failure_level(n, needed, psi, rule) <= xi * (1 + 1e-9)
    assert patterns.failure_level(n, needed - 1, psi, rule) > xi * (1 - 1e-9)


@pytest.mark.parametrize("seed", range(20))
def test_the_tail_is_sharper_than_the_printed_rule(seed):
    """The printed one is Markov's inequality on the mean of the tail's own law."""
    rng = np.random.default_rng(seed)
    n, psi, xi = int(rng.integers(1, 60)), *rng.uniform(0.02, 0.9, 2)
    assert patterns.sample_size(n, psi, xi, "binomial") <= patterns.sample_size(n, psi, xi)
    fewer = patterns.sample_size(n, psi, xi, "binomial", support=n)
    assert fewer <= patterns.sample_size(n, psi, xi, "binomial")


def test_the_tail_is_exact_where_every_draw_may_matter():
    """One unknown: min v over v >= u_i, u_i uniform. V = 1 - max u, so P{V > psi} = (1-psi)^N."""
    for n_draws, psi in ((3, 0.2), (10, 0.05)):
        given = patterns.failure_level(1, n_draws, psi, "binomial", support=1)
        assert given == pytest.approx((1 - psi) ** n_draws)
    # two unknowns: the narrowest interval over the draws cuts off 1 - range, of law Beta(2, N - 1)
    rng = np.random.default_rng(0)
    draws = rng.uniform(size=(40_000, 12))
    cut = 1 - (draws.max(axis=1) - draws.min(axis=1))
    for psi in (0.1, 0.2, 0.3):
        measured = float((cut > psi).mean())
        given = patterns.failure_level(1, 12, psi, "binomial", support=2)
        assert given == pytest.approx(measured, abs=4 * 0.5 / math.sqrt(40_000))
    assert float(cut.mean()) == pytest.approx(patterns.mean_violation_bound(1, 12), abs=2e-3)


def test_too_few_draws_guarantee_nothing():
    for rule in ("printed", "binomial"):
        assert patterns.violation_level(40, 10, 0.3, rule) == 1.0
        assert patterns.failure_level(40, 10, 0.3, rule) == 1.0
    assert patterns.mean_violation_bound(40, 10) == 1.0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: patterns.sample_size(0, 0.1, 0.1), "n must"),
        (lambda: patterns.sample_size(5, 0.0, 0.1), "psi"),
        (lambda: patterns.sample_size(5, 0.1, 1.0), "xi"),
        (lambda: patterns.sample_size(5, 0.1, 0.1, "exact"), "rule"),
        (lambda: patterns.sample_size(5, 0.1, 0.1, support=0), "support"),
        (lambda: patterns.violation_level(5, 0, 0.1), "n_patterns"),
        (lambda: patterns.failure_level(5, 10, math.nan), "psi"),
        (lambda: patterns.mean_violation_bound(5, 0), "n_patterns"),
    ],
)
def test_bad_levels_are_refused(call, message):
    with pytest.raises(InputError, match=message):
        call()
