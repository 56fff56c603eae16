"""Sets of perturbations: each answers as its points do, or declines in one sentence."""

import math

import numpy as np
import pytest
import torch

from robustcore import balls
from robustcore.balls import Cut, Hull, LpBall, Radii, Sum, Swaps
from robustcore.errors import InputError

N, D = 6, 4
DRAW = np.random.default_rng(0)
FEATURES = torch.tensor([0.5, 0.0, 2.0, 0.1])  # the second is left alone
EACH = torch.from_numpy(DRAW.uniform(0.1, 2.0, size=(N, 1)))
BOTH = torch.from_numpy(DRAW.uniform(0.0, 2.0, size=(N, D)))
X = torch.from_numpy(DRAW.standard_normal((N, D)))
X[:, 1:] = torch.eye(3, dtype=torch.float64)[torch.from_numpy(DRAW.integers(3, size=N))]
SETS = {
    **{f"a ball, p={p:g}": LpBall(p, 0.7) for p in (1, 2, math.inf)},
    **{f"radii of features, p={p:g}": Radii(p, FEATURES, 0.5) for p in (1, 1.5, 2, math.inf)},
    **{f"radii of samples, p={p:g}": Radii(p, EACH) for p in (1, 2, math.inf)},
    **{f"radii of both, p={p:g}": Radii(p, BOTH) for p in (1, 2, math.inf)},
    **{f"whole numbers, p={p:g}": Radii(p, 4 * FEATURES, 0.9, [0, 2]) for p in (1, 2, math.inf)},
    "a hull": Hull(DRAW.standard_normal((7, D))),
    "a hull each": Hull(DRAW.standard_normal((N, 5, D)), 0.6),
    "swaps": Swaps([[1, 2, 3]]),
    "swaps and numbers": Swaps([[1, 2, 3]], Radii(1, [0.4, 0, 0, 0])),
    "a sum of radii": Sum([Radii(2, [0.4, 0.2, 0, 0]), Radii(math.inf, [0, 0, 0.3, 0.1], 0.5)]),
    "a sum for samples": Sum([Radii(1, BOTH * torch.tensor([1, 1, 0, 0])), Radii(1, [0, 0, 1, 2])]),
    "a sum with swaps": Sum([Radii(math.inf, [0.4, 0, 0, 0]), Swaps([[1, 2, 3]])], 0.7),
    "a sum of swaps": Sum([Radii(1, [0.4, 0, 0, 0]), Swaps([[1, 2, 3]])]),
    "whole numbers and swaps": Sum([Radii(2, [2.0, 0, 0, 0], whole=[0]), Swaps([[1, 2, 3]])]),
    "whole numbers in a swap": Swaps([[1, 2, 3]], Radii(1, [3.0, 0, 0, 0], whole=[0])),
    "swaps in a range": Sum([Cut(Radii(2, [0.4, 0, 0, 0]), (-4, 4)), Swaps([[1, 2, 3]])]),
}
LISTED = [n for n, s in SETS.items() if s.lacks(balls.EXTREME_POINTS) is None]
every = pytest.mark.parametrize("name", SETS)


def placed(name):
    return SETS[name].around(X)


def directions(count=40):
    return torch.from_numpy(np.random.default_rng(1).standard_normal((N, count, D)))


@every
def test_no_point_of_the_set_exceeds_the_support_and_the_maximiser_attains_it(name):
    there, c = placed(name), directions()
    best = there.maximiser(c)
    assert best.shape == c.shape
    assert torch.allclose((best * c).sum(-1), there.support(c), atol=1e-12)
    assert (there.norm(best[:, :3]) <= there.radius * (1 + 1e-6)).all()
    drawn = torch.from_numpy(there.sample((300, N, D), np.random.default_rng(2)))
    inner = torch.einsum("snd,nkd->nks", drawn, c).amax(-1)
    assert (inner <= there.support(c) + 1e-9).all()


