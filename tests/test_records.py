"""Records keep what was saved, and refuse what was changed."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from robustcore import records
from robustcore.errors import CorruptDataError, DataError, InputError

ROWS = [{"radius": 0.5, "method": "rub", "ok": True, "seconds": None}, {"radius": 1.0}]
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(), st.floats(allow_nan=False, width=64)
).filter(lambda v: not isinstance(v, float) or np.isfinite(v))


def test_what_is_saved_is_what_is_loaded(tmp_path: Path) -> None:
    records.save("b5_rub.x", ROWS, {"seed": 3}, notes="n", folder=tmp_path, seconds=1.23456)
    record = records.load("b5_rub.x", tmp_path)
    assert record.rows == ROWS
    assert record.parameters == {"seed": 3}
    assert record.notes == "n"
    assert record.provenance["seconds"] == 1.23
    assert record.provenance["machine"]["cores"] == os.cpu_count()
    assert records.identifiers(tmp_path) == ["b5_rub.x"]


@settings(deadline=None)  # a busy machine is no fault
@given(st.lists(st.dictionaries(st.text(), VALUES), min_size=1))
def test_any_json_value_survives(tmp_path_factory: pytest.TempPathFactory, rows: list) -> None:
    folder = tmp_path_factory.mktemp("r")
    records.save("x", rows, {}, folder=folder)
    assert records.load("x", folder).rows == rows


def test_numpy_and_torch_values_become_plain(tmp_path: Path) -> None:
    row = {"a": np.float32(0.5), "b": np.int64(2), "c": torch.tensor(1.5), "d": np.arange(2)}
    records.save("x", [row], {"t": (1, 2)}, folder=tmp_path)
    assert records.load("x", tmp_path).rows == [{"a": 0.5, "b": 2, "c": 1.5, "d": [0, 1]}]
    assert records.load("x", tmp_path).parameters == {"t": [1, 2]}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"radius": 0.5', '"radius": 0.6'),
        ('"seed": 3', '"seed": 4'),
        ('"rub"', '"pgd"'),
        ('"seconds": 9.0', '"seconds": 8.0'),
        ('"digest": "12"', '"digest": "13"'),
        ('"profile": "paper"', '"profile": "quick"'),
    ],
)
def test_a_number_changed_by_hand_is_refused(tmp_path: Path, old: str, new: str) -> None:
    code = {"study": "studies.x", "digest": "12"}
    file = records.save("x", ROWS, {"seed": 3}, folder=tmp_path, seconds=9.0, code=code)
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))
    with pytest.raises(CorruptDataError, match="changed by hand"):
        records.load("x", tmp_path)


def test_a_file_under_another_name_is_refused(tmp_path: Path) -> None:
    records.save("x", ROWS, {}, folder=tmp_path).rename(tmp_path / "y.json")
    with pytest.raises(CorruptDataError):
        records.load("y", tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"rows": 1}'])
def test_what_is_not_a_record_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(CorruptDataError, match=r"x\.json is not a record"):
        records.load("x", tmp_path)


def test_a_missing_record_says_what_makes_it(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no record 'x'.*studies"):
        records.load("x", tmp_path)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object(), np.array([np.nan])])
def test_values_that_json_cannot_hold_are_refused(tmp_path: Path, value: object) -> None:
    with pytest.raises(InputError, match="record 'x' holds"):
        records.save("x", [{"a": value}], {}, folder=tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("id", ["", "../x", "X", "a b", ".x"])
def test_an_id_is_a_plain_name(tmp_path: Path, id: str) -> None:
    with pytest.raises(InputError, match="record id"):
        records.save(id, ROWS, {}, folder=tmp_path)


def test_no_rows_is_no_record(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no rows"):
        records.save("x", [], {}, folder=tmp_path)


def test_an_interrupted_write_leaves_the_old_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records.save("x", ROWS, {"seed": 1}, folder=tmp_path)

    def full_disk(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full_disk)
    with pytest.raises(OSError, match="No space"):
        records.save("x", ROWS, {"seed": 2}, folder=tmp_path)
    assert records.load("x", tmp_path).parameters == {"seed": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["x.json"]


def test_the_folder_is_the_variable_then_the_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, root: Path
) -> None:
    monkeypatch.delenv("ROBUSTCORE_RESULTS", raising=False)
    assert records.results_folder() == root / "results"
    monkeypatch.setenv("ROBUSTCORE_RESULTS", str(tmp_path))
    assert records.results_folder() == tmp_path
    monkeypatch.delenv("ROBUSTCORE_RESULTS")
    monkeypatch.setattr(records.provenance, "CHECKOUT", tmp_path)
    with pytest.raises(DataError, match="ROBUSTCORE_RESULTS"):
        records.results_folder()


def test_provenance_names_no_host_and_no_path() -> None:
    text = json.dumps(records.provenance.now())
    assert os.uname().nodename not in text or len(os.uname().nodename) < 4
    assert str(Path.home()) not in text or str(Path.home()) == "/"
    assert str(records.provenance.CHECKOUT) not in text
