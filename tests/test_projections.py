"""Projections against slow twins and a solver, and inside at every radius, in both precisions."""

import math

import numpy as np
import pytest
import torch
from scipy.optimize import brentq

from robustcore.balls import LpBall
from robustcore.projections import onto_ball

NORMS = [1, 2, math.inf]


def twin(delta, p, radius, low, high):
    """One vector: clip(shrink(delta, lam)) with the multiplier by a scalar root finder."""
    delta, low, high = (np.asarray(v, dtype=float) for v in (delta, low, high))
    if math.isinf(p):
        return np.clip(np.clip(delta, low, high), -radius, radius)

    def point(t):  # t = 0 keeps delta, t = 1 is 0: a threshold or a scale
        if p == 1:
            shrunk = np.sign(delta) * np.maximum(np.abs(delta) - t * np.abs(delta).max(), 0)
        else:
            shrunk = (1 - t) * delta
        return np.clip(shrunk, low, high)

    def excess(t):
        return np.linalg.norm(point(t), p) - radius

    return point(brentq(excess, 0, 1, xtol=1e-15)) if excess(0) > 0 else point(0.0)


@pytest.mark.parametrize("p", NORMS)
@pytest.mark.parametrize("box", [None, (0.0, 1.0)])
def test_the_twin_agrees(p, box):
    rng = np.random.default_rng(0)
    for _ in range(150):
        d = int(rng.integers(1, 12))
        x = rng.choice([0.0, 1.0, 0.3, rng.uniform()], size=d)
        delta = rng.normal(size=d) * rng.choice([0.1, 1.0, 30.0])
        ball = LpBall(p, float(rng.choice([0.05, 0.7, 3.0])), box)
        low, high = (-np.inf, np.inf) if box is None else (-x, 1 - x)
        expected = twin(delta, p, ball.radius, low, high)
        assert ball.project(delta, x) == pytest.approx(expected, abs=1e-9)


def slow_twin(delta, p, radius, low, high):
    """One vector, p between 1 and infinity: a root finder for every coordinate, in another."""

    def coordinate(size, lam):
        if size == 0:
            return 0.0
        return brentq(lambda t: t + lam * t ** (p - 1) - size, 0, size, xtol=1e-300)

    def point(lam):
        return np.clip(np.sign(delta) * [coordinate(s, lam) for s in np.abs(delta)], low, high)

    if np.linalg.norm(np.clip(delta, low, high), p) <= radius:
        return np.clip(delta, low, high)
    most = 1.0
    while np.linalg.norm(point(most), p) > radius:
        most *= 10
    return point(brentq(lambda lam: np.linalg.norm(point(lam), p) - radius, 0, most, xtol=1e-300))


