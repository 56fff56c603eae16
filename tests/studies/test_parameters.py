"""Parameters from a command line are of the type that the page or the study declares."""

from __future__ import annotations

from typing import Any

import pytest

from robustcore.errors import InputError
from studies import parameters


@pytest.mark.parametrize(
    ("text", "usual", "value"),
    [
        ("1e-3", 0.1, 1e-3),  # YAML alone: the text "1e-3"
        ("1E+3", 0.1, 1000.0),
        ("-.5", 0.1, -0.5),
        ("7", 0.1, 7.0),
        (".inf", 0.1, float("inf")),
        ("1e3", 40, 1000),
        ("1_000", 40, 1000),
        ("-2", 40, -2),
        ("true", False, True),
        ("mnist", "iris", "mnist"),
        ("'mnist'", "iris", "mnist"),
        ("1e3", "iris", "1e3"),
        ("no", "iris", "no"),
        ("[1e-3, 2]", (0.1, 0.2), [1e-3, 2.0]),
        ("[1e3]", (4, 8), [1000]),
        ("[]", (4, 8), []),
        ("[a, b]", ("c",), ["a", "b"]),
        ("[[1e3, 2]]", ((1, 2), (3, 4)), [[1000, 2]]),
        ("[['(8)', 40]]", (("(8)", 100),), [["(8)", 40]]),
        ("[1, 2.5]", (1, 0.5), [1.0, 2.5]),
        ("anything", None, "anything"),
    ],
)
def test_a_text_is_read_as_the_type_of_the_usual_value(text: str, usual: Any, value: Any) -> None:
    found = parameters.read("x", text, usual)
    assert found == value
    assert repr(found) == repr(value)  # 1000 and 1000.0 are equal, and not the same


@pytest.mark.parametrize(
    ("text", "usual", "wanted"),
    [
        ("2.5", 40, "a whole number such as 40"),
        ("1e-3", 40, "a whole number such as 40"),
        (".inf", 40, "a whole number such as 40"),
        ("true", 40, "a whole number such as 40"),
        ("many", 40, "a whole number such as 40"),
        ("small", 0.1, "a number such as 0.1"),
        ("[0.1]", 0.1, "a number such as 0.1"),
        ("1", True, "true or false"),
        ("0.1", (0.1, 0.2), r"a list such as \[0.1, 0.2\]"),
        ("[0.1, many]", (0.1, 0.2), r"a list such as \[0.1, 0.2\]"),
        ("[1.5]", (1, 2), r"a list such as \[1, 2\]"),
        ("[1", 40, "a whole number such as 40"),
    ],
)
def test_another_type_is_one_sentence(text: str, usual: Any, wanted: str) -> None:
    with pytest.raises(InputError, match=f"^parameter x is {wanted}, got .*\\.$"):
        parameters.read("x", text, usual)
