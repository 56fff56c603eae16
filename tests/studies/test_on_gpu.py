"""The command for a borrowed GPU, rehearsed on the CPU: every part runs, and leaves its rows."""

from __future__ import annotations

from pathlib import Path

import pytest

from robustcore import records
from studies import b6_networks, b9_images, engine, on_gpu
from studies.__main__ import parameters, study


@pytest.mark.slow
def test_the_rehearsal_leaves_rows_of_every_part(tmp_path: Path) -> None:
    asked = ["--seconds", "3000", "--out", str(tmp_path), "--device", "cpu", "--tiny"]
    assert on_gpu.main(asked) == 0
    steps = records.load("on_gpu.steps", tmp_path).rows
    assert {"Nominal", "RUB", "COAP-Linf"} <= {row["method"] for row in steps}
    assert all(0 < row["share"] < 1.5 and row["flop"] > 0 for row in steps)
    sizes = {"steps": 3, "n_test": 4}
    networks = b6_networks.sweep(**sizes, n_validation=2, n_certified=1)
    assert len(engine.read(networks, tmp_path).rows) == len(networks.cells)
    images = b9_images.sweep(**sizes, n_validation=2, width=8, attack_steps=1, methods=("nominal",),
                             units=("pixels",), epsilons=(0.1, 0.2))  # fmt: skip
    assert len(engine.read(images, tmp_path).rows) == len(images.cells) == 2


@pytest.mark.parametrize("part", on_gpu.PARTS, ids=lambda part: f"{part.name}-{part.profile}")
def test_a_part_names_what_its_study_takes(part: on_gpu.Part) -> None:
    """And the sizes that profile `desktop` runs on a GPU are those of its grid on a CPU."""
    given = dict(pair.split("=") for pair in part.given)
    assert set(given) <= set(parameters(part.name, part.profile, {}, "sweep"))
    if part.profile == "desktop":
        whole = parameters(part.name, "desktop", {}, "sweep")
        on_card = study(part.name, "sweep")(**{**whole, "max_stack": 5})
        assert on_card.settings == study(part.name, "sweep")(**whole).settings
    command = part.command(100, "cuda", Path("x"), tiny=False)
    assert command[-2 * len(given) :][::2] == ["--set"] * len(given)
