"""The printed tables as rows: none missing, and cells that the text names."""

from __future__ import annotations

from contract import recorded
from studies import b_printed as study


def cell(rows: list[dict], **where: object) -> float:
    (found,) = [r["accuracy"] for r in rows if all(r[k] == v for k, v in where.items())]
    return found


def test_every_cell_is_there_and_a_share() -> None:
    rows = recorded("b_printed")
    attacked, convolutional = rows["b_printed.attacked"], rows["b_printed.convolutional"]
    assert len(attacked) == 9 * 8 * 9 + 3 * 6 * 8
    assert len(convolutional) == 3 * 4 * 9
    assert all(0 < row["accuracy"] < 100 for row in attacked + convolutional)


def test_the_numbers_of_the_text_are_those_of_the_tables() -> None:
    rows = study.attacked()
    best = {7: (2.8, 86.02), 8: (2.8, 97.11), 9: (5.54, 45.66)}  # [B] Section 6.3
    for table, (radius, accuracy) in best.items():
        assert cell(rows, table=table, radius=radius, method="rub") == accuracy
    assert cell(study.convolutional(), table=12, radius=1.0, method="pgd") == 98.55
