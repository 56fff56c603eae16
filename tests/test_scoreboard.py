"""What the first page counts: the papers' claims, and apart from them this book's own."""

from __future__ import annotations

from book.generate import scoreboard
from robustcore import claims


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
    assert scoreboard._badge(_claim("own", "reproduced")) == "{bdg-success}`holds`"
    assert scoreboard._badge(PAPERS[0]) == "{bdg-success}`reproduced`"


def test_every_verdict_has_its_words_and_its_colour() -> None:
    assert set(scoreboard._OWN) == set(scoreboard._BADGES) == set(claims.VERDICTS)
