"""Sentence by sentence: what the papers say, and the claims that judge it or why nothing does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from robustcore import claims

from . import entries, wording
from .equations import PAPERS

_HEAD = """# Sentence by sentence

Each sentence of the papers that can be judged, in their order and words (cut with "..."; formulas
set anew), with the verdict of the claims that judge it. The [scoreboard](scoreboard.md) has the
reasons and the numbers. Where no run can judge a sentence, it says why.

"""
_TABLE = """```{list-table}
:header-rows: 1
:class: entries stack
:widths: 16 48 36

* - where
  - what the paper says
  - verdict
"""


@dataclass(frozen=True)
class Sentence:
    """One sentence of a paper: the claims that judge it, or why none does."""

    paper: str
    place: str
    words: str
    claims: tuple[str, ...]
    why: str


def load(folder: Path) -> list[Sentence]:
    """The entries of `coverage/sentences.yml` in the folder of the ledger."""
    content = yaml.safe_load((folder / "coverage" / "sentences.yml").read_text(encoding="utf-8"))
    return [
        Sentence(paper, s["place"], s["words"], tuple(s.get("claims", ())), s.get("why", ""))
        for paper, said in content.items()
        for s in said
    ]


def pages(folder: Path) -> dict[str, str]:
    """File name under book/ to text."""
    ledger = {claim.id: claim for claim in claims.load(folder)}
    text = entries.WIDE + _HEAD + entries.form({}, example="optimum")
    for paper, authors in PAPERS.items():
        text += f"## Paper {paper}: {authors}\n\n{_TABLE}"
        for sentence in load(folder):
            if sentence.paper == paper:
                text += "".join(_row(sentence, ledger))
        text += "```\n\n"
    return {"sentences.md": text}


def sections(folder: Path) -> dict[str, str]:
    """Claim id to the section of its paper, "VII-D" or "6.3", in the order of the sentences.

    A claim that several sentences make belongs to the first one after the abstract.
    """
    found: dict[str, str] = {}
    for late in (False, True):
        for sentence in load(folder):
            section = sentence.place.split(",")[0]
            if (section == "Abstract") == late:
                for id in sentence.claims:
                    found.setdefault(id, section)
    return found


def in_order(ledger: list[claims.Claim], folder: Path) -> list[claims.Claim]:
    """The claims as the papers make them, then our own by page."""
    where = sections(folder)
    place = {id: -1 if where[id] == "Abstract" else number for number, id in enumerate(where)}
    return sorted(
        ledger,
        key=lambda claim: (
            claim.own,
            claim.page if claim.own else claim.source[:3],
            place.get(claim.id, 0),
        ),
    )


def _row(sentence: Sentence, ledger: dict[str, claims.Claim]) -> Iterator[str]:
    yield f"* - {sentence.place}\n  - {sentence.words}\n"
    judged = [
        f"{wording.badge(ledger[id], link=True)} [](../notebooks/{ledger[id].page}.ipynb)"
        for id in sentence.claims
    ]
    yield f"  - {'<br>'.join(judged) or sentence.why}\n"
