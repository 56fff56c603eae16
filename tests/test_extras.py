"""Extras: what the library names when one is missing stands in `pyproject.toml`."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from robustcore.errors import MissingExtraError, missing_extra

ROOT = Path(__file__).resolve().parents[1]
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
    "optional-dependencies"
]
LIBRARY = sorted((ROOT / "robustcore").rglob("*.py"))
READ = [
    path
    for folder, kinds in (
        ("robustcore", "py"),
        ("studies", "py"),
        ("notebooks", "md ipynb"),
        ("book", "md py"),
    )
    for kind in kinds.split()
    for path in sorted((ROOT / folder).rglob(f"*.{kind}"))
] + [ROOT / "README.md"]


def named() -> Iterator[tuple[str, str, str]]:
    """Where the library says that an extra is missing: the file, who needs what, the extra."""
    for path in LIBRARY:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "missing_extra":
                wanted, extra, *_ = map(ast.unparse, node.args)
                yield path.name, wanted, ast.literal_eval(extra)


@pytest.mark.parametrize(("file", "wanted", "extra"), list(named()))
def test_an_extra_that_is_missed_exists_and_holds_what_is_needed(
    file: str, wanted: str, extra: str
) -> None:
    assert extra in EXTRAS
    distributions = [re.split(r"[<>=\[]", one)[0] for one in EXTRAS[extra]]
    assert [one for one in distributions if one in wanted]


def test_every_room_that_needs_an_extra_says_so_by_the_one_sentence() -> None:
    assert {extra for _, _, extra in named()} == {
        *("attacks", "book", "convex", "data", "estimators", "onnx", "vnnlib"),
    }
    for path in LIBRARY:
        said = path.read_text(encoding="utf-8")
        own = ("errors.py", "exchange.py")  # the class itself, and one that is there and unfit
        assert "MissingExtraError(" not in said or path.name in own, path


def test_nobody_is_sent_to_an_index_on_which_the_library_is_not() -> None:
    for path in READ:
        said = path.read_text(encoding="utf-8")
        assert "robustcore[" not in said, path
        assert not re.search(r"pip install '?robustcore", said), path


def test_the_sentence_says_what_what_came_and_what_to_do() -> None:
    plain, other = missing_extra("f needs g", "onnx"), missing_extra("f needs g", "onnx", "use h")
    assert isinstance(plain, MissingExtraError)
    assert str(plain) == (
        "f needs g, which this Python does not have; run pip install '.[onnx]' in the checkout of "
        "robustcore."
    )
    assert str(other) == f"{str(plain)[:-1]}, or use h."
