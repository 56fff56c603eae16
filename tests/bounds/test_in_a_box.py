"""Bounds on a ball cut with the box: above the exact value there, most below those on the ball."""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy.spatial import HalfspaceIntersection
from torch import nn

from bound_cases import quick
from robustcore import attacks, bounds, evaluation, methods
from robustcore.balls import Cut, LpBall, Radii
from robustcore.errors import InputError
from robustcore.losses import gaps
from robustcore.networks import ReLUNetwork
from studies.oracles.exact_gaps import Shape, worst_gaps

N, D = 4, 5
BOUND = {name: quick(one) for name, one in methods.METHODS.items() if one.bound}
JUMPING = ("coap", "crown", "crown_optimised", "best")
RADIUS = {1: 1.2, 1.5: 0.9, 2: 0.7, math.inf: 0.4}
EVERY = ["rub_any", "coap", "crown", "crown_optimised", "ibp", "best"]
L1 = ["rub", "rub_boxed", "rub_optimised", "exact"]
TAKEN = {1: [*EVERY, *L1], 1.5: EVERY, 2: EVERY, math.inf: [*EVERY, "exact"]}


def task(seed):
    g = torch.Generator().manual_seed(seed)
    net = ReLUNetwork((D, 7, 6, 3), g, dtype=torch.float64).requires_grad_(False)
    x = torch.rand(N, D, generator=g, dtype=torch.float64)
    x = torch.where(x < 0.25, 0.0, torch.where(x > 0.75, 1.0, x))  # as pixels are
    return net, x, torch.randint(3, (N,), generator=g)


@pytest.mark.parametrize("p", TAKEN)
def test_these_are_the_methods_that_take_it(p):
    ball = Cut(LpBall(p, 1.0), (0, 1))
    taken = {m.bound for m in methods.METHODS.values() if m.sound and m.takes(ball)}
    assert taken == {methods.METHODS[name].bound for name in TAKEN[p]}


@pytest.mark.parametrize("p", [1, math.inf])
def test_no_bound_is_below_the_exact_value_in_the_box(p):
    """Which a second program finds, written apart from the first."""
    for seed in range(3):
        net, x, y = task(seed)
        ball = LpBall(p, RADIUS[p], box=(0, 1))
        exact = torch.stack(
            [worst_gaps(net, x[i], int(y[i]), Shape.ball(ball, x[i].numpy())) for i in range(N)]
        )
        for name in TAKEN[p]:
            found = BOUND[name](net, x, y, Cut(ball))
            assert (exact <= found + 1e-7).all(), name
        assert torch.allclose(bounds.exact(net, x, y, Cut(ball)), exact, rtol=0, atol=1e-5)


@pytest.mark.parametrize("p", TAKEN)
def test_no_point_of_the_set_is_above_a_bound(p):
    """Random points, points of greatest slope, and attacks that keep to the set."""
    for seed in range(2):
        net, x, y = task(seed)
        there, rng = Cut(LpBall(p, RADIUS[p]), (0, 1)), np.random.default_rng(seed)
        at = there.around(x)
        steps = [at.maximiser(torch.from_numpy(rng.standard_normal((N, 200, D)))).transpose(0, 1)]
        steps.append(torch.from_numpy(at.sample((2000, N, D), rng)))
        own = LpBall(p, RADIUS[p], box=(0, 1))
        attacked = [attacks.fgm(net, x, y, there)]
        attacked += [attacks.apgd(net, x, y, one, 10) for one in (there, own)]
        for point in attacked:
            attacks.check_inside(point, x, there)
        moved = torch.cat([x + torch.cat(steps), torch.stack(attacked)])
        reached = gaps(net(moved.flatten(0, 1)), y.repeat(len(moved))).view(-1, N, 3).amax(0)
        for name in TAKEN[p]:
            assert (reached <= BOUND[name](net, x, y, there) + 1e-9).all(), name


@pytest.mark.parametrize("p", [1, math.inf])
def test_the_exact_value_is_that_of_a_fine_grid(p):
    """In two dimensions, for samples inside, on an edge and in a corner of the box."""
    ends = torch.linspace(0, 1, 401, dtype=torch.float64)
    grid = torch.cartesian_prod(ends, ends)
    for seed in range(4):
        g = torch.Generator().manual_seed(seed)
        net = ReLUNetwork((2, 6, 5, 3), g, dtype=torch.float64).requires_grad_(False)
        x = torch.tensor([[0.4, 0.7], [0.0, 0.5], [1.0, 0.0]]).double()
        y, ball = torch.tensor([0, 1, 2]), LpBall(p, 0.45)
        exact = bounds.exact(net, x, y, Cut(ball, (0, 1)))
        for i in range(3):
            inside = grid[ball.norm(grid - x[i]) <= ball.radius]
            on_grid = gaps(net(inside), y[i].expand(len(inside))).amax(0)
            assert (on_grid <= exact[i] + 1e-9).all()
            assert (on_grid >= exact[i] - 0.01).all()


