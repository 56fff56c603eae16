"""Tables that a page shows: rows as HTML, the paper's number beside ours, and as text elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from ..errors import InputError

_NEAR, _FAR = 2.0, 4.0  # standard deviations between our mean and the paper's number
_LEGEND = (
    "Shade of ours: how far it is from the paper's, in standard deviations of our runs: "
    "within two, within four, beyond."
)


@dataclass(frozen=True)
class Beside:
    """A column of our numbers with the paper's in the neighbouring cell.

    Source: own

    Parameters
    ----------
    key : str
        A row has the number under it, and may have `KEY_deviation` (of our runs) and `KEY_paper`.
    form : str
        Of all three, ".1%" for example.
    """

    key: str
    form: str = ""


@dataclass(frozen=True)
class _Cell:
    text: str
    look: str = ""


@dataclass(frozen=True)
class Table:
    """A table that shows itself: HTML in a notebook and on a page, columns of text elsewhere.

    Source: own
    """

    titles: tuple[tuple[str, str], ...]  # (column, "ours" or "paper" or "") of each cell in a row
    rows: tuple[tuple[_Cell, ...], ...]
    shaded: bool

    def _repr_html_(self) -> str:
        names = list(dict.fromkeys(name for name, _ in self.titles))
        spans = {name: [part for other, part in self.titles if other == name] for name in names}
        first = "".join(
            f'<th colspan="2">{escape(name)}</th>'
            if len(spans[name]) == 2
            else f'<th rowspan="2">{escape(name)}</th>'
            for name in names
        )
        second = "".join(f"<th>{part}</th>" for _, part in self.titles if part)
        head = f"<tr>{first}</tr><tr>{second}</tr>" if second else f"<tr>{first}</tr>"
        body = "".join(f"<tr>{''.join(self._html(row))}</tr>" for row in self.rows)
        legend = f"<caption>{_LEGEND}</caption>" if self.shaded else ""
        head = head if second else head.replace(' rowspan="2"', "")
        return f'<table class="rows">{legend}<thead>{head}</thead><tbody>{body}</tbody></table>'

    def _html(self, row: tuple[_Cell, ...]) -> Iterator[str]:
        for (name, part), cell in zip(self.titles, row, strict=True):
            look = f' class="{cell.look}"' if cell.look else ""
            label = escape(f"{name}, {part}" if part else name)
            yield f'<td{look} data-label="{label}">{escape(cell.text)}</td>'

    def __repr__(self) -> str:
        titles = [f"{name}, {part}" if part == "paper" else name for name, part in self.titles]
        lines = [titles, *([cell.text for cell in row] for row in self.rows)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        return "\n".join(
            "  ".join(text.rjust(w) for text, w in zip(line, widths, strict=True)) for line in lines
        )


def table(
    rows: Sequence[Mapping[str, Any]],
    columns: Mapping[str, str | Beside],
    names: Mapping[str, str] | None = None,
) -> Table:
    """Rows as a table.

    Source: own

    Parameters
    ----------
    rows : list of dict
    columns : mapping of str to str or Beside
        The title of each column to "KEY" or "KEY:FORMAT", or to what stands beside the paper's.
    names : mapping of str to str, optional
        Words of the rows to words for a reader, {"gd_pgd": "GD-PGD"} for example.

    Raises
    ------
    InputError
        If a row lacks a key.

    Examples
    --------
    >>> table([{"p": 1, "share": 0.25}], {"norm": "p", "certified": "share:.0%"})
    norm  certified
       1        25%
    """
    titles: list[tuple[str, str]] = []
    for name, what in columns.items():
        titles += [(name, "ours"), (name, "paper")] if isinstance(what, Beside) else [(name, "")]
    lines = tuple(tuple(_line(row, columns, names or {})) for row in rows)
    shaded = any(cell.look.startswith("shade") for line in lines for cell in line)
    return Table(tuple(titles), lines, shaded)


def _line(
    row: Mapping[str, Any], columns: Mapping[str, str | Beside], names: Mapping[str, str]
) -> Iterator[_Cell]:
    for what in columns.values():
        if isinstance(what, Beside):
            yield from _beside(row, what)
        else:
            key, _, form = what.partition(":")
            value = _of(row, key)
            text = names.get(value, value) if isinstance(value, str) else value
            yield _Cell(_shown(text, form), "word" if isinstance(value, str) else "")


def _beside(row: Mapping[str, Any], what: Beside) -> Iterator[_Cell]:
    ours, paper = _of(row, what.key), row.get(f"{what.key}_paper")
    spread = row.get(f"{what.key}_deviation")
    text = _shown(ours, what.form)
    if spread:
        text += f" ± {_shown(spread, what.form)}"
    look = ""
    if spread and paper is not None:
        away = abs(ours - paper) / spread
        look = "shade-1" if away <= _NEAR else "shade-2" if away <= _FAR else "shade-3"
    yield _Cell(text, look)
    yield _Cell(_shown(paper, what.form), "paper")


def _of(row: Mapping[str, Any], key: str) -> Any:
    if key not in row:
        raise InputError(f"a row has no {key!r}; it has {', '.join(map(str, row))}.")
    return row[key]


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _shown(value: Any, form: str) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(_shown(part, form) for part in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "–" if value is None else format(value, form) if _number(value) else str(value)
