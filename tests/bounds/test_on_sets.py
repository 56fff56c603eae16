"""Every bound on every set: sound against points, attacks and the exact value, or refused."""

import math
from functools import cache, partial

import numpy as np
import pytest
import torch
from torch import nn

from bound_cases import BOUNDS
from robustcore import attacks, bounds, evaluation, methods
from robustcore.balls import Hull, LpBall, Radii, Sum, Swaps
from robustcore.bounds.first_order import gap_jacobian
from robustcore.errors import InputError
from robustcore.losses import gaps
from robustcore.networks import ReLUNetwork, Scaler
from studies.oracles.exact_gaps import Shape, worst_gaps

N, D = 4, 5
SOUND = [m.name for m in BOUNDS.values() if m.sound]
ESTIMATES = ["arub", "baseline"]


def task(seed):
    """Two numbers and a category of three; a network of two hidden layers."""
    g = torch.Generator().manual_seed(seed)
    net = ReLUNetwork((D, 7, 6, 3), g, dtype=torch.float64).requires_grad_(False)
    x = torch.randn(N, D, generator=g, dtype=torch.float64)
    x[:, 2:] = torch.nn.functional.one_hot(torch.randint(3, (N,), generator=g), 3).to(x)
    return net, x, torch.randint(3, (N,), generator=g)


def sets(seed):
    rng = np.random.default_rng(seed)
    features, each = rng.uniform(0, 0.6, size=D), rng.uniform(0.05, 0.5, size=(N, 1))
    both = rng.uniform(0, 0.6, size=(N, D))
    features[1] = both[0, 3] = 0.0
    return {
        "a radius a feature, L1": Radii(1, features),
        "a radius a feature, L2": Radii(2, features),
        "a radius a feature, Linf": Radii(math.inf, features, 0.5),
        "a radius a sample, L1": Radii(1, each),
        "a radius a sample, L2": Radii(2, each),
        "a radius for both, L1": Radii(1, both),
        "a radius for both, Linf": Radii(math.inf, both, 0.5),
        "a hull": Hull(rng.standard_normal((6, D)), 0.5),
        "a hull a sample": Hull(0.5 * rng.standard_normal((N, 6, D))),
        "swaps": Swaps([[2, 3, 4]]),
        "swaps and numbers": Swaps([[2, 3, 4]], Radii(1, [0.3, 0.2, 0, 0, 0])),
        "whole numbers, L2": Radii(2, [1.2, 2.5, 0, 0, 0], whole=[0, 1]),
        "a sum with whole numbers, Linf": Sum(
            [Radii(math.inf, [1.2, 0.3, 0, 0, 0], whole=[0]), Swaps([[2, 3, 4]])]
        ),
        "a sum with numbers, L1": Sum([Radii(1, [0.3, 0.2, 0, 0, 0]), Swaps([[2, 3, 4]])]),
        "a sum with numbers, Linf": Sum(
            [Radii(math.inf, [0.4, 0.1, 0, 0, 0]), Swaps([[2, 3, 4]])], 0.5
        ),
    }


NAMES = list(sets(0))


@cache
def attained(name, seed):
    """The largest gaps at extreme points, random points and attacked points."""
    net, x, y = task(seed)
    there = sets(seed)[name].around(x)
    points = [torch.from_numpy(there.sample((400, N, D), np.random.default_rng(0)))]
    directions = np.random.default_rng(1).standard_normal((N, 50, D))
    points.append(there.maximiser(torch.from_numpy(directions)).transpose(0, 1))
    moved = x + torch.cat(points)
    found = [moved, attacks.fgm(net, x, y, there)[None], attacks.apgd(net, x, y, there, 30)[None]]
    every = torch.cat(found)
    z = net(every.flatten(0, 1)).view(*every.shape[:2], -1)
    return (z - z.gather(-1, y[None, :, None].expand(len(z), -1, 1))).amax(0)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("method", SOUND)