@pytest.mark.parametrize("p", [1, math.inf])
def test_a_convex_gap_is_worst_at_a_vertex_of_the_cut_ball(p):
    """All vertices, from the half-spaces: no bound is below them, and exact is equal."""
    M, rho = 3, 0.7
    signs = np.array(list(itertools.product((1.0, -1.0), repeat=M)))
    normals = np.concatenate([np.eye(M), -np.eye(M), signs if p == 1 else np.eye(M)])
    for seed in range(4):
        g = torch.Generator().manual_seed(seed)
        W, b = (torch.randn(*shape, generator=g, dtype=torch.float64) for shape in ((6, M), (6,)))
        V = torch.stack([0 * b, torch.rand(6, generator=g, dtype=torch.float64)])
        net = ReLUNetwork.from_arrays([(W, b), (V, 0 * b[:2])])
        x = torch.rand(1, M, generator=g, dtype=torch.float64)
        at = x[0].numpy()
        room = np.concatenate([1 - at, at])
        limits = np.concatenate([np.minimum(room, rho), np.full(len(normals) - 2 * M, rho)])
        halves = np.concatenate([normals, -limits[:, None]], axis=1)
        inner = np.zeros(M)  # x lies inside the box
        vertices = torch.from_numpy(HalfspaceIntersection(halves, inner).intersections)
        worst = gaps(net(x + vertices), torch.zeros(len(vertices), dtype=torch.long)).amax(0)
        y, there = torch.tensor([0]), Cut(LpBall(p, rho), (0, 1))
        assert torch.allclose(bounds.exact(net, x, y, there)[0], worst, atol=1e-6)
        for name in TAKEN[p]:
            assert (BOUND[name](net, x, y, there)[0] >= worst - 1e-9).all(), name


@pytest.mark.parametrize("p", TAKEN)
def test_a_box_that_does_not_cut_changes_nothing(p):
    net, x, y = task(0)
    ball = LpBall(p, RADIUS[p])
    for name in TAKEN[p]:
        bound = BOUND[name]
        whole = bound(net, x, y, ball)
        far = bound(net, x, y, Cut(ball, (-9, 9)))
        assert torch.allclose(far, whole, rtol=0, atol=1e-6 if name == "exact" else 1e-12), name


@pytest.mark.parametrize("p", TAKEN)
def test_what_is_left_of_a_point_is_the_clean_gap(p):
    """No radius, no room at all, and no room but in one feature: in both precisions."""
    net, x, y = task(1)
    x = torch.zeros_like(x)
    net32 = ReLUNetwork.from_arrays([(m.weight.float(), m.bias.float()) for m in net.layers])
    ends = np.full(D, 1e-30)
    ends[2] = 0.5
    line = x + torch.linspace(0, 0.5, 2001, dtype=torch.float64)[:, None, None] * torch.eye(D)[2]
    reached = gaps(net(line.flatten(0, 1)), y.repeat(2001)).view(2001, N, 3).amax(0)
    for name in TAKEN[p]:
        bound = BOUND[name]
        for own, at, tolerance in ((net, x, 1e-6), (net32, x.float(), 1e-4)):
            clean = gaps(own(at), y).double()
            no_room = [Cut(LpBall(p, 1.0), (0, np.full(D, 1e-30)))] if name != "rub" else []
            for there in (Cut(LpBall(p, 0.0), (0, 1)), *no_room):
                found = bound(own, at, y, there).double()
                assert torch.allclose(found, clean, rtol=0, atol=tolerance), name
            thin = bound(own, at, y, Cut(LpBall(p, 1.0), (0, ends))).double()
            assert (thin >= reached - tolerance).all(), name
            whole = bound(own, at, y, LpBall(p, 1.0))
            assert name in JUMPING or (thin <= whole.double() + tolerance).all(), name


