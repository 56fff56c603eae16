"""Expressions of the ledger: what they may not do to the machine."""

import pytest

from robustcore.errors import InputError
from robustcore.expressions import evaluate

ROWS = [{"name": "a", "value": 2.0}, {"name": "b", "value": 3.0}]


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        ("2 ** 10 * 3 % 7", 2**10 * 3 % 7),
        ("sum(v * v for v in col('value'))", 13.0),
        ("[x + y for x in range(3) for y in range(2) if x != y]", [1, 1, 2, 3]),
        ("max(col('value')) ** -0.5", 3.0**-0.5),
    ],
)
def test_what_is_permitted_gives_what_python_gives(expression, wanted):
    assert evaluate(expression, ROWS, {}) == wanted


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("(" * 300 + "1" + ")" * 300, "nested too deeply|is not an expression"),
        ("-" * 5000 + "1", "nested too deeply"),
        ("[" * 90 + "]" * 90, "nested too deeply"),
        ("1" + " + 1" * 3000, "has 12001 characters"),
        ("1" + " + 1" * 2000, "nested too deeply"),
        ("9 ** 9 ** 9", "too large a number"),
        ("2 ** 10000", "too large a number"),
        ("[0] * 10 ** 9", r"\* is for numbers, got list"),
        ("'a' * 10", r"\* is for numbers, got str"),
        ("'%999999999d' % 1", "% is for numbers"),
        ("1 << 10", "LShift, which is not permitted"),
        ("sum(range(10 ** 9))", "takes more"),
        ("sorted(range(10 ** 18))", "takes more"),
        ("sum(1 for a in range(2000) for b in range(2000))", "takes more"),
        ("sum(1 for a in range(900) for b in range(900) for c in range(900))", "takes more"),
        ("1 if", "is not an expression"),
        ("1\0", "is not an expression"),
        ("1 / 0", "fails on its rows"),
        ("_counted([1])", "unknown name '_counted'"),
        ("10.0 ** 400", "fails on its rows"),
    ],
)
def test_what_is_too_much_is_one_sentence(expression, message):
    with pytest.raises(InputError, match=message) as found:
        evaluate(expression, ROWS, {})
    assert "\n" not in str(found.value)
    assert len(str(found.value)) < 500
