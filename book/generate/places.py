"""The printed places: every numbered place of both papers, with its page, verdict and scale."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from robustcore import claims

from . import entries, wording
from .equations import PAPERS, Reference, references

_SHOWN = ("Figure", "Table", "Theorem", "Lemma", "Corollary", "Definition", "Algorithm")
_HEAD = """# Printed places

Each figure, table, algorithm and statement of the papers: the place on our pages that shows it,
what was judged of it and at which scale, and the rows to fetch. Of what was not run it says why.

"""


@dataclass(frozen=True)
class Places:
    """What `claims/coverage/places.yml` says; a place is a paper, a kind and a number."""

    numbered: list[Reference]
    shown: dict[Reference, str]
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
        {_place(name): anchor for name, anchor in content["shown"].items()},
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
    text = entries.WIDE + _HEAD + _chips(places, naming)
    text += entries.form({"verdict": claims.VERDICTS}, example="Table I")
    for paper, authors in PAPERS.items():
        text += f"## Paper {paper}: {authors}\n\n"
        for place in _in_order(places, paper):
            text += _entry(place, naming.get(place, []), places)
    return {"printed_places.md": text}


def _in_order(places: Places, paper: str) -> list[Reference]:
    return [p for kind in _SHOWN for p in places.numbered if (p.paper, p.kind) == (paper, kind)]


def _chips(places: Places, naming: Mapping[Reference, list[claims.Claim]]) -> str:
    """All places as one paragraph of links, so that none is further than one click."""
    text = ""
    for paper in PAPERS:
        for kind in _SHOWN:
            links = [
                _link(place.number, places.shown.get(place) or label(place))
                for place in _in_order(places, paper)
                if place.kind == kind
            ]
            if links:
                text += f"[**[{paper}] {kind}** {' '.join(links)}]{{.chips}} "
        text = text.rstrip() + "\n\n"
    return text


def _entry(place: Reference, named: list[claims.Claim], places: Places) -> str:
    """The place with a link to where it is shown, its verdicts, then the claims themselves."""
    named = sorted(named, key=lambda claim: claim.own)  # the papers' first, and their pages
    anchor = places.shown.get(place)
    title = f"{place.kind} {place.number}"
    pages = dict.fromkeys(f"[](../notebooks/{claim.page}.ipynb)" for claim in named)
    verdicts = dict.fromkeys(wording.badge(claim) for claim in named)
    scales = dict.fromkeys(f"{{bdg-light}}`{wording.scale(claim)}`" for claim in named)
    reason = places.not_run.get(place) or places.in_part.get(place)
    why = f"{reason}." if reason else ""
    summary = (
        _link(title, anchor) if anchor else title,
        why if place in places.not_run else ", ".join(pages),
        " ".join([*verdicts, *scales]),
    )
    lines = [f"- {wording.badges(claim)} {_short(claim)}" for claim in named]
    details = "\n".join(filter(None, [why, *lines])) + "\n"
    kept = sorted({id for claim in named for id in claim.record})
    details += f"\nRecords: {' '.join(map(wording.fetched, kept)) or 'none'}\n"
    judged = dict.fromkeys(claim.verdict for claim in named) or ["not run"]
    facets = [("verdict", verdict) for verdict in judged]
    return entries.entry(summary, details, label(place), facets)


def _link(text: str, target: str) -> str:
    """A link to a label, or to a page if the target is the name of one."""
    return (
        f"[{text}](../notebooks/{target}.ipynb)" if "_" in target else f"{{ref}}`{text} <{target}>`"
    )


def label(place: Reference) -> str:
    """The anchor of a place's entry."""
    return entries.slug(f"place {place.paper} {place.kind} {place.number}")


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
