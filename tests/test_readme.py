"""What a stranger reads first: its links lead somewhere and its commands exist."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
TEXTS = ("README.md", "CONTRIBUTING.md", "book/how_to_run.md")


@pytest.mark.parametrize("name", TEXTS)
def test_every_link_and_picture_is_there(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    links = [t for t in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in t]
    assert [t for t in links if not ((ROOT / name).parent / t).exists()] == []


@pytest.mark.parametrize("name", TEXTS)
def test_every_make_target_exists(name: str) -> None:
    named = re.findall(
        r"(?:^|`)make ([a-z]+)", (ROOT / name).read_text(encoding="utf-8"), flags=re.M
    )
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    lines = [t for t in named if re.search(rf"^{t}:", makefile, flags=re.MULTILINE)]
    assert {"book", "test"} <= {*lines} or name != "README.md"
    assert [t for t in named if t not in lines] == []


def test_the_picture_is_a_figure_of_the_book() -> None:
    stored = (ROOT / "notebooks" / "a1_convex_training.ipynb").read_text(encoding="utf-8")
    picture = base64.b64encode((ROOT / "book" / "images" / "optimum.png").read_bytes()).decode()
    assert picture in stored.replace("\\n", "")


def test_the_readme_fits_on_a_screen() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 45


def test_conda_users_get_the_lock() -> None:
    content = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    (pip,) = [d["pip"] for d in content["dependencies"] if isinstance(d, dict)]
    assert pip == ["-c requirements.lock", "-e .[all]"]


def test_the_library_alone_needs_little() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert {re.split("[<>=]", d)[0] for d in project["dependencies"]} == {"numpy", "scipy", "torch"}
    assert {"convex", "attacks", "book", "test", "all"} <= set(project["optional-dependencies"])
