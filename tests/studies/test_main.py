"""`python -m studies`: defaults, then the profile, then --set; rows to records."""

from __future__ import annotations

import sys
import types
from pathlib import Path

import pytest

from robustcore import records
from robustcore.errors import DataError, InputError
from studies import __main__ as command


@pytest.fixture
def study(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A study `b0_toy` and a checkout whose paper profile gives it 20 steps."""
    module = types.ModuleType("studies.b0_toy")

    def record(steps: int = 2, seed: int = 0) -> dict:
        return {"b0_toy.square": [{"step": i, "value": i * i + seed} for i in range(steps)]}

    module.record = record  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "studies.b0_toy", module)
    profiles = tmp_path / "notebooks" / "profiles"
    profiles.mkdir(parents=True)
    (profiles / "paper.yml").write_text("b0_toy: {steps: 20}\n")
    monkeypatch.setattr(command, "CHECKOUT", tmp_path)
    return tmp_path


def test_parameters_come_from_defaults_profile_and_command(study: Path) -> None:
    assert command.parameters("b0_toy", "quick", {}) == {"steps": 2, "seed": 0}
    assert command.parameters("b0_toy", "paper", {}) == {"steps": 20, "seed": 0}
    assert command.parameters("b0_toy", "paper", {"steps": 3}) == {"steps": 3, "seed": 0}


def test_rows_are_recorded_with_the_parameters(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command.main(["b0_toy", "--set", "seed=7", "--out", str(study / "out")])
    record = records.load("b0_toy.square", study / "out")
    assert len(record.rows) == 20
    assert record.rows[2] == {"step": 2, "value": 11}
    assert record.parameters == {"steps": 20, "seed": 7}
    assert record.provenance["profile"] == "paper, but seed"
    assert "recorded b0_toy.square.json" in capsys.readouterr().out


def test_a_record_says_what_its_sizes_are(study: Path) -> None:
    assert command.label("b0_toy", "paper", {}) == "paper"
    assert command.label("b0_toy", "paper", {"steps": 20}) == "paper"  # what the profile has anyway
    assert command.label("b0_toy", "paper", {"steps": 3, "seed": 1}) == "paper, but steps, seed"
    assert command.label("b0_toy", "quick", {}) == "quick"
    (study / "notebooks" / "profiles" / "paper.yml").write_text("b1_other: {steps: 20}\n")
    assert command.label("b0_toy", "paper", {}) == "quick"


def test_unknown_names_are_refused(study: Path) -> None:
    with pytest.raises(InputError, match=r"no parameter \['rho'\]; it has steps, seed"):
        command.parameters("b0_toy", "quick", {"rho": 1})
    with pytest.raises(InputError, match="no study 'b99'"):
        command.study("b99")
    with pytest.raises(InputError, match="no function record"):
        command.study("oracles")
    with pytest.raises(DataError, match="no profile 'huge'"):
        command.parameters("b0_toy", "huge", {})


def test_the_command_ends_with_a_sentence(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        command.main(["b0_toy", "--set", "seed"])
    assert stop.value.code == 1
    assert "KEY=VALUE" in capsys.readouterr().err


def test_digits_before_a_name_are_the_notebooks_own(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "studies.toy", sys.modules["studies.b0_toy"])
    assert command.study("00_toy") is command.study("b0_toy")
