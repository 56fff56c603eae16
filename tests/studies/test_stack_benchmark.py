"""The benchmark of stacks: what it times is the training loop's own update, and all of it."""

from __future__ import annotations

import pytest
import torch

from contract import recorded
from robustcore import methods
from studies import stack_benchmark
from studies.b7_speed import timing

BY_AUTOGRAD = ("PGD-L1, 10 steps", "TRADES-Linf", "intervals", "CROWN", "COAP")


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(timing.SHAPES, "tiny", (4, 6, 3))
    monkeypatch.setattr(stack_benchmark, "_WIDTH", 5)


def test_every_defense_of_the_table_is_timed() -> None:
    made = {repr(one).partition("(")[0] for one in stack_benchmark.methods(0.1, 4).values()}
    assert made == {m.name for m in methods.METHODS.values() if m.make}


def test_a_row_for_each_stack_and_a_line_for_each_defense(
    tiny: None, capsys: pytest.CaptureFixture[str]
) -> None:
    before = torch.get_num_threads()
    asked = {"shapes": ("tiny",), "stacks": (1, 3), "repeats": 1, "skip": ("RUB",)}
    found = recorded("stack_benchmark", **asked)
    assert torch.get_num_threads() == before
    rows = found["stack_benchmark.updates"]
    names = [name for name in stack_benchmark.methods(0.1, 4) if name != "RUB"]
    assert [(r["method"], r["networks"]) for r in rows] == [(n, S) for n in names for S in (1, 3)]
    for r in rows:
        assert r["seconds"] > 0
        assert r["gain"] == pytest.approx(r["one_by_one"] / r["seconds"])
        assert r["explicit"] is (r["method"] not in BY_AUTOGRAD)
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == len(names)
    assert "ms alone, in stacks of   1:" in printed[0]


def test_gains_are_of_the_clock(tiny: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """One network takes two seconds, any stack three; 77 of them one by one would be too long."""
    ticks = {"OfOne": 2.0, "OfStack": 3.0}
    monkeypatch.setattr(
        stack_benchmark, "_clocked", lambda update, x, y: ticks[type(update.__self__).__name__]
    )
    rows = stack_benchmark.timed("tiny", "Nominal", (1, 3, 77), repeats=2, longest=6.0)
    assert [(r["networks"], r["one_by_one"], r["gain"]) for r in rows] == [
        (1, 2.0, pytest.approx(2 / 3)),
        (3, 6.0, 2.0),
    ]
    assert stack_benchmark.timed("tiny", "Nominal", (3,), longest=1.0) == []
    assert "left out" in stack_benchmark.line("tiny", "Nominal", [])
