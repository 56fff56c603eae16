"""A table that a reader sorts by a click on a column's head, and fetches as CSV.

The table, a few lines of script and the data behind the link stand in the output itself, so that it
works in a built page opened from disk as well as in a notebook.
"""

from __future__ import annotations

import base64
import csv
import html
import io
from collections.abc import Mapping, Sequence
from typing import Any

_SORT = """
(function (table) {
  table.querySelectorAll("th button").forEach((button, column) => {
    button.addEventListener("click", () => {
      const head = button.parentElement, up = head.getAttribute("aria-sort") !== "ascending";
      table.querySelectorAll("th").forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const value = (row) => row.cells[column].dataset.value;
      const compare = (a, b) => a === b ? 0 : a === "" ? 1 : b === "" ? -1 :
        (up ? 1 : -1) * (isNaN(a) || isNaN(b) ? a.localeCompare(b) : a - b);
      const body = table.tBodies[0];
      [...body.rows].sort((a, b) => compare(value(a), value(b))).forEach((row) => body.append(row));
    });
  });
})(document.currentScript.previousElementSibling);
"""
_HEAD = "background:none;border:0;padding:0;font:inherit;cursor:pointer;color:inherit"


class Table:
    """Rows shown as a sortable table with a link that fetches them as CSV.

    Source: own

    Parameters
    ----------
    rows : list of dict
        With one set of keys; lists are shown with commas, None as a dash that sorts last.
    name : str
        Of the file that the link fetches, without its extension.
    formats : dict
        Column to a format, for example ".1%".
    names : dict, optional
        Words of the rows to words for a reader; the file keeps those of the rows.
    """

    def __init__(
        self,
        rows: Sequence[Mapping[str, Any]],
        name: str,
        formats: Mapping[str, str],
        names: Mapping[str, str] | None = None,
    ) -> None:
        self.rows, self.name, self.formats = list(rows), name, dict(formats)
        self.names = dict(names or {})

    def csv(self) -> str:
        """The rows as comma-separated values, unformatted."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(self.rows[0])
        writer.writerows([_plain(value) for value in row.values()] for row in self.rows)
        return out.getvalue()

    def __repr__(self) -> str:
        return self.csv()

    def _repr_html_(self) -> str:
        heads = "".join(
            f'<th scope="col"><button style="{_HEAD}">{html.escape(str(key))}</button></th>'
            for key in self.rows[0]
        )
        body = "".join(
            "<tr>" + "".join(self._cell(key, value) for key, value in row.items()) + "</tr>\n"
            for row in self.rows
        )
        data = f"data:text/csv;base64,{base64.b64encode(self.csv().encode()).decode()}"
        link = f'<a download="{self.name}.csv" href="{data}">{self.name}.csv</a>'
        inner = f"<thead><tr>{heads}</tr></thead>\n<tbody>{body}</tbody>"
        table = f'<table class="dataframe">{inner}</table>'
        return (
            f'<div style="max-height:32em;overflow:auto">{table}<script>{_SORT}</script></div>'
            f"<p>{len(self.rows)} rows; a click on a head sorts. {link}</p>"
        )

    def _cell(self, key: str, value: Any) -> str:
        words = value if isinstance(value, list | tuple) else [value]
        shown = "–" if value is None else ", ".join(self.names.get(w, str(w)) for w in words)
        if isinstance(value, float | int) and key in self.formats:
            shown = format(value, self.formats[key])
        return f'<td data-value="{html.escape(_plain(value))}">{html.escape(shown)}</td>'


def _plain(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)
