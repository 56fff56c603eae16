"""What the first page counts: the papers' claims, and apart from them this book's own."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from book.generate import front, places, recorded, wording
from robustcore import claims, records

ROOT = Path(__file__).resolve().parents[1]


def _claim(source: str, verdict: str) -> claims.Claim:
    return claims.Claim(source, source, "It is so.", verdict, "By a proof.", "b5_rub")


PAPERS = [
    _claim("[A] Theorem 1", "reproduced"),
    _claim("[B] Lemma 3", "wrong as printed"),
    _claim("[B] Lemma 4", "reproduced"),
]


def test_own_statements_are_not_counted_as_claims_of_the_papers() -> None:
    own = [_claim("own (on [B] Theorem 11)", v) for v in ("reproduced", "not reproduced")]
    own.append(_claim("own", "reproduced"))
    assert wording.tally(PAPERS + own) == (
        "3 claims of the two papers: 2 reproduced, 1 wrong as printed. "
        "Of 3 statements of our own 2 hold and 1 does not hold."
    )
    assert wording.tally(PAPERS) == (
        "3 claims of the two papers: 2 reproduced, 1 wrong as printed."
    )


def test_a_statement_of_our_own_holds_or_does_not() -> None:
    assert wording.badges(_claim("own", "reproduced")) == "{bdg-success}`holds`"
    assert wording.badges(PAPERS[0]) == "{bdg-success}`reproduced`"


def test_a_badge_shows_the_kind_of_scale() -> None:
    claim = dataclasses.replace(PAPERS[0], scale="smaller: one seed")
    assert wording.badges(claim) == "{bdg-success}`reproduced` {bdg-light}`smaller`"
    assert wording.scale(dataclasses.replace(claim, scale="")) == "no run"


def test_a_finding_names_the_claim_before_what_was_found() -> None:
    claim = dataclasses.replace(PAPERS[0], finding="So it was.", scale="smaller: one seed")
    line = front.findings([claim])
    assert line.index("It is so.") < line.index("reproduced") < line.index("So it was.")


def test_the_picture_has_a_tile_for_each_claim_and_a_mark_for_each_verdict() -> None:
    folder = ROOT / "claims"
    ledger = claims.load(folder)
    picture = front.pages(folder)["generated/verdicts.md"]
    targets = re.findall(r'href="scoreboard.html#claim-([^"]+)"', picture)
    assert sorted(targets) == sorted(claim.id for claim in ledger)
    assert set(front._MARKS) == set(claims.VERDICTS)
    looks = {front._look(claim.verdict, wording.scale(claim)) for claim in ledger}
    assert {look.split()[1] for look in looks} == {"tile-full", "tile-half", "tile-none"}


def test_every_verdict_has_its_words_and_its_colour() -> None:
    assert set(wording._OWN) == set(wording._BADGES) == set(claims.VERDICTS)


def test_a_reader_can_fetch_every_record_that_a_page_names() -> None:
    text = "".join(recorded.pages(ROOT / "claims").values())
    text += "".join(places.pages(ROOT / "claims").values())
    fetched = set(re.findall(r"\{download\}`\S+ <\.\./results/(\S+)\.json>`", text))
    assert fetched == {id for claim in claims.load(ROOT / "claims") for id in claim.record}
    assert fetched <= set(records.identifiers(ROOT / "results"))
    grids = set(re.findall(r"\{download\}`\S+ grid <\.\./(results/sweeps/\S+)>`", text))
    swept = [records.load(id).provenance.get("grid") for id in fetched]
    assert grids == {wording.grid_file(grid["sweep"]) for grid in swept if grid}
    assert grids
    assert all((ROOT / grid).is_file() for grid in grids)


def test_every_number_of_ours_has_a_name() -> None:
    assert [c.id for c in claims.load(ROOT / "claims") if c.ours and not c.names] == []


# the claims that the three sentences of book/index.md rest on; a changed verdict changes them
SENTENCES = {
    "reproduced": [
        "a-theorem-1-value",
        "a-theorem-3-cost",
        "a-theorem-2-monotone",
        "a-theorem-2-probability",
        "a-theorem-4",
        "a-theorem-5",
        "a-table-1-network",
        "b-notebook-features",
        "b-abstract-small-tables",
        "c1-bounds-never-cross",
        "c-dead-patterns",
        "c2-best-t",
        "c2-any-p",
        "c3-l1-rows",
    ],
    "wrong as printed": ["b-lemma-3", "b-theorem-8", "b-lemma-13"],
    "reproduced in part": ["a-abstract-superior", "b-large-radii-tables"],
    "not reproduced": ["b-figure-2"],
}


@pytest.mark.parametrize(("verdict", "ids"), SENTENCES.items())
def test_the_first_pages_sentences_are_what_the_ledger_says(verdict: str, ids: list[str]) -> None:
    ledger = {claim.id: claim.verdict for claim in claims.load(ROOT / "claims")}
    assert {id: ledger[id] for id in ids} == dict.fromkeys(ids, verdict)
