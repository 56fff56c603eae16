"""The recipe at a tiny size: it trains, averages, certifies, and its row says what it did."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from robustcore import LpBall
from robustcore.networks import ReLUNetwork, Stack
from studies import b10_certificates as study
from studies.b10_certificates import cells

SMALL: dict[str, Any] = {
    "units": ("pixels", "standardised"), "radii": (0.28,), "steps": 60, "late_steps": 4,
    "width": 12, "n_validation": 6, "n_test": 20, "attack_steps": 3,
}  # fmt: skip


@pytest.fixture(scope="module")
def done() -> list[dict[str, Any]]:
    asked = study.sweep(**SMALL)
    return [{**cell, **asked.run([cell])[0]} for cell in asked.cells]


def test_counts_follow_from_each_other(done: list[dict[str, Any]]) -> None:
    for row in done:
        assert row["n"] == 20 >= row["clean"] >= row["standing"] >= row["tightest"] >= row["rub"]
        assert row["crossings"] == 0
        assert row["kept"] in ("last", "average")
        assert row["validation"][row["kept"]] == max(row["validation"].values())
        assert 0 <= row["crown_tighter"] <= 1


def test_it_learns(done: list[dict[str, Any]]) -> None:
    assert all(row["tightest"] > 4 for row in done)  # a constant answer has 2 or 3 of 20


def test_a_cell_is_run_twice_alike(done: list[dict[str, Any]]) -> None:
    asked = study.sweep(**SMALL)
    (again,) = asked.run([asked.cells[0]])
    first = done[0]
    assert {k: v for k, v in again.items() if "seconds" not in k} == {
        k: first[k] for k in again if "seconds" not in k
    }


def test_every_printed_radius_is_a_cell_of_its_data() -> None:
    asked = study.sweep(("mnist", "cifar10"), ("pixels", "standardised"), ())
    radii = {(c["data"], c["radius"]) for c in asked.cells}
    assert len(asked.cells) == 20 == 2 * len(radii)
    assert {("mnist", 8.4), ("cifar10", 5.54)} <= radii


@pytest.mark.parametrize(
    ("count", "reached"), [(950, "below"), (9711, "level"), (9900, "above"), (9650, "level")]
)
def test_a_cell_is_set_against_the_best_of_its_column(count: int, reached: str) -> None:
    """Table 8 at 2.8: RUB, 97.11 of 2560 draws, which is 96.4 to 97.7 %."""
    n = 1000 if count < 1000 else 10000
    row = {"data": "mnist", "unit": "pixels", "radius": 2.8, "n": n, "clean": n, "standing": n}
    (found,) = study.reached([{**row, "rub": count, "tightest": count}])
    assert (found["paper"], found["paper_method"], found["reached"]) == (97.11, "rub", reached)
    assert found["tightest"] == count / n


def test_what_has_no_printed_column_is_set_against_nothing(done: list[dict[str, Any]]) -> None:
    assert {row["reached"] for row in study.reached(done)} == {None}


def test_the_average_is_of_the_weights_after_the_first_so_many() -> None:
    net = ReLUNetwork([3, 2, 2], torch.Generator().manual_seed(0))
    stack = Stack([net])
    stack.requires_grad_(False)
    average = cells.Average(after=2)
    for value in (9.0, 9.0, 9.0, 1.0, 2.0, 6.0):  # before any update, after 1, 2, ... of them
        for part in stack.parameters():
            part.fill_(value)
        average(stack)
    found = average.network(stack)
    assert all((p == 3).all() for p in found.parameters())
    assert [tuple(p.shape) for p in found.parameters()] == [
        tuple(p.shape) for p in net.parameters()
    ]


def test_the_loss_knows_the_box_where_there_is_one() -> None:
    assert "rub_boxed" in repr(cells.defense(LpBall(1, 2.8, (0, 1)), late=False))
    assert "top=4, classes=2" in repr(cells.defense(LpBall(1, 2.8, (0, 1)), late=False))
    assert repr(cells.defense(LpBall(1, 2.8), late=True)).startswith("rub(")
