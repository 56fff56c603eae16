"""Rows as a table: whole in HTML and in text, the paper's number beside ours and its distance."""

from __future__ import annotations

import re

import pytest

from robustcore.errors import InputError
from robustcore.plots import tables

ROWS = [
    {"method": "a", "p": 1, "cost": 0.50, "cost_deviation": 0.01, "cost_paper": 0.49},
    {"method": "b<", "p": 2, "cost": 0.50, "cost_deviation": 0.01, "cost_paper": 0.47},
    {"method": "c", "p": 3, "cost": 0.50, "cost_deviation": 0.01, "cost_paper": 0.40},
    {"method": "d", "p": 4, "cost": 0.50, "cost_deviation": 0.0, "cost_paper": None},
]
COLUMNS = {"method": "method", "norm": "p:d", "cost": tables.Beside("cost", ".2f")}


def test_the_papers_number_stands_in_the_next_cell() -> None:
    html = tables.table(ROWS, COLUMNS)._repr_html_()
    cells = re.findall(r'<td[^>]* data-label="([^"]+)">([^<]*)</td>', html)
    assert cells[:4] == [
        ("method", "a"),
        ("norm", "1"),
        ("cost, ours", "0.50 ± 0.01"),
        ("cost, paper", "0.49"),
    ]
    assert cells[-2:] == [("cost, ours", "0.50"), ("cost, paper", "–")]
    assert "b&lt;" in html


def test_the_shade_says_how_far_ours_is_from_the_papers() -> None:
    html = tables.table(ROWS, COLUMNS)._repr_html_()
    assert re.findall(r'class="shade-(.)"', html) == ["1", "2", "3"]
    assert "<caption>" in html
    assert "<caption>" not in tables.table(ROWS, {"norm": "p"})._repr_html_()


def test_the_text_has_the_same_cells_in_columns() -> None:
    lines = repr(tables.table(ROWS, COLUMNS)).splitlines()
    assert lines[0].split() == ["method", "norm", "cost", "cost,", "paper"]
    assert len({len(line) for line in lines}) == 1
    assert lines[1].split()[:3] == ["a", "1", "0.50"]


def test_a_missing_key_is_named() -> None:
    with pytest.raises(InputError, match="no 'costs'; it has method, p"):
        tables.table(ROWS, {"cost": "costs"})


def test_what_is_true_is_yes() -> None:
    assert repr(tables.table([{"a": True}, {"a": False}], {"holds": "a"})).split() == [
        "holds", "yes", "no",
    ]  # fmt: skip
