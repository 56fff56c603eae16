"""Convolutions and pools: maps against matrices, bounds against the exact value, refusals."""

import itertools

import numpy as np
import pytest
import torch
from torch import nn

from robustcore import attacks, bounds
from robustcore.balls import LpBall
from robustcore.errors import InputError, UnsupportedLayerError
from robustcore.losses import gaps
from robustcore.networks import ReLUNetwork, Scaler, affine_layers, layered

TINY = (1, 4, 4)


def tiny_network(pool: str, seed: int, relu_first: bool = True) -> nn.Sequential:
    """A 4 x 4 image, one kernel, a pool to 2 x 2, 3 hidden neurons, 3 classes."""
    torch.manual_seed(seed)
    convolution, window = {
        "max": (nn.Conv2d(1, 1, 3, padding=1), nn.MaxPool2d(2)),
        "average": (nn.Conv2d(1, 2, 3, padding=1), nn.AvgPool2d(2)),
        "overlap": (nn.Conv2d(1, 1, 2), nn.MaxPool2d(2, 1)),
    }[pool]
    between = [nn.ReLU(), window]
    features = 4 * convolution.out_channels
    layers = (nn.Flatten(), nn.Linear(features, 3), nn.ReLU(), nn.Linear(3, 3))
    net = nn.Sequential(
        nn.Unflatten(1, TINY), convolution, *(between if relu_first else between[::-1]), *layers
    )
    return net.double().requires_grad_(False)


def instance(pool: str, seed: int):
    """A network, two samples and a radius at which some ReLUs flip."""
    rng = np.random.default_rng(seed)
    x = torch.from_numpy(rng.normal(size=(2, 16)))
    ball = LpBall(1, float(np.exp(rng.uniform(np.log(0.2), np.log(3)))))
    net = tiny_network(pool, seed, relu_first=bool(seed % 2))
    return net, x, torch.tensor([seed % 3, 1]), ball


def literal_rub(net, x, y, k, radius):
    """Theorem 11 with max pools, one sample and class, every vertex and window by itself."""
    network = layered(net, x.shape, like=x)
    mats = [
        (one.columns(torch.arange(one.n_inputs)).T, one(x.new_zeros(one.n_inputs)))
        for one in network.maps
    ]
    (W1, b1), found = mats[0], []
    for m, a in itertools.product(range(len(x)), (radius, -radius)):
        u, l, z = W1 @ x + b1 + a * W1[:, m], W1 @ x + b1 + a * W1[:, m], W1 @ x + b1
        for act, (W, b) in zip(network.activations, mats[1:], strict=True):
            groups = (
                act.windows.tolist() if hasattr(act, "windows") else [[i] for i in range(len(z))]
            )
            best = [max(group, key=lambda i: float(z[i])) for group in groups]
            p = torch.stack([max(u[i].clamp(min=0) for i in group) for group in groups])
            q = torch.stack([l[i] * float(z[i] > 0) for i in best])
            h = torch.stack([z[i].clamp(min=0) for i in best])
            if W is mats[-1][0]:
                W, b = (W[k] - W[y])[None], (b[k] - b[y])[None]
            up, down = W.clamp(min=0), (-W).clamp(min=0)
            u, l, z = up @ p - down @ q + b, up @ q - down @ p + b, W @ h + b
        found.append(float(u))
    return max(found)


KINDS = ("max", "average", "overlap")


@pytest.mark.parametrize("pool", KINDS)
def test_attack_exact_rub_and_the_other_bounds_are_in_order(pool):
    risen = []
    for seed in range(6):
        net, x, y, ball = instance(pool, seed)
        clean = gaps(net(x), y)
        exact = bounds.exact(net, x, y, ball, attained=True)
        found = bounds.rub(net, x, y, ball)
        attacked = gaps(net(attacks.pgd(net, x, y, ball, steps=10)), y)
        assert (attacked <= exact + 1e-6).all()
        assert (bounds.arub(net, x, y, ball) <= found + 1e-12).all()
        for bound in (found, bounds.ibp(net, x, y, ball), bounds.crown(net, x, y, ball)):
            assert (exact <= bound + 1e-9).all()
        assert (bounds.rub_optimised(net, x, y, ball, steps=5) <= found + 1e-12).all()
        assert (exact <= bounds.rub_optimised(net, x, y, ball, steps=5) + 1e-9).all()
        risen.append(((exact - clean) > 1e-3).sum())
    assert sum(risen) > 12  # the radii were not too small to try anything


@pytest.mark.parametrize("pool", KINDS)
def test_any_allowed_slopes_are_sound(pool):
    generator = torch.Generator().manual_seed(1)
    for seed in range(6, 9):
        net, x, y, ball = instance(pool, seed)
        at = bounds.recursion.Recursion.around(net, x, y)
        free = [
            2 * torch.rand(t.shape, generator=generator, dtype=t.dtype) - 0.3 for t in at.slopes
        ]
        slopes = at.nearest_slopes(free)
        exact = bounds.exact(net, x, y, ball, attained=True)
        assert (exact <= bounds.rub(net, x, y, ball, t=slopes) + 1e-9).all()


@pytest.mark.parametrize("pool", KINDS)
def test_rub_is_the_literal_recursion_over_all_vertices(pool):
    for seed in range(4):
        net, x, y, ball = instance(pool, seed)
        found = bounds.rub(net, x, y, ball)
        for i, k in itertools.product(range(2), range(3)):
            twin = literal_rub(net, x[i], int(y[i]), k, ball.radius)
            assert found[i, k].item() == pytest.approx(twin, abs=1e-12)


