"""The attacks' picture is drawn from its rows."""

from robustcore.plots import style
from studies.c3_stronger_attacks import pictures


def rows():
    about = {"published": 0.8, "strongest": 0.5, "certified": 0.25}
    return [
        about | {"method": m, "p": p, "radius": r}
        for m in ("nominal", "rub")
        for p in ("1", "2", "inf")
        for r in (0.1, 1.0)
    ]


def test_three_panels_and_a_floor_for_l1_alone():
    fig = pictures.published_against_strongest(rows())
    assert [len(ax.lines) for ax in fig.axes] == [6, 4, 4]
    l1 = [list(line.get_ydata()) for line in fig.axes[0].lines[:3]]
    assert l1 == [[80, 80], [50, 50], [25, 25]]
    assert list(fig.axes[0].lines[0].get_xdata()) == [0.1, 1.0]
    assert all("radius" in ax.get_xlabel() for ax in fig.axes)
    assert "%" in fig.axes[0].get_ylabel()
    assert len(style.png(fig)) > 5000
