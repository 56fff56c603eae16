"""Expressions of the ledger: what they may not do to the machine."""

import pytest

from robustcore import expressions
from robustcore.errors import InputError
from robustcore.expressions import evaluate

LONG = "[[c for c in range(50000)]]"
DOUBLED = " for a in [a + a]" * 40
SQUARED = " for a in [a * a]" * 40
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
        ("round(1, -10 ** 9)", "at most 4096 digits"),
        ("round(1.5, 10 ** 9)", "at most 4096 digits"),
        ("round(number=1, ndigits=-10 ** 9)", "at most 4096 digits"),
        ("2 ** 2000 * 2 ** 2000 * 2 ** 2000", "a product may have 4096 bits"),
        (f"[z for a in [2 ** 99]{SQUARED} for z in [a]]", "a product may have 4096 bits"),
        (f"[1 for a in [[0, 0]]{DOUBLED}]", "takes more"),
        (f"[1 for a in ['ab']{DOUBLED}]", "takes more"),
        (f"sum(1 for a in {LONG} for b in range(50000) if -1 in a)", "takes more"),
        (f"sum(1 for a in {LONG} for b in range(50000) if max(a))", "takes more"),
        (f"sum(1 for a in {LONG} for b in range(50000) if len(set(a)))", "takes more"),
        (f"sum(mean(a) for a in {LONG} for b in range(50000))", "takes more"),
        ("sum((rows() for a in range(50000)), [])", "sum is for numbers, got list"),
    ],
)
def test_what_is_too_much_is_one_sentence(expression, message):
    with pytest.raises(InputError, match=message) as found:
        evaluate(expression, ROWS, {})
    assert "\n" not in str(found.value)
    assert len(str(found.value)) < 500


def test_queries_count_the_rows_that_they_look_at(monkeypatch):
    monkeypatch.setattr(expressions, "_MAX_LOOKS", 10)
    assert evaluate("sum(count(name=n) for n in ['a', 'b', 'c', 'd', 'e'])", ROWS, {}) == 2
    for query in ("count()", "len(rows())", "len(col('name'))", "val('value', name='a')"):
        with pytest.raises(InputError, match="may look at 10 rows"):
            evaluate(f"sum({query} for i in range(6))", ROWS, {})