@every
def test_the_support_of_shared_rows_is_that_of_each(name):
    there, W = placed(name), directions()[0]
    spread = there.support(W.expand(N, *W.shape))
    assert torch.allclose(there.of_rows(W).expand(N, len(W)), spread, atol=1e-12)
    assert not there.solid or torch.allclose(there.of_rows(-W), there.of_rows(W))


@pytest.mark.parametrize("name", LISTED)
def test_the_extreme_points_span_the_set(name):
    there, c = placed(name), directions()
    points = there.extreme_points(D)
    listed = (c @ points.to(c).expand(N, *points.shape[-2:]).mT).amax(-1)
    assert torch.allclose(listed, there.support(c), atol=1e-12)


@every
def test_the_norm_says_what_is_inside(name):
    there = placed(name)
    drawn = torch.from_numpy(there.sample((N, D), np.random.default_rng(3)))
    size, nothing = there.norm(drawn), torch.zeros_like(drawn)
    assert (size <= there.radius * (1 + 1e-6)).all()
    assert torch.allclose(there.norm(2 * drawn), 2 * size, rtol=1e-5)
    assert (there.norm(nothing) == 0).all()
    assert (there.excess(drawn, nothing) <= 1e-9).all()
    beyond = 1.01 * there.radius * drawn / size.clamp(min=1e-9)[:, None]
    assert (there.excess(beyond, nothing)[size > 1e-3] > 0).all()
    assert (there.excess(beyond, beyond.abs()) <= 1e-9).all(), "as much rounding as there is delta"


@every
def test_the_sizes_bound_those_of_every_point(name):
    there = placed(name)
    w = directions().abs()
    drawn = torch.from_numpy(there.sample((300, N, D), np.random.default_rng(4))).abs()
    inner = torch.einsum("snd,nkd->nks", drawn, w).amax(-1)
    assert (inner <= there.sizes().support(w) + 1e-9).all()


@every
def test_half_the_radius_is_half_the_set(name):
    given = SETS[name]
    half = given.with_radius(0.5 * given.radius).around(X)
    c = directions()
    assert torch.allclose(half.support(c), 0.5 * placed(name).support(c), atol=1e-12)
    assert (given.with_radius(0).around(X).support(c) == 0).all()


@every
def test_some_samples_have_their_own_part(name):
    there, c, rows = placed(name), directions(), torch.tensor([4, 1])
    assert torch.equal(there.at(rows).support(c[rows]), there.support(c)[rows])
    assert torch.equal(there.at(rows).maximiser(c[rows]), there.maximiser(c)[rows])


@every
def test_what_leaps_lands_in_the_set_at_a_value(name):
    there, rng = placed(name), np.random.default_rng(7)
    leaps, nothing = there.leaps(D), torch.zeros(N, D, dtype=torch.float64)
    for drawn in (there.sample((N, D), rng), there.maximiser(directions(1)[:, 0]).numpy()):
        delta = torch.from_numpy(drawn)
        landed = there.land(delta)
        assert torch.equal(landed[:, ~leaps], delta[:, ~leaps])
        assert torch.equal(landed[:, leaps], landed[:, leaps].round())
        assert torch.equal(there.land(landed), landed)
        assert (there.excess(landed, nothing) <= 1e-9).all()
        if "swap" in name:
            category = (X + landed)[:, 1:]
            assert ((category == 0) | (category == 1)).all()
            assert (category.sum(dim=1) == 1).all()
    assert bool(leaps.any()) == ("whole" in name or "swap" in name)


def test_a_whole_number_lands_in_the_range():
    x = torch.tensor([[2.0], [2.5]], dtype=torch.float64)
    there = Cut(Radii(math.inf, [2.0], whole=[0]), (0, 3)).around(x)
    for delta, landed in (([0.9, 0.5], [1, 0]), ([-1.6, -1.6], [-2, -2]), ([0.4, 0.0], [0, 0])):
        found = there.land(torch.tensor(delta, dtype=torch.float64)[:, None])
        assert found[:, 0].tolist() == landed


