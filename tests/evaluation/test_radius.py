"""The certified radius of a sample: on the grid, certified itself, ordered by method."""

import math

import pytest
import torch

from robustcore import evaluation
from robustcore.balls import LpBall
from robustcore.errors import InputError
from robustcore.networks import ReLUNetwork

L1 = ("rub", "rub_optimised", "rub_any", "coap", "crown", "ibp", "best", "exact")


def instance(seed, n=12, M=3, K=3):
    g = torch.Generator().manual_seed(seed)
    net = ReLUNetwork((M, 6, 6, K), g)
    with torch.no_grad():
        for layer in net.layers:
            layer.bias.normal_(generator=g)
    x = 2 * torch.randn(n, M, generator=g)
    y = net(x).argmax(-1)
    y[:2] = (y[:2] + 1) % K  # two that are wrong
    return net, x, y


def by_scanning(net, x, y, ball, method, cells):
    """The twin: every radius of the grid, one after the other, until the first failure."""
    radius = torch.zeros(len(x), dtype=torch.float64)
    alive = evaluation.certified(net, x, y, ball.with_radius(0.0), method)
    for at in range(1, cells + 1):
        alive = alive & evaluation.certified(
            net, x, y, ball.with_radius(ball.radius * at / cells), method
        )
        radius = torch.where(alive, ball.radius * at / cells, radius)
    return radius


@pytest.mark.parametrize(("p", "method"), [(1, "rub"), (math.inf, "ibp")])
def test_a_monotone_bound_is_found_as_by_scanning(p, method):
    net, x, y = instance(0)
    ball = LpBall(p, 4.0)
    found = evaluation.certified_radius(net, x, y, ball, method, tolerance=1 / 16)
    assert torch.equal(found, by_scanning(net, x, y, ball, method, 16))
    assert len(found.unique()) > 3  # the test sees several radii
    assert bool((found[:2] == 0).all())


@pytest.mark.parametrize("method", L1)
def test_every_radius_is_itself_certified(method):
    for seed in range(2):
        net, x, y = instance(seed, n=6)
        ball = LpBall(1, 3.0)
        found = evaluation.certified_radius(net, x, y, ball, method, tolerance=1 / 32)
        for i, radius in enumerate(found.tolist()):
            if radius > 0:
                one = (net, x[i : i + 1], y[i : i + 1], ball.with_radius(radius), method)
                assert bool(evaluation.certified(*one).all())


def test_no_bound_certifies_more_than_the_exact_value():
    for seed in range(3):
        net, x, y = instance(seed, n=6)
        ball = LpBall(1, 3.0)
        radii = {m: evaluation.certified_radius(net, x, y, ball, m, tolerance=1 / 64) for m in L1}
        for method in L1:
            assert bool((radii[method] <= radii["exact"]).all()), method
        assert bool((radii["rub"] <= radii["rub_optimised"]).all())
        assert bool((radii["rub"] <= radii["best"]).all())
        assert bool((radii["ibp"] <= radii["best"]).all())
        assert bool((radii["rub"] < radii["exact"]).any())


def test_a_finer_tolerance_refines_the_same_answer():
    net, x, y = instance(3)
    ball = LpBall(math.inf, 2.0)
    coarse, fine = (
        evaluation.certified_radius(net, x, y, ball, "ibp", tolerance=t) for t in (1 / 8, 1 / 256)
    )
    assert bool((coarse <= fine).all())
    assert bool((fine < coarse + ball.radius / 8).all())


def test_a_box_certifies_no_less():
    net, x, y = instance(1)
    x = x.clamp(-2, 2)
    boxed = evaluation.certified_radius(net, x, y, LpBall(1, 4.0, (-2, 2)), "rub_boxed")
    plain = evaluation.certified_radius(net, x, y, LpBall(1, 4.0), "rub")
    assert bool((plain <= boxed).all())
    assert bool((plain < boxed).any())


def test_all_wrong_and_all_safe():
    net = ReLUNetwork.from_arrays([(torch.zeros(2, 1), torch.tensor([1.0, 0.0]))])
    x = torch.zeros(2, 1)
    found = evaluation.certified_radius(net, x, torch.tensor([0, 1]), LpBall(1, 5.0))
    assert found.tolist() == [5.0, 0.0]
    wrong = evaluation.certified_radius(net, x, torch.tensor([1, 1]), LpBall(1, 5.0))
    assert wrong.tolist() == [0.0, 0.0]


def test_refusals():
    net, x, y = instance(0)
    with pytest.raises(InputError, match="largest radius must be positive"):
        evaluation.certified_radius(net, x, y, LpBall(1, 0.0))
    with pytest.raises(InputError, match=r"tolerance must be in \(0, 1\], got 0"):
        evaluation.certified_radius(net, x, y, LpBall(1, 1.0), tolerance=0)
    with pytest.raises(InputError, match="method must be one of"):
        evaluation.certified_radius(net, x, y, LpBall(1, 1.0), "luck")
    with pytest.raises(InputError, match="arub is an estimate"):
        evaluation.certified_radius(net, x, y, LpBall(1, 1.0), "arub")


def test_the_margin_of_a_proof_takes_from_the_radius():
    """Biases take away what inputs of a million add: of the difference, float32 keeps 1e-1."""
    g = torch.Generator().manual_seed(0)
    net = ReLUNetwork([4, 16, 3], g)
    with torch.no_grad():
        net.layers[0].bias -= net.layers[0].weight @ torch.full((4,), 1e6)
    x = 1e6 + 20 * torch.randn(20, 4, generator=g)
    y = net(x).argmax(dim=1)
    radii = [
        evaluation.certified_radius(net, x, y, LpBall(1, 100.0), "ibp", 2.0**-9, rounding=how)
        for how in ("proved", "likely", "none")
    ]
    for margin in radii[:2]:  # so narrow, eight standard deviations are more than the worst case
        assert bool((margin <= radii[2]).all())
        assert 0 < float(margin.sum()) < float(radii[2].sum())
