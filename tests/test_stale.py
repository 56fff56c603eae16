"""What made a record is known, and a change of code shows."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from robustcore import records
from robustcore.errors import InputError
from studies import digest, stale

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "results"
FILES = {
    "studies/demo.py": (
        '"""Rows."""\nfrom robustcore import add, sums\nfrom robustcore.room import twice\n'
        "from . import pictures\n\n"
        "def record(n=2):\n    return {'demo': [{'x': twice(sums.add(n, add(0, 1)))}]}\n"
    ),
    "studies/pictures.py": "def draw():\n    return 1\n",
    "studies/__init__.py": "",
    "robustcore/__init__.py": (
        "from typing import TYPE_CHECKING\n\nfrom .sums import add\n\n"
        "if TYPE_CHECKING:\n    from . import room\n\n"
        "def __getattr__(name):\n    raise AttributeError(name)\n"
    ),
    "robustcore/sums.py": 'def add(a, b):\n    """Sum."""\n    return a + b\n',
    "robustcore/room/__init__.py": "from .doubling import double as twice\nfrom .other import f\n",
    "robustcore/room/doubling.py": "def double(x):\n    return 2 * x\n",
    "robustcore/room/other.py": "def f():\n    return 0\n",
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def _changed(project: Path, name: str, old: str, new: str) -> str:
    """The digest after a change, read afresh."""
    file = project / name
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))
    for cached in vars(digest).values():
        if hasattr(cached, "cache_clear"):
            cached.cache_clear()
    return digest.digest("studies.demo", project)


def test_a_study_is_followed_through_doors_to_the_modules_that_it_uses(project: Path) -> None:
    assert digest.modules("studies.demo", project) == [
        "robustcore.room.doubling",
        "robustcore.sums",
        "studies.demo",
    ]


def test_what_a_package_loads_when_asked_is_followed_as_a_type_checker_would(
    project: Path,
) -> None:
    before = digest.modules("studies.demo", project)
    told = "if TYPE_CHECKING:\n    from .sums import add\n"
    _changed(project, "robustcore/__init__.py", "from .sums import add\n", told)
    assert digest.modules("studies.demo", project) == before


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("studies/demo.py", "n=2", "n=3"),
        ("robustcore/sums.py", "a + b", "a - b"),
        ("robustcore/room/doubling.py", "2 * x", "3 * x"),
        ("robustcore/room/__init__.py", "doubling import double", "other import f"),
    ],
)
def test_other_code_has_another_digest(project: Path, name: str, old: str, new: str) -> None:
    before = digest.digest("studies.demo", project)
    assert _changed(project, name, old, new) != before


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("robustcore/sums.py", "Sum.", "The sum of two numbers."),
        ("robustcore/sums.py", "return a + b", "return (a\n            + b)  # why"),
        ("studies/demo.py", '"""Rows."""\n', ""),
        ("studies/pictures.py", "return 1", "return 2"),
        ("robustcore/room/other.py", "return 0", "return 1"),
    ],
)
def test_words_layout_pictures_and_neighbours_do_not_count(
    project: Path, name: str, old: str, new: str
) -> None:
    before = digest.digest("studies.demo", project)
    assert _changed(project, name, old, new) == before


def test_a_study_that_is_not_there_is_named() -> None:
    with pytest.raises(InputError, match=r"studies\.nothing"):
        digest.digest("studies.nothing")
    assert digest.code("studies.nothing") is None


def test_the_stale_records_are_those_of_the_list() -> None:
    """`python -m studies.stale --write` brings the list up to date, `--run` the records."""
    assert (RESULTS / "stale.yml").read_text(encoding="utf-8") == stale.text(stale.listing(RESULTS))


def test_a_record_is_stale_once_the_code_of_its_study_changes(monkeypatch, tmp_path) -> None:
    code = {"study": "studies.b3_conjugates", "digest": "0" * 16}
    monkeypatch.setattr(digest, "code", lambda study: code)
    records.save("b3_conjugates.x", [{"x": 1}], {}, folder=tmp_path, seconds=2.0, code=code)
    assert stale.listing(tmp_path) == []
    monkeypatch.setattr(digest, "code", lambda study: {**code, "digest": "1" * 16})
    (found,) = stale.listing(tmp_path)
    assert found == stale.Stale("b3_conjugates", 2.0, ("b3_conjugates.x",), digest="1" * 16)
    listed = yaml.safe_load(stale.text([found]))
    assert listed == {
        "b3_conjugates": {"seconds": 2, "code": "1" * 16, "records": ["b3_conjugates.x"]}
    }
    monkeypatch.setattr(digest, "code", lambda study: {**code, "digest": "2" * 16})
    assert yaml.safe_load(stale.text(stale.listing(tmp_path))) != listed  # the second change shows


def test_a_stale_record_is_made_again_with_its_own_parameters(monkeypatch, tmp_path) -> None:
    asked = {}
    monkeypatch.setattr(stale.command, "run", lambda *a: asked.update(enumerate(a)) or [])
    kept = {"n_trials": 7, "n_instances": 500}
    code = {"study": "studies.b3_conjugates", "digest": "0" * 16}
    records.save("b3_conjugates.x", [{"x": 1}], kept, folder=tmp_path, code=code)
    (found,) = stale.listing(tmp_path)
    stale.run_again(found, tmp_path)
    assert asked == {0: "b3_conjugates", 1: "paper", 2: {"n_trials": 7}, 3: tmp_path}


def test_what_one_record_of_a_study_keeps_holds_for_all(monkeypatch, tmp_path) -> None:
    """One is made again with the others: a smaller default must not shrink it."""
    asked = {}
    monkeypatch.setattr(stale.command, "run", lambda *a: asked.update(enumerate(a)) or [])
    code = {"study": "studies.b3_conjugates", "digest": "0" * 16}
    records.save("b3_conjugates.x", [{"x": 1}], {}, folder=tmp_path, code=code)
    records.save("b3_conjugates.y", [{"x": 1}], {"n_trials": 7}, folder=tmp_path, code=code)
    stale.run_again(stale.listing(tmp_path)[0], tmp_path)
    assert asked[2] == {"n_trials": 7}
    records.save("b3_conjugates.z", [{"x": 1}], {"n_trials": 8}, folder=tmp_path, code=code)
    with pytest.raises(InputError, match="n_trials = 7 and with 8; make them again one by one"):
        stale.run_again(stale.listing(tmp_path)[0], tmp_path)


def test_a_parameter_that_a_study_no_longer_takes_is_for_a_person(monkeypatch, tmp_path) -> None:
    """Dropped in silence it would be replaced by a default of another size."""
    monkeypatch.setattr(stale.command, "run", lambda *a: pytest.fail("it ran"))
    code = {"study": "studies.b3_conjugates", "digest": "0" * 16}
    records.save("b3_conjugates.x", [{"x": 1}], {"n_gone": 40}, folder=tmp_path, code=code)
    with pytest.raises(InputError, match=r"b3_conjugates\.x keeps n_gone, which b3_conjugates no"):
        stale.run_again(stale.listing(tmp_path)[0], tmp_path)


def test_one_that_cannot_be_made_again_does_not_hold_up_the_others(monkeypatch, capsys) -> None:
    found = [stale.Stale(name, 1.0, (name,)) for name in ("one", "two")]
    made = []

    def again(one: stale.Stale) -> list:
        if one.name == "one":
            raise InputError("one keeps what it cannot.")
        made.append(one.name)
        return []

    monkeypatch.setattr(stale, "listing", lambda: found)
    monkeypatch.setattr(stale, "run_again", again)
    monkeypatch.setattr(stale.Path, "write_text", lambda *a, **k: None)
    with pytest.raises(SystemExit) as stopped:
        stale.main(["--run", "600"])
    assert stopped.value.code == 1
    assert made == ["two"]
    assert "one keeps what it cannot." in capsys.readouterr().err


def test_uncommitted_code_records_nothing_in_results(monkeypatch) -> None:
    monkeypatch.setattr(stale.command.provenance, "now", lambda: {"dirty": True})
    with pytest.raises(InputError, match="committed code"):
        stale.command.run("b3_conjugates", "paper", {}, None)


def test_a_list_that_is_kept_is_the_tuple_that_a_study_has(monkeypatch, tmp_path) -> None:
    asked = {}
    monkeypatch.setattr(stale.command, "run", lambda *a: asked.update(enumerate(a)) or [])
    monkeypatch.setattr(stale.command, "parameters", lambda *a: {"radii": (1, 2), "n": 3})
    code = {"study": "studies.b3_conjugates", "digest": "0" * 16}
    records.save("b3_conjugates.x", [{"x": 1}], {"radii": [1, 2], "n": 4}, "", tmp_path, code=code)
    stale.run_again(stale.listing(tmp_path)[0], tmp_path)
    assert asked[2] == {"n": 4}
