"""The book's own piece of Sphinx.

Short names in docstrings become links, sources stand out; `{verdicts}` is the table of the claims
that a page judges, `{recorded}` a number of the ledger: both are drawn from `claims/` and
`results/`, so that nothing of them is typed. What stands inside `{verdicts}` is for readers of the
plain notebook.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective, SphinxRole
from sphinx.util.nodes import make_refnode

from book.extension import cells, exercises, glossary, launch, slider, statements
from book.generate import verdicts
from robustcore.errors import RobustcoreError

_CODE = re.compile(r"(`+[^`]*`+)")
_SOURCE = re.compile(r"^Source: (.+)$")


def resolve_name(app: Sphinx, env: Any, node: Any, contnode: Any) -> nodes.Node | None:
    """Link a name written without its module, or with the module that defines it.

    `InputError` alone is found if one object has the name; `robustcore.convex.standard.train` is
    found where the package documents it, as `robustcore.convex.train`.
    """
    if node.get("refdomain") != "py":
        return None
    objects = env.get_domain("py").objects
    target = node["reftarget"].split("(")[0]
    name = _outer(target, objects) or _only(target, objects)
    if name is None:
        return _words(node, contnode)
    entry = objects[name]
    return make_refnode(app.builder, node["refdoc"], entry.docname, entry.node_id, contnode, name)


def _outer(target: str, objects: Any) -> str | None:
    """The same name in a package around the module that the target names."""
    *modules, last = target.split(".")
    around = (".".join([*modules[:depth], last]) for depth in range(len(modules), 0, -1))
    return next((name for name in around if name in objects), None)


def _only(target: str, objects: Any) -> str | None:
    """The one object of this name; of several, the one that stands highest."""
    names = [name for name in objects if name.endswith(f".{target}")]
    height = min((name.count(".") for name in names), default=0)
    highest = [name for name in names if name.count(".") == height]
    return highest[0] if len(highest) == 1 else None


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


class Verdicts(SphinxDirective):
    """The table paper | recorded | verdict of the page that it stands on."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        try:
            text = verdicts.table(Path(self.env.docname).name)
        except RobustcoreError as error:
            raise self.error(str(error)) from error
        parent = nodes.Element()
        lines = StringList(text.splitlines(), source=self.get_source_info()[0])
        self.state.nested_parse(lines, self.content_offset, parent)
        return parent.children


class Recorded(SphinxRole):
    """A number of the ledger by name: `CLAIM.NAME`, or `CLAIM.NAME:FORMAT`."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        try:
            return [nodes.Text(verdicts.number(self.text))], []
        except RobustcoreError as error:
            message = self.inliner.reporter.error(str(error), line=self.lineno)
            return [self.inliner.problematic(self.rawtext, self.rawtext, message)], [message]


def setup(app: Sphinx) -> dict[str, Any]:
    statements.setup(app)
    cells.setup(app)
    exercises.setup(app)
    glossary.setup(app)
    launch.setup(app)
    app.add_directive("verdicts", Verdicts)
    app.add_directive("slider", slider.Slider)
    app.add_role("recorded", Recorded())
    app.connect("missing-reference", resolve_name)
    # before napoleon, which must not meet the line inside a section
    app.connect("autodoc-process-docstring", mark_source, priority=400)
    app.connect("autodoc-process-docstring", keep_bars, priority=300)
    app.connect("html-page-context", drop_thebe, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
