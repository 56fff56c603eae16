"""What the first page shows of the ledger: all verdicts as one picture, and the findings."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from html import escape
from pathlib import Path

from book.extension.cells import plain
from robustcore import claims
from robustcore.errors import InputError

from . import sentences, wording
from .equations import PAPERS

# a mark beside the colour, so that no verdict is told by its colour alone
_MARKS = {
    "reproduced": "✓",
    "reproduced in part": "½",
    "not reproduced": "✗",
    "wrong as printed": "!",
    "misprint": "¶",
    "not run": "",
    "not testable": "?",
}
# a run at the paper's size, or of a statement that has no size, fills its tile
_FULL = ("paper's size", "instances", "own size")

# what a statement of our own goes on from, by the first letter of its page
_OWN = {"0": "on both", "a": "on A", "b": "on B", "c": "beyond them"}

# the figures of the first page: notebook, figure, what one would say of it to a colleague
_FIGURES = (
    ("a1_convex_training", "fig-a1-optimum", "The optimum of [A], and where descent ends"),
    ("b5_rub", "fig-rub-certified", "How much of the lead of RUB is the yardstick"),
    ("b7_speed", "fig-b7-equal-time", "Eight vertices certify more in the time of all"),
)


def pages(folder: Path) -> dict[str, str]:
    """File name under book/ to text, for inclusion."""
    ledger = sentences.in_order(claims.load(folder), folder)
    return {
        "generated/findings.md": findings(ledger),
        "generated/tally.md": wording.tally(ledger) + "\n",
        "generated/verdicts.md": f"```{{raw}} html\n{picture(ledger, folder)}\n```\n",
    }


def picture(ledger: list[claims.Claim], folder: Path) -> str:
    """Every claim as a tile: a row for each section of a paper, one for each page of our own."""
    where = sentences.sections(folder)
    text = ""
    for paper, authors in PAPERS.items():
        here = [claim for claim in ledger if claim.source.startswith(f"[{paper}]")]
        text += _part(f"{paper}: {authors}", ((where[claim.id], claim) for claim in here))
    own = [claim for claim in ledger if claim.own]
    text += _part("Our own", ((_OWN[claim.page[0]], claim) for claim in own))
    return f'<div class="verdict-map">{text}</div>{_legend()}'


def _part(title: str, placed: Iterable[tuple[str, claims.Claim]]) -> str:
    rows: dict[str, list[claims.Claim]] = {}
    for row, claim in placed:
        rows.setdefault(row, []).append(claim)
    lines = "".join(
        f"<div><dt>{escape(row)}</dt><dd>{''.join(map(_tile, rows[row]))}</dd></div>"
        for row in rows
    )
    return f"<section><h3>{escape(title)}</h3><dl>{lines}</dl></section>"


def _tile(claim: claims.Claim) -> str:
    said = (
        f"{wording.one_line(claim.source)}: {wording.one_line(claim.statement)} "
        f"{wording.verdict(claim).capitalize()}{', ' + claim.scale if claim.scale else ''}."
    )
    return (
        f'<a class="tile {_look(claim.verdict, wording.scale(claim))}" title="{escape(said)}" '
        f'aria-label="{escape(said)}" href="scoreboard.html#claim-{claim.id}">'
        f"{_MARKS[claim.verdict]}</a>"
    )


def _look(verdict: str, scale: str) -> str:
    size = "full" if scale in _FULL else "half" if scale in claims.SCALES else "none"
    if verdict == "not run":
        size = "none"
    return f"tile-{wording.colour(verdict)} tile-{size}"


def _legend() -> str:
    sizes = {
        "at the paper's size, or on instances of a statement without one": "instances",
        "smaller, or a stand-in": "smaller",
    }
    marks = [(word, _look(word, "instances"), _MARKS[word]) for word in claims.VERDICTS]
    marks += [(words, _look("not testable", scale), "") for words, scale in sizes.items()]
    items = "".join(
        f'<span><i class="tile {look}">{mark}</i> {escape(words)}</span>'
        for words, look, mark in marks
    )
    return f'<p class="verdict-legend">{items}</p>'


def figures(site: Path) -> str:
    """Three figures of the executed notebooks as cards that lead to their pages.

    The pictures go to SITE/book/generated; a notebook that is not there leaves its card out.
    """
    cards = ""
    for page, name, title in _FIGURES:
        notebook = site / "notebooks" / f"{page}.ipynb"
        if not notebook.exists():
            continue
        file, alt = _picture(notebook, name, site / "book" / "generated")
        cards += (
            f":::{{grid-item-card}} {title}\n:link: ../notebooks/{page}\n:link-type: doc\n"
            f":img-top: generated/{file}\n:img-alt: {alt}\n:::\n\n"
        )
    return f"::::{{grid}} 1 1 3 3\n:gutter: 2\n\n{cards}::::\n" if cards else ""


def _picture(notebook: Path, name: str, folder: Path) -> tuple[str, str]:
    """Write the picture of a figure into a folder; the name of the file, and what it shows."""
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        figure = cell["metadata"].get("mystnb", {}).get("figure", {})
        for output in cell.get("outputs", []) if figure.get("name") == name else []:
            data = output.get("data", {})
            folder.mkdir(parents=True, exist_ok=True)
            for kind, end in (("image/svg+xml", "svg"), ("image/png", "png")):
                if kind in data:
                    text = "".join(data[kind])
                    content = text.encode() if end == "svg" else base64.b64decode(text)
                    (folder / f"{name}.{end}").write_bytes(content)
                    return f"{name}.{end}", plain(figure["caption"])
    raise InputError(f"{notebook.stem} draws no figure {name!r}; name another in front._FIGURES.")


def findings(ledger: list[claims.Claim]) -> str:
    """The claims that have a finding, folded: of paper A, of paper B, our own."""
    groups = {f"Of paper {name}, {authors}": f"[{name}]" for name, authors in PAPERS.items()}
    text = ""
    for title, mark in (groups | {"Our own": "own"}).items():
        told = [c for c in ledger if c.finding and c.verdict != "not run"]
        here = [c for c in told if c.source.startswith(mark)]
        if here:
            lines = "\n".join(map(_finding, here))
            text += f":::{{dropdown}} {title}: {len(here)} findings\n:margin: 0\n\n{lines}\n:::\n\n"
    return text


def _finding(claim: claims.Claim) -> str:
    """The claim first, its verdict beside it, then what was found."""
    found = claims.said(claim.finding or "", claim, wording.rows_of)
    page = f"[](../notebooks/{claim.page}.ipynb)"
    statement = wording.one_line(claim.statement)
    where = "" if claim.own else f"**{claim.source}.** "
    return f"- {where}{statement} {wording.badges(claim)}<br>{found} {page}"
