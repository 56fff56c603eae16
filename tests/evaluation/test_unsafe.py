"""Properties of outputs that no label says: thresholds, conjunctions, ways to refute one by one."""

import numpy as np
import pytest
import torch
from torch import nn

from robustcore.balls import LpBall
from robustcore.errors import InputError, UnsupportedLayerError
from robustcore.evaluation import read_vnnlib
from robustcore.evaluation.unsafe import Compared, Comparison, refutes, some_of_each
from robustcore.networks import ReLUNetwork

X0, X1 = (-1.0, 2.0), (0.5, 3.0)
DTYPES = [torch.float64, torch.float32]


def file(folder, unsafe, inputs=(X0, X1), outputs=3):
    lines = [f"(declare-const X_{m} Real)" for m in range(len(inputs))]
    lines += [f"(declare-const Y_{k} Real)" for k in range(outputs)]
    for m, (low, high) in enumerate(inputs):
        lines += [f"(assert (>= X_{m} {low!r}))", f"(assert (<= X_{m} {high!r}))"]
    path = folder / "p.vnnlib"
    path.write_text("\n".join([*lines, *(f"(assert {one})" for one in unsafe)]), encoding="utf-8")
    return path


def plain(weight, bias, dtype=torch.float64):
    """One map, as a network."""
    last = nn.Linear(len(weight[0]), len(weight)).to(dtype).requires_grad_(False)
    last.weight.copy_(torch.tensor(weight))
    last.bias.copy_(torch.tensor(bias))
    return last


def folded(dtype=torch.float64):
    """z = (|x_0|, x_1, 1): on the box z_0 fills [0, 2] and z_1 fills [0.5, 3]."""
    first = plain([[1.0, 0], [-1, 0], [0, 1], [0, -1]], [0.0] * 4, dtype)
    last = plain([[1.0, 1, 0, 0], [0, 0, 1, -1], [0, 0, 0, 0]], [0.0, 0, 1], dtype)
    return nn.Sequential(first, nn.ReLU(), last)


HOLDS = {
    "a threshold": ["(>= Y_0 2.1)"],
    "a threshold from below": ["(<= Y_0 -0.1)"],
    "a threshold on a sum": ["(>= (+ (* 2.0 Y_0) Y_1) 7.5)"],
    "one target, shifted": ["(>= Y_2 (+ Y_1 1.0))"],
    "not minimal, nearly": ["(<= Y_1 Y_0)", "(<= (+ Y_1 0.6) Y_2)"],
    "one of two comparisons is impossible": ["(and (>= Y_0 2.1) (>= Y_1 0.0))"],
    "an or of ands": ["(or (and (>= Y_0 2.1) (>= Y_1 0.0)) (and (>= Y_1 0.0) (<= Y_1 0.4)))"],
}
REFUTED = {
    "a threshold": ["(>= Y_0 1.5)"],
    "a threshold on a sum": ["(>= (+ (* 2.0 Y_0) Y_1) 6.9)"],
    "one target": ["(>= Y_0 Y_1)"],
    "not maximal": ["(>= Y_1 Y_0)", "(>= Y_1 Y_2)"],
    "both in a corner": ["(and (>= Y_0 1.9) (>= Y_1 2.9))"],
    "the second way": ["(or (>= Y_0 2.1) (and (>= Y_1 2.9) (<= Y_0 0.1)))"],
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("unsafe", "holds"),
    [*((one, True) for one in HOLDS.values()), *((one, False) for one in REFUTED.values())],
    ids=[*(f"holds: {name}" for name in HOLDS), *(f"refuted: {name}" for name in REFUTED)],
)
def test_a_property_is_decided_as_by_hand(unsafe, holds, dtype, tmp_path):
    asked = read_vnnlib(file(tmp_path, unsafe))
    assert asked.y.tolist() == [-1]
    found = asked.decide(folded(dtype), 20.0)
    assert (found.proved.tolist(), found.broken.tolist()) == ([holds], [not holds])


def test_a_bound_proves_one_comparison_of_each_way(tmp_path):
    """Where only both together are impossible, the program for their minimum proves it."""
    asked = read_vnnlib(file(tmp_path, HOLDS["an or of ands"]))
    assert asked.decide(folded(), 20.0, ["crown"]).by == ["crown"]
    both = read_vnnlib(file(tmp_path, ["(and (>= Y_0 1.5) (<= Y_0 0.5))"]))
    ball = LpBall(np.inf, 1.0)
    assert both.decide(folded(), 20.0, ["crown"], ball).by == [""]
    assert both.decide(folded(), 20.0, ["exact"], ball).by == ["exact"]


