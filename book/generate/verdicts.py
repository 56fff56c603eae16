"""What a page shows of the ledger: the table of its verdicts, and single recorded numbers."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from robustcore import claims
from robustcore.errors import InputError

from . import wording

LEDGER = Path(__file__).resolve().parents[2] / "claims"


def table(page: str, folder: Path = LEDGER) -> str:
    """The claims that a page judges, as MyST text: one entry each.

    Raises
    ------
    InputError
        If no claim names the page.
    """
    judged = [claim for claim in _ledger(folder).values() if claim.page == page]
    if not judged:
        raise InputError(f"no claim has the page {page!r}; add one, or take out the table.")
    return "".join(wording.claim_entry(claim, "verdict", with_page=False) for claim in judged)


def number(name: str, folder: Path = LEDGER) -> str:
    """A recorded number, `CLAIM.NAME` or `CLAIM.NAME:FORMAT`, as the ledger gives it.

    NAME is one of the claim's `names` or `values`, or `ours`; without FORMAT it has the claim's.

    Raises
    ------
    InputError
        If there is no such claim, or no such number in it.
    """
    id, _, rest = name.partition(".")
    wanted, _, form = rest.partition(":")
    if id not in (ledger := _ledger(folder)):
        raise InputError(f"no claim {id!r} in claims/; a recorded number is CLAIM.NAME.")
    claim = ledger[id]
    for found in claims.recorded(claim, wording.rows_of):
        if found.name == wanted:
            return format(found.value, form or claim.format)
    return claims.said(f"{{{wanted}:{form or claim.format}}}", claim, wording.rows_of)


@cache
def _ledger(folder: Path) -> dict[str, claims.Claim]:
    return {claim.id: claim for claim in claims.load(folder)}
