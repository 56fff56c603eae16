"""Each convex loss of the table: its value, its worst value, its conjugate, its program."""

import cvxpy as cp
import numpy as np
import pytest
import torch

from robustcore import losses
from robustcore.errors import InputError
from studies.oracles.losses import listed, of_each

EACH = pytest.mark.parametrize("loss", losses.CONVEX.values(), ids=repr)
_STEPS = np.linspace(-1, 1, 201)


def instance(loss, seed, n=7):
    """Outputs on both sides of every kink, and targets that fit."""
    rng = np.random.default_rng(seed)
    score = 3 * rng.standard_normal(n)
    y = rng.choice([-1.0, 1.0], size=n)
    y[:2] = 1.0, -1.0
    if isinstance(loss, losses.OfResiduals):
        y = 2 * rng.standard_normal(n)
    return rng, score, y


def gradient(loss, score, y):
    """The loss and its slope in each output."""
    at = torch.tensor(score, requires_grad=True)
    value = loss(at, torch.tensor(y))
    value.backward()
    return value.item(), at.grad.numpy()


@EACH
@pytest.mark.parametrize("seed", range(5))
def test_the_value_is_that_of_the_printed_formula(loss, seed):
    _, score, y = instance(loss, seed)
    printed = listed(loss.name, score[None], y)
    assert loss.value(score, y) == pytest.approx(printed, rel=1e-14)
    assert gradient(loss, score, y)[0] == pytest.approx(printed, rel=1e-14)
    written = loss.program(cp, cp.Constant(loss.hurt(score, y)))
    assert float(written.value) == pytest.approx(printed, rel=1e-12)


@EACH
@pytest.mark.parametrize("seed", range(5))
def test_the_worst_value_is_that_of_the_worst_of_many_outputs(loss, seed):
    rng, score, y = instance(loss, seed)
    reach = rng.exponential(size=len(y))
    many = score + _STEPS[:, None] * reach
    assert loss.value(score, y, reach) == pytest.approx(listed(loss.name, many, y), rel=1e-13)
    hurting = score + loss.towards_hurt(score, y) * reach
    assert loss.value(hurting, y) == pytest.approx(loss.value(score, y, reach), rel=1e-13)


@EACH
@pytest.mark.parametrize("seed", range(5))
def test_the_sides_are_those_of_what_hurts(loss, seed):
    """In cvxpy what hurts is the largest side, and one side alone already gives the clean loss."""
    _, score, y = instance(loss, seed)
    sides = [side.value for side in loss.sides(cp, cp.Constant(score), y)]
    assert np.max(sides, axis=0) == pytest.approx(loss.hurt(score, y), abs=1e-15)
    for side in sides:
        clean = float(loss.program(cp, cp.Constant(side)).value)
        assert clean == pytest.approx(loss.value(score, y), rel=1e-12)
        assert loss.program(cp, cp.Variable(len(y))).is_convex()


@EACH
@pytest.mark.parametrize("seed", range(5))
def test_the_conjugate_is_the_supremum_of_fenchel(loss, seed):
    """Never exceeded, and attained where theta is the slope of the loss."""
    rng, score, y = instance(loss, seed)
    value, theta = gradient(loss, score, y)
    moved, push = loss.into_domain(theta, y)
    assert moved == pytest.approx(theta, abs=1e-15), "a slope lies in the domain"
    assert push == pytest.approx(np.abs(theta), abs=1e-15)
    attained = theta @ score - value
    assert loss.conjugate(theta, y) == pytest.approx(attained, abs=1e-12)
    for size in (0.1, 1.0, 10.0):
        other, push = loss.into_domain(size * rng.standard_normal(len(y)), y)
        assert loss.into_domain(other, y, push)[0] == pytest.approx(other, abs=1e-15)
        for _ in range(200):
            at = 5 * rng.standard_normal(len(y))
            assert other @ at - loss.value(at, y) <= loss.conjugate(other, y) + 1e-12


@EACH
@pytest.mark.parametrize("seed", range(5))
def test_the_conjugate_with_a_push_bounds_the_worst_value(loss, seed):
    """theta'score + push'reach - loss is never above it, at any score and any reach."""
    rng, _, y = instance(loss, seed)
    theta = rng.standard_normal(len(y)) / len(y)
    theta, push = loss.into_domain(theta, y, np.abs(theta) + rng.exponential(size=len(y)))
    assert (push >= np.abs(theta) - 1e-15).all()
    bound = loss.conjugate(theta, y, push)
    for _ in range(500):
        score, reach = 5 * rng.standard_normal(len(y)), rng.exponential(3, size=len(y))
        assert theta @ score + push @ reach - loss.value(score, y, reach) <= bound + 1e-12


@EACH
@pytest.mark.parametrize("seed", range(5))
def test_the_dual_value_is_the_best_of_all_scales(loss, seed):
    rng, score, y = instance(loss, seed)
    for theta in (gradient(loss, score, y)[1], rng.standard_normal(len(y))):
        theta, push = loss.into_domain(theta, y)
        for scale in (0.3, 1.0):
            each = [-loss.conjugate(s * theta, y, s * push) for s in np.linspace(0, scale, 1001)]
            best = loss.dual_value(theta, y, scale, push)
            assert max(each) - 1e-12 <= best <= max(each) + 1e-4 * max(1.0, max(each))


@EACH
def test_each_sample_counts_once(loss):
    """The mean of labels does not see a repeated data set, the sum of residuals doubles."""
    _, score, y = instance(loss, 0)
    twice = loss.value(np.tile(score, 2), np.tile(y, 2))
    times = 2 if isinstance(loss, losses.OfResiduals) else 1
    assert twice == pytest.approx(times * loss.value(score, y), rel=1e-14)
    assert loss.value(score, y) == pytest.approx(
        of_each(loss.name, score, y).sum() / (1 if times == 2 else len(y)), rel=1e-14
    )


def test_names_are_looked_up_at_the_door():
    assert all(losses.named(name) is loss for name, loss in losses.CONVEX.items())
    with pytest.raises(InputError, match=r"loss must be one of hinge, squared, logistic.*'l2'"):
        losses.named("l2")
    with pytest.raises(InputError, match=r"must be -1 or \+1"):
        losses.named("hinge").check(np.array([0.0, 1.0]))
    losses.named("squared").check(np.array([0.0, 1.0]))
