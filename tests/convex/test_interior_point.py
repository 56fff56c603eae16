"""Our interior-point method against Clarabel, and its certificate against everything."""

from functools import partial

import numpy as np
import pytest
import torch

from robustcore import convex, patterns
from robustcore.balls import LpBall
from robustcore.convex.interior_point import RobustHinge, StandardHinge, StandardSquared, minimise
from robustcore.errors import AccuracyWarning, InputError


def instance(seed, n=14, d=3, P=8, scale=1.0, flip=0.0):
    """A random labelled set with sampled patterns; labels from a noisy hyperplane."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d)) * scale
    y = np.where(X @ rng.normal(size=d) + flip * scale * rng.normal(size=n) >= 0, 1.0, -1.0)
    y[:2] = [1.0, -1.0]
    found = patterns.sample(X, min(P, 6), rng)
    return X, y, found


def run(X, y, found, beta, loss="hinge", **options):
    kind = {"hinge": StandardHinge, "squared": StandardSquared}[loss]
    X, y, active, gates = (torch.from_numpy(a) for a in (X, y, found.active, found.gates))
    return minimise(kind(X, y, [active], [gates], beta), **options)[0]


def check(X, y, found, beta, loss="hinge"):
    """Certified to 1e-6, feasible, and within 1e-6 of Clarabel; the bounds never cross."""
    ours = run(X, y, found, beta, loss)
    theirs = convex.train_standard(X, y, found, beta, loss=loss, solver="clarabel")
    assert ours.status.startswith("optimal"), ours
    size = max(1.0, theirs.objective)
    assert -1e-12 * size <= ours.gap <= 1e-6 * size
    assert ours.objective == pytest.approx(theirs.objective, abs=2e-6 * size)
    assert ours.lower_bound <= theirs.objective + 1e-9 * size
    for u in ours.u.numpy():
        reach = np.abs(X).max() * max(np.abs(u).max(), 1e-300)
        assert (found.signs * (X @ u.T)).min() >= -1e-9 * reach
    return ours


@pytest.mark.parametrize("loss", ["hinge", "squared"])
@pytest.mark.parametrize("seed", range(15))
def test_agrees_with_clarabel(seed, loss):
    X, y, found = instance(seed, flip=0.5 * (seed % 3))
    if loss == "squared":
        y = X @ np.ones(X.shape[1]) + np.random.default_rng(seed).normal(size=len(y))
    check(X, y, found, beta=10.0 ** -(1 + seed % 4), loss=loss)


@pytest.mark.parametrize("beta", [1e-6, 1e-5, 1e-3, 1e-1, 1.0, 1e3])
def test_any_beta_down_to_the_zero_network(beta):
    X, y, found = instance(3, flip=1.0)
    ours = check(X, y, found, beta)
    if beta == 1e3:
        assert ours.objective == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 255.0, 1e3])
def test_units_do_not_matter(scale):
    """Scaling X by c and beta by c leaves the optimum where it was."""
    X, y, found = instance(4, flip=1.0)
    reference = run(X, y, found, 1e-3)
    scaled = run(X * scale, y, patterns.sample(X, 6, np.random.default_rng(0)), 1e-3 * scale)
    same = run(X * scale, y, found, 1e-3 * scale)
    assert same.objective == pytest.approx(reference.objective, abs=2e-6)
    assert scaled.status.startswith("optimal")


@pytest.mark.filterwarnings("ignore::robustcore.errors.AccuracyWarning")  # of Clarabel's bound
def test_degenerate_data():
    """Duplicate rows, a zero row, a constant feature, a duplicate column, wild column scales."""
    X, y, _ = instance(5, n=12, d=4, flip=1.0)
    X[3] = X[2]
    y[3] = -y[2]
    X[5] = 0.0
    X[:, 1] = 1.0
    X[:, 2] = X[:, 0]
    X = X * np.array([1.0, 1e-3, 1.0, 1e3])
    check(X, y, patterns.sample(X, 5, np.random.default_rng(1)), 1e-3)


def test_fewer_samples_than_features_and_a_single_pattern():
    X, y, _ = instance(6, n=5, d=9)
    check(X, y, patterns.sample(X, 1, np.random.default_rng(2)), 1e-2)
    check(X, y, patterns.sample(X, 4, np.random.default_rng(2)), 1e-4)


def test_the_certificate_holds_at_every_iterate():
    """Lower bounds rise, objectives fall, and they never cross."""
    X, y, found = instance(7, flip=1.0)
    history = run(X, y, found, 1e-3).history
    objectives, lowers, _ = map(np.array, zip(*history, strict=True))
    assert (np.diff(objectives) <= 0).all()
    assert (np.diff(lowers) >= 0).all()
    assert (objectives >= lowers - 1e-12).all()


def test_a_run_cut_short_says_so_and_keeps_its_bounds():
    X, y, found = instance(8, flip=1.0)
    short = run(X, y, found, 1e-3, max_iterations=3)
    full = run(X, y, found, 1e-3)
    assert "3 iterations" in short.status
    assert short.lower_bound <= full.objective <= short.objective


def test_an_interrupt_keeps_the_best_point():
    X, y, found = instance(9, flip=1.0)

    def stop(iteration, objective, lower):
        if iteration == 4:
            raise KeyboardInterrupt

    outcome = run(X, y, found, 1e-3, progress=stop)
    assert outcome.status.startswith("interrupted")
    assert outcome.gap > 0
    assert outcome.iterations == 4


def test_it_is_deterministic():
    X, y, found = instance(10, flip=1.0)
    a, b = run(X, y, found, 1e-3), run(X, y, found, 1e-3)
    assert torch.equal(a.u, b.u)
    assert a.lower_bound == b.lower_bound


def test_bad_input_is_refused():
    X, y, found = instance(11)
    with pytest.raises(InputError, match="beta must be positive"):
        run(X, y, found, 0.0)
    X, y, active, gates = (torch.from_numpy(a) for a in (X, y, found.active, -found.gates))
    arrays = X, y, [active], [gates]
    with pytest.raises(InputError, match="not strictly inside"):
        StandardHinge(*arrays, 1.0)
    with pytest.raises(InputError, match="not strictly robust-feasible"):
        RobustHinge(*arrays, 1.0, 0.1, 3)


# -- through the front door -------------------------------------------------------------------


@pytest.mark.parametrize("loss", ["hinge", "squared"])
@pytest.mark.parametrize("bias", [False, True])
def test_train_standard_takes_it(loss, bias):
    X, y, _ = instance(12, flip=1.0)
    found = patterns.sample(X, 6, np.random.default_rng(0), bias=bias)
    ours = convex.train_standard(X, y, found, 1e-3, loss=loss, solver="interior_point")
    theirs = convex.train_standard(X, y, found, 1e-3, loss=loss, solver="clarabel")
    size = max(1.0, theirs.objective)
    assert ours.solver == "interior_point"
    assert ours.violation == 0.0
    assert ours.objective == pytest.approx(theirs.objective, abs=2e-6 * size)
    assert 0 <= ours.gap <= 1.1e-6 * size
    cost = convex.training_cost(ours.network(), X, y, 1e-3, loss)
    assert cost == pytest.approx(ours.objective, abs=1e-9 * size)


@pytest.mark.parametrize("seed", range(12))
def test_train_robust_hinge_takes_it(seed):
    """With and without a bias that is attacked, from tiny radii to ones that leave few patterns."""
    X, y, _ = instance(20 + seed, n=12, flip=0.5)
    bias, perturb_bias = seed % 3 > 0, seed % 3 == 2
    rng = np.random.default_rng(seed)
    found = patterns.sample(X, 8, rng, bias=bias)
    ball = LpBall(np.inf, [1e-3, 0.03, 0.1][seed % 3])
    options = {"perturb_bias": perturb_bias}
    theirs = convex.train_robust_hinge(X, y, found, ball, 1e-2, solver="clarabel", **options)
    if not theirs.pattern_kept.any():
        pytest.skip("no robust-feasible pattern in this draw: nothing to solve")
    ours = convex.train_robust_hinge(X, y, found, ball, 1e-2, solver="interior_point", **options)
    assert ours.solver == "interior_point"
    assert ours.violation <= 1e-12
    assert ours.objective == pytest.approx(theirs.objective, abs=2e-6)
    assert -1e-12 <= ours.gap <= 1.1e-6
    assert ours.lower_bound <= theirs.objective + 1e-9


def test_the_wrong_kind_of_program_is_refused_by_name_and_passed_on_by_auto(monkeypatch):
    X, y, found = instance(13)
    with pytest.raises(InputError, match="takes p = 1, 2 or inf, got p=3"):
        convex.train_robust_hinge(X, y, found, LpBall(3, 0.01), 1e-2, solver="interior_point")
    with pytest.raises(InputError, match=r"got \['speed'\]"):
        convex.train_standard(X, y, found, 1e-2, solver="interior_point", options={"speed": 1})
    monkeypatch.setattr(convex.interior, "_WORTHWHILE", 0)
    for p in (1, 2, np.inf):
        ours = convex.train_robust_hinge(X, y, found, LpBall(p, 0.01), 1e-2)
        assert ours.solver == "interior_point"
    line, sides = np.array([[1.0], [-1.0]]), np.array([1.0, -1.0])
    tight = patterns.enumerate(line)  # a cell without interior at radius 1
    passed_on = convex.train_robust_hinge(line, sides, tight, LpBall(2, 1.0), 1e-2)
    assert passed_on.solver != "interior_point"


def test_auto_takes_it_where_the_program_is_large():
    X, y, _ = instance(14, n=300, d=4, flip=1.0)
    large = patterns.sample(X, 8, np.random.default_rng(0))
    assert convex.train_standard(X, y, large, 1e-2).solver == "interior_point"


def test_a_tolerance_beyond_rounding_stops_with_what_it_has():
    """Asked for the impossible, a run says where rounding stopped it, and keeps its proof."""
    rng = np.random.default_rng([0, 3])
    X = rng.standard_normal((20, 3))
    y = np.where(np.sin(3 * X[:, 0]) + X[:, 1] > 0, 1.0, -1.0)
    y[:2] = 1, -1
    found = patterns.enumerate(X)
    options = {"tolerance": 1e-15}
    with pytest.warns(AccuracyWarning):
        solution = convex.train_standard(
            X, y, found, 1e-2, solver="interior_point", options=options
        )
    assert solution.status.startswith("stopped")
    assert 0 <= solution.gap <= 1e-6


@pytest.mark.parametrize("beta", [1e-7, 1e-5, 1e-3])
def test_squared_loss_at_tiny_beta(beta):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((12, 2))
    y = X @ [1.0, -1.0] + 0.5 * rng.standard_normal(12)
    found = patterns.sample(X, 6, rng)
    ours = convex.train_standard(X, y, found, beta, loss="squared", solver="interior_point")
    theirs = convex.train_standard(X, y, found, beta, loss="squared", solver="clarabel")
    assert ours.gap <= 1e-6
    assert ours.objective == pytest.approx(theirs.objective, abs=2e-6)


@pytest.mark.parametrize("beta", [1e-5, 1e-3, 1e-1])
@pytest.mark.parametrize("seed", range(6))
def test_logistic_loss(seed, beta):
    """Clarabel's exponential cones fail at times: the certificates must agree, whosever."""
    X, y, found = instance(seed, n=10 + seed, flip=0.5 * (seed % 3))
    ours = convex.train_standard(X, y, found, beta, loss="logistic", solver="interior_point")
    theirs = convex.train_standard(X, y, found, beta, loss="logistic", solver="clarabel")
    assert -1e-12 <= ours.gap <= 1e-7
    assert ours.lower_bound <= theirs.objective + 1e-9
    assert theirs.lower_bound <= ours.objective + 1e-9


