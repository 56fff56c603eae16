"""A claim of the ledger in words: its verdict, its numbers, why, and as an entry of a list."""

from __future__ import annotations

from collections import Counter
from typing import Any

from robustcore import claims, records
from studies.engine.grid import COMPACT

from .entries import entry

_BADGES = {
    "reproduced": "success",
    "reproduced in part": "info",
    "not reproduced": "warning",
    "wrong as printed": "danger",
    "misprint": "dark",
    "not run": "light",
    "not testable": "secondary",
}
# of a statement of our own one says whether it holds, not whether it was reproduced
_OWN = {
    "reproduced": ("holds", "hold"),
    "reproduced in part": ("holds in part", "hold in part"),
    "not reproduced": ("does not hold", "do not hold"),
    "wrong as printed": ("is wrong", "are wrong"),
    "misprint": ("is misprinted", "are misprinted"),
    "not run": ("was not run", "were not run"),
    "not testable": ("cannot be tested", "cannot be tested"),
}


def rows_of(id: str) -> list[dict[str, Any]]:
    """The rows of a record, its checksum verified."""
    return records.load(id).rows


def claim_entry(claim: claims.Claim, prefix: str, with_page: bool = True) -> str:
    """A claim as an entry: where, what and verdict in one line; numbers, scale and why folded."""
    page = f"[](../notebooks/{claim.page}.ipynb)" if with_page else ""
    details = {
        "claim": one_line(claim.statement),
        "in the paper": "" if claim.paper is None else printed(claim.paper),
        "ours": numbers(claim),
        "scale": claim.scale,
        "verdict": f"{badge(claim)} {why(claim)}",
        "page": page,
        "records": " ".join(map(fetched, claim.record)),
    }
    summary = (where(claim), one_line(claim.statement), badges(claim))
    return entry(summary, details, f"{prefix}-{claim.id}", facets(claim).items())


def where(claim: claims.Claim) -> str:
    """Where a claim stands; of a statement of our own, which place it goes on from.

    "own (on [B] Theorem 11)" is "on [B] Theorem 11": that it is own, its words of verdict say.
    """
    source = one_line(claim.source)
    return source.removeprefix("own (").removesuffix(")") if source.startswith("own (") else source


def facets(claim: claims.Claim) -> dict[str, str]:
    """What a reader may filter claims by."""
    paper = "our own" if claim.own else f"paper {claim.source[1]}"
    return {"paper": paper, "verdict": claim.verdict, "scale": scale(claim)}


def scale(claim: claims.Claim) -> str:
    """The words that a scale begins with, as `claims.SCALES` has them; "no run" without one."""
    return next((s for s in claims.SCALES if claim.scale.startswith(s)), "no run")


def tally(ledger: list[claims.Claim]) -> str:
    """How many of the papers' claims have which verdict and, apart from them, what is our own."""
    papers = Counter(claim.verdict for claim in ledger if not claim.own)
    own = Counter(claim.verdict for claim in ledger if claim.own)
    counts = [f"{papers[v]} {_counted(v, papers[v])}" for v in claims.VERDICTS if papers[v]]
    text = f"{papers.total()} claims of the two papers: {', '.join(counts)}."
    if own:
        counts = [f"{own[v]} {_OWN[v][own[v] > 1]}" for v in claims.VERDICTS if own[v]]
        text += f" Of {own.total()} statements of our own {_listed(counts)}."
    return text


def _listed(parts: list[str]) -> str:
    *first, last = parts
    return f"{', '.join(first)} and {last}" if first else last


def _counted(verdict: str, n: int) -> str:
    return "misprints" if verdict == "misprint" and n > 1 else verdict


def badges(claim: claims.Claim) -> str:
    """The verdict of a claim and, if something was run, the kind of scale of it."""
    kind = scale(claim)
    return badge(claim) if kind == "no run" else f"{badge(claim)} {{bdg-light}}`{kind}`"


def badge(claim: claims.Claim, link: bool = False) -> str:
    """The verdict of a claim, in the words for the papers' or for our own; a link if asked."""
    words, tint = verdict(claim), colour(claim.verdict)
    if link:
        return f"{{bdg-ref-{tint}}}`{words} <claim-{claim.id}>`"
    return f"{{bdg-{tint}}}`{words}`"


def verdict(claim: claims.Claim) -> str:
    """The word of the verdict: "reproduced", or "holds" of a statement of our own."""
    return _OWN[claim.verdict][0] if claim.own else claim.verdict


def colour(verdict: str) -> str:
    """The name of a verdict's colour in sphinx-design."""
    return _BADGES[verdict]


def numbers(claim: claims.Claim) -> str:
    """Our numbers, each with its name and unit."""
    found = claims.recorded(claim, rows_of)
    return "; ".join(f"{number.name}: {number.text}" for number in found)


def why(claim: claims.Claim) -> str:
    """The reason of a verdict; of what was not run, the run that would decide."""
    reason = claims.said(claim.reason, claim, rows_of)
    waits = claim.needs and not (claim.testable and claims.enough(claim, rows_of))
    return f"{reason} To be run: {one_line(claim.needs or '')}" if waits else reason


def printed(paper: Any) -> str:
    """What the paper prints, on one line."""
    if isinstance(paper, dict):
        return "; ".join(f"{key}: {value}" for key, value in paper.items())
    return ", ".join(map(str, paper)) if isinstance(paper, list) else str(paper)


def fetched(id: str) -> str:
    """A link that fetches the file of a record; `__main__` puts the files beside the pages."""
    return f"{{download}}`{id} <../results/{id}.json>`"


def fetched_grid(sweep: str) -> str:
    """A link that fetches all cells of a sweep, from which a record was drawn."""
    return f"{{download}}`{sweep}, grid <../{grid_file(sweep)}>`"


def grid_file(sweep: str) -> str:
    """Where the cells of a sweep are kept, from the root of the project."""
    return f"results/sweeps/{sweep}/{COMPACT}"


def one_line(text: str) -> str:
    """A text of the ledger without its line breaks."""
    return " ".join(text.split())