@pytest.mark.parametrize("p", TAKEN)
def test_the_box_makes_bounds_tighter(p):
    """Of single gaps CROWN and COAP promise nothing: their lines follow the intervals."""
    less = dict.fromkeys(TAKEN[p], 0.0)
    for seed in range(3):
        net, x, y = task(seed)
        ball = LpBall(p, RADIUS[p])
        for name in TAKEN[p]:
            bound = BOUND[name]
            whole = bound(net, x, y, ball)
            cut = bound(net, x, y, Cut(ball, (0, 1)))
            less[name] += float((whole - cut).mean())
            if name not in JUMPING:
                assert (cut <= whole + (1e-7 if name == "exact" else 1e-12)).all(), name
            elif name == "crown_optimised":
                assert (cut <= bounds.crown(net, x, y, Cut(ball, (0, 1))) + 1e-12).all()
    assert all(less[name] > 1e-2 for name in TAKEN[p] if name != "rub")


@pytest.mark.parametrize("p", [1, 2, math.inf])
def test_a_linear_network_is_solved_exactly(p):
    g = torch.Generator().manual_seed(0)
    net = ReLUNetwork((D, 3), g, dtype=torch.float64).requires_grad_(False)
    _, x, y = task(0)
    there = Cut(LpBall(p, RADIUS[p]), (0, 1))
    rows = net.layers[-1].weight[None] - net.layers[-1].weight[y][:, None]
    moved = x[:, None] + there.around(x).maximiser(rows)
    z = net(moved.flatten(0, 1)).view(N, 3, 3)
    attained = (z - z.gather(2, y[:, None, None].expand(-1, 3, 1))).diagonal(0, 1, 2)
    for name in (*TAKEN[p], "arub"):
        if name != "rub":  # it looks at the whole ball
            found = BOUND[name](net, x, y, there)
            assert torch.allclose(found, attained, atol=1e-12), name


