"""What the first page counts: the papers' claims, and apart from them this book's own."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

from book.generate import places, scoreboard
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
    assert scoreboard._tally(PAPERS + own) == (
        "3 claims of the two papers: 2 reproduced, 1 wrong as printed. "
        "Of 3 statements of our own 2 hold and 1 does not hold."
    )
    assert scoreboard._tally(PAPERS) == (
        "3 claims of the two papers: 2 reproduced, 1 wrong as printed."
    )


def test_a_statement_of_our_own_holds_or_does_not() -> None:
    assert scoreboard.badges(_claim("own", "reproduced")) == "{bdg-success}`holds`"
    assert scoreboard.badges(PAPERS[0]) == "{bdg-success}`reproduced`"


def test_a_badge_shows_the_scale_of_the_run() -> None:
    claim = dataclasses.replace(PAPERS[0], scale="smaller: one seed")
    assert scoreboard.badges(claim) == "{bdg-success}`reproduced` {bdg-light}`smaller: one seed`"


def test_a_finding_names_the_claim_before_what_was_found() -> None:
    claim = dataclasses.replace(PAPERS[0], finding="So it was.", scale="smaller: one seed")
    line = scoreboard._findings([claim])
    assert line.index("It is so.") < line.index("reproduced") < line.index("So it was.")


def test_every_verdict_has_its_words_and_its_colour() -> None:
    assert set(scoreboard._OWN) == set(scoreboard._BADGES) == set(claims.VERDICTS)


def test_a_reader_can_fetch_every_record_that_a_page_names() -> None:
    text = "".join(scoreboard.pages(ROOT / "claims").values())
    text += "".join(places.pages(ROOT / "claims").values())
    fetched = set(re.findall(r"\{download\}`\S+ <\.\./results/(\S+)\.json>`", text))
    assert fetched == {id for claim in claims.load(ROOT / "claims") for id in claim.record}
    assert fetched <= set(records.identifiers(ROOT / "results"))
