"""The criteria of the ledger as they are fixed: a digest of each, so that a moved threshold shows.

    python -m book.generate.criteria            write claims/coverage/criteria.txt again

A verdict that stays the same hides a criterion that was loosened. A test compares the digests with
the file; whoever means a change writes it again, and the change stands in the history twice.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from robustcore import claims

LEDGER = Path(__file__).resolve().parents[2] / "claims"
FILE = LEDGER / "coverage" / "criteria.txt"


def text(ledger: Iterable[claims.Claim]) -> str:
    """A line for each claim with a criterion, by id: its digest, layout aside.

    Source: own
    """
    return "".join(f"{c.id} {_digest(c)}\n" for c in sorted(ledger, key=_id) if c.testable)


def _id(claim: claims.Claim) -> str:
    return claim.id


def _digest(claim: claims.Claim) -> str:
    parts = {key: getattr(claim, key) for key in (*claims.CRITERIA, "enough_if")}
    parts |= dict(claim.values)
    said = {key: " ".join(part.split()) for key, part in parts.items() if part is not None}
    kept = [claim.record, claim.paper, said]
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()[:12]


if __name__ == "__main__":
    FILE.write_text(text(claims.load(LEDGER)), encoding="utf-8")
