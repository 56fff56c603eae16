"""The pictures of b6 are drawn from rows, with axes that say what they are."""

from robustcore.plots import style
from studies.b6_convolution import pictures, pooling


def test_the_edge():
    fig = pictures.pool_on_the_edge(pooling.along_the_edge(5))
    (ax,) = fig.axes
    assert list(ax.lines[1].get_ydata()) == [-0.25, 0.0, 0.25, 0.0, -0.25]
    assert ax.get_ylabel()
    assert ax.get_xlabel()
    assert len(style.png(fig)) > 5000


def test_one_panel_a_pool_and_one_line_a_method():
    shares = {"low": 0.4, "certified": 0.5, "high": 0.6, "adversarial": 0.8}
    rows = [
        shares | {"pool": p, "method": m, "radius": r}
        for p in ("average", "max")
        for m in ("nominal", "arub", "rub")
        for r in (0.5, 1.0)
    ]
    fig = pictures.certified_by_pool(rows)
    assert [ax.get_title(loc="left") or ax.get_title() for ax in fig.axes] == [
        "average pools",
        "max pools",
    ]
    for ax in fig.axes:
        assert len(ax.lines) == 6
        assert list(ax.lines[0].get_ydata()) == [50.0, 50.0]
        assert "pixel range 1" in ax.get_xlabel()
