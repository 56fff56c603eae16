"""Each numbered place of both papers has a function and a judged claim, or a reason why not.

A place is covered when a `Source:` line of the library names it (the equation index is drawn from
these) and a claim of the ledger does, whose verdict recorded rows give.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections import Counter
from pathlib import Path

import pytest

from book.generate import places, sentences
from book.generate.equations import Reference, references, source_line
from book.generate.places import plain
from book.generate.sources import documented, whole
from robustcore import claims

ROOT = Path(__file__).resolve().parents[1]
PLACES = places.load(ROOT / "claims")
SENTENCES = sentences.load(ROOT / "claims")
LEDGER = {claim.id: claim for claim in claims.load(ROOT / "claims")}
# what only studies of experiments that are not run yet would name
NOT_YET = PLACES.not_run


def in_the_index() -> set[Reference]:
    lines = (source_line(i.docstring) or "" for i in documented(whole(ROOT)))
    return {plain(r) for line in lines for r in references(line)}


def judged() -> set[Reference]:
    """The places of claims that rows have judged; a bare "not testable" covers nothing."""
    testable = (c for c in LEDGER.values() if c.testable and c.verdict != "not run")
    return {plain(r) for claim in testable for r in references(claim.source)}


INDEX, JUDGED = in_the_index(), judged()


def name(place: Reference) -> str:
    return "-".join((place.paper, place.kind, place.number))


def test_the_list_of_places_is_that_of_the_papers() -> None:
    """Counted in the texts: 31 and 40 equations, 6 and 4 figures, 2 and 12 tables."""
    counts = {
        (paper, kind): sum((p.paper, p.kind) == (paper, kind) for p in PLACES.numbered)
        for paper in "AB"
        for kind in ("Equation", "Figure", "Table", "Theorem", "Lemma", "Algorithm", "Corollary")
    }
    assert list(counts.values()) == [31, 6, 2, 5, 2, 2, 0, 40, 4, 12, 4, 6, 0, 2]
    assert len(set(PLACES.numbered)) == len(PLACES.numbered)


@pytest.mark.parametrize("place", [p for p in PLACES.numbered if p not in NOT_YET], ids=name)
def test_a_numbered_place_has_its_function_and_its_claim(place: Reference) -> None:
    assert place in INDEX, "no `Source:` line of the library names it"
    assert place in JUDGED, "no claim with a criterion names it"


@pytest.mark.parametrize("place", NOT_YET, ids=name)
def test_what_is_not_covered_yet_is_real_and_still_missing(place: Reference) -> None:
    assert place in PLACES.numbered
    assert NOT_YET[place]
    assert not (place in INDEX and place in JUDGED), "covered by now: take it off the list"


@pytest.mark.parametrize("place", PLACES.in_part, ids=name)
def test_what_is_covered_in_part_is_covered_and_says_what_is_not(place: Reference) -> None:
    assert place in INDEX
    assert place in JUDGED
    assert place not in NOT_YET
    assert PLACES.in_part[place]


def test_every_printed_place_has_its_entry_with_a_verdict_or_a_reason() -> None:
    page = places.pages(ROOT / "claims")["printed_places.md"]
    blocks = {re.findall(r":name: (\S+)", b)[0]: b for b in page.split(":::{dropdown}")[1:]}
    shown = [place for place in PLACES.numbered if place.kind != "Equation"]
    assert sorted(blocks) == sorted(map(places.label, shown))
    for place in shown:
        block = blocks[places.label(place)]
        assert "bdg-" in block or NOT_YET.get(place, "?") in block


def test_a_printed_place_is_shown_or_not_run() -> None:
    """One click from any figure, table or statement of the papers: on it, or on the reason."""
    for place in PLACES.numbered:
        if place.kind != "Equation":
            assert place in PLACES.shown or place in NOT_YET, place


@pytest.mark.parametrize("target", sorted(set(PLACES.shown.values())))
def test_what_shows_a_place_is_there(target: str) -> None:
    texts = {p.stem: p.read_text(encoding="utf-8") for p in (ROOT / "notebooks").glob("*.md")}
    labels = re.findall(r"^(?::label:|    name:) (\S+)$", "\n".join(texts.values()), re.MULTILINE)
    assert labels.count(target) == 1 or target in texts


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("[B] eqs. (14)-(16)", [("B", "Equation", n) for n in ("14", "15", "16")]),
        ("[A] eq. (10b), Table II", [("A", "Equation", "10"), ("A", "Table", "II")]),
        ("[A] Figs. 3, 4", [("A", "Figure", "3"), ("A", "Figure", "4")]),
        ("own", []),
    ],
)
def test_places_are_read_as_they_are_meant(source: str, found: list[tuple[str, str, str]]) -> None:
    assert [plain(r) for r in references(source)] == [Reference(*place) for place in found]


@pytest.mark.parametrize("sentence", SENTENCES, ids=lambda s: f"{s.paper}-{s.words[:40]}")
def test_a_sentence_is_judged_by_claims_of_its_paper_or_says_why_not(
    sentence: sentences.Sentence,
) -> None:
    assert bool(sentence.claims) != bool(sentence.why)
    for id in sentence.claims:
        assert LEDGER[id].source.startswith(f"[{sentence.paper}]")


def test_every_claim_of_a_paper_is_a_sentence_of_it() -> None:
    named = {id for sentence in SENTENCES for id in sentence.claims}
    assert [c.id for c in LEDGER.values() if not c.own and c.id not in named] == []


def test_the_page_of_sentences_shows_a_verdict_or_a_reason_in_every_line() -> None:
    page = sentences.pages(ROOT / "claims")["sentences.md"]
    lines = [block for block in page.split("* - ")[1:] if not block.startswith("where")]
    assert len(lines) == len(SENTENCES)
    for block, sentence in zip(lines, SENTENCES, strict=True):
        assert "bdg-ref-" in block or sentence.why in block


def test_the_authors_are_told_what_was_read_as_a_misprint() -> None:
    page = (ROOT / "book" / "authors.md").read_text(encoding="utf-8")
    place = re.compile(r"\(\d+\)|Theorem \d+|Definition \d+|Figure \d+|A\.4|Section [IVX]+-\D")
    misprints = [c for c in LEDGER.values() if c.verdict == "misprint"]
    assert [c.id for c in misprints if not any(p in page for p in place.findall(c.source))] == []


def test_no_sentence_is_lost() -> None:
    """Counted after a third reading of both papers; whoever finds a further one raises it."""
    counts = Counter(sentence.paper for sentence in SENTENCES)
    assert counts["A"] >= 123
    assert counts["B"] >= 100


def _words(text: str) -> str:
    """Those of four letters or more: formulas are set anew, and lines end within words."""
    plain = unicodedata.normalize("NFKD", text.replace("-\n", "")).lower()
    return " ".join(re.findall("[a-z]{4,}", plain))


@pytest.mark.parametrize("paper", ["A", "B"])
def test_the_quotes_are_the_papers(paper: str) -> None:
    folder = os.environ.get("ROBUSTCORE_PAPERS")
    if not folder:
        pytest.skip("the papers' texts are not at hand (set ROBUSTCORE_PAPERS to their folder)")
    (file,) = Path(folder).glob(f"{paper}-*.txt")
    text = _words(file.read_text(encoding="utf-8"))
    pieces = [p for s in SENTENCES if s.paper == paper for p in s.words.split("...")]
    assert [piece for piece in pieces if _words(piece) not in text] == []
