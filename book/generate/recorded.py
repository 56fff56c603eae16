"""The page of records: what each is, who may fetch it, and whether today's code made it."""

from __future__ import annotations

from pathlib import Path

from robustcore import claims, records
from studies import stale

from . import entries, wording

_HEAD = """# Records

The rows on which the verdicts rest, one file each, never edited; where a sweep found them, all of
its cells beside it, compressed, one line of JSON a cell. A `+` after a commit marks a run from
sources with uncommitted changes. The code is the digest of the study and all that it imports here,
comments and docstrings aside; a record made by other code than today's is listed as stale.

"""


def pages(folder: Path) -> dict[str, str]:
    """File name under book/ to text: each record that a claim of the ledger names."""
    judged: dict[str, list[claims.Claim]] = {}
    for claim in claims.load(folder):
        for id in claim.record:
            judged.setdefault(id, []).append(claim)
    text = entries.WIDE + _HEAD + entries.form({"code": ["today's", "stale"]}, example="b5_rub")
    text += "## All of them\n\n"
    return {"records.md": text + "".join(_entry(id, judged[id]) for id in sorted(judged))}


def _entry(id: str, judged: list[claims.Claim]) -> str:
    record = records.load(id)
    origin = record.provenance
    code = "stale" if stale.outdated(record) else "today's"
    grid = origin.get("grid")
    details = {
        "file": wording.fetched(id),
        **({"all cells": wording.fetched_grid(grid["sweep"])} if grid else {}),
        "rows": str(len(record.rows)),
        "profile": origin["profile"],
        "date": origin["date"][:10],
        "machine": ", ".join(origin["machine"]["gpu"]) or origin["machine"]["cpu"],
        "commit": f"`{(origin['commit'] or 'unknown')[:10]}{'+' if origin['dirty'] else ''}`",
        "code": f"{(origin['code'] or {}).get('digest') or 'not known'}, {code}",
        "claims": ", ".join(wording.badge(c, link=True) + " " + c.source for c in judged),
    }
    rows = f"{len(record.rows)} rows, {origin['profile']}"
    return entries.entry((id, rows, code), details, f"record-{id}", [("code", code)])
