"""Attacks stay inside, climb, and reach the known maximum where there is one."""

import math
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from robustcore import attacks
from robustcore.balls import LpBall
from robustcore.errors import InputError
from robustcore.losses import cross_entropy, multiclass_hinge
from robustcore.networks import ReLUNetwork

EXPONENTS = [1, 1.5, 2, math.inf]
BOXES = [None, (0, 1)]


def batch(seed, n=6, d=9, K=3, dtype=torch.float64):
    g = torch.Generator().manual_seed(seed)
    net = ReLUNetwork((d, 12, 12, K), g, dtype=dtype)
    x = torch.rand(n, d, generator=g, dtype=dtype)
    x[:, 0], x[:, 1] = 0.0, 1.0  # on the border of the box
    return net, x, torch.randint(K, (n,), generator=g)


def linear_network(seed, d=9):
    """Two classes: the cross-entropy rises in z_1 - z_0 alone, so its worst point is known."""
    g = torch.Generator().manual_seed(seed)
    W = torch.randn(2, d, generator=g, dtype=torch.float64)
    return ReLUNetwork.from_arrays([(W, torch.zeros(2, dtype=torch.float64))]), W


class Hill(nn.Module):
    """Logits (0, -|x - peak|^2): the loss of label 0 peaks inside the ball, fgm overshoots."""

    def __init__(self, peak):
        super().__init__()
        self.peak = peak

    def forward(self, x):
        height = -(x - self.peak).square().sum(-1)
        return torch.stack([torch.zeros_like(height), height], dim=-1)


