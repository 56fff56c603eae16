"""`python -m studies`: defaults, then the profile, then --set; rows to records."""

from __future__ import annotations

import errno
import sys
import types
from pathlib import Path

import pytest

from robustcore import records
from robustcore.errors import DataError, InputError
from studies import __main__ as command
from studies.engine import Sweep, complete


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


def test_a_study_of_a_room_is_named_with_a_dot(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = types.ModuleType("studies.b0_toy.more")
    inner.record = lambda n=3: {"b0_toy.more": [{"n": n}]}  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "studies.b0_toy.more", inner)
    (study / "notebooks" / "profiles" / "paper.yml").write_text("b0_toy.more: {n: 5}\n")
    command.main(["b0_toy.more", "--out", str(study / "out")])
    assert records.load("b0_toy.more", study / "out").rows == [{"n": 5}]
    for nowhere in ("b5_rub.nowhere", "nowhere.b5_rub", "b_printed.nowhere"):
        with pytest.raises(InputError, match=f"no study '{nowhere}': there is no module"):
            command.study(nowhere)
    with pytest.raises(InputError, match=r"studies\.engine\.grid has no function record"):
        command.study("engine.grid")


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


@pytest.fixture
def squares(study: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A study `b0_sweep` of n squares, whose record is the last of them; the paper has four."""
    module = types.ModuleType("studies.b0_sweep")

    def sweep(n: int = 2, offset: int = 0) -> Sweep:
        def rows(cells: list, device: str) -> list:
            return [{"value": cell["i"] ** 2 + cell["offset"]} for cell in cells]

        return Sweep("b0_sweep", 1, [{"i": i, "offset": offset} for i in range(n)], rows)

    def record(n: int = 2, last: int = 1) -> dict:
        return {"b0_sweep.last": complete(sweep(n)).rows[-last:]}

    module.sweep, module.record = sweep, record  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "studies.b0_sweep", module)
    paper = study / "notebooks" / "profiles" / "paper.yml"
    paper.write_text("b0_sweep: {n: 4, last: 2}\n")
    return study


def test_a_sweep_is_run_in_shards_counted_and_recorded(
    squares: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def said(*arguments: str) -> str:
        command.main(["b0_sweep", "--out", str(squares), *arguments])
        return capsys.readouterr().out

    assert said("--dry-run", "--shard", "2/3").startswith("b0_sweep: 0 of 1 cells done")
    assert said("--shard", "2/2").startswith("b0_sweep: 2 of 2 cells done, 0 failed, 0 left")
    assert said("--status").startswith("b0_sweep: 2 of 4 cells done, 0 failed, 2 left; about 0.0")
    assert "2 of 2 cells" in said("--device", "cpu", "--set", "offset=1", "--set", "n=2")
    assert said() == "recorded b0_sweep.last.json\n"
    record = records.load("b0_sweep.last", squares)
    assert record.rows == [{"i": 2, "offset": 0, "value": 4}, {"i": 3, "offset": 0, "value": 9}]
    assert record.parameters == {"n": 4, "last": 2}
    assert record.provenance["grid"]["cells"] == 4
    assert [path.name for path in (squares / "sweeps" / "b0_sweep").iterdir()] == ["grid.jsonl.xz"]
    assert said("--compact").startswith("grid.jsonl.xz: ")


def test_options_of_sweeps_are_for_sweeps(
    squares: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments, sentence in [
        (["b0_toy", "--status"], "no function sweep"),
        (["b0_sweep", "--shard", "three"], "--shard takes K/N"),
        (["b0_sweep", "--shard", "3/2"], "a shard is 1/n to n/n, got 3/2"),
        (["b0_sweep", "--status", "--set", "last=1"], "no parameter"),
    ]:
        with pytest.raises(SystemExit) as stop:
            command.main([*arguments, "--out", str(squares)])
        assert stop.value.code == 1
        assert sentence in capsys.readouterr().err


def test_failed_cells_are_told_and_end_with_status_1(
    squares: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def bad(n: int = 3) -> Sweep:
        def rows(cells: list, device: str) -> list:
            return [{"value": 1 / cell["i"]} for cell in cells]

        return Sweep("bad", 1, [{"i": i} for i in range(n)], rows)

    monkeypatch.setattr(sys.modules["studies.b0_sweep"], "sweep", bad)
    arguments = ["b0_sweep", "--profile", "quick", "--out", str(squares)]
    with pytest.raises(SystemExit) as stop:
        command.main([*arguments, "--seconds", "60"])
    assert stop.value.code == 1
    assert "2 of 3 cells done, 1 failed, 0 left" in capsys.readouterr().out
    command.main([*arguments, "--status"])
    assert 'failed: {"i":0}: ZeroDivisionError: division by zero' in capsys.readouterr().out


@pytest.mark.parametrize("name", ["a.", ".proof", "..", "b5_rub.", "b5 rub", "os/path", ""])
def test_a_name_that_is_no_notebooks_is_one_sentence(name: str) -> None:
    with pytest.raises(InputError, match="a study is named as its notebook"):
        command.parameters(name, "quick", {})


def test_an_unfit_folder_is_found_before_anything_is_computed(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("not a folder")

    def compute(*args: object, **kwargs: object) -> None:
        raise AssertionError("computed")

    monkeypatch.setattr(command, "_results", compute)
    with pytest.raises(DataError, match=r"records cannot be written to .*file"):
        command.run("b0_toy", "quick", {}, tmp_path / "file" / "below")


def test_a_full_disk_is_one_sentence(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(records.os, "fsync", full)
    with pytest.raises(DataError, match=r"cannot be written to .*: No space left on device"):
        records.check_folder(study)
    assert [p for p in study.iterdir() if p.name.startswith(".trial-")] == []