@pytest.mark.parametrize("seed", range(9))
def test_robust_logistic_loss(seed):
    X, y, found = instance(seed, n=12, flip=0.5)
    ball = LpBall(np.inf, [1e-3, 0.03, 0.1][seed % 3])
    ours, theirs = (
        convex.train_robust_logistic(X, y, found, ball, 1e-2, bool(seed % 2), solver=solver)
        for solver in ("interior_point", "clarabel")
    )
    assert -1e-12 <= ours.gap <= 1e-7
    assert ours.violation <= 1e-12
    assert ours.objective == pytest.approx(theirs.objective, abs=2e-6)
    assert max(ours.lower_bound, theirs.lower_bound) <= min(ours.objective, theirs.objective) + 1e-9


def test_a_separable_set_at_a_tiny_beta_with_the_logistic_loss():
    """Margins of 15: full Newton steps overshoot here, which the longest fall of a margin stops."""
    rng = np.random.default_rng(36)
    n, d = int(rng.integers(6, 20)), int(rng.integers(2, 6))
    X = rng.standard_normal((n, d))
    y = np.where(rng.standard_normal(n) + X[:, 0] > 0, 1.0, -1.0)
    y[:2] = 1.0, -1.0
    found = patterns.sample(X, 6, rng, max_draws=2000, at_most=True)
    ours = convex.train_standard(X, y, found, 1e-5, loss="logistic", solver="interior_point")
    assert ours.gap <= 1e-7