@pytest.mark.parametrize("p", EXPONENTS)
@pytest.mark.parametrize("box", BOXES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_attacks_stay_inside_the_ball_and_the_box(p, box, dtype):
    for seed, radius in enumerate([0.0, 1e-6, 0.05, 0.7, 5.0, 40.0]):
        net, x, y = batch(seed, dtype=dtype)
        ball = LpBall(p, radius, box)
        g = torch.Generator().manual_seed(seed)
        found = [
            attacks.fgm(net, x, y, ball),
            attacks.pgd(net, x, y, ball, steps=4, restarts=2, generator=g),
            attacks.pgd(net, x, y, ball, steps=2, random_start=True, generator=g),
        ]
        for x_attacked in found:
            assert x_attacked.dtype == dtype
            delta = x_attacked.double() - x.double()  # exact: what was really added
            assert bool((ball.norm(delta) <= radius * (1 + 1e-14)).all())
            assert box is None or (x_attacked.min() >= box[0] and x_attacked.max() <= box[1])
            attacks.check_inside(x_attacked, x, ball)


@pytest.mark.parametrize("p", EXPONENTS)
@pytest.mark.parametrize("box", BOXES)
def test_pgd_is_at_least_fgm_at_least_fast_from_clean(p, box):
    strictly = 0
    for seed in range(3):
        net, x, y = batch(seed)
        ball = LpBall(p, 0.4, box)
        clean = cross_entropy(net(x), y)
        fast = cross_entropy(net(attacks.fgm(net, x, y, ball)), y)
        slow = cross_entropy(net(attacks.pgd(net, x, y, ball, steps=15)), y)
        assert bool((slow >= fast - 1e-12).all())
        assert bool((slow >= clean - 1e-12).all())
        assert fast.mean() > clean.mean()
        strictly += int((slow > fast + 1e-6).sum())
    assert strictly > 0  # else the path would add nothing to the fast gradient point


@pytest.mark.parametrize("p", EXPONENTS)
def test_on_a_linear_network_the_worst_gap_is_the_support_function(p):
    for seed in range(5):
        net, W = linear_network(seed)
        x = torch.rand(4, 9, dtype=torch.float64)
        y = torch.tensor([0, 1, 0, 1])
        ball = LpBall(p, 0.8)
        c = torch.where(y[:, None] == 0, W[1] - W[0], W[0] - W[1])
        worst = (c * x).sum(-1) + ball.support(c)
        for attack in (attacks.fgm, partial(attacks.pgd, steps=5)):
            gap = attacks.margin(net(attack(net, x, y, ball)), y)
            torch.testing.assert_close(gap, worst, rtol=0, atol=1e-12)


def test_fgm_in_a_box_solves_the_linear_program():
    from scipy.optimize import linprog

    for seed in range(5):
        net, W = linear_network(seed)
        x = torch.rand(1, 9, dtype=torch.float64)
        c = (W[1] - W[0]).numpy()
        ball = LpBall(1, 1.3, (0, 1))
        room = np.concatenate([1 - x[0].numpy(), x[0].numpy()])  # up, down
        solved = linprog(
            np.concatenate([-c, c]),
            A_ub=np.ones((1, 18)),
            b_ub=[ball.radius],
            bounds=list(zip(np.zeros(18), room, strict=True)),
        )
        attacked = attacks.fgm(net, x, torch.tensor([0]), ball)
        assert float((attacked - x)[0] @ torch.as_tensor(c)) == pytest.approx(-solved.fun, abs=1e-9)


@pytest.mark.parametrize("p", EXPONENTS)
def test_the_path_finds_a_peak_inside_the_ball(p):
    peak = torch.zeros(1, 50, dtype=torch.float64)
    peak[0, :3] = torch.tensor([0.2, -0.1, 0.1])
    net, x, y = Hill(peak), torch.zeros(1, 50, dtype=torch.float64), torch.tensor([0])
    ball = LpBall(p, 1.0)
    start = float(net(x)[0, 1])
    top = float(net(attacks.pgd(net, x, y, ball, steps=200))[0, 1])
    assert float(net(attacks.fgm(net, x, y, ball))[0, 1]) < start  # one long step overshoots
    assert top > 0.05 * start  # the summit has height 0


def test_a_path_that_swings_past_the_peak_keeps_its_best_point():
    peak = torch.tensor([[0.3, 0.0]], dtype=torch.float64)
    net, x, y = Hill(peak), torch.zeros(1, 2, dtype=torch.float64), torch.tensor([0])
    attacked = attacks.pgd(net, x, y, LpBall(2, 1.0), steps=2, step_size=0.35)  # 0, .35, 0
    torch.testing.assert_close(attacked, torch.tensor([[0.35, 0.0]], dtype=torch.float64))


def test_a_perturbed_batch_keeps_its_shape_and_leaves_the_network_alone():
    g = torch.Generator().manual_seed(0)
    net = nn.Sequential(nn.Flatten(), ReLUNetwork((12, 8, 3), g), nn.Dropout(0.5))
    net.train()
    net[1].eval()
    weight = net[1].layers[0].weight
    weight.grad = torch.ones_like(weight)
    x, y = torch.rand(5, 3, 2, 2, generator=g), torch.randint(3, (5,), generator=g)
    with torch.no_grad():
        attacked = attacks.pgd(net, x, y, LpBall(2, 0.3, (0, 1)), steps=3)
    assert attacked.shape == x.shape
    assert not attacked.requires_grad
    assert net.training
    assert not net[1].training
    assert bool((weight.grad == 1).all())


def test_the_same_generator_state_gives_the_same_attack():
    net, x, y = batch(3)
    ball = LpBall(1, 0.5, (0, 1))

    def run(seed):
        g = torch.Generator().manual_seed(seed)
        return attacks.pgd(net, x, y, ball, steps=2, random_start=True, generator=g)

    assert torch.equal(run(1), run(1))
    assert not torch.equal(run(1), run(2))


def test_more_restarts_never_find_less():
    for seed in range(5):
        net, x, y = batch(seed)
        losses = []
        for restarts in (1, 2, 4):
            g = torch.Generator().manual_seed(0)
            attacked = attacks.pgd(
                net, x, y, LpBall(math.inf, 0.6), steps=5, restarts=restarts, generator=g
            )
            losses.append(cross_entropy(net(attacked), y))
        assert bool((losses[1] >= losses[0] - 1e-12).all())
        assert bool((losses[2] >= losses[1] - 1e-12).all())


def test_margin_is_nonnegative_exactly_on_errors():
    z = torch.tensor([[2.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 3.0, 1.0]])
    y = torch.tensor([0, 0, 0])
    assert attacks.margin(z, y).tolist() == [-1.0, 0.0, 3.0]
    attacked = attacks.margin(torch.randn(50, 4), torch.randint(4, (50,)))
    assert attacked.shape == (50,)


def test_another_loss_is_climbed():
    net, x, y = batch(1)
    ball = LpBall(2, 0.5)
    by_hinge = attacks.pgd(net, x, y, ball, steps=20, loss=multiclass_hinge)
    assert multiclass_hinge(net(by_hinge), y).mean() > multiclass_hinge(net(x), y).mean() + 0.05


def test_refusals():
    net, x, y = batch(0)
    ball = LpBall(2, 0.5)
    with pytest.raises(InputError, match="needs generator"):
        attacks.pgd(net, x, y, ball, random_start=True)
    with pytest.raises(InputError, match="needs generator"):
        attacks.pgd(net, x, y, ball, restarts=2)
    with pytest.raises(InputError, match="steps must be at least 1, got 0"):
        attacks.pgd(net, x, y, ball, steps=0)
    with pytest.raises(InputError, match="must lie in the box"):
        attacks.fgm(net, x + 1, y, LpBall(2, 0.5, (0, 1)))
    with pytest.raises(InputError, match="x must be finite"):
        attacks.fgm(net, x * float("nan"), y, ball)
    with pytest.raises(InputError, match=r"lie in 0..2, got 3..3"):
        attacks.fgm(net, x, torch.full_like(y, 3), ball)
    with pytest.raises(InputError, match=r"shape \(6,\)"):
        attacks.fgm(net, x, y[:2], ball)
    with pytest.raises(InputError, match="must give logits"):
        attacks.fgm(nn.Flatten(0), x, y, ball)
    with pytest.raises(InputError, match="floating-point"):
        attacks.fgm(net, x.long(), y, ball)
    with pytest.raises(InputError, match="step_size"):
        attacks.pgd(net, x, y, ball, step_size=-1.0)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("p", EXPONENTS)
def test_on_a_gpu_the_attack_is_as_strong(p):
    net, x, y = batch(0, dtype=torch.float32)
    ball = LpBall(p, 0.4, (0, 1))
    here = cross_entropy(net(attacks.pgd(net, x, y, ball)), y)
    net, x, y = net.cuda(), x.cuda(), y.cuda()
    attacked = attacks.pgd(net, x, y, ball)
    assert attacked.is_cuda
    attacks.check_inside(attacked, x, ball)
    there = cross_entropy(net(attacked), y).cpu()
    torch.testing.assert_close(there.mean(), here.mean(), rtol=1e-3, atol=1e-4)
