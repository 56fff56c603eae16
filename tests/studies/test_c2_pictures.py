"""The pictures of the tighter-bounds page: what is drawn is what was given."""

from robustcore.plots import style
from studies.c2_tighter_bounds import pictures


def rise_rows():
    return [
        {"p": p, "training": t, "scale": 1.0, "method": m, "rise": 1.2 + i, "rise_max": 2.0 + i}
        for p in ("1", "inf")
        for t in ("nominal", "rub")
        for i, m in enumerate(("ibp", "crown"))
    ]


def radius_rows():
    about = {"unit": "cm", "trained_at": 0.5, "n": 4, "largest": 2.0}
    return [
        about | {"training": t, "method": m, "radii": [0.0, 0.5, 1.0, 2.0]}
        for t in ("nominal", "rub")
        for m in ("rub", "exact")
    ]


def test_tightness():
    fig = pictures.tightness(rise_rows(), 1.0)
    assert len(fig.axes) == 4
    names = [label.get_text() for label in fig.axes[0].get_yticklabels()]
    assert names == ["CROWN", "intervals"]  # the first method on top
    dots = [line.get_xdata()[0] for line in fig.axes[0].lines if line.get_marker() == "o"]
    assert dots == [2.2, 1.2]
    assert fig.axes[-1].get_xlabel()
    assert len(style.png(fig)) > 5000


def test_certified_share():
    fig = pictures.certified_share(radius_rows())
    line = fig.axes[0].lines[0]
    assert list(line.get_xdata()) == [0.0, 0.5, 1.0, 2.0, 2.0]
    assert list(line.get_ydata()) == [75.0, 75.0, 50.0, 25.0, 0.0]  # one sample is wrong
    assert "cm" in fig.axes[0].get_xlabel()
    assert fig.axes[0].get_ylabel()
    assert [t.get_text() for t in fig.legends[0].get_texts()] == ["RUB", "exact"]
    assert len(style.png(fig)) > 5000
