"""The speed study: two passes are one graph, tables are read right, limits can be missed."""

from __future__ import annotations

import pytest
import torch

from robustcore import defenses
from robustcore.balls import LpBall
from robustcore.networks import ReLUNetwork
from studies import b7_speed
from studies.b7_speed import equal_time, gradient, timing
from studies.mnist_networks import load_images
from studies.oracles import one_graph


def test_two_passes_are_one_graph_in_loss_and_gradient(monkeypatch):
    rows = gradient.gradient_rows(("uci",))
    assert [r["method"] for r in rows] == ["RUB, one graph", "RUB, as printed"]
    assert max(max(r["loss"], r["gradient"]) for r in rows) < 1e-12
    monkeypatch.setattr(
        one_graph, "_four_products", lambda W, p, q, t: one_graph._two_products(W, p, p, t)
    )
    assert gradient.gradient_rows(("uci",))[1]["loss"] > 1e-3


@pytest.mark.parametrize("printed", [False, True])
def test_one_graph_is_the_defense_on_any_depth(printed):
    generator = torch.Generator().manual_seed(3)
    for sizes in ((5, 6, 3), (5, 6, 4, 3), (5, 6, 6, 6, 4)):
        net = ReLUNetwork(sizes, generator, dtype=torch.float64)
        x = torch.randn(4, 5, generator=generator, dtype=torch.float64)
        y = torch.randint(0, 3, (4,), generator=generator)
        ball = LpBall(1, 0.8)
        found = one_graph.rub_one_graph(net, x, y, ball, printed)
        torch.testing.assert_close(found, defenses.rub(ball)(net, x, y), rtol=1e-12, atol=0)


def test_counts_by_hand():
    found = {r["method"]: r for r in b7_speed.counted_products("mnist")}
    assert found["RUB"]["products"] == 2 * (1568 + 30)
    assert found["RUB, one graph"]["ratio"] == pytest.approx(3 * 1568 / 1598)
    assert found["RUB, as printed"]["ratio"] == 2 * found["RUB, one graph"]["ratio"]


def test_steps_take_turns_and_ratios_are_to_nominal():
    skip = ("PGD-Linf", "COAP-Linf", "RUB, one graph", "RUB, as printed")
    rows = timing.timing_rows(("uci",), repeats=1, skip=skip)
    assert rows[0]["method"] == "Nominal"
    assert rows[0]["ratio"] == 1
    assert {r["method"] for r in rows} == set(timing.methods(0.1, 30)) - set(skip)
    for row in rows:
        assert row["fastest"] <= row["seconds"] <= row["slowest"]
        assert row["ratio"] == pytest.approx(row["seconds"] / rows[0]["seconds"])
    assert len(timing.table(rows)) == len(rows)


def test_one_thread_is_timed_by_the_processor(monkeypatch):
    step = timing.Step.of("uci", 0.1, "Nominal", "cpu", 0)
    before = torch.get_num_threads()
    monkeypatch.setattr(timing.time, "process_time", lambda: 5.0)
    try:
        torch.set_num_threads(1)
        assert step() == 0.0
        torch.set_num_threads(2)
        assert step() > 0.0
    finally:
        torch.set_num_threads(before)


def test_memory_is_read_in_a_fresh_process():
    one = timing.peak_megabytes("uci", 0.1, "RUB, one graph", "cpu")
    two = timing.peak_megabytes("uci", 0.1, "RUB", "cpu")
    vertices = 60 * 256 * 200 * 4 / 2**20  # one tensor of all vertices, MiB
    assert one > 4 * vertices > two


def test_the_papers_ratios():
    rows = b7_speed.beside_the_paper([{"shape": "uci", "method": "RUB", "ratio": 27.0}], [])
    (uci,) = [r for r in rows if (r["shape"], r["method"]) == ("uci", "RUB")]
    assert uci["paper"] == pytest.approx(712.6 / 65.1)
    assert (uci["recorded"], uci["this run"]) == (27.0, None)


def test_a_limit_can_be_missed():
    steps = [
        {"shape": s, "method": m, "ratio": 1.0}
        for s in b7_speed.LIMITS
        for m in timing.methods(0.1, 4)
    ]
    memory = [
        {"shape": s, "method": m, "peak_mib": 1.0} for s in timing.SHAPES for m in gradient._SAME
    ]
    equal = [{"method": m, "certified": c} for m, c in (("RUB", 0.5), ("RUB, top 8", 0.4))]
    goals = b7_speed.reached(steps, memory, equal)
    assert [goal["kept"] for goal in goals] == ["kept"] * 8 + ["missed"] * 8 + [
        "kept",
        "missed",
    ]


def test_equal_time_gives_both_methods_the_same_seconds():
    images = load_images(side=7, n_validation=0, n_test=20, device="cpu")
    rows = equal_time.equal_time_rows(images, width=8, rub_steps=8, parts=2)
    last = {r["method"]: r for r in b7_speed.last_of(rows)}
    assert last["RUB"]["steps"] == 8
    full, few = last["RUB"], last["RUB, top 8"]
    one = few["seconds"] / few["steps"]
    assert abs(full["seconds"] - few["seconds"]) <= one
    assert all(r["low"] <= r["certified"] <= r["high"] for r in rows)
