"""Every page says what it teaches, and asks two questions that its own parameters answer."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import pytest

from book.extension import exercises
from notebooks import execute

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"
_FORM = re.compile(
    r"^::::\{exercise\} \S[^\n]*\n:with: ([^\n]+)\n\n"
    r"(.*?)^:::\{dropdown\} Solution\n(.*?)^:::\n::::$",
    flags=re.MULTILINE | re.DOTALL,
)
every_page = pytest.mark.parametrize("name", execute.names())


class Exercise(NamedTuple):
    given: str
    question: str
    solution: str


def of(text: str) -> list[Exercise]:
    """The exercises of a page, in order; what stands after the code's home is not looked at."""
    body = text.split("\n## Where the code lives\n")[0]
    return [Exercise(*found) for found in _FORM.findall(body)]


def read(name: str) -> str:
    return (FOLDER / f"{name}.md").read_text(encoding="utf-8")


@every_page
def test_a_page_opens_with_what_it_teaches_and_needs(name: str) -> None:
    first = read(name).split("```{code-cell}")[0]
    (box,) = re.findall(
        r"^:::\{admonition\} [^\n]+\n:class: opening\n(.*?)^:::$", first, re.M | re.S
    )
    assert "**You will learn** " in box
    assert "**You need** " in box
    assert len(box.splitlines()) <= 6


@every_page
def test_a_page_has_two_exercises_with_questions_and_numbers(name: str) -> None:
    found = of(read(name))
    assert len(found) == read(name).count("{exercise}") == 2
    for one in found:
        assert "?" in one.question
        assert re.search(r"\d", one.solution), "a solution says what came out"


@every_page
def test_an_exercise_changes_parameters_of_its_own_page(name: str) -> None:
    usual = execute.declared(execute.read(name))
    for one in of(read(name)):
        given = exercises.given(one.given)
        values = execute.values(name, "quick", given)  # refuses a wrong name or type
        assert values
        assert all(values[key] != usual[key] for key in given)


def test_the_command_is_what_a_reader_types() -> None:
    assert exercises.command("b5_rub", "side 7 steps 50") == (
        'make run NOTEBOOK=b5_rub ARGS="-p side 7 -p steps 50"'
    )
    with pytest.raises(ValueError, match="pairs"):
        exercises.given("side")


def test_an_exercise_that_changes_nothing_or_asks_nothing_is_seen() -> None:
    text = "::::{exercise} A\n:with: n 3\n\nWhy?\n\n:::{dropdown} Solution\n4\n:::\n::::\n"
    assert of(text) == [Exercise("n 3", "Why?\n\n", "4\n")]
    assert of("## Where the code lives\n" + text) == of(text)
    assert of("\n## Where the code lives\n" + text) == []
