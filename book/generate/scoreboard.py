"""The scoreboard and the findings of the first page, from the ledger and the recorded rows."""

from __future__ import annotations

from pathlib import Path

from robustcore import claims
from robustcore.errors import RobustcoreError

from . import entries, sentences, wording
from .equations import PAPERS

_HEAD = """# Scoreboard

Every claim of {{cite:t}}`bai2022practical` [A] and {{cite:t}}`bertsimas2022robust` [B] that this
book has judged, one line each; a click opens the paper's number, ours, the scale of the run, why,
and the records. {tally}

:::{{dropdown}} What the verdicts mean
:margin: 0

A verdict is not an opinion: each entry of `claims/` states in expressions over recorded rows what
would make the claim true, and the tests compute it again. *Wrong as printed* is a statement that
fails; a *misprint* is a slip after which nothing else changes; *not run* names the run that would
decide; *not testable* is what no run can decide. The *scale* is the paper's own size, smaller, a
stand-in for what the paper does not give, instances of a statement that has no size, or the size of
a statement of ours. What is not the papers' but ours is counted apart and comes last.
:::

"""


def pages(folder: Path) -> dict[str, str]:
    """File name under book/ to text."""
    ledger = sentences.in_order(claims.load(folder), folder)
    text = entries.WIDE + _HEAD.format(tally=wording.tally(ledger))
    text += entries.form(
        {
            "paper": ["paper A", "paper B", "our own"],
            "verdict": claims.VERDICTS,
            "scale": [*claims.SCALES, "no run"],
        },
        example="PGD",
    )
    for name, title in _titles().items():
        here = [claim for claim in ledger if wording.facets(claim)["paper"] == name]
        if here:
            text += f"## {title}\n\n" + "".join(map(_entry, here))
    return {"scoreboard.md": text}


def _titles() -> dict[str, str]:
    papers = {f"paper {name}": f"Paper {name}: {authors}" for name, authors in PAPERS.items()}
    return papers | {"our own": "This book's own"}


def _entry(claim: claims.Claim) -> str:
    verdict = claims.judge(claim, wording.rows_of)
    if verdict != claim.verdict:
        raise RobustcoreError(
            f"claim {claim.id!r} stores {claim.verdict!r}, its rows give {verdict!r}; "
            "correct the entry or its criterion."
        )
    return wording.claim_entry(claim, "claim")