def test_a_bound_holds_on_the_set_or_names_the_question(method, name):
    for seed in range(3):
        net, x, y = task(seed)
        there = sets(seed)[name]
        lacking = [q for q in methods.METHODS[method].asks if there.lacks(q)]
        if lacking:
            with pytest.raises(InputError, match=f"asks for {lacking[0]} of the set, which"):
                methods.METHODS[method].bound(net, x, y, there)
            return
        found = methods.METHODS[method].bound(net, x, y, there)
        assert (attained(name, seed) <= found + 1e-9).all()
        smaller = methods.METHODS[method].bound(net, x, y, there.with_radius(0))
        assert torch.allclose(smaller, gaps(net(x), y), atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_the_exact_gap_is_as_far_from_arub_as_said(name):
    for seed in range(3):
        net, x, y = task(seed)
        there = sets(seed)[name].with_radius(0.2)  # few neurons switch
        value, jacobian = gap_jacobian(net, x, y)
        below, above = bounds.arub_error(net, x, y, there)
        linear = value + there.around(x).support(jacobian)
        best = there.around(x).maximiser(jacobian).transpose(0, 1)
        z = net((x + best).flatten(0, 1)).view(-1, N, 3)
        here = (z - z.gather(2, y[None, :, None].expand(len(z), -1, 1))).diagonal(0, 0, 2)
        assert (linear + below <= here + 1e-9).all()
        assert (here <= linear + above + 1e-9).all()
        assert (below <= 0).all()
        assert (above >= 0).all()


@pytest.mark.parametrize("name", [n for n in NAMES if "L2" not in n and "Linf" not in n])
def test_the_exact_value_over_the_extreme_points_is_covered(name):
    net, x, y = task(7)
    there = sets(7)[name].around(x)
    points = there.extreme_points(D)
    points = points.expand(N, *points.shape[-2:]).numpy()
    exact = torch.stack([worst_gaps(net, x[i], int(y[i]), Shape.hull(points[i])) for i in range(N)])
    for method in ("rub", "crown", "ibp", "coap"):
        found = methods.METHODS[method].bound(net, x, y, sets(7)[name])
        assert (exact <= found + 1e-7).all(), method


@pytest.mark.parametrize("method", ["rub", "crown", "ibp", "coap", "best"])
def test_a_convolution_with_a_max_pool_is_covered_too(method):
    g = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    net = nn.Sequential(
        *(nn.Conv2d(1, 2, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
        *(nn.Linear(8, 5), nn.ReLU(), nn.Linear(5, 3)),
    ).double()
    x, y = torch.rand(N, 1, 4, 4, generator=g, dtype=torch.float64), torch.tensor([0, 1, 2, 0])
    rng = np.random.default_rng(0)
    for there in (
        Radii(1, rng.uniform(0, 1, size=16)),
        Radii(1, rng.uniform(0, 1, size=(N, 16))),
        Radii(1, rng.uniform(0, 1, size=(N, 1))),
        Hull(rng.standard_normal((6, 16))),
        Hull(rng.standard_normal((N, 6, 16))),
    ):
        points = there.extreme_points(16).expand(N, -1, 16)
        mixed = torch.from_numpy(there.sample((300, N, 16), rng)).transpose(0, 1)
        moved = x[:, None] + torch.cat([points, mixed], dim=1).view(N, -1, 1, 4, 4)
        z = net(moved.flatten(0, 1)).view(N, -1, 3)
        worst = (z - z.gather(2, y[:, None, None].expand(-1, z.shape[1], 1))).amax(1)
        found = methods.METHODS[method].bound(net, x, y, there)
        assert (worst <= found + 1e-9).all(), there
        added = bounds.rounding(net, x, y, there, proved=True)
        assert ((added > 0) | (found == 0)).all()
        assert added.max() < 1e-9


@pytest.mark.parametrize("p", [1, 2, math.inf])
@pytest.mark.parametrize("method", [*SOUND, *ESTIMATES])
def test_equal_radii_give_what_the_ball_gives(method, p):
    net, x, y = task(1)
    bound, ball = methods.METHODS[method].bound, LpBall(p, 0.2)
    for radii in (torch.full((D,), 0.2), torch.full((N, 1), 0.2), torch.full((N, D), 0.2)):
        same = Radii(p, radii.double())
        if any(same.lacks(question) for question in methods.METHODS[method].asks):
            continue
        assert torch.allclose(bound(net, x, y, same), bound(net, x, y, ball), atol=1e-12)


def test_radii_of_features_are_a_change_of_units():
    rng = np.random.default_rng(3)
    net, x, y = task(3)
    radii = torch.from_numpy(rng.uniform(0.1, 0.6, size=D))
    layers = [(layer.weight, layer.bias) for layer in net.layers]
    scaled = ReLUNetwork.from_arrays(layers, Scaler(torch.zeros(D).double(), 1 / radii))
    for method in ("rub", "crown", "ibp", "coap", "arub"):
        bound = methods.METHODS[method].bound
        here, there = Radii(1, radii), LpBall(1, 1.0)
        found, by_units = bound(net, x, y, here), bound(scaled, x / radii, y, there)
        assert torch.allclose(found, by_units, atol=1e-10)


@pytest.mark.parametrize("name", NAMES)
def test_certificates_and_attacks_take_the_set(name):
    net, x, y = task(5)
    x, y = x.repeat(3, 1), net(x).argmax(1).repeat(3)
    there = sets(5)[name]
    if isinstance(there, Radii) and there.radii.ndim == 2:
        there = Radii(there.p, there.radii.repeat(3, 1), there.radius)
    if isinstance(there, Hull) and there.points.ndim == 3:
        there = Hull(there.points.repeat(3, 1, 1), there.radius)
    for share in (0.1, 1.0):
        at = there.with_radius(share * there.radius)
        proved = evaluation.certified(net, x, y, at, memory=2e5)  # a few samples at a time
        standing = evaluation.withstands(net, x, y, at)
        assert (proved <= standing).all()
        assert torch.equal(proved, evaluation.certified(net, x, y, at))
        assert evaluation.certified(net, x, y, at, rounding="proved").sum() == proved.sum()
    radius = evaluation.certified_radius(net, x, y, there, tolerance=0.125)
    assert torch.equal(radius >= there.radius, evaluation.certified(net, x, y, there))
    strong = attacks.strongest(net, x, y, there, steps=10)
    attacks.check_inside(strong, x, there)
    assert (attacks.margin(net(strong), y) >= attacks.margin(net(x), y) - 1e-12).all()


@pytest.mark.parametrize("name", [n for n in NAMES if sets(0)[n].lacks("the projection") is None])
def test_pgd_stays_inside_and_is_no_weaker_than_its_first_step(name):
    net, x, y = task(2)
    there = sets(2)[name]
    generator = torch.Generator().manual_seed(0)
    point = attacks.pgd(net, x, y, there, 20, restarts=2, generator=generator)
    attacks.check_inside(point, x, there)
    weak = torch.nn.functional.cross_entropy(net(attacks.fgm(net, x, y, there)), y)
    assert torch.nn.functional.cross_entropy(net(point), y) >= weak - 1e-9


def test_over_a_hull_an_attack_finds_the_worst_point_of_a_linear_network():
    g = torch.Generator().manual_seed(0)
    net = ReLUNetwork((D, 2), g, dtype=torch.float64)
    x, y = torch.randn(N, D, generator=g, dtype=torch.float64), torch.tensor([0, 1, 0, 1])
    there = Hull(torch.randn(6, D, generator=g, dtype=torch.float64))
    worst = bounds.crown(net, x, y, there)
    to_the_end = partial(attacks.strongest, stop_when_wrong=False)
    for attack in (attacks.fgm, attacks.pgd, attacks.apgd, to_the_end):
        found = gaps(net(attack(net, x, y, there)), y)
        assert torch.allclose(found, worst, atol=1e-9)


def test_what_is_asked_in_vain_is_one_sentence():
    net, x, y = task(0)
    hull, radii = sets(0)["a hull"], sets(0)["a radius a feature, L2"]
    for call, sentence in (
        (
            lambda: attacks.pgd(net, x, y, hull, step_size=0.1),
            "pgd asks for the projection of the set, which Hull",
        ),
        (lambda: bounds.rub(net, x, y, radii), "rub asks for the extreme points of the set"),
        (lambda: bounds.rub_top(net, x, y, hull), "RUB asks for the exponent and the radius"),
        (lambda: attacks.as_published(net, x, y, hull), "as_published asks for the exponent"),
        (lambda: bounds.crown(net, x[:2], y[:2], Radii(2, np.ones((N, 1)))), "for other samples"),
        (lambda: attacks.check_inside(x + 9, x, hull), "inputs are outside Hull"),
        (lambda: attacks.strongest(net, x, y, hull, candidates=[x + 9]), "are outside Hull"),
    ):
        with pytest.raises(Exception, match=sentence) as refused:
            call()
        assert isinstance(refused.value, Exception)
        assert "\n" not in str(refused.value)