@pytest.mark.parametrize(("radius", "shares"), [(0.9, [0, 0]), (1.0, [0, 1]), (3.0, [0, 1])])
def test_a_swap_is_made_whole_or_not_at_all(radius, shares):
    there = Swaps([[1, 2, 3]], radius=radius).around(X)
    step = there.points[:, 1:].gather(1, X[:, 1:].argmin(dim=1)[:, None, None].expand(-1, 1, D))
    for share, made in zip((0.4, 0.6), shares, strict=True):
        assert torch.allclose(there.land(share * step[:, 0]), made * step[:, 0])


@pytest.mark.parametrize("name", [n for n, s in SETS.items() if not s.lacks(balls.PROJECTION)])
def test_a_projection_is_inside_and_leaves_what_is_inside_alone(name):
    there = placed(name)
    far = 3 * directions(1)[:, 0]
    inside = there.project(far)
    assert (there.norm(inside) <= there.radius * (1 + 1e-9)).all()
    assert torch.allclose(there.project(inside), inside, atol=1e-12)
    drawn = torch.from_numpy(there.sample((N, D), np.random.default_rng(5)))
    assert torch.allclose(there.project(drawn), drawn, atol=1e-12)
    if there.radius and getattr(there, "p", 0) == math.inf:  # then it is the Euclidean one
        others = torch.from_numpy(there.sample((2000, N, D), np.random.default_rng(6)))
        apart = ((far - inside) * (others - inside)).sum(-1)
        assert apart.max() <= 1e-9


def test_equal_radii_are_the_ball():
    c = directions()
    for p in (1, 1.5, 2, math.inf):
        ball = LpBall(p, 0.7)
        for radii in (torch.full((D,), 0.7), torch.full((N, 1), 0.7), torch.full((N, D), 0.7)):
            same = Radii(p, radii.double())
            assert torch.allclose(same.support(c), ball.support(c), atol=1e-14)
            assert torch.allclose(same.maximiser(c), ball.maximiser(c), atol=1e-14)
            delta = c[:, 0]
            assert torch.allclose(same.project(delta), ball.project(delta), atol=1e-12)
    corners = Hull(LpBall(1, 0.7).vertices(D))
    assert torch.allclose(corners.support(c), LpBall(1, 0.7).support(c), atol=1e-14)


def test_a_swap_leads_from_the_sample_to_another_category():
    there = SETS["swaps"].around(X)
    moved = X[:, None] + there.extreme_points(D).to(X)
    assert torch.equal(moved[..., 0], X[:, :1].expand(N, 4))
    assert ((moved[..., 1:].sum(-1) == 1) & (moved[..., 1:] >= 0).all(-1)).all()
    both = SETS["swaps and numbers"].around(X)
    assert both.points.shape == (N, 4 * 2 + 1, D)
    c = directions()
    numbers = Radii(1, [0.4, 0, 0, 0])
    assert torch.allclose(both.support(c), there.support(c) + numbers.support(c), atol=1e-12)


def test_a_scaled_sum_keeps_to_the_range_of_its_cut():
    """The first feature may go up by .1 alone, though the ball would let it go farther."""
    x = X.clone()
    x[:, 0] = 0.9
    for radius in (0.5, 1.0, 2.0):
        there = Sum([Cut(Radii(math.inf, [0.4, 0, 0, 0]), (0, 1)), Swaps([[1, 2, 3]])], radius)
        there = there.around(x)
        best = there.maximiser(directions().abs())
        assert best[..., 0].max() == pytest.approx(0.1)
        beyond = torch.zeros(N, D, dtype=torch.float64)
        beyond[:, 0] = 0.15
        assert (there.excess(beyond, torch.zeros_like(beyond)) > 0).all()
        assert (there.norm(beyond) == math.inf).all()


