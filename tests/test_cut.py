"""A ball cut with a box: its support function, its points, and what it declines."""

import math

import numpy as np
import pytest
import torch
from scipy.optimize import linprog, minimize

from robustcore import balls
from robustcore.balls import Cut, LpBall, Placed, Radii
from robustcore.errors import InputError

N, D = 5, 4
DRAW = np.random.default_rng(0)
X = torch.from_numpy(DRAW.uniform(0, 1, size=(N, D)))
X[0, 0], X[1], X[2, 1:] = 0.0, 1.0, 0.0  # at the edges, and in a corner
FEATURES = torch.tensor([0.5, 0.0, 2.0, 0.1]).double()  # the second is left alone
WHOLE = {
    **{f"a ball, p={p:g}": LpBall(p, 0.6) for p in (1, 1.5, 2, 4, math.inf)},
    **{f"radii of features, p={p:g}": Radii(p, FEATURES, 0.7) for p in (1, 2, math.inf)},
    **{
        f"radii of both, p={p:g}": Radii(p, DRAW.uniform(0, 2, size=(N, D)), 0.7)
        for p in (1, 2, math.inf)
    },
    "radii of samples": Radii(2, DRAW.uniform(0, 2, size=(N, 1))),
    "a large ball": LpBall(2, 9.0),
    "a point": LpBall(1, 0.0),
}
every = pytest.mark.parametrize("name", WHOLE)


def placed(name):
    return Cut(WHOLE[name], (0, 1)).around(X)


def directions(count=40):
    c = torch.from_numpy(np.random.default_rng(1).standard_normal((N, count, D)))
    c[:, 0], c[:, 1] = 0.0, c[:, 1].round()  # nothing to gain, and ties
    return c


@every
def test_the_support_is_attained_inside_and_never_above_the_ball(name):
    there, c = placed(name), directions()
    best, value = there.maximiser(c), there.support(c)
    assert torch.allclose((best * c).sum(-1), value, atol=1e-12)
    moved = X[:, None] + best
    assert ((moved >= -1e-15) & (moved <= 1 + 1e-15)).all()
    whole = WHOLE[name].around(X)
    assert (whole.norm(best) <= there.radius * (1 + 1e-9)).all()
    assert (there.norm(best) <= there.radius * (1 + 1e-9)).all()
    assert (value <= whole.support(c) + 1e-12).all()
    drawn = torch.from_numpy(there.sample((300, N, D), np.random.default_rng(2)))
    assert (torch.einsum("snd,nkd->nks", drawn, c).amax(-1) <= value + 1e-12).all()


@pytest.mark.parametrize("p", [1, 2, math.inf])
def test_the_support_is_what_a_solver_finds(p):
    there, c = Cut(LpBall(p, 0.6), (0, 1)).around(X), directions(6)
    for i in range(N):
        bounds = list(zip((-X[i]).tolist(), (1 - X[i]).tolist(), strict=True))
        for k in range(6):
            row, found = c[i, k].numpy(), float(there.support(c)[i, k])
            if p == 2:
                inside = {"type": "ineq", "fun": lambda d: 0.36 - d @ d, "jac": lambda d: -2 * d}
                best = minimize(
                    *(lambda d, row=row: -row @ d, np.zeros(D)),
                    jac=lambda d, row=row: -row,
                    bounds=bounds,
                    constraints=[inside],
                    tol=1e-12,
                )
                assert found == pytest.approx(-best.fun, abs=1e-5)
                continue
            sides = [(0, min(0.6, b)) for _, b in bounds] + [(0, min(0.6, -a)) for a, _ in bounds]
            budget = {"A_ub": np.ones((1, 2 * D)), "b_ub": [0.6]} if p == 1 else {}
            solved = linprog(-np.concatenate([row, -row]), bounds=sides, **budget)
            assert found == pytest.approx(-solved.fun, abs=1e-9)


