"""The sup-inf form: against aRUB, Definition 10, the exact value, hulls, and a grid of slopes."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
import torch

from robustcore import bounds
from robustcore.balls import LpBall
from robustcore.bounds import nested
from robustcore.errors import InputError, SolverError
from robustcore.losses import gaps
from robustcore.networks import ReLUNetwork, Scaler
from studies import b4_split
from studies.oracles import sup_inf

INF = math.inf


def instance(sizes, seed):
    generator = torch.Generator().manual_seed(seed)
    net = sup_inf.random_network(sizes, generator)
    return net, torch.randn(2, sizes[0], generator=generator).double(), torch.tensor([0, 1])


def test_nominal_slopes_give_arub_and_random_slopes_definition_10():
    for row in sup_inf.reduction_rows(12, seed=3):
        assert row["aRUB"] < 1e-12
        assert row["literal"] < 1e-12
        assert row["printed_fits"] == (row["L"] == 2)


def test_slopes_may_differ_from_class_to_class():
    net, x, y = instance((3, 4, 4, 3), 0)
    ball, generator = LpBall(2, 0.7), torch.Generator().manual_seed(1)
    s, t = ([torch.rand(2, 3, 4, generator=generator).double() for _ in range(2)] for _ in range(2))
    found = bounds.split(net, x, y, ball, s, t)
    for k in range(3):
        one = bounds.split(net, x, y, ball, [v[:, k] for v in s], [v[:, k] for v in t])
        torch.testing.assert_close(found[:, k], one[:, k], rtol=0, atol=1e-13)
    assert (found.gather(1, y[:, None]) == 0).all()


@pytest.mark.parametrize("p", [1, INF])
@pytest.mark.parametrize("seed", range(15))
def test_theorem_5_is_an_equality(p, seed):
    net, x, y = instance((1 + seed % 3, 5, 3), seed)
    ball = LpBall(p, 0.2 + 0.2 * seed)
    exact = bounds.exact(net, x, y, ball, attained=True)
    assert torch.allclose(bounds.sup_inf(net, x, y, ball), exact, atol=1e-7)


@pytest.mark.parametrize("sizes", [(2, 3, 3, 2), (3, 4, 2, 3), (2, 2, 3, 2, 2)])
@pytest.mark.parametrize("seed", range(6))
def test_theorem_8_is_an_upper_bound_below_rub(sizes, seed):
    net, x, y = instance(sizes, 100 + seed)
    ball = LpBall(1, 0.3 + 0.4 * seed)
    found = bounds.sup_inf(net, x, y, ball)
    assert (found >= bounds.exact(net, x, y, ball, attained=True) - 1e-8).all()
    assert (found <= bounds.rub(net, x, y, ball) + 1e-8).all()


def test_theorem_8_is_no_equality():
    """By hand: the worst gap is -1/2, the sup-inf form +1/2."""
    net, x, y = b4_split.hand_network()
    ball = LpBall(1, 1.0)
    assert bounds.exact(net, x, y, ball, attained=True)[0, 1].item() == pytest.approx(
        -0.5, abs=1e-9
    )
    assert bounds.sup_inf(net, x, y, ball)[0, 1].item() == pytest.approx(0.5, abs=1e-9)
    assert max(row["gap"] for row in b4_split.gap_along(net, y, 1.0)) == -0.5


def test_three_layers_are_the_maximum_over_the_hull():
    """A twin without s and t; strictly above the exact value on some of the networks."""
    found = list(b4_split.random_comparisons(20, seed=5, depths=(3,)))
    assert max(abs(c.hull - c.sup_inf) for c in found) < 1e-8
    assert max(c.sup_inf - c.exact for c in found) > 1e-3


@pytest.mark.parametrize("sizes", [(2, 2, 2), (2, 1, 2, 2), (2, 2, 1, 2)])
@pytest.mark.parametrize("seed", range(2))
def test_a_grid_of_slopes_comes_close_from_above(sizes, seed):
    """sup over binary s and inf over a grid of t, nested as printed, in the objective itself."""
    net, x, y = instance(sizes, 50 + seed)
    x, y, ball = x[:1], y[:1], LpBall(1, 1.0)
    grid = torch.linspace(0, 1, 6).double().tolist()
    widths = sizes[1:-1]

    def nest(s, t):
        depth = len(widths) - len(s)
        if depth == 0:
            slopes = [[torch.tensor([v]).double() for v in reversed(a)] for a in (s, t)]
            return bounds.split(net, x, y, ball, *slopes)[0, 1].item()
        options = [itertools.product(v, repeat=widths[depth - 1]) for v in ((0.0, 1.0), grid)]
        tried = list(options[1])
        return max(min(nest([*s, a], [*t, b]) for b in tried) for a in options[0])

    on_grid, found = nest([], []), bounds.sup_inf(net, x, y, ball)[0, 1].item()
    assert found <= on_grid + 1e-9
    assert on_grid - found < 0.3  # a tenth of the slopes' range, times the weights


@pytest.mark.parametrize("seed", range(15))
def test_the_min_max_inequality_and_rub_at_every_t(seed):
    net, x, y = instance((3, 5, 3), 200 + seed)
    ball = LpBall(1, 1.0)
    swapped = bounds.inf_sup(net, x, y, ball)
    assert (swapped >= bounds.sup_inf(net, x, y, ball) - 1e-8).all()
    generator = torch.Generator().manual_seed(seed)
    for _ in range(10):
        t = [torch.rand(2, 5, generator=generator).double()]
        assert (swapped <= bounds.rub(net, x, y, ball, t=t) + 1e-8).all()


def test_the_exchange_can_be_strict():
    excess = [c.inf_sup - c.sup_inf for c in b4_split.random_comparisons(15, depths=(2,))]
    assert max(excess) > 1e-3


def test_radius_zero_is_the_clean_gap_at_any_depth():
    for sizes in ((3, 4, 3), (3, 3, 3, 3), (2, 2, 2, 2, 3)):
        net, x, y = instance(sizes, 7)
        clean = gaps(net(x), y)
        assert torch.allclose(bounds.sup_inf(net, x, y, LpBall(1, 0.0)), clean, atol=1e-9)
        assert torch.allclose(bounds.split(net, x, y, LpBall(1, 0.0)), clean, atol=1e-12)


def test_an_affine_network_needs_no_slopes():
    net, x, y = instance((3, 3), 0)
    ball = LpBall(1, 0.5)
    exact = bounds.exact(net, x, y, ball, attained=True)
    for technique in (bounds.split, bounds.sup_inf, bounds.inf_sup):
        assert torch.allclose(technique(net, x, y, ball), exact, atol=1e-9)


def test_a_scaler_keeps_the_radius_in_raw_units():
    net, x, y = instance((2, 4, 3), 1)
    scaler = Scaler(torch.tensor([1.0, -1.0]).double(), torch.tensor([3.0, 0.5]).double())
    scaled = ReLUNetwork.from_arrays([(m.weight, m.bias) for m in net.layers], scaler)
    ball = LpBall(1, 0.6)
    found = bounds.sup_inf(scaled, x, y, ball)
    assert torch.allclose(found, bounds.exact(scaled, x, y, ball, attained=True), atol=1e-7)


def test_gradients_flow_through_the_objective():
    net, x, y = instance((3, 4, 3), 2)
    net.requires_grad_(True)
    bounds.split(net, x, y, LpBall(1, 0.3)).sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda n, x, y, b: bounds.split(n, x, y, b, s="zero"), "s must be 'nominal'"),
        (lambda n, x, y, b: bounds.split(n, x, y, b, t=[x]), "t must hold one"),
        (
            lambda n, x, y, b: bounds.split(n, x, y, b, t=[torch.full((2, 4), 1.5).double()] * 2),
            r"every slope t must lie in \[0, 1\]",
        ),
        (lambda n, x, y, b: bounds.inf_sup(n, x, y, b), "two layers only, the network has 3"),
        (
            lambda n, x, y, b: bounds.sup_inf(instance((2, 13, 2), 0)[0], x[:, :2], y, b),
            "at most 12 hidden neurons, the network has 13",
        ),
        (lambda n, x, y, b: bounds.sup_inf(n, x, y, LpBall(2, 1)), "finitely many vertices"),
    ],
)
def test_what_does_not_fit_is_refused_in_a_sentence(call, message):
    net, x, y = instance((3, 4, 4, 3), 0)
    with pytest.raises(InputError, match=message):
        call(net, x, y, LpBall(1, 0.1))


def test_states_are_all_binary_vectors_on_the_free_entries():
    found = [tuple(s) for s in nested._states(torch.tensor([True, False, True]).numpy())]
    assert sorted(found) == [(0, 0, 0), (0, 0, 1), (1, 0, 0), (1, 0, 1)]


@pytest.mark.parametrize("technique", [bounds.sup_inf, bounds.inf_sup])
@pytest.mark.parametrize("p", [1, INF])
def test_the_value_is_that_of_slopes_whatever_the_solver_says_of_it(technique, p, monkeypatch):
    """Half of what is wanted in `fun`, and slopes out of [0, 1] in `x`: the value stays a bound."""
    truthful = nested.linprog

    def optimistic(cost, **options):
        found = truthful(cost, **options)
        found.fun -= 1.0
        found.x = found.x + np.where(np.arange(len(found.x)) % 2, 1e-9, -1e-9)
        return found

    for seed in range(4):
        net, x, y = instance((3, 4, 3), 40 + seed)
        given = net, x, y, LpBall(p, 0.7)
        honest = technique(*given)
        with monkeypatch.context() as patch:
            patch.setattr(nested, "linprog", optimistic)
            found = technique(*given)
        assert (found >= bounds.exact(*given, attained=True)).all()
        assert torch.allclose(found, honest, atol=1e-7)


@pytest.mark.parametrize(
    "lie",
    [
        lambda found: setattr(found, "x", 0 * found.x),  # feasible, and not the best
        lambda found: found.x.__setitem__(slice(1, None), 1e9),
        lambda found: setattr(found.ineqlin, "marginals", 0.5 * found.ineqlin.marginals[::-1]),
        lambda found: setattr(found.ineqlin, "marginals", 0 * found.ineqlin.marginals),
    ],
)
@pytest.mark.parametrize("technique", [bounds.sup_inf, bounds.inf_sup])
def test_what_a_solver_cannot_prove_is_refused(technique, lie, monkeypatch):
    truthful = nested.linprog

    def lying(cost, **options):
        found = truthful(cost, **options)
        lie(found)
        return found

    monkeypatch.setattr(nested, "linprog", lying)
    net, x, y = instance((3, 5, 3), 2)
    with pytest.raises(SolverError, match="lies between"):
        technique(net, x, y, LpBall(1, 1.0))


def gap_in_fractions(net, point):
    """z_1 - z_0, every sum exact."""
    h = point
    for number, layer in enumerate(net.layers):
        rows, b = layer.weight.tolist(), layer.bias.tolist()
        h = [max(v, 0) for v in h] if number else h
        h = [
            Fraction(c) + sum(Fraction(w) * v for w, v in zip(row, h, strict=True))
            for row, c in zip(rows, b, strict=True)
        ]
    return h[1] - h[0]


@pytest.mark.parametrize("technique", [bounds.sup_inf, bounds.inf_sup])
def test_the_rounding_of_large_numbers_is_in_the_value(technique):
    """The biases take away numbers of 1e9, of which float64 keeps 1e-7."""
    for seed in range(20):
        net, _, y = instance((2, 3, 2), seed)
        x = torch.tensor([[1e9, -1e9], [3e8, 2e8]]).double()
        net.layers[0].bias -= net.layers[0].weight @ x[0]
        ball = LpBall(1, 1.0)
        vertices = [
            [Fraction(v) + Fraction(d) for v, d in zip(x[0].tolist(), step, strict=True)]
            for step in ball.vertices(2).tolist()
        ]
        worst = max(gap_in_fractions(net, vertex) for vertex in vertices)
        assert technique(net, x[:1], y[:1], ball)[0, 1].item() >= worst
