"""How a notebook's cells come to the page: plumbing folded, figures described, own runs marked."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nbformat
import pytest

from book.extension import cells

ROOT = Path(__file__).resolve().parents[1]


def _code(source: str, outputs: list[Any] | None = None, **metadata: Any) -> dict[str, Any]:
    return {"cell_type": "code", "source": source, "outputs": outputs or [], "metadata": metadata}


def _picture(**data: str) -> dict[str, Any]:
    return {"output_type": "display_data", "metadata": {}, "data": data}


@pytest.mark.parametrize(
    ("source", "tags", "what"),
    [
        ("n: int = 3  # rows", ["parameters"], "the parameters"),
        ("import numpy as np\nx = 1", [], "the imports"),
        ("for r in rows:\n    print(f'{r}')\n    assert r", [], "the code"),
        ("rows = records.load('x').rows\npictures.curve(rows)", [], "the code"),
        ("display(tables.table(rows, columns))", [], "the code"),
        ("rows = study.rows(n)\ntables.table(rows, columns)", ["hide-input"], "the code"),
        ("print(rc.bounds.rub(net, x, y, ball))", [], None),
        ("solved = train(X)\nprint(solved)", [], None),
        ("curve = study.rows(n)\npictures.curve(curve)", [], None),
    ],
)
def test_what_computes_is_shown_and_plumbing_folds(
    source: str, tags: list[str], what: str | None
) -> None:
    assert cells.prompt(_code(source, [_picture()], tags=tags)) == what


def _read(notebook: list[dict[str, Any]], tmp_path: Path) -> list[dict[str, Any]]:
    text = [json.dumps({"cells": notebook})]
    cells.read(SimpleNamespace(srcdir=tmp_path), "notebooks/x", text)  # type: ignore[arg-type]
    return json.loads(text[0])["cells"]


def test_a_figure_has_alt_text_and_its_rows_as_a_file(tmp_path: Path) -> None:
    figure = {"name": "fig-x", "caption": "The *rate* over $p$, {doc}`here`."}
    output = _picture(**{"image/svg+xml": "<svg style='fill: #fbfbf9'/>", "text/csv": "x,y\n1,2\n"})
    caption = _picture(**{"text/markdown": figure["caption"]}) | {"metadata": {"caption": True}}
    (cell,) = _read([_code("draw()", [output, caption], mystnb={"figure": figure})], tmp_path)
    assert len(cell["outputs"]) == 1  # on the page the caption stands under the figure, once
    options = cell["metadata"]["mystnb"]
    assert options["image"]["alt"] == "The rate over p, here."
    assert options["figure"]["caption"].endswith("{download}`Rows <rows/fig-x.csv>`")
    assert (tmp_path / "notebooks" / "rows" / "fig-x.csv").read_text() == "x,y\n1,2\n"
    assert cell["outputs"][0]["data"] == {"image/svg+xml": "<svg style='fill: none'/>"}
    assert options["image"]["classes"] == "drawn"  # the style turns it in the dark


def test_a_map_that_draws_no_rows_offers_none(tmp_path: Path) -> None:
    output = _picture(**{"image/svg+xml": "<svg/>", "text/csv": "panel,series,x,y\n"})
    figure = {"name": "fig-x", "caption": "A map."}
    (cell,) = _read([_code("draw()", [output], mystnb={"figure": figure})], tmp_path)
    assert cell["metadata"]["mystnb"]["figure"]["caption"] == "A map."
    assert not list(tmp_path.iterdir())


def test_a_picture_of_pixels_keeps_its_card_and_a_schematic_has_no_rows(tmp_path: Path) -> None:
    photograph = "<svg style='fill: #fbfbf9'><image/></svg>"
    output = _picture(**{"image/svg+xml": photograph, "text/csv": "x,y\n1,2\n"})
    figure = {"name": "fig-x-schematic", "caption": "A box."}
    (cell,) = _read([_code("draw()", [output], mystnb={"figure": figure})], tmp_path)
    assert cell["outputs"][0]["data"] == {"image/svg+xml": photograph}
    assert cell["metadata"]["mystnb"]["image"] == {"alt": "A box."}
    assert cell["metadata"]["mystnb"]["figure"]["caption"] == "A box."
    assert not list(tmp_path.iterdir())


def test_a_run_with_own_parameters_says_so_below_the_title(tmp_path: Path) -> None:
    title = {"cell_type": "markdown", "metadata": {}, "source": "# A page"}
    own = _code("# Parameters\nsteps = 5\n", tags=["injected-parameters"])
    _, note, _ = _read([title, own], tmp_path)
    assert "`steps = 5`" in note["source"]
    assert "recorded runs" in note["source"]
    assert len(_read([title, _code("steps = 5")], tmp_path)) == 2


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda p: p.stem)
def test_a_page_still_shows_some_of_its_code(path: Path) -> None:
    stored = nbformat.read(path, as_version=4)
    code = [cell for cell in stored.cells if cell.cell_type == "code"]
    folded = [cell for cell in code if cells.prompt(cell)]
    assert 2 <= len(folded) < len(code)