@pytest.mark.parametrize("p", [1.1, 1.5, 1.9, 2.1, 3, 8])
@pytest.mark.parametrize("box", [None, (0.0, 1.0)])
def test_the_twin_of_other_exponents_agrees(p, box):
    rng = np.random.default_rng(0)
    for _ in range(25):
        d = int(rng.integers(1, 8))
        x = rng.choice([0.0, 1.0, 0.3, rng.uniform()], size=d)
        delta = rng.normal(size=d) * rng.choice([0.1, 1.0, 30.0])
        delta[rng.uniform(size=d) < 0.2] = 0.0
        ball = LpBall(p, float(rng.choice([0.05, 0.7, 3.0])), box)
        low, high = (-np.inf, np.inf) if box is None else (-x, 1 - x)
        expected = slow_twin(delta, p, ball.radius, low, high)
        assert ball.project(delta, x) == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_a_quadratic_program_agrees():
    """The L1 ball cut with a box, by scipy on (u, v) = (delta_+, delta_-) >= 0."""
    from scipy.optimize import minimize

    rng = np.random.default_rng(1)
    for _ in range(10):
        x, delta = rng.uniform(size=4), rng.normal(size=4)
        solved = minimize(
            lambda w, delta=delta: 0.5 * np.sum((w[:4] - w[4:] - delta) ** 2),
            np.zeros(8),
            jac=lambda w, delta=delta: np.concatenate(
                [w[:4] - w[4:] - delta, delta - w[:4] + w[4:]]
            ),
            bounds=[(0, r) for r in np.concatenate([1 - x, x])],
            constraints={
                "type": "ineq",
                "fun": lambda w: 0.5 - w.sum(),
                "jac": lambda w: -np.ones(8),
            },
            method="SLSQP",
            options={"ftol": 1e-14},
        )
        found = LpBall(1, 0.5, (0.0, 1.0)).project(delta, x)
        assert found == pytest.approx(solved.x[:4] - solved.x[4:], abs=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("box", [None, (0.0, 1.0), (-3.0, 200.0)])
@pytest.mark.parametrize("p", [1, 1.1, 2, 3, 20, math.inf])
def test_inside_for_thousands_of_points(p, box, dtype):
    """Tiny and huge radii and steps, inputs on the border of the box, one coordinate or many."""
    g = torch.Generator().manual_seed(0)
    eps = torch.finfo(dtype).eps
    for d in (1, 40):
        low, high = box or (0.0, 1.0)
        x = low + (high - low) * torch.rand(60, d, generator=g, dtype=dtype)
        x = torch.where(torch.rand(60, d, generator=g) < 0.2, torch.full_like(x, low), x)
        x = torch.where(torch.rand(60, d, generator=g) < 0.2, torch.full_like(x, high), x)
        for radius in (1e-20, 1e-6, 0.3, 5.0, 1e12):
            for size in (1e-12, 1.0, 1e6, 1e20):
                delta = size * torch.randn(60, d, generator=g, dtype=dtype)
                found = LpBall(p, radius, box).project(delta, x)
                assert bool(torch.isfinite(found).all())
                norm = torch.linalg.vector_norm(found.double(), p, dim=-1)
                assert bool((norm <= radius * (1 + 2 * (d + 4) * eps)).all())
                if box is not None:
                    assert bool((found >= low - x).all() & (found <= high - x).all())


@pytest.mark.parametrize("p", [1, 2])
def test_nearest_even_when_the_ball_is_tiny_and_far_away(p):
    """A threshold close to the largest coordinate loses no digits: differences are kept."""
    delta = torch.tensor([[1e9, 1e9 - 0.25, 3.0]], dtype=torch.float64)
    found = LpBall(p, 1.0).project(delta)
    expected = [0.625, 0.375, 0.0] if p == 1 else (delta / delta.norm())[0].tolist()
    assert found[0].tolist() == pytest.approx(expected, abs=1e-12)
    if p == 1:
        boxed = LpBall(1, 1.0, (0.0, 1.0)).project(delta, torch.tensor([[0.5, 0.0, 0.9]]).double())
        assert boxed[0].tolist() == pytest.approx([0.5, 0.5, 0.0], abs=1e-12)


@pytest.mark.parametrize("p", NORMS)
def test_projecting_twice_changes_nothing_and_single_agrees_with_double(p):
    g = torch.Generator().manual_seed(3)
    x = torch.rand(200, 50, generator=g, dtype=torch.float64)
    delta = torch.randn(200, 50, generator=g, dtype=torch.float64)
    ball = LpBall(p, {1: 4.0, 2: 1.5}.get(p, 0.2), (0, 1))
    once = ball.project(delta, x)
    torch.testing.assert_close(ball.project(once, x), once, rtol=0, atol=1e-12)
    single = ball.project(delta.float(), x.float())
    torch.testing.assert_close(single.double(), once, rtol=0, atol=3e-6)


def test_a_batch_is_projected_row_by_row():
    g = torch.Generator().manual_seed(4)
    delta = torch.randn(3, 5, 6, generator=g, dtype=torch.float64)
    low, high = torch.tensor(-0.4).double(), torch.tensor(0.6).double()
    for p in NORMS:
        whole = onto_ball(delta, p, 0.9, low, high)
        rows = [onto_ball(row[None], p, 0.9, low, high)[0] for row in delta.view(-1, 6)]
        torch.testing.assert_close(whole.view(-1, 6), torch.stack(rows), rtol=0, atol=1e-12)
