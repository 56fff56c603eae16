"""Several programs as one batch against the same programs one by one."""

import math
import warnings

import numpy as np
import pytest
import torch

from robustcore import convex, patterns
from robustcore.balls import LpBall
from robustcore.convex.interior_point.lengths import LENGTHS
from robustcore.convex.interior_point.products import WeightedGram, masked_sums, sum_of
from robustcore.convex.interior_point.robust_maps import RobustMaps, distinct_rows
from robustcore.convex.interior_point.system import Operators
from robustcore.errors import AccuracyWarning, EmptyNetworkWarning, InputError

BALL = LpBall(math.inf, 0.02)
BALLS = (None, BALL, LpBall(1, 0.05), LpBall(2, 0.03))
ROBUST = {
    "hinge": convex.train_robust_hinge,
    "squared": convex.train_robust_squared,
    "logistic": convex.train_robust_logistic,
}


def data(seed, loss="hinge", bias=False, counts=(3, 9, 6, 1)):
    """A random set and one draw of the patterns for each of the counts."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(25, 4))
    X[3] = 0.0
    y = np.where(X @ rng.normal(size=4) + 0.5 * rng.normal(size=25) > 0, 1.0, -1.0)
    y[:2] = 1.0, -1.0
    if loss == "squared":
        y = X @ np.ones(4) + rng.normal(size=25)
    return X, y, [patterns.sample(X, P, rng, bias=bias) for P in counts]


def alone(X, y, draw, beta, loss, ball, options=None):
    if ball is None:
        return convex.train_standard(X, y, draw, beta, loss, "interior_point", options)
    return ROBUST[loss](X, y, draw, ball, beta, solver="interior_point", options=options)


@pytest.mark.parametrize("ball", BALLS)
@pytest.mark.parametrize("loss", list(ROBUST))
@pytest.mark.parametrize("seed", range(4))
def test_each_program_ends_where_it_ends_alone(seed, loss, ball):
    """Also where draws differ in their patterns and usable patterns."""
    X, y, draws = data(seed, loss, bias=seed % 2 == 1)
    X = X + (ball is not None)  # no zero row: it would make every pattern useless
    draws = [patterns.sample(X, len(d), np.random.default_rng(seed), d.bias) for d in draws]
    together = convex.train_batch(X, y, draws, 1e-3, loss, ball)
    for found, draw in zip(together, draws, strict=True):
        single = alone(X, y, draw, 1e-3, loss, ball)
        size = max(1.0, single.objective)
        assert found.status.startswith("optimal")
        assert -1e-12 * size <= found.gap <= 1.01e-7 * size
        assert found.objective == pytest.approx(single.objective, abs=2e-7 * size)
        assert found.lower_bound <= single.objective + 1e-9 * size
        assert found.violation <= 1e-9 * max(1.0, np.abs(found.v).max())
        np.testing.assert_array_equal(found.pattern_kept, single.pattern_kept)


@pytest.mark.parametrize("ball", BALLS)
@pytest.mark.parametrize("loss", list(ROBUST))
def test_the_products_of_a_gpu_certify_what_those_of_a_cpu_do(loss, ball, monkeypatch):
    """Taken here on the CPU: neither proves a bound above what the other reaches.

    Where the two round apart, the iterates do; the certified intervals still meet.
    """
    X, y, draws = data(5, loss)
    X = X + 1.0
    draws = [patterns.sample(X, len(d), np.random.default_rng(1)) for d in draws]
    one = convex.train_batch(X, y, draws, 1e-2, loss, ball)
    for kind in (Operators, RobustMaps):
        monkeypatch.setattr(kind, "in_few_calls", True)
    other = convex.train_batch(X, y, draws, 1e-2, loss, ball)
    for a, b in zip(one, other, strict=True):
        size = max(1.0, a.objective)
        assert max(a.lower_bound, b.lower_bound) <= min(a.objective, b.objective) + 1e-12 * size
        assert max(a.gap, b.gap) <= 1e-6 * size


def test_the_maps_of_a_robust_program_are_the_same_in_few_calls(monkeypatch):
    """Each product by itself, up to rounding, against the sum over samples written out."""
    rng = np.random.default_rng(6)
    X, sign = torch.from_numpy(rng.normal(size=(9, 3))), torch.ones(9, dtype=torch.float64)
    active = [torch.from_numpy(rng.random((9, P)) < 0.5) for P in (2, 4)]
    rows, row_of = distinct_rows(active)
    rest = (0.1, LENGTHS[math.inf], 3, (0.0, 1.0), (0.0, 1.0), WeightedGram(X))
    facets = torch.ones(2, 4, 9, dtype=torch.float64)
    values, weights = (torch.from_numpy(rng.normal(size=s)) for s in ((2, 9, 5), (2, 9)))
    answers = []
    for few in (False, True):
        monkeypatch.setattr(RobustMaps, "in_few_calls", few)
        maps = RobustMaps(X, sign, facets, rows.to(X), row_of, *rest)
        grams = torch.zeros(2, rows.shape[1], 3, 3, dtype=torch.float64)
        maps.add_row_grams(grams, weights)
        answers.append((maps.by_row(values), grams))
    naive = torch.zeros_like(answers[0][0]), torch.zeros_like(answers[0][1])
    for b in range(2):
        for k in range(9):
            naive[0][b, row_of[b, k]] += values[b, k]
            naive[1][b, row_of[b, k]] += weights[b, k] * torch.outer(X[k], X[k])
    for sums, grams in answers:
        torch.testing.assert_close(sums, naive[0])
        torch.testing.assert_close(grams, naive[1])


def test_both_ways_to_add_up_the_schur_complement():
    """Sparse, masked and nearly full patterns, one by one, against one masked product."""
    rng = np.random.default_rng(0)
    X = torch.from_numpy(rng.normal(size=(30, 5)))
    share = torch.tensor([0.0, 0.2, 0.5, 0.7, 0.75, 0.9, 1.0])[None, :, None]
    active = (torch.from_numpy(rng.random((2, 7, 30))) < share).double()
    roots = torch.from_numpy(rng.normal(size=(2, 7, 5, 5)))
    wanted = masked_sums(roots, active, X)
    inner = torch.einsum("kp,bipq,lq->bikl", X, roots.mT @ roots, X)
    naive = torch.einsum("bik,bikl,bil->bkl", active, inner, active)
    torch.testing.assert_close(wanted, naive)
    for b in range(2):
        found = sum_of(roots[b], active[b], active[b].mean(-1).tolist(), X, 0.8)
        torch.testing.assert_close(found.tril(), naive[b].tril())


def test_rows_that_fill_up_share_their_samples():
    """Programs with fewer distinct rows than others write some of them twice."""
    rng = np.random.default_rng(3)
    active = [torch.from_numpy(rng.random((20, P)) < 0.5) for P in (1, 2, 6)]
    rows, row_of = distinct_rows(active)
    for one, own, of in zip(active, rows, row_of, strict=True):
        assert torch.equal(own[of][:, : one.shape[1]], one)
        assert not own[:, one.shape[1] :].any()
        assert set(of.tolist()) == set(range(rows.shape[1]))  # no row without a sample


def test_progress_has_one_number_for_each_and_a_done_program_rests():
    X, y, draws = data(1, counts=(2, 8))
    seen = []
    options = {"progress": lambda k, high, low: seen.append((k, list(high), list(low)))}
    found = convex.train_batch(X, y, draws, 1e-3, options=options)
    iterations, high, low = zip(*seen, strict=True)
    assert iterations == tuple(range(len(seen)))
    high, low = np.array(high), np.array(low)
    assert high.shape == low.shape == (len(seen), 2)
    assert (np.diff(high, axis=0) <= 0).all()
    assert (np.diff(low, axis=0) >= 0).all()
    ends = [int(np.argmax(high[:, k] - low[:, k] <= 1e-7)) for k in range(2)]
    assert ends[0] != ends[1]  # else the next line tests nothing
    first = int(np.argmin(ends))
    assert (high[ends[first] :, first] == high[ends[first], first]).all()
    assert [s.lower_bound for s in found] == low[-1].tolist()


def test_cut_short_or_interrupted_all_keep_their_bounds():
    X, y, draws = data(2)
    with pytest.warns(AccuracyWarning, match="stopped after 3 iterations"):
        short = convex.train_batch(X, y, draws, 1e-3, options={"max_iterations": 3})
    assert all("3 iterations" in s.status for s in short)

    def stop(iteration, objectives, lowers):
        if iteration == 4:
            raise KeyboardInterrupt

    with warnings.catch_warnings():
        warnings.simplefilter("error")  # the status of an interrupted run says enough
        stopped = convex.train_batch(X, y, draws, 1e-3, options={"progress": stop})
    full = convex.train_batch(X, y, draws, 1e-3)
    for a, b, best in zip(short, stopped, full, strict=True):
        assert b.status.startswith("interrupted")
        assert a.lower_bound <= best.objective <= a.objective
        assert b.lower_bound <= best.objective <= b.objective


@pytest.mark.parametrize("loss", ["hinge", "logistic"])
def test_warm_starts_of_a_batch_save_steps(loss):
    X, y, draws = data(4, loss)
    steps = []

    def solve(beta, start=None):
        steps.clear()
        options = {"start": start, "progress": lambda k, *bounds: steps.append(k)}
        return convex.train_batch(X, y, draws, beta, loss, options=options), len(steps)

    before, _ = solve(2e-3)
    cold, many = solve(1e-3)
    warm, few = solve(1e-3, before)
    assert few < many
    for a, b in zip(cold, warm, strict=True):
        assert a.objective == pytest.approx(b.objective, abs=2e-7)


def test_a_program_without_usable_patterns_is_the_zero_network():
    X, y, draws = data(6)
    found = convex.train_batch(X + 1.0, y, [_of(X + 1.0, d) for d in draws], 1e-3, "hinge", BALL)
    assert all(s.status.startswith("optimal") for s in found)
    huge = LpBall(math.inf, 1e3)
    with pytest.warns(EmptyNetworkWarning, match="no pattern given can carry one"):
        none = convex.train_batch(X + 1.0, y, [_of(X + 1.0, d) for d in draws], 1e-3, "hinge", huge)
    assert {s.status for s in none} == {"no pattern kept"}
    assert {s.objective for s in none} == {1.0}


def test_bad_input_is_refused():
    X, y, draws = data(7)
    with pytest.raises(InputError, match="at least one"):
        convex.train_batch(X, y, [], 1e-3)
    with pytest.raises(InputError, match="must be an LpBall"):
        convex.train_batch(X, y, draws, 1e-3, ball=0.1)
    with pytest.raises(InputError, match="takes p = 1, 2 or inf"):
        convex.train_batch(X, y, draws, 1e-3, ball=LpBall(3, 0.1))
    one = convex.train_batch(X, y, draws[:1], 1e-3)
    with pytest.raises(InputError, match="must hold 4 solutions"):
        convex.train_batch(X, y, draws, 1e-3, options={"start": one})
    with pytest.raises(InputError, match="takes"):
        convex.train_batch(X, y, draws, 1e-3, options={"steps": 3})


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("ball", [None, BALL])
@pytest.mark.parametrize("loss", list(ROBUST))
def test_a_gpu_finds_what_the_cpu_finds(loss, ball):
    X, y, draws = data(8, loss)
    X = X + 1.0
    draws = [_of(X, d) for d in draws]
    here = convex.train_batch(X, y, draws, 1e-3, loss, ball)
    there = convex.train_batch(X, y, draws, 1e-3, loss, ball, options={"device": "cuda"})
    again = convex.train_batch(X, y, draws, 1e-3, loss, ball, options={"device": "cuda"})
    for a, b, c in zip(here, there, again, strict=True):
        assert a.objective == pytest.approx(b.objective, rel=3e-7)
        assert b.objective == c.objective


def _of(X, draw):
    return patterns.sample(X, len(draw), np.random.default_rng(len(draw)))