def count(train, **options):
    """A solution, and how many iterations it took."""
    passed = []
    options = {"progress": lambda iteration, objective, lower: passed.append(iteration), **options}
    return train(solver="interior_point", options=options), passed[-1]


@pytest.mark.parametrize("loss", ["hinge", "squared", "logistic"])
def test_a_warm_start_along_beta_reaches_the_same_optimum_sooner(loss):
    X, y, found = instance(21, n=60, d=5, flip=1.0)
    last, saved = None, 0
    for beta in (1e-2, 5e-3, 2e-3, 1e-3, 3e-3):
        there = partial(convex.train_standard, X, y, found, beta, loss)
        cold, long = count(there)
        last, short = count(there, start=last)
        size = max(1.0, cold.objective)
        assert last.gap <= 1e-7 * size
        assert last.objective == pytest.approx(cold.objective, abs=2e-7 * size)
        saved += long - short
    assert saved > 0


@pytest.mark.parametrize("radius", [0.02, 0.03, 0.04])
def test_a_warm_start_along_the_radius(radius):
    """Also where the next radius leaves other patterns, and the start is not used."""
    X, y, found = instance(22, n=30, d=4, flip=1.0)
    first = convex.train_robust_hinge(
        X, y, found, LpBall(np.inf, 0.03), 1e-2, solver="interior_point"
    )
    there = partial(convex.train_robust_hinge, X, y, found, LpBall(np.inf, radius), 1e-2)
    cold, warm = count(there)[0], count(there, start=first)[0]
    assert warm.gap <= 1e-7
    assert warm.objective == pytest.approx(cold.objective, abs=2e-7)


def test_a_start_of_another_program_is_refused():
    X, y, found = instance(23)
    solution = convex.train_standard(X, y, found, 1e-2, solver="interior_point")
    train = partial(convex.train_standard, X, y, found, 1e-2, solver="interior_point")
    with pytest.raises(InputError, match="same patterns and loss"):
        train("logistic", options={"start": solution})
    with pytest.raises(InputError, match="must be a ConvexSolution, got str"):
        train(options={"start": "here"})