def test_one_comparison_of_each_way_is_enough_and_none_of_one_is_not():
    ways = tuple((Comparison((1.0,), 0.0, False),) * size for size in (2, 1))
    below = torch.tensor([[1, 1, 0, 1], [1, 0, 1, 1], [1, 1, 1, 0], [1, 0, 0, 1]]).bool()
    assert some_of_each(ways, below).tolist() == [True, True, False, False]


def test_a_ball_around_the_middle_stands_for_the_box(tmp_path):
    """The middle is (0.5, 1.75): z_0 + z_1 reaches 2.25 + rho in L1, + rho sqrt(2), + 2 rho."""
    asked = read_vnnlib(file(tmp_path, ["(>= (+ Y_0 Y_1) 2.65)"]))
    for p, reach in ((1.0, 0.4), (2.0, 0.4 / 2**0.5), (np.inf, 0.2)):
        for dtype in DTYPES:
            inside = asked.decide(folded(dtype), 20.0, None, LpBall(p, 0.99 * reach))
            outside = asked.decide(folded(dtype), 20.0, None, LpBall(p, 1.01 * reach))
            assert inside.proved.tolist() == outside.broken.tolist() == [True]


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_strict_comparison_is_not_satisfied_by_a_tie(dtype, tmp_path):
    """z_2 is 1 everywhere: a proof takes both for the same, a point does not."""
    strict = read_vnnlib(file(tmp_path, ["(> Y_2 1.0)"])).decide(folded(dtype), 20.0)
    assert strict.open.tolist() == [True]
    assert read_vnnlib(file(tmp_path, ["(>= Y_2 1.0)"])).decide(folded(dtype), 20.0).by == ["clean"]


def test_a_threshold_is_the_number_in_the_file(tmp_path):
    """No float32 is 0.1: the next above it refutes, the next below does not."""
    above = float(np.float32(0.1))
    below = float(np.nextafter(np.float32(0.1), np.float32(0)))
    assert below < 0.1 < above
    asked = read_vnnlib(file(tmp_path, ["(>= Y_0 0.1)"], outputs=1))
    for value, by in ((above, "clean"), (below, "")):
        net = plain([[0.0, 0.0]], [value], torch.float32)
        assert asked.decide(net, 20.0, ["best"]).by == [by]


def test_comparisons_in_float32_hold_no_less_often(tmp_path):
    asked = read_vnnlib(file(tmp_path, ["(>= Y_0 0.1)", "(<= Y_1 0.3)"], outputs=2))
    for net in (plain(np.eye(2).tolist(), [0.0, 0.0], dtype) for dtype in DTYPES):
        bias = Compared(net, asked.unsafe[0], 2, net.weight).bias[1:].double()
        exact = torch.tensor([-0.1, 0.3], dtype=torch.float64)
        assert ((exact < bias) & (bias < exact + 1e-7)).all()


def test_a_coefficient_that_float32_does_not_hold_is_refused(tmp_path):
    asked = read_vnnlib(file(tmp_path, ["(>= (* 0.1 Y_0) 0.3)"]))
    with pytest.raises(InputError, match=r"torch.float32 does not hold; ask it of net.double"):
        asked.decide(folded(torch.float32), 20.0)
    assert asked.decide(folded(), 20.0).proved.all()


def test_boxes_may_be_refuted_in_ways_of_their_own(tmp_path):
    ways = [
        "(and (<= X_0 0.0) (>= Y_0 1.1))",  # |x_0| <= 1 there
        "(and (>= X_0 0.0) (>= Y_0 1.1))",
        "(and (>= X_0 0.0) (<= Y_1 0.4))",
    ]
    asked = read_vnnlib(file(tmp_path, [f"(or {' '.join(ways)})"]))
    assert [len(one) for one in asked.unsafe] == [1, 2]
    found = asked.decide(folded(), 20.0)
    assert found.proved.tolist() == [True, False]
    assert found.broken.tolist() == [False, True]