@every
def test_rows_that_samples_share_and_parts_of_the_samples(name, monkeypatch):
    there, c, rows = placed(name), directions(), torch.tensor([3, 1])
    W = c[0]
    spread = there.support(W.expand(N, *W.shape))
    assert torch.allclose(there.of_rows(W), spread, atol=1e-12)
    monkeypatch.setattr(balls.cut, "_AT_ONCE", 3 * N * D)
    assert torch.allclose(there.of_rows(W), spread, atol=1e-12)
    assert torch.equal(there.at(rows).support(c[rows]), there.support(c)[rows])
    half = there.with_radius(there.radius / 2).around(X).support(c)
    assert (half <= there.support(c) + 1e-12).all()
    assert (there.support(c) <= 2 * half + 1e-12).all(), "it holds half of every point"
    drawn = torch.from_numpy(there.sample((300, N, D), np.random.default_rng(4))).abs()
    sizes = there.sizes().support(c.abs())
    assert (torch.einsum("snd,nkd->nks", drawn, c.abs()).amax(-1) <= sizes + 1e-9).all()


@every
def test_far_from_the_box_and_before_it_is_placed_it_is_the_ball(name):
    c, whole = directions(), WHOLE[name].around(X)
    far = Cut(WHOLE[name], (-99, 99)).around(X)
    for there in (far, Cut(whole, (0, 1))):
        assert torch.allclose(there.support(c), whole.support(c), rtol=1e-12)
        assert torch.allclose(there.maximiser(c[:, 2:]), whole.maximiser(c[:, 2:]), atol=1e-9)
        assert torch.allclose(there.of_rows(c[0]), whole.of_rows(c[0]), rtol=1e-12)


@pytest.mark.parametrize("name", [n for n in WHOLE if not placed(n).lacks(balls.PROJECTION)])
def test_a_projection_is_inside_and_the_nearest_point(name):
    there, far = placed(name), 3 * directions()[:, 0] + directions()[:, 5]
    inside = there.project(far)
    assert (there.norm(inside) <= there.radius * (1 + 1e-9)).all()
    assert torch.allclose(there.project(inside), inside, atol=1e-12)
    if isinstance(WHOLE[name], LpBall):
        others = torch.from_numpy(there.sample((300, N, D), np.random.default_rng(6)))
        assert ((far - inside) * (others - inside)).sum(-1).max() <= 1e-9


@pytest.mark.parametrize("p", [1, 2, math.inf])
def test_its_gradient_is_the_maximiser(p):
    there, c = Cut(LpBall(p, 0.6), (0, 1)).around(X), directions()[:, 2:].requires_grad_()
    (slope,) = torch.autograd.grad(there.support(c).sum(), c)
    assert torch.allclose(slope, there.maximiser(c.detach()), atol=1e-12)


@pytest.mark.parametrize("p", [1, 2, math.inf])
def test_float32_points_do_not_leave_the_box(p):
    rng = np.random.default_rng(7)
    x = torch.from_numpy(rng.uniform(0.1, 0.7, size=(50, 30))).float()
    there = Cut(LpBall(p, {1: 9.0, 2: 3.0}.get(p, 0.9)), (0.1, 0.7)).around(x)
    c = torch.from_numpy(rng.standard_normal(x.shape)).float()
    moved = x + there.maximiser(c)
    ends = torch.tensor([0.1, 0.7])
    assert ((moved >= ends[0]) & (moved <= ends[1])).all()
    assert ((moved == ends[0]) | (moved == ends[1])).any()


def test_what_is_outside_is_said_to_be():
    there = Cut(LpBall(1, 0.6), (0, 1)).around(X)
    step = torch.zeros(N, D).double()
    step[:, 0] = 0.5
    inside = (X[:, 0] + 0.5 <= 1).tolist()
    assert (there.norm(step) < math.inf).tolist() == inside
    assert (there.excess(step, 0 * step) <= 0).tolist() == inside
    assert (there.excess(step, step) <= 0).all(), "as much rounding as there is a step"
    assert (there.excess(2 * step, 0 * step) > 0).all()


