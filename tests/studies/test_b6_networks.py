"""The convolutional networks of the tables, at a tiny size: rows follow from each other."""

from __future__ import annotations

from pathlib import Path

import pytest

from contract import recorded
from robustcore.errors import DataError
from studies import b6_networks, engine
from studies.__main__ import parameters
from studies.b6_convolution.attacked import RADII

SMALL = {"methods": ("nominal", "rub"), "steps": 12, "n_validation": 4, "n_test": 8,
         "attack_steps": 2}  # fmt: skip


def test_a_cell_is_trained_attacked_and_certified(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROBUSTCORE_RESULTS", str(tmp_path))
    with pytest.raises(DataError, match="no cell"):
        b6_networks.record(**SMALL)
    engine.run(b6_networks.sweep(**SMALL), results=tmp_path)
    found = recorded("b6_networks", **SMALL)
    rows = found["b6_networks.attacked"]
    assert len(rows) == 2 * len(RADII)
    for row in rows:
        assert (
            row["strong"] <= row["published"] or row["strong_epsilon"] != row["published_epsilon"]
        )
        assert row["n"] == 8
        assert row["paper"] is None  # the sample is none of the printed sets
    for row in found["b6_networks.certified"]:
        assert row["certified"] <= row["standing"] <= row["n"] == 2
        assert row["crossings"] == 0


@pytest.mark.parametrize(
    ("profile", "channels", "hidden"), [("desktop", [16, 32], 256), ("paper", [32, 64], 1024)]
)
def test_both_sizes_are_profiles(profile: str, channels: list[int], hidden: int) -> None:
    asked = b6_networks.sweep(**parameters("b6_networks", profile, {}, "sweep"))
    assert asked.settings["channels"] == channels
    assert asked.settings["hidden"] == hidden
    assert asked.settings["kernel"] == 5
    assert {c["data"] for c in asked.cells} == {"mnist", "fashion-mnist", "cifar10"}
    assert parameters("b6_networks", profile, {}) == parameters("b6_networks", profile, {}, "sweep")
