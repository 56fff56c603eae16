"""The slider: a table of all rows to which a script adds the handle."""

from __future__ import annotations

import re

import pytest

from book.extension import slider
from robustcore.errors import InputError

ROWS = [
    {"radius": 0.2, "method": "RUB", "p": 1, "share": 0.5},
    {"radius": 0.1, "method": "RUB", "p": 1, "share": 0.8},
    {"radius": 0.1, "method": "PGD", "p": 2, "share": 1.2},
]


def test_every_row_is_in_the_table_in_order_of_the_slider() -> None:
    text = slider.html(ROWS, "radius", "method", {"proved": "share"}, 1.0)
    assert re.findall(r'data-at="([\d.]+)"', text) == ["0.1", "0.1", "0.2"]
    assert re.findall(r"--share: ([\d.]+)", text) == ["0.8000", "1.0000", "0.5000"]
    assert re.findall(r">(\d+%)<", text) == ["80%", "120%", "50%"]


def test_rows_are_chosen_by_their_values() -> None:
    assert slider.chosen(ROWS, "p=1, radius=0.1") == [ROWS[1]]
    with pytest.raises(InputError, match="no row has p=3"):
        slider.chosen(ROWS, "p=3")
