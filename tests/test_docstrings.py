"""Every public function, class and method says what it is and which equation it comes from."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from book.generate.equations import Reference, references, source_line
from book.generate.sources import documented, whole

TABLES_7_TO_9 = [("B", "Table", n) for n in ("7", "8", "9")]


def test_every_public_object_has_a_docstring(root: Path) -> None:
    assert [i.name for i in documented(whole(root)) if not i.docstring] == []


def test_what_a_user_reaches_names_its_source(root: Path) -> None:
    """Functions and classes; not errors, and not the plumbing that a package keeps to itself."""
    bare = [
        item.name
        for item in documented(whole(root))
        if item.role in ("func", "class") and item.exported and not item.is_error
        if not source_line(item.docstring)
    ]
    assert bare == []


def test_every_module_has_a_docstring(root: Path) -> None:
    bare = [m.name for m in whole(root).values() if not ast.get_docstring(m.tree)]
    assert bare == []


def test_sources_are_own_or_name_a_paper(root: Path) -> None:
    odd = []
    for item in documented(whole(root)):
        line = source_line(item.docstring)
        if line and not re.match(r"own\b|\[[AB]\]|[A-Z].*\(\d{4}\)", line):
            odd.append(f"{item.name}: {line}")
        elif line and line.startswith("[") and not references(line):
            odd.append(f"{item.name}: no numbered place in {line!r}")
    assert odd == []


@pytest.mark.parametrize(
    ("line", "places"),
    [
        ("[A] eq. (15), Theorem 4", [("A", "Equation", "(15)"), ("A", "Theorem", "4")]),
        ("[B] eqs. (8), (9), (22)", [("B", "Equation", n) for n in ("(8)", "(9)", "(22)")]),
        (
            "[B] eq. (23); [A] Appendix D, eq. (27)",
            [("B", "Equation", "(23)"), ("A", "Appendix", "D"), ("A", "Equation", "(27)")],
        ),
        ("[A] Algorithm 2, lines 1-10", [("A", "Algorithm", "2")]),
        ("[A] Section VII-B", [("A", "Section", "VII-B")]),
        ("[B] Section 6.3, Tables 7-9", [("B", "Section", "6.3"), *TABLES_7_TO_9]),
        ("[B] eqs. (12)-(14)", [("B", "Equation", n) for n in ("(12)", "(13)", "(14)")]),
        ("own ([A] Section V does not say how its 32 x 32 images", [("A", "Section", "V")]),
        ("own (on [A] eqs. (10b), (11))", [("A", "Equation", "(10b)"), ("A", "Equation", "(11)")]),
        ("own", []),
    ],
)
def test_a_source_line_is_read_as_it_is_meant(
    line: str, places: list[tuple[str, str, str]]
) -> None:
    assert [(r.paper, r.kind, r.number) for r in references(line)] == places


def test_the_index_is_sorted_as_the_papers_number() -> None:
    numbers = ["(2)", "(10b)", "(10)", "(1)"]
    sorted_numbers = sorted((Reference("A", "Equation", n) for n in numbers), key=lambda r: r.order)
    assert [r.number for r in sorted_numbers] == ["(1)", "(2)", "(10)", "(10b)"]
    sections = sorted(
        (Reference("A", "Section", n) for n in ("VII-B", "II-C", "III", "II-A")),
        key=lambda r: r.order,
    )
    assert [r.number for r in sections] == ["II-A", "II-C", "III", "VII-B"]
