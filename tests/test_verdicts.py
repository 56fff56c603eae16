"""Pages show the ledger: verdicts and recorded numbers are drawn, and none is typed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jupytext
import pytest

from book.generate import verdicts
from book.generate.wording import rows_of
from robustcore import claims, records
from robustcore.errors import InputError

ROOT = Path(__file__).resolve().parents[1]
NAMES = sorted(path.stem for path in (ROOT / "notebooks").glob("*.md"))
LEDGER = claims.load(ROOT / "claims")

every_notebook = pytest.mark.parametrize("name", NAMES)


def prose(name: str) -> str:
    """The text cells, without what stands as code in them, and without solutions of exercises.

    Those tell what came out of a run with the exercise's own parameters, and some record of many
    rows always holds the same three digits.
    """
    cells = jupytext.read(ROOT / "notebooks" / f"{name}.md").cells
    text = "\n\n".join(c.source for c in cells if c.cell_type == "markdown")
    text = re.sub(r"^:::\{dropdown\} Solution$.*?^:::$", "", text, flags=re.M | re.S)
    return re.sub(r"`[^`\n]*`", "``", text)


@every_notebook
def test_no_sentence_of_a_page_pronounces_a_verdict(name: str) -> None:
    """The ledger does; a sentence beside it could say something else."""
    words = r"\b(?:confirmed|refuted|(?:is|are|was|were) (?:not )?reproduced)\b[^.]*"
    assert re.findall(words, prose(name)) == []


@every_notebook
def test_a_page_draws_its_verdicts_and_types_none(name: str) -> None:
    text = "\n".join(c.source for c in jupytext.read(ROOT / "notebooks" / f"{name}.md").cells)
    judged = [claim for claim in LEDGER if claim.page == name]
    assert len(re.findall(r"^(?:```|:::)\{verdicts\}", text, re.MULTILINE)) == bool(judged)
    words = "|".join(map(re.escape, claims.VERDICTS))
    assert re.findall(rf"^\|.*\| *(?:{words}|holds)\b.*$", text, flags=re.MULTILINE) == []


@every_notebook
def test_a_page_has_an_entry_for_each_claim(name: str) -> None:
    judged = [claim for claim in LEDGER if claim.page == name]
    text = verdicts.table(name)
    assert re.findall(r"^:name: verdict-(\S+)$", text, re.MULTILINE) == [c.id for c in judged]
    for claim in judged:
        assert f":scale: {claim.scale}" in text or not claim.scale


def test_a_page_without_claims_has_no_table() -> None:
    with pytest.raises(InputError, match="no claim has the page 'nothing'"):
        verdicts.table("nothing")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "x.yml").write_text(
        """
- id: x
  source: "[B] Lemma 1"
  statement: It is so.
  record: b1_gap_lemma.sharp
  scale: instances
  values: {rows: count()}
  ours: "[0.12345, 2]"
  names: [a share, a count]
  format: ".1%"
  reproduced_if: "True"
  verdict: reproduced
  reason: By a proof.
  page: b1_gap_lemma
"""
    )
    return tmp_path


def test_a_number_of_the_ledger_by_its_name(folder: Path) -> None:
    assert verdicts.number("x.a share", folder) == "12.3%"
    assert verdicts.number("x.a share:.2f", folder) == "0.12"
    count = len(records.load("b1_gap_lemma.sharp").rows)
    assert verdicts.number("x.rows:d", folder) == str(count)
    with pytest.raises(InputError, match="no claim 'y'"):
        verdicts.number("y.a share", folder)
    with pytest.raises(InputError, match="'x' cannot be filled"):
        verdicts.number("x.another:d", folder)


# numbers in the text that a record also holds, but that a formula beside them gives
ALLOWED = {
    "00_threat_model": {"1.25"},  # sqrt(pi/2)
    "a2_sampling": {".564"},  # sqrt(.318)
    "b1_gap_lemma": {"1.4076", "1.8620"},  # log(1 + e + 1/e), log(1 + 2e)
}
NUMBER = re.compile(r"(?<![\w.,/^_{])(\d*\.\d+)( ?%)?(?![\w{]|\.\d)")


def numbers(value: Any) -> Iterator[float]:
    """Every number in nested lists and mappings, truth values left out."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for inner in value:
            yield from numbers(inner)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield float(value)


def typed(text: str, recorded: list[float], printed: list[float]) -> list[str]:
    """Numbers of three digits or more that are a recorded one, rounded, and none of the paper's."""
    found = []
    for match in NUMBER.finditer(text):
        digits = match.group(1)
        if len(digits.replace(".", "").lstrip("0")) < 3:
            continue
        half = 0.5000001 * 10.0 ** -len(digits.partition(".")[2])
        near = [
            [v for v in values if any(abs(v * by - float(digits)) <= half for by in (1, 100))]
            for values in (recorded, printed)
        ]
        if near[0] and not near[1]:
            found.append(digits)
    return found


@every_notebook
def test_no_recorded_number_is_typed(name: str) -> None:
    """Write {recorded}`CLAIM.NAME` in its stead."""
    judged = [claim for claim in LEDGER if claim.page == name]
    ids = {id for claim in judged for id in claim.record}
    ids |= {id for id in records.identifiers(ROOT / "results") if id.split(".")[0] == name}
    recorded = [v for id in ids for row in rows_of(id) for v in numbers(row) if v % 1]
    recorded += [v for c in judged for r in claims.recorded(c, rows_of) for v in numbers(r.value)]
    printed = [v for claim in judged for v in numbers(claim.paper)]
    statements = " ".join(claim.statement for claim in judged)
    printed += [float(m) for m in re.findall(r"\d*\.\d+", statements)]
    assert set(typed(prose(name), recorded, printed)) - ALLOWED.get(name, set()) == set()


PRINTED = [v for claim in LEDGER for v in numbers(claim.paper)]
PRINTED += [
    v for id in ("b_printed.attacked", "b_printed.convolutional") for v in numbers(rows_of(id))
]


@pytest.mark.parametrize("claim", LEDGER, ids=lambda claim: claim.id)
def test_no_recorded_number_is_typed_in_the_ledger(claim: claims.Claim) -> None:
    """A sentence names a number of `values` in its stead; what the papers print it may quote."""
    text = " ".join((claim.reason, claim.finding or "", claim.needs or ""))
    text = re.sub(r"\{[^{}]*\}|`[^`\n]*`", "", text)
    recorded = [v for id in claim.record for row in rows_of(id) for v in numbers(row) if v % 1]
    quoted = [float(m) for m in re.findall(r"\d*\.\d+", claim.statement)]
    assert typed(text, recorded, PRINTED + quoted) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("It costs .6559 in all.", [".6559"]),
        ("It costs $.656$ in all", [".656"]),
        ("65.6 % of it", ["65.6"]),
        ("65.6% of it", ["65.6"]),
        ("It is .66 or .7, two digits", []),
        ("The paper prints .6511.", []),
        ("Section 6.559 of 0.6559x", []),
        ("It is .6561", []),
    ],
)
def test_a_typed_number_is_seen(text: str, found: list[str]) -> None:
    assert typed(text, [0.65592, 0.6511], [0.6511]) == found
