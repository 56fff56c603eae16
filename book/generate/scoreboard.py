"""The scoreboard and the findings of the first page, from the ledger and the recorded rows."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from robustcore import claims
from robustcore.errors import RobustcoreError
from robustcore.studies import records

_BADGES = {
    "reproduced": "success",
    "reproduced in part": "info",
    "not reproduced": "warning",
    "wrong as printed": "danger",
    "not testable": "secondary",
}
# of a statement of our own one says whether it holds, not whether it was reproduced
_OWN = {
    "reproduced": ("holds", "hold"),
    "reproduced in part": ("holds in part", "hold in part"),
    "not reproduced": ("does not hold", "do not hold"),
    "wrong as printed": ("is wrong", "are wrong"),
    "not testable": ("cannot be tested", "cannot be tested"),
}
_SECTIONS = (
    ("[A]", "Paper A: Bai et al. (2022)"),
    ("[B]", "Paper B: Bertsimas et al. (2023)"),
)
_HEAD = """# Scoreboard

Every claim of {{cite:t}}`bai2022practical` [A] and {{cite:t}}`bertsimas2022robust` [B] that this
book has judged: what the paper prints, what our recorded runs give, and the verdict. A verdict is
not an opinion: each entry of `claims/` states in expressions over recorded rows what would make the
claim true, and the tests compute it again. What is not the papers' but ours is counted apart and
comes last.

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
    own = [claim for claim in ledger if _is_own(claim)]
    if own:
        text += "## This book's own\n\n" + _table(own)
    return text + _recorded(ledger)


def _table(entries: list[claims.Claim]) -> str:
    text = "```{list-table}\n:header-rows: 1\n:class: scoreboard\n:widths: 17 31 10 12 30\n\n"
    text += "* - where\n  - claim\n  - paper\n  - ours\n  - verdict\n"
    for claim in entries:
        verdict = claims.judge(claim, rows_of)
        if verdict != claim.verdict:
            raise RobustcoreError(
                f"claim {claim.id!r} stores {claim.verdict!r}, its rows give {verdict!r}; "
                "correct the entry or its criterion."
            )
        badge = _badge(claim)
        ours = claims.ours(claim, rows_of) or "–"
        page = f"[](../notebooks/{claim.page}.ipynb)"
        for start, cell in (
            ("* -", f"{_one_line(claim.source)}<br>{page}"),
            ("  -", f"{_one_line(claim.statement)}"),
            ("  -", _printed(claim.paper)),
            ("  -", ours),
            ("  -", f"{badge}<br>{_one_line(claim.reason)}"),
        ):
            text += f"{start} {cell}\n"
    return text + "```\n\n"


def _recorded(ledger: list[claims.Claim]) -> str:
    """Where the numbers of this page come from: one line for each record."""
    ids = sorted({id for claim in ledger for id in claim.record})
    text = "## The records behind it\n\n| record | profile | rows | date | machine | commit |\n"
    text += "|---|---|---|---|---|---|\n"
    for id in ids:
        record = records.load(id)
        origin = record.provenance
        machine = ", ".join(origin["machine"]["gpu"]) or origin["machine"]["cpu"]
        commit = (origin["commit"] or "unknown")[:10] + ("+" if origin["dirty"] else "")
        cells = [f"`{id}`", origin["profile"], len(record.rows), origin["date"][:10], machine]
        text += f"| {' | '.join(map(str, cells))} | `{commit}` |\n"
    return text + "\nA `+` after a commit marks a run from sources with uncommitted changes.\n"


def _findings(ledger: list[claims.Claim]) -> str:
    lines = []
    for claim in ledger:
        if claim.finding:
            numbers = {"ours": claims.ours(claim, rows_of), "paper": _printed(claim.paper)}
            sentence = _one_line(claim.finding).format(**numbers)
            lines.append(f"- {sentence} {_badge(claim)} [](../notebooks/{claim.page}.ipynb)")
    return "\n".join(lines) + "\n"


def _tally(ledger: list[claims.Claim]) -> str:
    """How many of the papers' claims have which verdict and, apart from them, what is our own."""
    papers = Counter(claim.verdict for claim in ledger if not _is_own(claim))
    own = Counter(claim.verdict for claim in ledger if _is_own(claim))
    counts = [f"{papers[v]} {v}" for v in claims.VERDICTS if papers[v]]
    text = f"{papers.total()} claims of the two papers: {', '.join(counts)}."
    if own:
        counts = [f"{own[v]} {_OWN[v][own[v] > 1]}" for v in claims.VERDICTS if own[v]]
        text += f" Of {own.total()} statements of our own {' and '.join(counts)}."
    return text


def _is_own(claim: claims.Claim) -> bool:
    return not claim.source.startswith(tuple(mark for mark, _ in _SECTIONS))


def _badge(claim: claims.Claim) -> str:
    words = _OWN[claim.verdict][0] if _is_own(claim) else claim.verdict
    return f"{{bdg-{_BADGES[claim.verdict]}}}`{words}`"


def _printed(paper: Any) -> str:
    if paper is None:
        return "–"
    if isinstance(paper, dict):
        return "<br>".join(f"{key}: {value}" for key, value in paper.items())
    return ", ".join(map(str, paper)) if isinstance(paper, list) else str(paper)


def _one_line(text: str) -> str:
    return " ".join(text.split())
