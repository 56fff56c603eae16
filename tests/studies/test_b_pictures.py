"""Every picture of paper B's bounds is drawn from rows, with axes that say what they are."""

import pytest

from robustcore.plots import curves, style
from studies.b2_arub import pictures as b2
from studies.b5_rub import pictures as b5
from studies.b5_rub import small


def training_rows():
    return [
        {"method": m, "epsilon": e, "step": s, "minimised": 3.0 - s, "adversarial": 2.0 - s / 2}
        for m in ("arub", "baseline")
        for e in (0.01, 0.1)
        for s in (0, 1)
    ]


def share_rows():
    about = {"share": 0.7, "training": "nominal"}
    return [
        about | {"p": p, "attack": a, "epsilon": e, "radius": e}
        for p in ("inf", "1")
        for a in ("fgm", "pgd", "strong")
        for e in (0.0, 0.1, 1.0)
    ]


def curve_rows():
    shares = {"low": 0.4, "certified": 0.5, "high": 0.6, "best": 0.55, "adversarial": 0.8}
    return [
        shares | {"method": m, "radius": r} for m in ("nominal", "arub", "rub") for r in (1.0, 0.0)
    ]


@pytest.mark.parametrize(
    ("draw", "rows", "panels"),
    [
        (b2.loss_over_training, training_rows(), 4),
        (b2.share_above, share_rows(), 2),
        (curves.certified_curves, curve_rows(), 2),
        (b5.bound_on_segments, small.along_segments(*small.small_network(), 2.0), 4),
    ],
    ids=["training", "share", "certified", "segments"],
)
def test_pictures(draw, rows, panels):
    fig = draw(rows)
    assert len(fig.axes) == panels
    assert all(ax.lines for ax in fig.axes)
    assert fig.axes[-1].get_xlabel()
    assert fig.axes[0].get_ylabel()
    assert len(style.png(fig)) > 5000


def test_what_is_drawn_is_what_was_given():
    left, right = curves.certified_curves(curve_rows()).axes
    assert list(left.lines[0].get_xdata()) == [0.0, 1.0]  # sorted by radius
    assert list(left.lines[0].get_ydata()) == [50.0, 50.0]
    assert list(right.lines[0].get_ydata()) == pytest.approx([55.0, 55.0])
    panel = b2.loss_over_training(training_rows()).axes[0]
    assert [list(line.get_ydata()) for line in panel.lines] == [[3.0, 2.0], [2.0, 1.5]]
    again = [
        r | {"seed": seed, "minimised": seed + r["minimised"]}
        for r in training_rows()
        for seed in (0, 1)
    ]
    panel = b2.loss_over_training(again).axes[0]
    assert list(panel.lines[0].get_ydata()) == [3.5, 2.5]  # a mean, and what lies between
    (low, high) = panel.collections[0].get_paths()[0].get_extents().intervaly
    assert (low, high) == (2.0, 4.0)
    panel = b2.share_above(share_rows()).axes[0]
    assert list(panel.lines[0].get_xdata()) == [0.1, 1.0]  # no zero on a logarithmic axis