def test_a_label_and_a_threshold_may_stand_side_by_side(tmp_path):
    ways = [
        "(and (<= X_0 0.0) (>= Y_0 Y_1))",
        "(and (<= X_0 0.0) (>= Y_2 Y_1))",
        "(and (>= X_0 0.0) (>= Y_0 2.1))",
    ]
    asked = read_vnnlib(file(tmp_path, [f"(or {' '.join(ways)})"]))
    assert asked.y.tolist() == [1, -1]
    found = asked.decide(folded(), 20.0)
    assert (found.proved.tolist(), found.broken.tolist()) == ([False, True], [True, False])


def test_one_output_is_compared_with_a_number_or_stands_for_two(tmp_path):
    net = plain([[1.0, -1.0]], [0.0])  # x_0 - x_1 fills [-4, 1.5]
    alone = file(tmp_path, ["(>= Y_0 1.6)"], outputs=1)
    assert read_vnnlib(alone).decide(net, 20.0).proved.all()
    assert read_vnnlib(file(tmp_path, ["(>= Y_0 1.4)"], outputs=1)).decide(net, 20.0).broken.all()
    for unsafe, holds in (("(>= Y_1 (+ Y_0 1.6))", True), ("(>= Y_1 Y_0)", False)):
        found = read_vnnlib(file(tmp_path, [unsafe], outputs=2)).decide(net, 20.0)
        assert (found.proved.item(), found.broken.item()) == (holds, not holds)
    with pytest.raises(InputError, match="is about 2 outputs, the network has 3"):
        read_vnnlib(file(tmp_path, ["(>= Y_1 Y_0)"], outputs=2)).decide(folded(), 20.0)


def test_a_softmax_at_the_end_is_for_labels_alone(tmp_path):
    net = nn.Sequential(*folded(), nn.LogSoftmax(dim=1))
    with pytest.raises(UnsupportedLayerError) as refused:
        read_vnnlib(file(tmp_path, ["(>= Y_0 2.1)"])).decide(net, 20.0)
    assert "\n" not in str(refused.value)


def _random_unsafe(rng, z):
    """Ways of one to three comparisons, with thresholds about where some of the outputs are."""
    ways = []
    for _ in range(rng.integers(1, 4)):
        told = []
        for _ in range(rng.integers(1, 4)):
            c = rng.integers(-2, 3, size=z.shape[1]).astype(float)
            c[rng.integers(len(c))] = 1.0
            d = float(np.quantile(z @ c, rng.uniform(0.7, 1)) + rng.uniform(-0.2, 0.3))
            told.append(Comparison(tuple(c.tolist()), d, False))
        ways.append(tuple(told))
    return tuple(ways)


def _text(unsafe):
    def row(one):
        terms = " ".join(f"(* {a:.1f} Y_{k})" for k, a in enumerate(one.coefficients))
        return f"(>= (+ {terms}) {one.threshold!r})"

    ways = [f"(and {' '.join(map(row, way))})" for way in unsafe]
    return f"(or {' '.join(ways)})"


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("seed", range(12))
def test_verdicts_agree_with_every_point_of_a_grid(seed, dtype, tmp_path):
    rng = np.random.default_rng(seed)
    net = ReLUNetwork((2, 10, 4), torch.Generator().manual_seed(seed), dtype=dtype)
    middle, half = rng.normal(size=2), float(rng.uniform(0.2, 1))
    inputs = [(float(m) - half, float(m) + half) for m in middle]
    axes = [np.linspace(low, high, 81) for low, high in inputs]
    grid = torch.from_numpy(np.stack(np.meshgrid(*axes), axis=-1).reshape(-1, 2)).to(dtype)
    with torch.no_grad():
        z = net(grid).double().numpy()
    unsafe = _random_unsafe(rng, z)
    asked = read_vnnlib(file(tmp_path, [_text(unsafe)], inputs, outputs=4))
    assert asked.unsafe == (tuple(dict.fromkeys(unsafe)),)
    value = max(
        np.min([z @ np.array(one.coefficients) - one.threshold for one in way], axis=0).max()
        for way in unsafe
    )
    assert any(refutes(unsafe, one) for one in z) == (value >= 0)
    for ball in (None, LpBall(np.inf, half)):
        found = asked.decide(net, 30.0, None, ball)
        if value > 1e-6:
            assert not found.proved.item()
        if value > 0.02:
            assert found.broken.item(), "the attack finds it"
        if value < -0.1:  # the grid is finer than that
            assert not found.broken.item()
            assert ball is None or found.proved.item(), "the program is exact"
