"""The schematics at the head of pages say what the pages prove."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from matplotlib.patches import Rectangle

from robustcore import LpBall, bounds, convex, losses, patterns
from robustcore.plots import style
from studies import b1_gap_lemma, b3_conjugates, b4_split, c5_tabular
from studies.a1_convex_training import pictures as a1
from studies.a2_sampling import pictures as a2
from studies.a3_robust_training import pictures as a3
from studies.a4_hinge import pictures as a4
from studies.a5_squared import pictures as a5
from studies.a6_landscape import pictures as a6
from studies.a7_cifar import descent
from studies.a7_cifar import pictures as a7
from studies.b1_gap_lemma import pictures as b1
from studies.b2_arub import pictures as b2
from studies.b3_conjugates import pictures as b3
from studies.b4_split import pictures as b4
from studies.b5_rub import pictures as b5
from studies.b5_rub import small
from studies.b6_convolution import pictures as b6
from studies.b6_convolution import pooling
from studies.b7_speed import counted_products
from studies.b7_speed import pictures as b7
from studies.b8_uci import pictures as b8
from studies.b9_images import pictures as b9
from studies.b10_certificates import meaning
from studies.b10_certificates import pictures as b10
from studies.c1_certified_solver import pictures as c1
from studies.c2_tighter_bounds import pictures as c2
from studies.c3_stronger_attacks import pictures as c3
from studies.c4_bridge import hand
from studies.c4_bridge import pictures as c4
from studies.c5_tabular import pictures as c5
from studies.threat_model import pictures as threat

PAGES = [threat, a1, a2, a3, a4, a5, a6, a7, b1, b2, b3, b4, b5, b6, b7, b8, b9, b10]
PAGES += [c1, c2, c3, c4, c5]


def _words(ax) -> list[str]:
    return [text.get_text() for text in ax.texts if text.get_text()]


def _line(ax, label: str) -> np.ndarray:
    """The points of a line with a label, (n, 2)."""
    return next(line.get_xydata() for line in ax.lines if line.get_label() == label)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.__name__.split(".")[1].split("_")[0])
def test_a_schematic_is_drawn_the_same_each_time(page) -> None:
    assert style.svg(page.schematic()) == style.svg(page.schematic())


def test_the_farthest_level_line_is_the_support_function() -> None:
    c = np.array([2.0, 1.0])
    for ax, p in zip(threat.schematic().axes, (1, np.inf), strict=True):
        corners = ax.patches[0].get_xy()
        (level,) = ax.collections[1].levels
        assert level == pytest.approx((corners @ c).max()) == LpBall(p, 1.0).support(c)


def test_every_cone_has_its_pattern() -> None:
    texts = sorted(text.get_text() for text in a1.schematic().axes[1].texts)
    assert texts == ["", "000", "001", "011", "100", "110", "111", "u"]


def test_one_line_misses_every_box_and_the_other_cuts_one() -> None:
    filled = [
        sum(isinstance(patch, Rectangle) and patch.get_fill() for patch in ax.patches)
        for ax in a3.schematic().axes
    ]
    assert filled == [0, 1]


def test_the_best_size_of_the_neuron_is_that_of_the_program() -> None:
    size, worst = _line(a5.schematic().axes[1], "worst residual").T
    X, beta = np.ones((1, 1)), 0.1
    solved = convex.train_robust_squared(
        X, X[0], patterns.enumerate(X), LpBall(np.inf, 0.25), beta=beta
    )
    assert (worst**2 / 2 + beta * size).min() == pytest.approx(solved.objective, abs=1e-6)


def test_the_losses_part_where_the_box_without_a_switch_ends() -> None:
    left, right = a6.schematic().axes
    move, true = _line(right, "true loss").T
    apart = np.abs(true - _line(right, "convex loss")[:, 1]) > 1e-9
    ends = [line.get_xdata()[0] for line in right.lines if line.get_label().startswith("_")]
    assert ends == [max(line.get_xdata()) for line in left.lines[-2:]]  # training, no switch
    assert not apart[move <= ends[1]].any()
    assert apart[move > ends[1] + 0.01].all()


def test_the_square_is_the_loss_of_the_worst_gaps() -> None:
    net, x, y, _ = b1_gap_lemma.smallest_instance()
    worst = bounds.exact(net, x, y, LpBall(1, 1.0))
    entropy, hinge = (_words(ax) for ax in b1.schematic().axes)
    assert entropy[-1] == f"{losses.adversarial_loss_bound(worst, y).item():.2f}" > entropy[0]
    assert hinge[-1] == f"{losses.multiclass_hinge(worst, y).item():.2f}" == hinge[0]


def test_the_tangent_ends_above_the_worst_gap_and_below() -> None:
    signs = []
    for ax in b2.schematic().axes:
        worst, arub = (line.get_ydata()[0] for line in ax.lines[-2:])
        assert _line(ax, "gap")[-1, 1] == pytest.approx(worst)
        assert _line(ax, "tangent at x")[-1, 1] == arub
        signs.append(np.sign(arub - worst))
    assert signs == [1, -1]


def test_the_least_supremum_is_the_best_of_the_hull() -> None:
    left, right = b3.schematic().axes
    z, g = left.lines[0].get_xydata().T
    least = right.lines[0].get_ydata().min()
    assert least == pytest.approx(g[np.abs(z) <= 1].max(), abs=1e-12)
    assert least > b3_conjugates.two_points().left


def test_the_star_is_the_split_form_and_the_path_the_network() -> None:
    net, x, y = b4_split.hand_network()
    path, worst, star = (torch.tensor(line.get_xydata()) for line in b4.schematic().axes[1].lines)

    def gap(z: torch.Tensor) -> torch.Tensor:
        return losses.gaps(net.layers[2](z.clamp(min=0)), y.expand(len(z)))[:, 1]

    assert gap(star) == pytest.approx(bounds.sup_inf(net, x, y, LpBall(1, 1.0))[0, 1].item())
    exact = bounds.exact(net, x, y, LpBall(1, 1.0))[0, 1].item()
    assert gap(path).max().item() == gap(worst).item() == pytest.approx(exact)


def test_the_largest_vertex_of_the_sweep_is_rub() -> None:
    values = b5.schematic().axes[1].lines[0].get_xdata()
    net, x, y = small.small_network()
    assert max(values) == bounds.rub(net, x, y, LpBall(1, 2.0))[0, 1] == 2
    rows = small.recursion_by_hand(net, x, y, radius=2.0)
    assert list(values) == [row["bound"] for row in rows]


def test_the_sparse_step_gains_more() -> None:
    words = [text.get_text() for text in c3.schematic().axes[0].texts]
    assert [word for word in words if word] == ["dense step: +3.4", "steepest step: +4.0"]


def test_the_vertices_see_the_weighted_sum_and_not_the_maximum() -> None:
    net, x, y = pooling.two_pixels()
    maximum, weighted = (
        max(float(word.replace("−", "-")) for word in _words(ax)) for ax in b6.schematic().axes
    )
    half = [0.5 * x.new_ones(1, 1, 2)]
    assert weighted == bounds.rub(net, x, y, LpBall(1, 1.0), t=half)[0, 1]
    assert maximum < 0 < bounds.exact(net, x, y, LpBall(1, 1.0))[0, 1]


def test_attacks_end_above_the_worst_margin_and_crown_below() -> None:
    (ax,) = a7.schematic().axes
    assert abs(_line(ax, "margin |x|")[:, 1]).min() == 0
    said = {w.split(": ")[0]: float(w.split(": ")[1].replace("−", "-")) for w in _words(ax)}
    found = {row["method"]: row["margin"] for row in descent.by_hand()}
    assert said["CROWN"] < 0 <= said["PGD, and the worst"] < 0.02 < said["FGSM"]
    assert [said[name] for name in ("FGSM", "CROWN")] == [
        pytest.approx(found[name], abs=0.005) for name in ("FGSM", "CROWN")
    ]


def test_the_bars_are_the_products_that_are_counted() -> None:
    (ax,) = b7.schematic().axes
    counted = [row["products"] for row in counted_products("uci")]
    assert counted == [int(word) for word in _words(ax)]
    ends = [max(b.get_x() + b.get_width() for b in ax.patches if b.get_y() == y)
            for y in sorted({b.get_y() for b in ax.patches})]  # fmt: skip
    assert ends == counted


def test_fgm_weakens_with_room_and_the_exact_attack_does_not() -> None:
    right = b8.schematic().axes[1]
    fgm, exact = _line(right, "FGM")[:, 1], _line(right, "exact attack")[:, 1]
    assert fgm[0] == exact[0] == 100
    assert (exact <= fgm + 1e-9).all()
    assert (np.diff(exact) <= 0).all()
    assert fgm.min() == 0
    assert fgm[-1] == 60 == right.lines[-1].get_ydata()[0]


def test_the_ball_in_pixels_stays_in_the_range_and_the_other_leaves_it() -> None:
    cut, standardised = (ax.patches[1].get_xy() for ax in b9.schematic().axes)
    assert cut.min() >= 0
    assert cut.max() <= 1
    assert np.abs(standardised - [0, 1]).sum(axis=1) == pytest.approx(0.5)  # the deviation times 1
    assert standardised.min() == -0.5


def test_the_lines_touch_the_ball_and_its_part_in_the_range() -> None:
    net, _, y = meaning.two_pixels()
    (ax,) = b10.schematic().axes
    sets = {"ball": ax.lines[0].get_xydata(), "in the range": ax.patches[1].get_xy()}
    for word in _words(ax)[1:]:
        name, value = word.split(": ")
        corners = torch.tensor(sets[name])
        worst = losses.gaps(net(corners), y.expand(len(corners)))[:, 1].max().item()
        assert float(value.replace("−", "-")) == pytest.approx(worst)


def test_no_lower_bound_crosses_the_cost_and_the_best_one_touches_it() -> None:
    left, right = c1.schematic().axes
    cost, *lines = (line.get_ydata() for line in left.lines)
    X, y = np.array([[2.0]]), np.array([3.0])
    for line, word in zip(lines, _words(left), strict=True):
        theta = np.array([float(word.removeprefix("θ = ").replace("−", "-"))])
        proved = convex.certify(X, y, patterns.of(X, np.ones(1)), theta, 0.4, "squared")
        assert line[0] == pytest.approx(proved)
        assert line[0] <= cost.min() + 1e-12
    assert lines[-1][0] == pytest.approx(cost.min(), abs=1e-3)
    above, below = _line(right, "cost of a network"), _line(right, "proved lower bound")
    assert (above[:, 1] >= below[:, 1]).all()
    assert above[-1, 1] - below[-1, 1] < 1e-6


def test_the_ends_of_the_slopes_are_the_paper_s_bound_and_the_best() -> None:
    found = c2.schematic().axes[1].lines[0].get_ydata()
    net, x, y = small.small_network()
    ball = LpBall(1, 2.0)
    assert found[-1] == bounds.rub(net, x, y, ball)[0, 1]
    assert found[0] == found.min() == pytest.approx(bounds.exact(net, x, y, ball)[0, 1].item())


def test_a_tangent_is_off_by_what_arub_is_off() -> None:
    net, ball = hand.network((2, 0, 0, 0)), LpBall(1, hand.RADIUS)
    y = torch.tensor([0, 1])
    for ax in c4.schematic().axes:
        x = torch.tensor(ax.lines[-1].get_xdata())[:, None]
        exact, arub = (f(net, x, y, ball).gather(1, 1 - y[:, None]) for f in
                       (bounds.exact, bounds.arub))  # fmt: skip
        off = (exact - arub).abs().max().item()
        assert _words(ax) == ([f"off by {off:.1f}"] if off > 1e-6 else [])


def test_a_decision_is_turned_if_its_set_crosses_the_line() -> None:
    net, *_ = c5_tabular.by_hand()
    for ax in c5.schematic().axes:
        asked = net(torch.tensor(ax.patches[1].get_xy())).diff(dim=1)
        assert ax.get_title("left").endswith("turned" if (asked < 0).any() else "stands")