@pytest.mark.parametrize("pool", KINDS)
def test_arub_is_autograd_and_grows_like_it(pool):
    for seed in range(4):
        net, x, y, ball = instance(pool, seed)
        x = x.requires_grad_()
        value = gaps(net(x), y)
        rows = [torch.autograd.grad(value[:, k].sum(), x, retain_graph=True)[0] for k in range(3)]
        linear = value + ball.radius * torch.stack(rows, 1).abs().amax(-1)
        assert torch.allclose(bounds.arub(net, x.detach(), y, ball), linear.detach(), atol=1e-12)


@pytest.mark.parametrize("pool", ["max", "average"])
def test_without_expansion_the_bounds_are_those_of_the_matrices(pool):
    """With no max pool the dense network is the same one layer by layer."""
    for seed in range(4):
        net, x, y, ball = instance(pool, seed)
        dense = ReLUNetwork.from_arrays(affine_layers(net, (16,)))
        assert torch.allclose(net(x), dense(x), atol=1e-12)
        assert torch.allclose(
            bounds.arub(net, x, y, ball), bounds.arub(dense, x, y, ball), atol=1e-12
        )
        if pool == "average":
            for one in (bounds.rub, bounds.ibp, bounds.rub_any, bounds.rub_optimised):
                assert torch.allclose(one(net, x, y, ball), one(dense, x, y, ball), atol=1e-12)
            for p in (2, np.inf):
                other = LpBall(p, 0.3)
                for one in (bounds.ibp, bounds.rub_any):
                    assert torch.allclose(
                        one(net, x, y, other), one(dense, x, y, other), atol=1e-12
                    )


def test_images_need_no_unflatten_and_a_scaler_keeps_raw_units():
    torch.manual_seed(0)
    scaler = Scaler(torch.rand(2, 1, 1), 1 + torch.rand(2, 1, 1))
    layers = (nn.Conv2d(2, 3, 3, stride=2), nn.ReLU(), nn.Flatten(), nn.Linear(12, 3))
    net = nn.Sequential(scaler, *layers).double().requires_grad_(False)
    x, y, ball = torch.rand(2, 2, 5, 5, dtype=torch.float64), torch.tensor([0, 2]), LpBall(1, 1.0)
    flat = nn.Sequential(nn.Unflatten(1, (2, 5, 5)), *net)
    assert torch.allclose(bounds.rub(net, x, y, ball), bounds.rub(flat, x.flatten(1), y, ball))
    exact = bounds.exact(net, x, y, ball, attained=True)
    assert (exact <= bounds.rub(net, x, y, ball) + 1e-9).all()
    vertices = torch.from_numpy(ball.vertices(50))
    at_vertices = torch.stack([gaps(net((x.flatten(1) + v).view_as(x)), y) for v in vertices])
    assert (at_vertices.amax(0) <= exact + 1e-6).all()


def test_the_gradient_is_that_of_finite_differences():
    for pool in KINDS:
        net, x, y, ball = instance(pool, 5)
        net.requires_grad_(True)
        for bound in (bounds.rub, bounds.rub_top, bounds.arub, bounds.ibp):
            net.zero_grad()
            bound(net, x, y, ball).logsumexp(-1).sum().backward()
            weight = net[1].weight
            slope, step = weight.grad[0, 0, 1, 1].item(), 1e-6
            values = []
            for sign in (1, -1):
                with torch.no_grad():
                    weight[0, 0, 1, 1] += sign * step
                    values.append(bound(net, x, y, ball).logsumexp(-1).sum().item())
                    weight[0, 0, 1, 1] -= sign * step
            assert slope == pytest.approx((values[0] - values[1]) / (2 * step), abs=1e-5)


def test_the_chunks_of_the_sweep_do_not_matter():
    net, x, y, ball = instance("max", 2)
    whole = bounds.rub(net, x, y, ball)
    for chunk in (1, 7, 10_000):
        assert torch.allclose(bounds.rub(net, x, y, ball, chunk=chunk), whole, atol=1e-14)
    top = bounds.rub_top(net, x, y, ball, top=3)
    assert (top <= whole + 1e-12).all()
    assert (bounds.arub(net, x, y, ball) <= top + 1e-12).all()  # the largest slope is among them


def test_optimising_slopes_leaves_the_network_without_gradients():
    net, x, y, ball = instance("max", 2)
    bounds.rub_optimised(net.requires_grad_(True), x, y, ball, steps=3)
    assert all(p.grad is None for p in net.parameters())


def test_slopes_of_a_pool_must_share_one():
    net, x, y, ball = instance("max", 0)
    slopes = bounds.nominal_slopes(net, x)
    assert slopes[0].shape == (2, 4, 4)
    slopes[0][0, 0] = 0.5  # four slopes of a half: at most max, and so not below it
    with pytest.raises(InputError, match="sum of at most 1"):
        bounds.rub(net, x, y, ball, t=slopes)


def test_a_matrix_too_large_is_refused_by_those_that_need_it():
    net = nn.Sequential(
        nn.Unflatten(1, (1, 64, 64)), nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Flatten(),
        nn.Linear(8 * 64 * 64, 2),
    )  # fmt: skip
    x, y = torch.zeros(1, 64 * 64), torch.tensor([0])
    with pytest.raises(UnsupportedLayerError, match="32768 x 4096 entries"):
        bounds.crown(net, x, y, LpBall(1, 0.1))
    assert bounds.ibp(net, x, y, LpBall(1, 0.1)).shape == (1, 2)
