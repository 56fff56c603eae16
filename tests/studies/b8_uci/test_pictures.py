"""Every picture of the tables is drawn from few rows and from many, with and without the leak."""

from __future__ import annotations

import pytest

from robustcore.plots import style
from studies import b8_uci, sortable
from studies.b8_uci import overview, pictures
from studies.b8_uci.choosing import METHODS

from .invented import grid

SETS = ("iris", "wine", "seeds", "yeast")


@pytest.mark.parametrize(
    ("names", "data"), [(SETS, ("clean",)), (SETS[:1], ("clean",)), (SETS, ("clean", "published"))]
)
def test_pictures_are_drawn(names: tuple[str, ...], data: tuple[str, ...]) -> None:
    out = b8_uci.analysed(grid(names, data), b8_uci.sweep(sets=names))
    ranks = out["ranks"]
    figure = pictures.figure_2(ranks)
    assert len(figure.axes) == 6 * len(data)
    curves = [line.get_label() for line in figure.axes[0].lines]
    assert len(curves) == len(METHODS)
    drawn = [figure, pictures.leads(ranks, out["certified"]), pictures.gained(out["gains"])]
    one = [r for r in out["chosen"] if r["set"] == names[0] and r["data"] == "clean"]
    drawn.append(pictures.one_set(one, b8_uci.TEST_RADII, b8_uci.CERTIFIED_RADII))
    drawn.append(pictures.rank_test(ranks, out["tests"], (0.01, 1.0), "strong-Linf"))
    assert all(style.png(card).startswith(b"\x89PNG") for card in drawn)


def test_the_majority_class_is_a_line_of_its_own() -> None:
    out = b8_uci.analysed(grid(SETS), b8_uci.sweep(sets=SETS))
    upper = pictures.leads(out["ranks"], out["certified"]).axes[0]
    assert "majority class" in [line.get_label() for line in upper.lines]


def test_a_table_sorts_by_values_and_gives_them_away() -> None:
    rows = overview.sets([], b8_uci.TEST_RADII)
    table = sortable.Table([{**rows[0], "clean": 0.5}, *rows[1:]], "b8_uci", {"clean": ".1%"})
    page = table._repr_html_()
    assert page.count("<tr>") == 47
    assert 'data-value="0.5">50.0%' in page
    assert 'download="b8_uci.csv"' in page
    assert table.csv().count("\n") == 47
    named = sortable.Table([{"a": ["rub", "pgd"]}], "x", {}, {"rub": "RUB"})
    assert "RUB, pgd</td>" in named._repr_html_()
    assert "rub, pgd" in named.csv()
    assert "<script>" not in sortable.Table([{"a": "<script>"}], "x", {})._cell("a", "<script>")
