"""Buttons that open a notebook on a public host: none without an address, right ones with it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import yaml

from book.extension import launch
from book.page import PAGE_PARTS

ROOT = Path(__file__).resolve().parents[1]
CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
WANTED = CONFIG["launch_buttons"]


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        ("", set()),
        ("https://github.com/someone/book", {"binderhub_url", "colab_url"}),
        ("https://gitlab.com/someone/book", {"binderhub_url"}),
    ],
)
def test_a_button_needs_an_address_that_its_host_reads(address: str, kept: set[str]) -> None:
    found = launch.offered({"repository_url": address, "launch_buttons": WANTED})
    assert {key for key in found if key.endswith("_url")} == kept
    assert {key for key in WANTED if key.endswith("_url")} == {"binderhub_url", "colab_url"}


def built(folder: Path, address: str) -> str:
    """A notebook of one line as a page, with the book's configuration and this address."""
    site = folder / "site"
    for source in (path for part in PAGE_PARTS for path in ROOT.glob(part)):
        (site / source.relative_to(ROOT)).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, site / source.relative_to(ROOT))
    (site / "notebooks").mkdir()
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# One\n\nText.")])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(notebook, site / "notebooks" / "one.ipynb")
    (site / "_toc.yml").write_text("format: jb-book\nroot: notebooks/one.ipynb\n")
    config = CONFIG | {"repository": CONFIG["repository"] | {"url": address}}
    (site / "_config.yml").write_text(yaml.safe_dump(config))
    program = Path(sys.executable).with_name("jupyter-book")
    command = [program, "build", "-q", site, "--path-output", folder]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return (folder / "_build" / "html" / "notebooks" / "one.html").read_text(encoding="utf-8")


def links(html: str) -> list[str]:
    return re.findall(r'href="(https://(?:mybinder|colab)[^"]*)"', html)


@pytest.mark.slow
def test_without_an_address_a_page_has_no_launch_button(tmp_path: Path) -> None:
    assert links(built(tmp_path, "")) == []


@pytest.mark.slow
def test_one_value_turns_the_launch_buttons_on(tmp_path: Path) -> None:
    assert links(built(tmp_path, "https://github.com/someone/book")) == [
        "https://mybinder.org/v2/gh/someone/book/main?urlpath=lab/tree/notebooks/one.ipynb",
        "https://colab.research.google.com/github/someone/book/blob/main/notebooks/one.ipynb",
    ]


def test_an_address_that_is_set_is_one_of_a_repository() -> None:
    address = CONFIG["repository"]["url"]
    assert address == "" or re.fullmatch(r"https://[^/]+/[^/]+/[^/]+", address)