@pytest.mark.parametrize("method", ["crown", "ibp", "coap", "best", "rub_any"])
def test_a_convolution_is_covered_too(method):
    torch.manual_seed(0)
    net = nn.Sequential(
        *(nn.Conv2d(1, 2, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
        *(nn.Linear(8, 5), nn.ReLU(), nn.Linear(5, 3)),
    ).double()
    g, y = torch.Generator().manual_seed(0), torch.tensor([0, 1, 2, 0])
    x = torch.rand(N, 1, 4, 4, generator=g, dtype=torch.float64).round(decimals=1)
    rng = np.random.default_rng(0)
    for whole in (LpBall(1, 2.0), LpBall(2, 1.0), Radii(math.inf, rng.uniform(0, 1, size=16))):
        there = Cut(whole, (0, 1)).around(x.flatten(1))
        corners = torch.from_numpy(rng.standard_normal((N, 200, 16)))
        steps = [there.maximiser(corners)]
        steps.append(torch.from_numpy(there.sample((200, N, 16), rng)).transpose(0, 1))
        moved = x[:, None] + torch.cat(steps, dim=1).view(N, -1, 1, 4, 4)
        z = net(moved.flatten(0, 1)).view(N, -1, 3)
        worst = (z - z.gather(2, y[:, None, None].expand(-1, z.shape[1], 1))).amax(1)
        if methods.METHODS[method].takes(Cut(whole, (0, 1))):
            found = BOUND[method](net, x, y, Cut(whole, (0, 1)))
            assert (worst <= found + 1e-9).all()


@pytest.mark.parametrize("p", [1, 2, math.inf])
def test_certificates_attacks_and_defenses_take_it(p):
    net, x, y = task(1)
    x, y = x.float(), net(x).argmax(1)
    net, ball = net.float(), LpBall(p, RADIUS[p] / 4, box=(0, 1))
    there = Cut(ball)
    proved = evaluation.certified(net, x, y, there)
    assert (proved <= evaluation.withstands(net, x, y, there)).all()
    radius = evaluation.certified_radius(net, x, y, there, tolerance=0.25)
    assert torch.equal(radius >= there.radius, proved)
    for attack in (attacks.fgm, attacks.apgd, attacks.strongest):
        point = attack(net, x, y, there)
        attacks.check_inside(point, x, there)
        attacks.check_inside(point, x, ball)
    within = evaluation.certify_within(net, x, y, there, 5.0)
    assert (proved <= within.proved).all()


@pytest.mark.parametrize("p", [1, math.inf])
def test_certificates_by_name_are_in_order(p):
    """What a bound proves the exact value proves, at every radius, and no attack turns that."""
    net, x, _ = task(1)
    y = net(x).argmax(1)
    there = Cut(LpBall(p, RADIUS[p] / 3), (0, 1))
    exact = evaluation.certified(net, x, y, there, "exact")
    farthest = evaluation.certified_radius(net, x, y, there, "exact", tolerance=0.25)
    assert torch.equal(farthest >= there.radius, exact)
    assert (exact <= evaluation.withstands(net, x, y, there)).all()
    for name in TAKEN[p]:
        assert (evaluation.certified(net, x, y, there, name, memory=1e5) <= exact).all(), name
        radius = evaluation.certified_radius(net, x, y, there, name, tolerance=0.25)
        assert (radius <= farthest).all(), name
    only = evaluation.certify_within(net, x, y, there, 9.0, ["rub_any", "exact"], attack=None)
    assert torch.equal(only.proved, exact)


def test_rub_in_the_box_follows_the_weights():
    """With a graph it says the same, and its slope is that of finite differences."""
    net, x, y = task(0)
    last, first = (net.layers[i].weight.requires_grad_() for i in (-1, 0))
    for there in (Cut(LpBall(1, 1.2), (0, 1)), LpBall(1, 1.2, box=(0, 1))):
        found = bounds.rub_boxed(net, x, y, there)
        with torch.no_grad():
            assert torch.allclose(found, bounds.rub_boxed(net, x, y, there), atol=1e-13)
        slopes = torch.autograd.grad(found.sum(), (first, last))
        for weight, slope in zip((first, last), slopes, strict=True):
            step = torch.randn(weight.shape, generator=torch.Generator().manual_seed(0)).double()
            values = []
            with torch.no_grad():
                for sign in (1, -2, 1):
                    weight += sign * 1e-6 * step
                    values.append(float(bounds.rub_boxed(net, x, y, there).sum()))
            by_steps = (values[0] - values[1]) / 2e-6
            assert by_steps == pytest.approx(float((slope * step).sum()), abs=1e-5)
    assert (bounds.tightest(net, x, y, there) <= bounds.rub_boxed(net, x, y, there)).sum() > 0


def test_the_least_of_three_knows_rub_in_the_box():
    for seed in range(3):
        net, x, y = task(seed)
        there = Cut(LpBall(1, 1.2), (0, 1))
        least = bounds.tightest(net, x, y, there)
        assert (least <= bounds.rub_boxed(net, x, y, there) + 1e-12).all()


def test_what_is_refused_says_what_to_take():
    net, x, y = task(0)
    stretched, round_one = Cut(Radii(1, np.full(D, 0.2)), (0, 1)), Cut(LpBall(2, 0.2), (0, 1))
    small, whole = Cut(LpBall(1, 0.2), (0.5, 0.6)), Cut(LpBall(1, 0.2), (0, 1))
    sentences = [
        *((n, stretched, f"{n} asks for the exponent .* take crown") for n in L1[1:]),
        ("rub_any", stretched, "rub_any asks for the exponent .* take crown, or the Cut of an LpB"),
        *((n, round_one, "RUB needs an L1 ball, got p=2") for n in ("rub_boxed", "rub_optimised")),
        ("exact", round_one, "the exact value needs an L1 or Linf ball, got p=2"),
        ("rub", round_one, "asks for the extreme points .* take crown, or .* rub_any"),
        *((n, small, "x must lie in the range of Cut") for n in ("rub_any", *L1[1:])),
        ("rub_top", whole, r"RUB is for an LpBall, got Cut\(.* take LpBall\(p, radius, box"),
        ("sup_inf", whole, "the sup-inf form is for an LpBall, got Cut"),
    ]
    for name, there, sentence in sentences:
        with pytest.raises(InputError, match=sentence) as refused:
            getattr(bounds, name)(net, x, y, there)
        assert "\n" not in str(refused.value)
    with pytest.raises(InputError, match="as_published is for an LpBall, got Cut"):
        attacks.as_published(net, x, y, whole)


@pytest.mark.parametrize("method", ["crown", "ibp", "coap", "arub", "baseline"])
def test_a_defense_on_it_follows_its_bound(method):
    net, x, y = task(2)
    last = net.layers[-1].weight.requires_grad_()
    for p in (1, 2, math.inf):
        defense = methods.defense(method, Cut(LpBall(p, RADIUS[p]), (0, 1)))
        (slope,) = torch.autograd.grad(defense(net, x, y), last)
        step = torch.randn(last.shape, generator=torch.Generator().manual_seed(0)).double()
        values = []
        for sign in (1, -1):
            with torch.no_grad():
                last += sign * 1e-6 * step
            values.append(float(defense(net, x, y).detach()))
            with torch.no_grad():
                last -= sign * 1e-6 * step
        assert (values[0] - values[1]) / 2e-6 == pytest.approx(
            float((slope * step).sum()), abs=1e-5
        )
        wider = defense.with_radius(2 * RADIUS[p])
        assert wider.ball.radius == 2 * RADIUS[p]
