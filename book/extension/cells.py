"""Notebook cells as a reader wants them: ideas before plumbing.

When Sphinx reads an executed notebook, parameters, imports and cells that only format fold away
under a prompt; a figure's caption becomes its alternative text, and the numbers it draws a file to
fetch; a run with own parameters says so. The notebook itself stays as it is.
"""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

# calls of these show what is there; a cell without others computes nothing of its own
_SHOWING = {
    "pictures",
    "tables",
    "records",
    "display",
    "print",
    "len",
    "min",
    "max",
    "sorted",
    "zip",
    "range",
}
_SHOWING |= {
    "enumerate",
    "list",
    "dict",
    "set",
    "tuple",
    "sum",
    "all",
    "any",
    "abs",
    "round",
    "str",
}
_METHODS = {"items", "values", "keys", "join", "format", "style", "hide", "get", "load", "ljust"}
_OWN = (
    "```{{admonition}} Run with parameters of its own\n:class: caution\n{changed}\n\n"
    "The text, the captions and the verdicts below speak of the parameters that the book stores, "
    "and of its recorded runs; figures, tables and numbers under code are of this run.\n```\n"
)


def prompt(cell: dict[str, Any]) -> str | None:
    """Under which words the source of a code cell folds away; None for what is worth reading."""
    tags = cell["metadata"].get("tags", [])
    if "parameters" in tags or "injected-parameters" in tags:
        return "the parameters"
    if "hide-input" in tags:
        return "the code"
    tree = ast.parse(source(cell))
    if any(isinstance(node, ast.Import | ast.ImportFrom) for node in tree.body):
        return "the imports"
    return "the code" if cell["outputs"] and shows_only(tree) else None


def shows_only(tree: ast.Module) -> bool:
    """Whether nothing is called but what prints, draws or puts in order."""
    called = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return all(_root(f) in _SHOWING or getattr(f, "attr", "") in _METHODS for f in called)


def _root(function: ast.expr) -> str:
    return ast.unparse(function).split(".")[0]


def read(app: Sphinx, docname: str, text: list[str]) -> None:
    """Prepare the text of a notebook before it is parsed."""
    if not docname.startswith("notebooks/"):
        return
    notebook = json.loads(text[0])
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            _fold(cell)
            _describe(cell, Path(app.srcdir) / docname)
    if changed := _injected(notebook["cells"]):
        note = {"cell_type": "markdown", "metadata": {}, "source": _OWN.format(changed=changed)}
        notebook["cells"].insert(1, note)
    text[0] = json.dumps(notebook)


def _fold(cell: dict[str, Any]) -> None:
    if what := prompt(cell):
        tags = cell["metadata"].setdefault("tags", [])
        tags += [] if "hide-input" in tags else ["hide-input"]
        options = cell["metadata"].setdefault("mystnb", {})
        options |= {"code_prompt_show": f"Show {what}", "code_prompt_hide": f"Hide {what}"}


def _describe(cell: dict[str, Any], page: Path) -> None:
    """Give a figure its alternative text, and a link to the numbers that it draws."""
    options = cell["metadata"].setdefault("mystnb", {})
    figure = options.get("figure", {})
    # what repeats the caption for readers of the plain notebook is not for the page
    cell["outputs"] = [o for o in cell["outputs"] if not o.get("metadata", {}).get("caption")]
    for output in cell["outputs"]:
        data = output.get("data", {})
        rows = "".join(data.pop("text/csv", ""))
        drawn = rows.count("\n") > 1  # of a photograph or a map there are none below the head
        if drawn and "name" in figure and not figure["name"].endswith("-schematic"):
            file = page.parent / "rows" / f"{figure['name']}.csv"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(rows, encoding="utf-8")
            link = f"{{download}}`Rows <rows/{file.name}>`"
            figure["caption"] = f"{figure['caption'].strip()} {link}"
        picture = "".join(data.get("image/svg+xml", ""))
        if picture and "<image" not in picture:  # photographs keep their card in the dark
            data["image/svg+xml"] = picture.replace("fill: #fbfbf9", "fill: none")
            options.setdefault("image", {})["classes"] = "drawn"
    if "caption" in figure:
        options.setdefault("image", {})["alt"] = plain(figure["caption"])


def plain(caption: str) -> str:
    """A caption as one line of text, without roles and marks."""
    text = re.sub(r"\{download\}`[^`]*`", "", caption)
    return " ".join(re.sub(r"\{\w+\}|[`*$]", "", text).split())


def _injected(cells: list[dict[str, Any]]) -> str:
    """The lines that a run's own parameters set, as code; empty for the stored ones."""
    for cell in cells:
        if "injected-parameters" in cell["metadata"].get("tags", []):
            lines = [f"`{line}`" for line in source(cell).splitlines() if "=" in line]
            return ", ".join(lines)
    return ""


def source(cell: dict[str, Any]) -> str:
    """The source of a cell, which JSON keeps as a text or a list of lines."""
    return "".join(cell["source"])


def unnumber_tables(app: Sphinx, doctree: nodes.document) -> None:
    """A table under `mystnb.figure` with a name `tab-...` is no "Fig. 7": caption, then table."""
    for figure in list(doctree.findall(nodes.figure)):
        if any(name.startswith("tab-") for name in figure["names"]):
            captions = list(figure.findall(nodes.caption))
            content = [node for node in figure.children if node not in captions]
            box = nodes.container("", ids=figure["ids"], names=figure["names"])
            box["classes"] = ["table-box"]
            for caption in captions:
                box += nodes.paragraph("", "", *caption.children, classes=["table-caption"])
            figure.replace_self(box + content)


def setup(app: Sphinx) -> None:
    app.connect("source-read", read)
    app.connect("doctree-read", unnumber_tables)
