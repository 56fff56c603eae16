"""Statements are known by the papers' numbers, or by a name: the book counts none."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from book.extension import statements

ROOT = Path(__file__).resolve().parents[1]
TITLES = re.findall(
    r"^(?:```|:::)\{prf:(?!proof)(\w+)\} ?(.*)\n(:label: .+)?",
    "\n".join(p.read_text(encoding="utf-8") for p in sorted((ROOT / "notebooks").glob("*.md"))),
    flags=re.MULTILINE,
)


@pytest.mark.parametrize(
    ("title", "heading", "name"),
    [
        ("[A] Lemma 6", "[A] Lemma 6", "[A] Lemma 6"),
        ("[B] Lemma 3, corrected", "[B] Lemma 3, corrected", "[B] Lemma 3 (corrected)"),
        ("Dead patterns (own)", "Theorem: Dead patterns (own)", "Dead patterns"),
        ("Support function, [B] eq. (23)", "Theorem: Support function, [B] eq. (23)",
         "Support function"),
    ],
)  # fmt: skip
def test_a_statement_shows_its_title_and_is_referred_to_by_name(
    title: str, heading: str, name: str
) -> None:
    assert statements.heading("theorem", title) == heading
    assert statements.name(title) == name


def test_a_formula_in_a_name_stays_one() -> None:
    parts = statements.with_formulas("What vanishes with $\\epsilon$ first")
    assert [(type(part).__name__, part.astext()) for part in parts] == [
        ("Text", "What vanishes with "), ("math", "\\epsilon"), ("Text", " first"),
    ]  # fmt: skip


@pytest.mark.parametrize(("kind", "title", "label"), TITLES, ids=lambda text: text[:30])
def test_every_statement_has_a_title_and_a_label(kind: str, title: str, label: str) -> None:
    assert title
    assert label, f"{title}: no printed place can lead here without a `:label:`"


def test_the_names_of_statements_differ() -> None:
    names = [statements.name(title) for _, title, _ in TITLES]
    assert sorted(names) == sorted(set(names))
