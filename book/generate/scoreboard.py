"""The scoreboard and the findings of the first page, from the ledger and the recorded rows."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from robustcore import claims, records
from robustcore.errors import RobustcoreError
from studies import stale

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
_SECTIONS = (
    ("[A]", "Paper A: Bai et al. (2022)"),
    ("[B]", "Paper B: Bertsimas et al. (2023)"),
)
_HEAD = """# Scoreboard

Every claim of {{cite:t}}`bai2022practical` [A] and {{cite:t}}`bertsimas2022robust` [B] that this
book has judged. The verdict stands beside the sentence that it judges, with the scale of the run
that it rests on; then come the paper's number, ours, and why. A verdict is not an opinion: each
entry of `claims/` states in expressions over recorded rows what would make the claim true, and the
tests compute it again. *Wrong as printed* is a statement that fails; a *misprint* is a slip after
which nothing else changes; *not run* names the run that would decide; *not testable* is what no run
can decide. What is not the papers' but ours is counted apart and comes last.

{tally}

"""


def pages(folder: Path) -> dict[str, str]:
    """File name under book/ to text."""
    ledger = claims.load(folder)
    return {
        "scoreboard.md": _scoreboard(ledger),
        "generated/findings.md": _findings(ledger),
        "generated/tally.md": _tally(ledger) + "\n",
    }


def rows_of(id: str) -> list[dict[str, Any]]:
    """The rows of a record, its checksum verified."""
    return records.load(id).rows


def _scoreboard(ledger: list[claims.Claim]) -> str:
    text = _HEAD.format(tally=_tally(ledger))
    for mark, title in _SECTIONS:
        entries = [claim for claim in ledger if claim.source.startswith(mark)]
        if entries:
            text += f"## {title}\n\n" + _table(entries)
    own = [claim for claim in ledger if claim.own]
    if own:
        text += "## This book's own\n\n" + _table(own)
    return text + _recorded(ledger)


def _table(entries: list[claims.Claim]) -> str:
    text = "```{list-table}\n:header-rows: 1\n:class: scoreboard\n:widths: 15 33 10 14 28\n\n"
    text += "* - where\n  - claim and verdict\n  - paper\n  - ours\n  - why\n"
    for claim in entries:
        verdict = claims.judge(claim, rows_of)
        if verdict != claim.verdict:
            raise RobustcoreError(
                f"claim {claim.id!r} stores {claim.verdict!r}, its rows give {verdict!r}; "
                "correct the entry or its criterion."
            )
        page = f"[](../notebooks/{claim.page}.ipynb)"
        for start, cell in (
            ("* -", f"{one_line(claim.source)}<br>{page}"),
            ("  -", f"{one_line(claim.statement)}<br>{badges(claim)}"),
            ("  -", printed(claim.paper)),
            ("  -", numbers(claim)),
            ("  -", why(claim)),
        ):
            text += f"{start} {cell}\n"
    return text + "```\n\n"


def _recorded(ledger: list[claims.Claim]) -> str:
    """Where the numbers of this page come from: one line for each record."""
    ids = sorted({id for claim in ledger for id in claim.record})
    text = "## The records behind it\n\n"
    text += "| record | profile | rows | date | machine | commit | code |\n"
    text += "|---|---|---|---|---|---|---|\n"
    for id in ids:
        record = records.load(id)
        origin = record.provenance
        machine = ", ".join(origin["machine"]["gpu"]) or origin["machine"]["cpu"]
        commit = (origin["commit"] or "unknown")[:10] + ("+" if origin["dirty"] else "")
        cells = [fetched(id), origin["profile"], len(record.rows), origin["date"][:10], machine]
        made_by = (origin["code"] or {}).get("digest") or "not known"
        outdated = "other than today's" if stale.outdated(record) else "today's"
        text += f"| {' | '.join(map(str, cells))} | `{commit}` | {made_by}, {outdated} |\n"
    return text + (
        "\nA `+` after a commit marks a run from sources with uncommitted changes. The code is the "
        "digest of the study and all that it imports here, comments and docstrings aside.\n"
    )


def fetched(id: str) -> str:
    """A link that fetches the file of a record; `__main__` puts the files beside the pages."""
    return f"{{download}}`{id} <../results/{id}.json>`"


def _findings(ledger: list[claims.Claim]) -> str:
    """The claim first, its verdict beside it, then what was found."""
    lines = []
    for claim in sorted(ledger, key=lambda claim: (claim.own, claim.source[:3])):  # ours last
        if claim.finding:
            found = claims.said(claim.finding, claim, rows_of)
            where = "Our own" if claim.own else claim.source
            page = f"[](../notebooks/{claim.page}.ipynb)"
            statement = one_line(claim.statement)
            lines.append(f"- **{where}.** {statement} {badges(claim)}<br>{found} {page}")
    return "\n".join(lines) + "\n"


def _tally(ledger: list[claims.Claim]) -> str:
    """How many of the papers' claims have which verdict and, apart from them, what is our own."""
    papers = Counter(claim.verdict for claim in ledger if not claim.own)
    own = Counter(claim.verdict for claim in ledger if claim.own)
    counts = [f"{papers[v]} {_counted(v, papers[v])}" for v in claims.VERDICTS if papers[v]]
    text = f"{papers.total()} claims of the two papers: {', '.join(counts)}."
    if own:
        counts = [f"{own[v]} {_OWN[v][own[v] > 1]}" for v in claims.VERDICTS if own[v]]
        text += f" Of {own.total()} statements of our own {' and '.join(counts)}."
    return text


def _counted(verdict: str, n: int) -> str:
    return "misprints" if verdict == "misprint" and n > 1 else verdict


def badges(claim: claims.Claim) -> str:
    """The verdict of a claim and, if something was run, the scale of it."""
    return f"{badge(claim)} {{bdg-light}}`{claim.scale}`" if claim.scale else badge(claim)


def badge(claim: claims.Claim) -> str:
    """The verdict of a claim, in the words for the papers' or for our own."""
    words = _OWN[claim.verdict][0] if claim.own else claim.verdict
    return f"{{bdg-{_BADGES[claim.verdict]}}}`{words}`"


def numbers(claim: claims.Claim) -> str:
    """Our numbers, each with its name; those of one unnamed list in one line."""
    found = claims.recorded(claim, rows_of)
    if not any(number.name for number in found):
        return ", ".join(number.text for number in found) or "–"
    return "<br>".join(f"{number.name}: {number.text}" for number in found)


def why(claim: claims.Claim) -> str:
    """The reason of a verdict; of what was not run, the run that would decide."""
    reason = claims.said(claim.reason, claim, rows_of)
    return f"{reason} To be run: {one_line(claim.needs)}" if claim.needs else reason


def printed(paper: Any) -> str:
    """What the paper prints, in a cell of a table."""
    if paper is None:
        return "–"
    if isinstance(paper, dict):
        return "<br>".join(f"{key}: {value}" for key, value in paper.items())
    return ", ".join(map(str, paper)) if isinstance(paper, list) else str(paper)


def one_line(text: str) -> str:
    """A text of the ledger without its line breaks."""
    return " ".join(text.split())
