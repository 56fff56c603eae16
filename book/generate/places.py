"""The printed places: every numbered place of both papers, with its page, verdict and scale."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from robustcore import claims

from . import scoreboard
from .equations import PAPERS, Reference, references

_SHOWN = ("Figure", "Table", "Algorithm", "Theorem", "Lemma", "Corollary", "Definition")
_HEAD = """# Printed places

Each figure, table, algorithm and statement of the papers: the page that shows it, what was judged
of it, and at which scale. A verdict stands beside the sentence, shortened, that it judges; the
[scoreboard](scoreboard.md) has all of it. A record is a file of `results/`, with its provenance.

"""
_TABLE = """```{list-table}
:header-rows: 1
:class: places
:widths: 14 14 48 24

* - in the paper
  - page
  - verdicts
  - records
"""


@dataclass(frozen=True)
class Places:
    """What `claims/coverage/places.yml` says; a place is a paper, a kind and a number."""

    numbered: list[Reference]
    not_run: dict[Reference, str]
    in_part: dict[Reference, str]


def load(folder: Path) -> Places:
    """The lists of `coverage/places.yml` in the folder of the ledger."""
    content = yaml.safe_load((folder / "coverage" / "places.yml").read_text(encoding="utf-8"))
    numbered = [
        Reference(paper, kind, number)
        for paper, kinds in content["numbered"].items()
        for kind, kept in kinds.items()
        for number in _numbers(kept)
    ]
    return Places(
        numbered,
        {_place(name): why for name, why in (content["not_run"] or {}).items()},
        {_place(name): why for name, why in (content["in_part"] or {}).items()},
    )


def plain(reference: Reference) -> Reference:
    """Parts of an equation, (10b), count for it."""
    number = reference.number.strip("()")
    digits = number.rstrip("abcdefgh") if reference.kind == "Equation" else number
    return Reference(reference.paper, reference.kind, digits)


def pages(folder: Path) -> dict[str, str]:
    """File name under book/ to text."""
    ledger, places = claims.load(folder), load(folder)
    naming: dict[Reference, list[claims.Claim]] = {}
    for claim in ledger:
        for place in {plain(reference) for reference in references(claim.source)}:
            naming.setdefault(place, []).append(claim)
    text = _HEAD
    for paper, authors in PAPERS.items():
        text += f"## Paper {paper}: {authors}\n\n{_TABLE}"
        for kind in _SHOWN:
            for place in places.numbered:
                if (place.paper, place.kind) == (paper, kind):
                    text += "".join(_row(place, naming.get(place, []), places))
        text += "```\n\n"
    return {"printed_places.md": text}


def _row(place: Reference, named: list[claims.Claim], places: Places) -> Iterator[str]:
    shown = dict.fromkeys(f"[](../notebooks/{claim.page}.ipynb)" for claim in named)
    verdicts = [f"{_short(claim)} {scoreboard.badges(claim)}" for claim in named]
    if why := places.not_run.get(place) or places.in_part.get(place):
        verdicts.append(f"{why}.")
    kept = sorted({id for claim in named for id in claim.record})
    yield f"* - {place.kind} {place.number}\n"
    for cell in (shown, verdicts, map(scoreboard.fetched, kept)):
        yield f"  - {'<br>'.join(cell) or '–'}\n"


def _short(claim: claims.Claim) -> str:
    """The first clause of what is claimed, so that a badge has its sentence beside it."""
    words = " ".join(claim.statement.split())
    clause = words.split("; read as")[0]
    own = "(ours) " if claim.own else ""
    return own + (clause if len(clause) <= 110 else clause[:107].rsplit(" ", 1)[0] + " ...")


def _numbers(kept: list[str | int]) -> list[str]:
    """A pair of integers is a range, everything else a list."""
    if len(kept) == 2 and all(isinstance(number, int) for number in kept):
        return [str(number) for number in range(int(kept[0]), int(kept[1]) + 1)]
    return [str(number) for number in kept]


def _place(name: str) -> Reference:
    return Reference(*name.split(" "))
