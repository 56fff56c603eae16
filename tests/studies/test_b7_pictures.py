"""Pictures of costs and of tightness show the rows they are given."""

from __future__ import annotations

import pytest

from studies import b7_speed
from studies.b5_rub import pictures as b5_pictures
from studies.b7_speed import pictures

STEPS = [
    {"shape": s, "method": m, "ratio": r}
    for s in ("uci", "mnist")
    for m, r in (("Nominal", 1.0), ("aRUB-L1", 3.0), ("RUB", 30.0))
]


def test_each_panel_has_the_papers_marks_and_ours():
    fig = pictures.step_costs(b7_speed.beside_the_paper(STEPS))
    left, right = fig.axes
    paper, recorded, _ = left.get_lines()
    assert sorted(paper.get_xdata()) == pytest.approx(
        sorted(712.6 / v for k, v in b7_speed.TABLE_2.items() if k != "Nominal")
    )
    assert list(recorded.get_xdata()) == [3.0, 30.0]
    labels = [t.get_text() for t in left.get_yticklabels()]
    assert [labels[int(y)] for y in recorded.get_ydata()] == ["aRUB-L1", "RUB"]
    assert len(right.get_lines()[0].get_xdata()) == len(b7_speed.TABLE_6) - 1


def test_equal_time_names_the_updates():
    rows = [
        {"method": m, "steps": n, "seconds": s, "certified": c, "low": c - 0.1, "high": c + 0.1}
        for m, n in (("RUB", 10), ("RUB, top 8", 70))
        for s, c in ((0.0, 0.1), (5.0, 0.6))
    ]
    (ax,) = pictures.equal_time(rows).axes
    assert [t.get_text() for t in ax.get_legend().get_texts()] == [
        "RUB: 10 updates",
        "RUB, top 8: 70 updates",
    ]
    assert list(ax.get_lines()[1].get_ydata()) == pytest.approx([10, 60])


def test_tightness_has_a_panel_a_group_and_two_lines_a_depth():
    rows = [
        {"networks": g, "L": d, "radius": r, "rub": 1 + d * r, "optimised": 1 + r}
        for g in ("random", "iris, RUB")
        for d in (2, 3)
        for r in (0.1, 1.0)
    ]
    fig = b5_pictures.tightness(rows)
    assert [ax.get_title(loc="left") for ax in fig.axes] == ["random", "iris, RUB"]
    solid, dotted = fig.axes[0].get_lines()[2:4]  # L = 3
    assert list(solid.get_ydata()) == pytest.approx([1.3, 4.0])
    assert list(dotted.get_ydata()) == pytest.approx([1.1, 2.0])
