"""Lists for looking up: one line an entry, details folded, an anchor each, and a filter above.

An entry is a dropdown of sphinx-design, so it works without any script; `static/filter.js` hides
those that a reader does not ask for. What it filters by stands in the entries' classes, as
`facet-value`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape


def entry(
    summary: Sequence[str],
    details: Mapping[str, str] | str,
    name: str,
    facets: Iterable[tuple[str, str]] = (),
) -> str:
    """One entry as MyST text: the cells of its line, and the fields, or the text, that fold away.

    `facets` are what the filter knows of it: `[("paper", "A"), ("verdict", "not run")]`.
    """
    classes = ["entry", *(f"{facet}-{slug(value)}" for facet, value in facets)]
    cells = " ".join(f"[{cell}]{{.cell}}" for cell in summary)
    if not isinstance(details, str):
        details = "\n".join(f":{key}: {value}" for key, value in details.items() if value)
    return (
        f":::{{dropdown}} {cells}\n:name: {name}\n:margin: 0\n"
        f":class-container: {' '.join(classes)}\n\n{details}\n:::\n\n"
    )


# look-up pages use the whole width: their lines are cut where a column is narrow
WIDE = "---\nhtml_theme.sidebar_secondary.remove: true\n---\n\n"


def form(facets: Mapping[str, Iterable[str]], example: str) -> str:
    """The filter, as HTML: a field for a word, a choice for each facet. Unseen without a script."""
    choices = "".join(
        f'<select name="{facet}" aria-label="{facet}"><option value="">any {facet}</option>'
        + "".join(f'<option value="{slug(value)}">{escape(value)}</option>' for value in values)
        + "</select>"
        for facet, values in facets.items()
    )
    return (
        '```{raw} html\n<form class="entry-filter" hidden>'
        f'<input type="search" name="word" placeholder="a word, such as {escape(example)}" '
        f'aria-label="word">{choices}<output></output></form>\n```\n\n'
    )


def slug(value: str) -> str:
    """A value as part of a class: `slug("paper's size")` is "papers-size"."""
    return re.sub(r"[^a-z0-9]+", "-", value.lower().replace("'", "")).strip("-")