def test_each_feature_has_a_range_of_its_own():
    low, high = np.array([0, -5, 0, -1.0]), torch.tensor([1, 5, 2, 1.0])
    there = Cut(LpBall(1, 3.0), (low, high)).around(X)
    c = torch.eye(D).double().expand(N, D, D)
    reach = torch.minimum(torch.tensor(3.0), high.double() - X)
    assert torch.allclose(there.support(c), reach)
    assert torch.allclose(there.support(-c), (X - torch.from_numpy(low)).clamp(max=3))
    assert repr(there) == "Cut(LpBall(1, 3), (4 ends, 4 ends))"


def test_the_box_of_a_ball_is_its_range():
    ball = LpBall(2, 0.6, box=(0, 1))
    assert repr(Cut(ball)) == "Cut(LpBall(2, 0.6), (0, 1))"
    c = directions()
    assert torch.equal(Cut(ball).around(X).support(c), placed("a ball, p=2").with_radius(0.6)
                       .around(X).support(c))  # fmt: skip


def test_placed_at_samples_it_says_how_far_each_feature_goes():
    W = torch.eye(D).double()
    for ball in (LpBall(2, 0.6), LpBall(1, 0.0)):
        cut, whole = Placed.at(Cut(ball, (0, 1)), X, "exact"), Placed.at(ball, X, "exact")
        assert whole.whole
        assert not cut.whole
        assert (whole.up == ball.radius).all()
        assert torch.allclose(cut.up, cut.there.of_rows(W))
        assert torch.allclose(cut.down, cut.there.of_rows(-W))
        assert torch.allclose(ball.radius * cut.shares, torch.cat([cut.up, cut.down], 1))
        assert torch.equal(cut.of(3).there.of_rows(W), cut.there.of_rows(W)[3:4])
    assert Placed.at(LpBall(2, 0.6, box=(0, 1)), X, "exact").whole, "a box alone does not cut"


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: Cut(LpBall(1, 1.0)), "a Cut needs a range, as in Cut"),
        (lambda: Cut(LpBall(1, 1.0), (1, 0)), "low < high"),
        (lambda: Cut(LpBall(1, 1.0), (np.zeros(2), np.ones(3))), "low < high"),
        (lambda: Cut(LpBall(1, 1.0), (0, math.inf)), "ends of the range must be finite"),
        (lambda: Cut("L1", (0, 1)), r"a Cut needs LpBall\(p, radius\) or Radii"),
        (lambda: Cut(LpBall(1, 1.0), (0.5, 1)).around(X), "x must lie in the range of Cut"),
        (lambda: Cut(LpBall(1, 1.0), (np.zeros(3), 1)).around(X), "is for other samples"),
        (lambda: placed("a ball, p=1").support(X[:2]), "rows of 5 samples are wanted"),
        (lambda: placed("a ball, p=1").project(X), "asks for the projection, which Cut"),
        (lambda: Cut(LpBall(2, 1.0), (0, 1)).project(X), r"ask Cut.around\(x\)"),
        (lambda: placed("a ball, p=2").extreme_points(D), "asks for the extreme points, which"),
        (
            lambda: balls.as_ball(Cut(LpBall(1, 1.0), (0, 1)), "pgd"),
            "pgd is for an LpBall, got Cut",
        ),
        (lambda: Placed.at(Cut(Radii(1, FEATURES), (0, 1)), X, "exact"), "asks for the exponent"),
        (lambda: Placed.at(Cut(LpBall(1, 1.0), (0.5, 1)), X, "exact"), "must lie in the range"),
    ],
)
def test_what_it_does_not_answer_is_one_sentence(call, sentence):
    with pytest.raises(InputError, match=sentence) as refused:
        call()
    assert "\n" not in str(refused.value)
