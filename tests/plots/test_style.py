"""The look of the figures: the same bytes for the same figure, and nothing left behind."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import pytest

from robustcore.errors import InputError
from robustcore.plots import looks, numbers, style


def _draw() -> style.Card:
    with style.figure(1, 2, width=5, height=2) as (fig, (left, right)):
        left.plot([0, 1], [1, 0], label="RUB", **looks.line("rub"))
        left.set(xlabel="radius", title="A title")
        left.legend()
        right.imshow([[0, 1], [1, 0]])
        style.bare(right)
    return fig


def test_settings_are_what_they_were() -> None:
    before = dict(mpl.rcParams)
    style.png(_draw())
    assert dict(mpl.rcParams) == before


def test_the_same_figure_is_the_same_bytes(tmp_path: Path) -> None:
    assert style.png(_draw()) == style.png(_draw())
    for name in ("a.svg", "b.svg"):
        style.save(_draw(), str(tmp_path / name))
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert b"dc:date" not in (tmp_path / "a.svg").read_bytes()


def test_a_card_shows_itself_in_a_notebook_with_its_numbers() -> None:
    shown = _draw()._repr_mimebundle_()
    assert list(shown) == ["image/svg+xml", "text/csv"]
    assert "<svg" in shown["image/svg+xml"]
    assert style.CARD.lower() in shown["image/svg+xml"]  # the book takes it off, others keep it
    assert shown["text/csv"].splitlines() == [
        "panel,series,x,y",
        "A title,RUB,0.0,1.0",
        "A title,RUB,1.0,0.0",
    ]
    assert shown == _draw()._repr_mimebundle_()


def test_the_numbers_of_a_figure_are_those_that_it_draws() -> None:
    with style.figure(1, 2) as (fig, (left, right)):
        left.scatter([1, 2], [3, 4], label="points")
        left.axvline(7)  # a threshold is no row
        left.fill_between([0, 1], [0, 0], [1, 1], label="interval")
        left.set_title("one")
        right.barh([0, 1], [5, 6])
        right.set_yticks([0, 1], ["first", "second"])
    rows = numbers.rows(fig)
    assert {r[2:] for r in rows if r[1] == "points"} == {(1, 3), (2, 4)}
    assert {r[2:] for r in rows if r[1] == "interval"} == {(0, 0), (1, 0), (1, 1), (0, 1)}
    assert [r for r in rows if r[0] == "panel 2"] == [
        ("panel 2", "bars 1", 5, "first"),
        ("panel 2", "bars 1", 6, "second"),
    ]
    assert not any(r[2] == 7 for r in rows)


def test_the_card_is_opaque_and_near_white() -> None:
    red, green, blue, alpha = _draw().get_facecolor()
    assert alpha == 1
    assert min(red, green, blue) > 0.95


def test_roles_have_colours_that_can_be_told_from_the_card() -> None:
    from matplotlib.colors import to_rgb

    assert all(min(to_rgb(c)) < 0.6 for c in looks.COLOURS.values())
    with pytest.raises(InputError, match="no colour for the role 'rob'"):
        looks.colour("rob")


def test_methods_that_share_a_picture_differ_in_colour() -> None:
    for together in (
        ("nominal", "baseline", "fgsm", "pgd", "arub", "rub"),
        ("ibp", "coap", "crown", "rub", "rub_optimised", "best", "exact"),
        ("algorithm_1", "algorithm_2", "sgd"),
        ("exact", "attack", "upper", "lower"),
    ):
        assert len({looks.COLOURS[role] for role in together}) == len(together)
