"""A slider over one column of a record: `{slider} RECORD`, drawn from its rows, no server.

What is written into the page is a plain table of all rows; `static/slider.js` puts a slider above
it and shows the rows at one value, so that without a script nothing is lost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util.docutils import SphinxDirective

from robustcore import records
from robustcore.errors import InputError, RobustcoreError
from robustcore.methods import METHODS


def html(
    rows: Sequence[Mapping[str, Any]], over: str, each: str, shows: Mapping[str, str], top: float
) -> str:
    """The rows as a table; `shows` is title to column, `top` the value that fills a bar."""
    head = "".join(f"<th>{escape(title)}</th>" for title in (over, each, *shows))
    body = ""
    for row in sorted(rows, key=lambda row: row[over]):
        name = str(row[each])
        label = METHODS[name].label if name in METHODS else name
        cells = f'<td>{row[over]:g}</td><td class="word">{escape(label)}</td>'
        for title, column in shows.items():
            value = float(row[column])
            share = min(max(value / top, 0.0), 1.0)
            cells += (
                f'<td class="bar" style="--share: {share:.4f}" data-label="{escape(title)}">'
                f"{_shown(value, top)}</td>"
            )
        body += f'<tr data-at="{row[over]:g}">{cells}</tr>'
    return (
        f'<table class="rows slider" data-over="{escape(over)}"><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table>"
    )


def _shown(value: float, top: float) -> str:
    return f"{value:.0%}" if top == 1.0 else f"{value:.3g}"


def chosen(rows: Sequence[Mapping[str, Any]], where: str) -> list[Mapping[str, Any]]:
    """The rows that have the values of "p=1, beta=0.001", compared as texts."""
    wanted = [tuple(part.split("=")) for part in where.replace(" ", "").split(",") if part]
    kept = [row for row in rows if all(str(row[key]) == value for key, value in wanted)]
    if not kept:
        raise InputError(f"no row has {where}; look at the record again.")
    return kept


class Slider(SphinxDirective):
    """`{slider} RECORD`: `:over:` a column, `:each:` a column, `:shows: title=column, ...`."""

    required_arguments = 1
    has_content = True  # for readers of the plain notebook
    option_spec = {  # noqa: RUF012
        "over": directives.unchanged_required,
        "each": directives.unchanged_required,
        "shows": directives.unchanged_required,
        "where": directives.unchanged,
        "top": float,
    }

    def run(self) -> list[nodes.Node]:
        pairs = [part.split("=") for part in self.options["shows"].split(",")]
        shows = {title.strip(): column.strip() for title, column in pairs}
        try:
            rows = chosen(records.load(self.arguments[0]).rows, self.options.get("where", ""))
            text = html(
                rows,
                self.options["over"],
                self.options["each"],
                shows,
                self.options.get("top", 1.0),
            )
        except (RobustcoreError, KeyError) as error:
            raise self.error(f"{{slider}} {self.arguments[0]}: {error}") from error
        return [nodes.raw("", text, format="html")]
