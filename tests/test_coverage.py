"""Each numbered place of both papers has a function and a judged claim, or a reason why not.

A place is covered when a `Source:` line of the library names it (the equation index is drawn from
these) and a claim of the ledger does, whose verdict recorded rows give.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from book.generate.equations import Reference, references, source_line
from book.generate.sources import documented, modules
from robustcore import claims

ROOT = Path(__file__).resolve().parents[1]
Place = tuple[str, str, str]  # paper, kind, number


def numbers(first: int, last: int) -> list[str]:
    return [str(n) for n in range(first, last + 1)]


NUMBERED: dict[str, dict[str, Iterable[str]]] = {
    "A": {
        "Equation": numbers(1, 31),
        "Theorem": numbers(1, 5),
        "Lemma": ("6", "7"),
        "Algorithm": ("1", "2"),
        "Figure": numbers(1, 6),
        "Table": ("I", "II"),
    },
    "B": {
        "Equation": numbers(1, 40),
        "Lemma": ("1", "2", "3", "4", "12", "13"),
        "Theorem": ("5", "7", "8", "11"),
        "Corollary": ("6", "9"),
        "Definition": ("10",),
        "Figure": numbers(1, 4),
        "Table": numbers(1, 12),
    },
}
ALL: list[Place] = [
    (paper, kind, number)
    for paper, kinds in NUMBERED.items()
    for kind, kept in kinds.items()
    for number in kept
]

# What is not covered yet, and why. An entry that is covered must leave this list.
_CAMPAIGN = "needs the 46 tables of the paper trained with every method: a campaign on a GPU"
_VISION = "needs the paper's networks on its images: a campaign on a GPU"
NOT_YET: dict[Place, str] = {
    ("B", "Figure", "2"): _CAMPAIGN,
    ("B", "Figure", "3"): _CAMPAIGN,
    ("B", "Figure", "4"): _CAMPAIGN,
    ("B", "Table", "5"): _VISION,
    ("B", "Table", "10"): "the recorded networks hardly learned: " + _VISION,
    ("B", "Table", "11"): "the order of short runs is chance: " + _VISION,
}

# Covered by claims about a part, or by runs smaller than the paper's; the printed numbers wait.
ONLY_IN_PART: dict[Place, str] = {
    ("B", "Table", "3"): "its radii and its attacks are judged, its accuracies not: " + _VISION,
    ("B", "Table", "4"): "its radii are judged, its accuracies not: " + _VISION,
    ("B", "Table", "7"): "the order of methods is judged, on small MNIST alone: " + _VISION,
    ("B", "Table", "8"): "the order of methods is judged, at small size: " + _VISION,
    ("B", "Table", "9"): "the order of methods is judged, on small MNIST alone: " + _VISION,
    ("B", "Table", "12"): "one cell is judged, for the unit of the radius: " + _VISION,
}


def plain(reference: Reference) -> Place:
    """Parts of an equation, (10b), count for it."""
    number = re.sub(r"^\(?(\d+)[a-z]*\)?$", r"\1", reference.number)
    return reference.paper, reference.kind, number


def in_the_index() -> set[Place]:
    lines = (source_line(i.docstring) or "" for i in documented(modules(ROOT / "robustcore")))
    return {plain(r) for line in lines for r in references(line)}


def judged() -> set[Place]:
    """The places of claims that have a criterion; a bare "not testable" covers nothing."""
    testable = (c for c in claims.load(ROOT / "claims") if c.testable)
    return {plain(r) for claim in testable for r in references(claim.source)}


INDEX, JUDGED = in_the_index(), judged()


def name(place: Place) -> str:
    return "-".join(place)


@pytest.mark.parametrize("place", [p for p in ALL if p not in NOT_YET], ids=name)
def test_a_numbered_place_has_its_function_and_its_claim(place: Place) -> None:
    assert place in INDEX, "no `Source:` line of the library names it"
    assert place in JUDGED, "no claim with a criterion names it"


@pytest.mark.parametrize("place", NOT_YET, ids=name)
def test_what_is_not_covered_yet_is_real_and_still_missing(place: Place) -> None:
    assert place in ALL
    assert NOT_YET[place]
    assert not (place in INDEX and place in JUDGED), "covered by now: take it off the list"


@pytest.mark.parametrize("place", ONLY_IN_PART, ids=name)
def test_what_is_covered_in_part_is_covered_and_says_what_is_not(place: Place) -> None:
    assert place in INDEX
    assert place in JUDGED
    assert place not in NOT_YET
    assert ONLY_IN_PART[place]


@pytest.mark.parametrize(
    ("source", "places"),
    [
        ("[B] eqs. (14)-(16)", [("B", "Equation", n) for n in ("14", "15", "16")]),
        ("[A] eq. (10b), Table II", [("A", "Equation", "10"), ("A", "Table", "II")]),
        ("[A] Figs. 3, 4", [("A", "Figure", "3"), ("A", "Figure", "4")]),
        ("own", []),
    ],
)
def test_places_are_read_as_they_are_meant(source: str, places: list[Place]) -> None:
    assert [plain(r) for r in references(source)] == places
