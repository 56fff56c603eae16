"""The schematics at the head of pages say what the pages prove."""

from __future__ import annotations

import pytest
from matplotlib.patches import Rectangle

from robustcore import LpBall, bounds
from robustcore.plots import style
from studies.a1_convex_training import pictures as a1
from studies.a2_sampling import pictures as a2
from studies.a3_robust_training import pictures as a3
from studies.a4_hinge import pictures as a4
from studies.b5_rub import pictures as b5
from studies.b5_rub import small
from studies.c3_stronger_attacks import pictures as c3


@pytest.mark.parametrize("page", [a1, a2, a3, a4, b5, c3], ids=lambda page: page.__name__[8:10])
def test_a_schematic_is_drawn_the_same_each_time(page) -> None:
    assert style.svg(page.schematic()) == style.svg(page.schematic())


def test_every_cone_has_its_pattern() -> None:
    texts = sorted(text.get_text() for text in a1.schematic().axes[1].texts)
    assert texts == ["", "000", "001", "011", "100", "110", "111", "u"]


def test_one_line_misses_every_box_and_the_other_cuts_one() -> None:
    filled = [
        sum(isinstance(patch, Rectangle) and patch.get_fill() for patch in ax.patches)
        for ax in a3.schematic().axes
    ]
    assert filled == [0, 1]


def test_the_largest_vertex_of_the_sweep_is_rub() -> None:
    values = b5.schematic().axes[1].lines[0].get_xdata()
    net, x, y = small.small_network()
    assert max(values) == bounds.rub(net, x, y, LpBall(1, 2.0))[0, 1] == 2
    rows = small.recursion_by_hand(net, x, y, radius=2.0)
    assert list(values) == [row["bound"] for row in rows]


def test_the_sparse_step_gains_more() -> None:
    words = [text.get_text() for text in c3.schematic().axes[0].texts]
    assert [word for word in words if word] == ["dense step: +3.4", "steepest step: +4.0"]