def test_a_sum_is_what_its_sets_are_together():
    c, numbers, swaps = directions(), Radii(1, [0.4, 0, 0, 0]), Swaps([[1, 2, 3]])
    both = Sum([numbers, swaps]).around(X)
    known = Swaps([[1, 2, 3]], numbers).around(X)
    assert torch.allclose(both.support(c), known.support(c), atol=1e-12)
    assert torch.allclose(both.norm(0.1 * c[:, 0]), torch.full((N,), math.inf, dtype=torch.float64))
    swapped = torch.cat([0.1 * torch.ones(N, 1), known.points[:, -1, 1:]], dim=1).double()
    assert both.norm(swapped) == pytest.approx(np.where((swapped[:, 1:] != 0).any(1), 1, 0.25))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Sum([]), "needs a list of sets of perturbations"),
        (lambda: Sum(Radii(1, FEATURES)), "needs a list of sets of perturbations"),
        (lambda: Sum([Radii(1, FEATURES), 0.1]), "needs a list of sets of perturbations"),
        (lambda: Sum([LpBall(1, 0.1, (0, 1))]), "takes no set with a box; give Cut"),
        (lambda: Sum([LpBall(1, 0.1)], -1), "radius must"),
        (lambda: Sum([LpBall(1, 0.1), Radii(1, FEATURES)]).around(X), "move feature 0"),
        (lambda: Sum([Radii(1, BOTH), Swaps([[1, 2, 3]])]).around(X), "move feature"),
    ],
)
def test_what_is_no_sum_is_refused(make, said):
    with pytest.raises(InputError, match=said):
        make()


def test_arrays_are_answered_by_arrays():
    c = directions().numpy()
    for name in ("radii of both, p=2", "a hull each"):
        there = placed(name)
        assert np.allclose(there.support(c), there.support(torch.from_numpy(c)))
        assert isinstance(there.maximiser(c), np.ndarray)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: Radii(2, [-1.0, 1.0]), "least of the radii must be a finite number >= 0"),
        (lambda: Radii(0.5, [1.0]), "p must be at least 1"),
        (lambda: Radii(2, [math.nan, 1.0]), "radii must be finite"),
        (lambda: Radii(2, 1.0), r"radii must be \(d,\), \(n, 1\) or \(n, d\)"),
        (lambda: Radii(2, torch.ones(5)).around(X), "made for other samples"),
        (lambda: Radii(2, torch.ones(5, 1)).around(X), "made for other samples"),
        (lambda: Radii(2, [1.0, 1.0], whole=[2]), "whole must list features by number, 0 to 1"),
        (lambda: Radii(2, [1.0, 1.0], whole=[0.5]), "whole must list features by number"),
        (lambda: Swaps([[0, 1]]).land(X), "depends on the samples; ask Swaps.around"),
        (lambda: Hull(torch.ones(3)), r"points must be \(V, d\) or \(n, V, d\)"),
        (lambda: Hull(torch.full((2, 2), math.inf)), "points must be finite"),
        (lambda: Hull(torch.ones(2, 5)).around(X), "made for other samples"),
        (lambda: Hull(torch.ones(5, 2, D)).around(X), "made for other samples"),
        (lambda: Swaps([[0, 1]]).around(X), "must be one-hot"),
        (lambda: Swaps([[1, 2, 3]], LpBall(1, 1.0)), r"numbers must be Radii\(1"),
        (lambda: Swaps([[1, 2, 3]]).support(X), "depends on the samples; ask Swaps.around"),
        (lambda: Hull(torch.ones(2, D)).project(X), "asks for the projection, which Hull"),
        (lambda: Radii(2, FEATURES).extreme_points(D), "asks for the extreme points, which Radii"),
        (lambda: balls.check_set("L1", "crown"), "ball must be a set of perturbations, .* got str"),
        (lambda: balls.as_ball(Radii(2, FEATURES), "pgd"), "pgd asks for the exponent and"),
    ],
)
def test_what_a_set_does_not_answer_is_one_sentence(call, sentence):
    with pytest.raises(InputError, match=sentence) as refused:
        call()
    assert "\n" not in str(refused.value)
