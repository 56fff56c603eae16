"""The book's own piece of Sphinx: short names in docstrings become links, sources stand out."""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.nodes import make_refnode

_CODE = re.compile(r"(`+[^`]*`+)")
_SOURCE = re.compile(r"^Source: (.+)$")


def resolve_short_name(app: Sphinx, env: Any, node: Any, contnode: Any) -> nodes.Node | None:
    """Link `InputError` or `LpBall`, written without its module, if exactly one object has it."""
    if node.get("refdomain") != "py":
        return None
    objects = env.get_domain("py").objects
    target = node["reftarget"].split("(")[0]
    names = [n for n in objects if n == target or n.endswith(f".{target}")]
    if len(names) != 1:
        shortest = sorted(names, key=lambda n: n.count("."))
        if len(shortest) < 2 or shortest[0].count(".") == shortest[1].count("."):
            return _words(node, contnode)
        names = shortest[:1]
    entry = objects[names[0]]
    return make_refnode(
        app.builder, node["refdoc"], entry.docname, entry.node_id, contnode, names[0]
    )


def _words(node: Any, contnode: Any) -> nodes.Node | None:
    """Types that docstrings name in words ("(n, d) array") stay words, without a warning.

    Only on the reference pages, and only for types: a wrong name in a text is still an error.
    """
    in_reference = node["refdoc"].startswith("book/api/")
    return contnode if in_reference and node.get("reftype") == "class" else None


def mark_source(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]
) -> None:
    """Turn a docstring's `Source:` line into a field of its own beside the parameters."""
    for i, line in enumerate(lines):
        if found := _SOURCE.match(line):
            rest = []
            while i + 1 < len(lines) and lines[i + 1].strip():
                rest.append(lines.pop(i + 1).strip())
            text = " ".join([found.group(1), *rest]).rstrip(".")
            lines[i : i + 1] = ["", f":Source: {text}", ""]
            return


def keep_bars(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Let `|x|` in a docstring's prose mean an absolute value, not a substitution."""
    block_indent: int | None = None
    for i, line in enumerate(lines):
        indent = len(line) - len(line.lstrip())
        if block_indent is not None and line.strip() and indent <= block_indent:
            block_indent = None
        if block_indent is None:
            if line.lstrip().startswith("..") or line.rstrip().endswith("::"):
                block_indent = indent
            elif line.count("`") % 2 == 0:  # a span that runs over two lines is left alone
                parts = _CODE.split(line)
                lines[i] = "".join(
                    part if part.startswith("`") else part.replace("|", "\\|") for part in parts
                )


def drop_thebe(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Take off the live-code scripts: unused here, remote, and declared twice by the theme."""
    context["script_files"] = [
        script
        for script in context.get("script_files", [])
        if "thebe" not in f"{script} {getattr(script, 'attributes', {})}".lower()
    ]


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("missing-reference", resolve_short_name)
    # before napoleon, which must not meet the line inside a section
    app.connect("autodoc-process-docstring", mark_source, priority=400)
    app.connect("autodoc-process-docstring", keep_bars, priority=300)
    app.connect("html-page-context", drop_thebe, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
