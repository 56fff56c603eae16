"""The paper's attacks against foolbox itself, point by point, and what is weak about them."""

import builtins
import math

import pytest
import torch

from robustcore import attacks
from robustcore.balls import LpBall
from robustcore.errors import InputError, MissingExtraError
from robustcore.networks import ReLUNetwork

NORMS = [1, 2, math.inf]


def batch(seed, n=20, d=30, K=4, dtype=torch.float64):
    g = torch.Generator().manual_seed(seed)
    net = ReLUNetwork((d, 16, 16, K), g, dtype=dtype)
    x = torch.rand(n, d, generator=g, dtype=dtype)
    x[:, 0], x[:, 1] = 0.0, 1.0
    return net, x, torch.randint(K, (n,), generator=g)


@pytest.mark.parametrize("method", ["fgm", "pgd"])
@pytest.mark.parametrize("box", [None, (0, 1)])
@pytest.mark.parametrize("p", NORMS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_same_points_as_foolbox(method, box, p, dtype):
    pytest.importorskip("foolbox")
    for seed, radius in enumerate([0.05, 1.0, 9.0]):
        net, x, y = batch(seed, dtype=dtype)
        ball = LpBall(p, radius, box)
        theirs = attacks.by_foolbox(net, x, y, ball, method, seed=seed)
        g = torch.Generator().manual_seed(seed)
        ours = attacks.as_published(net, x, y, ball, method, generator=g)
        # a path of 50 steps may cross a kink of the network one step apart: then rounding grows
        away = (ours - theirs).abs().amax(dim=1) / max(radius, 1)
        tolerance = 1e-12 if dtype == torch.float64 else 1e-4
        assert int((away > tolerance).sum()) <= (0 if dtype == torch.float64 else 1)
        assert (ours != x).any()
        attacks.check_inside(ours, x, ball)


def test_foolbox_leaves_the_global_generator_and_the_network_alone():
    pytest.importorskip("foolbox")
    net, x, y = batch(0)
    net.train()
    state = torch.get_rng_state()
    found = attacks.by_foolbox(net, x, y, LpBall(1, 0.5), seed=3)
    assert torch.equal(state, torch.get_rng_state())
    assert net.training
    assert not torch.equal(found, attacks.by_foolbox(net, x, y, LpBall(1, 0.5), seed=4))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("rescale", [True, False])
@pytest.mark.parametrize("box", [None, (0, 1)])
@pytest.mark.parametrize("p", NORMS)
def test_inside(p, box, rescale, dtype):
    for seed, radius in enumerate([0.0, 1e-6, 0.3, 40.0]):
        net, x, y = batch(seed, dtype=dtype)
        ball = LpBall(p, radius, box)
        g = torch.Generator().manual_seed(seed)
        found = attacks.as_published(net, x, y, ball, generator=g, rescale=rescale)
        assert found.dtype == dtype
        assert bool((ball.norm(found.double() - x.double()) <= radius * (1 + 1e-14)).all())
        assert box is None or (found.min() >= 0 and found.max() <= 1)


def two_classes(seed, d=40):
    g = torch.Generator().manual_seed(seed)
    W = torch.randn(2, d, generator=g, dtype=torch.float64)
    net = ReLUNetwork.from_arrays([(W, torch.zeros(2, dtype=torch.float64))])
    x = torch.rand(5, d, generator=g, dtype=torch.float64)
    return net, x, torch.zeros(5, dtype=torch.int64), W[1] - W[0]


def gained(net, attacked, x, y):
    return attacks.margin(net(attacked), y) - attacks.margin(net(x), y)


def test_on_a_linear_network_the_l1_step_reaches_a_share_of_the_ball():
    """Dense: |g|_2^2 / |g|_1 a unit of radius, with one step or with 400; the best is |g|_inf."""
    for seed in range(4):
        net, x, y, g = two_classes(seed)
        ball = LpBall(1, 0.7)
        share = float(g.square().sum() / g.abs().sum())
        fgm = attacks.as_published(net, x, y, ball, "fgm")
        torch.testing.assert_close(
            gained(net, fgm, x, y), torch.full((5,), 0.7 * share, dtype=x.dtype)
        )
        from_x = attacks.as_published(net, x, y, ball, steps=400, random_start=False)
        torch.testing.assert_close(gained(net, from_x, x, y), gained(net, fgm, x, y))
        start = torch.Generator().manual_seed(seed)
        wandered = attacks.as_published(net, x, y, ball, steps=400, generator=start)
        torch.testing.assert_close(
            gained(net, wandered, x, y), gained(net, fgm, x, y), rtol=1e-3, atol=0
        )
        best = gained(net, attacks.fgm(net, x, y, ball), x, y)
        torch.testing.assert_close(best, ball.support(g).expand(5))
        assert share < 0.7 * float(g.abs().max())


@pytest.mark.parametrize("p", [2, math.inf])
def test_for_other_norms_the_steps_are_steepest(p):
    net, x, y, g = two_classes(0)
    ball = LpBall(p, 0.7)
    found = attacks.as_published(net, x, y, ball, "fgm")
    torch.testing.assert_close(gained(net, found, x, y), ball.support(g).expand(5))


def test_a_projection_alone_already_finds_more():
    """Soft-thresholding lets the small coordinates of a dense step go; scaling keeps them."""
    net, x, y, g = two_classes(1)
    ball = LpBall(1, 0.7)
    found = [
        attacks.as_published(net, x, y, ball, steps=400, random_start=False, rescale=rescale)
        for rescale in (True, False)
    ]
    scaled, projected = (gained(net, f, x, y) for f in found)
    assert bool((projected > 1.2 * scaled).all())
    assert bool((projected <= ball.support(g) + 1e-12).all())


def test_random_starts_are_uniform():
    """The share of mass inside half the radius is 2^-d."""
    x = torch.zeros(20_000, 3, dtype=torch.float64)
    from robustcore.attacks.published import _start

    for p in NORMS:
        ball = LpBall(p, 2.0)
        start = _start(x, ball, torch.Generator().manual_seed(0))
        assert bool(ball.contains(start).all())
        assert float((ball.norm(start) <= 1).double().mean()) == pytest.approx(1 / 8, abs=0.01)
        assert float(start.mean().abs()) < 0.02


def test_refusals(monkeypatch):
    net, x, y = batch(0)
    with pytest.raises(InputError, match="'fgm' or 'pgd', got 'bim'"):
        attacks.as_published(net, x, y, LpBall(1, 1.0), "bim")
    with pytest.raises(InputError, match=r"p = 1, 2 and inf, got 1\.5"):
        attacks.by_foolbox(net, x, y, LpBall(1.5, 1.0))
    with pytest.raises(InputError, match="needs generator"):
        attacks.as_published(net, x, y, LpBall(1, 1.0))
    with pytest.raises(InputError, match="steps must be at least 1"):
        attacks.as_published(net, x, y, LpBall(1, 1.0), "fgm", steps=0)
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name == "foolbox":
            raise ModuleNotFoundError("No module named 'foolbox'")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=r"'\.\[attacks\]' .*, or use as_published"):
        attacks.by_foolbox(net, x, y, LpBall(1, 1.0))
