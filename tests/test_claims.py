"""The ledger: each stored verdict is the one that the recorded rows give."""

from __future__ import annotations

import ast
import dataclasses
import functools
import json
import shutil
from pathlib import Path

import pytest
import yaml
from scipy import stats

from book.generate import criteria
from robustcore import claims, records
from robustcore.claims import entry
from robustcore.errors import CorruptDataError, DataError, InputError
from robustcore.expressions import evaluate

ROOT = Path(__file__).resolve().parents[1]
LEDGER = claims.load(ROOT / "claims")
ROWS = [
    {"method": "rub", "radius": 2.8, "certified": 0.76, "n": 3},
    {"method": "nominal", "radius": 2.8, "certified": 0.01, "n": 3},
    {"method": "rub", "radius": 0.1, "certified": 0.95, "n": 3},
]
ENTRY = {
    "id": "x",
    "source": "[B] Table 8",
    "statement": "RUB keeps most of its accuracy.",
    "paper": 84.2,
    "record": "b5",
    "verdict": "reproduced",
    "reason": "It does.",
    "page": "b5_rub",
    "scale": "smaller: one network",
}


@functools.cache
def rows_of(id: str) -> list[dict]:
    return records.load(id, ROOT / "results").rows


@pytest.mark.parametrize("claim", LEDGER, ids=lambda claim: claim.id)
def test_the_stored_verdict_is_the_computed_one(claim: claims.Claim) -> None:
    assert claims.judge(claim, rows_of) == claim.verdict
    shown = claims.ours(claim, rows_of)
    assert bool(shown) == (claim.ours is not None and claims.enough(claim, rows_of))


@pytest.mark.parametrize("claim", LEDGER, ids=lambda claim: claim.id)
def test_a_claim_leads_to_its_page(claim: claims.Claim) -> None:
    assert (ROOT / "notebooks" / f"{claim.page}.md").is_file()


@pytest.mark.parametrize("claim", LEDGER, ids=lambda claim: claim.id)
def test_the_sentences_of_a_claim_can_be_filled_from_its_records(claim: claims.Claim) -> None:
    finding = claim.finding if claims.enough(claim, rows_of) else None
    for sentence in (claim.reason, finding or "", claim.needs or ""):
        assert "{" not in claims.said(sentence, claim, rows_of).replace("{-1, 1}", "")


@pytest.mark.parametrize("id", records.identifiers(ROOT / "results"))
def test_every_record_is_whole_and_private(id: str) -> None:
    record = records.load(id, ROOT / "results")
    assert record.provenance["profile"]
    assert "/home/" not in json.dumps(record.provenance)


PROFILES = {
    path.stem: yaml.safe_load(path.read_text()) or {}
    for path in sorted((ROOT / "notebooks" / "profiles").glob("*.yml"))
}


@pytest.mark.parametrize("id", records.identifiers(ROOT / "results"))
def test_a_record_has_the_sizes_of_the_profile_that_it_names(id: str) -> None:
    record = records.load(id, ROOT / "results")
    profile = PROFILES.get(record.provenance["profile"], {})
    sizes = profile.get(id.split(".")[0], {})
    assert {k: v for k, v in sizes.items() if record.parameters.get(k, v) != v} == {}


def _copied_ledger(tmp_path: Path) -> tuple[claims.Claim, Path]:
    claim = next(c for c in LEDGER if c.testable and c.enough_if is None)
    shutil.copytree(ROOT / "results", tmp_path / "results")
    return claim, tmp_path / "results" / f"{claim.record[0]}.json"


def test_a_tampered_row_is_refused(tmp_path: Path) -> None:
    """A number changed by hand, in a copy of a real record: the claim can no longer be judged."""
    claim, file = _copied_ledger(tmp_path)
    content = json.loads(file.read_text())
    row = content["rows"][0]
    column = next(k for k, v in row.items() if isinstance(v, float | int))
    row[column] = row[column] + 1
    file.write_text(json.dumps(content))
    with pytest.raises(CorruptDataError, match="changed by hand"):
        claims.judge(claim, lambda id: records.load(id, tmp_path / "results").rows)


def test_a_missing_record_is_named(tmp_path: Path) -> None:
    claim, file = _copied_ledger(tmp_path)
    file.unlink()
    with pytest.raises(DataError, match=claim.record[0]):
        claims.judge(claim, lambda id: records.load(id, tmp_path / "results").rows)


def _claim(**changes: object) -> claims.Claim:
    return entry._claim({**ENTRY, **changes}, "test.yml")


@pytest.mark.parametrize(
    ("criteria", "verdict"),
    [
        ({"reproduced_if": 'val("certified", method="rub", radius=2.8) > 0.7'}, "reproduced"),
        ({"reproduced_if": 'val("certified", method="rub", radius=2.8) > 0.8'}, "not reproduced"),
        (
            {
                "reproduced_if": 'val("certified", method="rub", radius=2.8) * 100 >= paper',
                "partly_if": 'max(col("certified", method="rub")) > 0.9',
            },
            "reproduced in part",
        ),
        ({"wrong_if": "count() == 3", "reproduced_if": "count() == 3"}, "wrong as printed"),
        ({"misprint_if": "count() == 3", "reproduced_if": "count() == 3"}, "misprint"),
        ({"reproduced_if": 'all(r["n"] == 3 for r in rows(radius=2.8))'}, "reproduced"),
    ],
)
def test_the_first_criterion_that_holds_decides(criteria: dict[str, str], verdict: str) -> None:
    assert claims.judge(_claim(**criteria), lambda id: ROWS) == verdict


def test_without_criteria_a_claim_is_not_testable() -> None:
    claim = _claim(record=None, verdict="not testable", reason="No data published.")
    assert claims.judge(claim, lambda id: ROWS) == "not testable"


def test_what_names_the_run_that_it_needs_is_not_run() -> None:
    claim = _claim(record=None, verdict="not run", needs="A network of the paper's size.")
    assert claims.judge(claim, lambda id: ROWS) == "not run"


WAITING = {
    "needs": "RUB at another radius.",
    "enough_if": "count(radius=2.8) == 3",
    "reproduced_if": 'val("certified", method="pgd", radius=2.8) > 0.5',
    "values": {"pgd": 'val("certified", method="pgd", radius=2.8)'},
    "ours": "pgd",
    "verdict": "not run",
}


def test_criteria_wait_for_the_rows_that_they_ask_about() -> None:
    """Written before the rows are there; the verdict comes with them, and not by hand."""
    claim = _claim(**WAITING, finding="It is {pgd}.")
    assert claims.judge(claim, lambda id: ROWS) == "not run"
    assert claims.recorded(claim, lambda id: ROWS) == []
    assert claims.said(claim.reason, claim, lambda id: ROWS) == "It does."
    whole = [*ROWS, {"method": "pgd", "radius": 2.8, "certified": 0.6, "n": 3}]
    assert claims.judge(claim, lambda id: whole) == "reproduced"
    assert claims.said("It is {pgd}.", claim, lambda id: whole) == "It is 0.6."


def test_named_values_serve_criteria_and_sentences() -> None:
    claim = _claim(
        values={
            "rub": 'val("certified", method="rub", radius=2.8)',
            "lead": 'rub - val("certified", method="nominal", radius=2.8)',
        },
        ours="[rub, lead]",
        names=["RUB", "its lead"],
        unit="of 1",
        format=".2f",
        reproduced_if="lead > 0.5",
        reason="RUB leads by {lead:.0%} ({ours}; the paper prints {paper}).",
    )
    assert claims.judge(claim, lambda id: ROWS) == "reproduced"
    assert claims.recorded(claim, lambda id: ROWS) == [
        claims.Recorded("RUB", 0.76, "of 1", "0.76 of 1"),
        claims.Recorded("its lead", 0.75, "of 1", "0.75 of 1"),
    ]
    assert claims.said(claim.reason, claim, lambda id: ROWS) == (
        "RUB leads by 75% (0.76, 0.75; the paper prints 84.2)."
    )


def test_a_sentence_that_names_an_unknown_number_is_refused() -> None:
    claim = _claim(reason="It leads by {lead}.")
    with pytest.raises(InputError, match="cannot be filled"):
        claims.said(claim.reason, claim, lambda id: ROWS)


def test_each_number_has_a_name_or_none() -> None:
    claim = _claim(ours='col("certified", method="rub")', names=["one"])
    with pytest.raises(InputError, match="names 1 numbers"):
        claims.recorded(claim, lambda id: ROWS)


def test_rows_of_several_records_carry_their_record() -> None:
    claim = _claim(record=["b5", "b6"], reproduced_if='count(record="b6") == 3 and count() == 6')
    assert claims.judge(claim, lambda id: ROWS) == "reproduced"


def test_our_number_is_shown_as_the_entry_wishes() -> None:
    one = _claim(ours='val("certified", method="rub", radius=2.8)', format=".1%")
    assert claims.ours(one, lambda id: ROWS) == "76.0%"
    two = _claim(ours='col("certified", method="rub")', format=".2f")
    assert claims.ours(two, lambda id: ROWS) == "0.76, 0.95"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"verdict": "confirmed"}, "use one of"),
        ({"verdikt": "x"}, "unknown keys"),
        ({"reason": ""}, "lacks \\['reason'\\]"),
        ({"record": None, "reproduced_if": "True"}, "names no record"),
        ({"reproduced_if": "True", "needs": "a run"}, "keep one of them"),
        ({"reproduced_if": "True", "enough_if": "True"}, "give it `needs`"),
        ({"enough_if": "True", "needs": "a run"}, "criterion too"),
        ({"reproduced_if": "True", "scale": "large"}, "of its scale; begin with"),
        ({"values": {False: "1"}}, "no names"),  # YAML reads `off` so
    ],
)
def test_an_unfit_entry_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        _claim(**changes)


def test_ids_are_unique(tmp_path: Path) -> None:
    (tmp_path / "x.yml").write_text(json.dumps([ENTRY, ENTRY]))  # JSON is YAML
    with pytest.raises(InputError, match="used twice"):
        claims.load(tmp_path)


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ('__import__("os")', "unknown name"),
        ('col("n").append(1)', "Attribute"),
        ("(lambda: 1)()", "Lambda"),
        ('open("x")', "unknown name"),
        ('rows(**{"n": 3})', "\\*\\*"),
        ("1 +", "not an expression"),
        ('val("n")', "3 rows"),
        ('val("nothing", method="nominal")', "no column"),
        ('col("n", method="x")', "no row has"),
        ("1 / 0", "ZeroDivisionError"),
        ("[x for x in ().__class__.__mro__]", "Attribute"),
    ],
)
def test_an_expression_that_is_not_permitted_is_refused(expression: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        evaluate(expression, ROWS, {})


def test_a_criterion_must_be_true_or_false() -> None:
    with pytest.raises(InputError, match="true or false"):
        claims.judge(_claim(reproduced_if='val("n", method="nominal")'), lambda id: ROWS)


def test_numbers_match_up_to_rounding_and_words_exactly() -> None:
    rows = [{"radius": 0.1 + 0.2, "name": "a"}]
    assert evaluate("count(radius=0.3)", rows, {}) == 1
    assert evaluate("count(radius=0.31)", rows, {}) == 0
    assert evaluate('count(name="A")', rows, {}) == 0


def test_intervals_are_the_textbooks() -> None:
    """Student: 1, 2, 3 have mean 2 and standard error 1/sqrt(3); t(.975, 2) is 4.3027."""
    low, high = evaluate("paired([2, 4, 6], [1, 2, 3])", [], {})
    assert (low, high) == pytest.approx((2 - 4.3027 / 3**0.5, 2 + 4.3027 / 3**0.5), rel=1e-4)
    assert evaluate("paired([1, 2], [0, 1])", [], {}) == (1, 1)
    wide = evaluate("apart([2, 4, 6], [1, 2, 3], level=0.99)", [], {})
    narrow = evaluate("apart([2, 4, 6], [1, 2, 3])", [], {})
    assert wide[0] < narrow[0] < 2 < narrow[1] < wide[1]


def test_a_printed_mean_and_deviation_are_as_good_as_runs() -> None:
    runs = [2.0, 5.0, 6.0, 3.0]  # mean 4, deviation sqrt(10 / 3)
    given = [1.0, 2.0, 6.0]
    expected = evaluate(f"apart({given}, {runs})", [], {})
    assert evaluate(f"against({given}, 4, (10 / 3) ** 0.5, 4)", [], {}) == pytest.approx(expected)
    wide = evaluate(f"against({given}, 4, (10 / 3) ** 0.5, 4, level=0.99)", [], {})
    assert wide[0] < expected[0]
    assert evaluate("against([2, 2], 1, 0, 7)", [], {}) == (1, 1)


def test_shares_and_signs_are_exact() -> None:
    """Ten of ten: the lower end solves p^10 = .025. Five of five one way: 2 / 2^5."""
    assert evaluate("share(10, 10)", [], {}) == pytest.approx((0.025**0.1, 1.0))
    assert evaluate("signs([1, 1, 1, 1, 1, 7], [0, 0, 0, 0, 0, 7])", [], {}) == pytest.approx(
        2 / 32
    )
    assert evaluate("signs([1], [1])", [], {}) == 1.0


def test_two_shares_are_apart_as_newcombe_prints_it() -> None:
    """Table II of his paper, method 10: 56 of 70 less 48 of 80, and 10 of 10 less 0 of 20."""
    found = evaluate("shares_apart(56, 70, 48, 80)", [], {})
    assert found == pytest.approx((0.0524, 0.3339), abs=5e-5)
    found = evaluate("shares_apart(10, 10, 0, 20)", [], {})
    assert found == pytest.approx((0.6791, 1.0), abs=5e-5)
    turned = evaluate("shares_apart(48, 80, 56, 70, level=0.99)", [], {})
    assert turned[0] < -0.3339
    assert turned[1] > -0.0524


def test_ranks_leave_no_run_out() -> None:
    """Three below three: one order of 20, counted both ways, however far off the last one is."""
    assert evaluate("ranks([1, 2, 3], [4, 5, 6])", [], {}) == pytest.approx(2 / 20)
    assert evaluate("ranks([1, 2, 3], [4, 5, 6e9])", [], {}) == pytest.approx(2 / 20)
    assert evaluate("ranks([1, 2, 99], [1, 2, 99])", [], {}) == pytest.approx(1.0)
    with pytest.raises(InputError, match="three values"):
        evaluate("ranks([1, 2], [3, 4, 5])", [], {})


def test_spreads_are_compared_by_distances_from_the_median() -> None:
    """Three against three: distances 1, 0, 1 and 5, 0, 5 give F(1, 4)."""
    distances = [[1.0, 0.0, 1.0], [5.0, 0.0, 5.0]]
    means = [sum(d) / 3 for d in distances]
    between = 3 * sum((m - sum(means) / 2) ** 2 for m in means)
    within = sum((x - m) ** 2 for d, m in zip(distances, means, strict=True) for x in d) / 4
    expected = stats.f.sf(between / within, 1, 4)
    found = evaluate("spreads([1, 2, 3], [-5, 0, 5])", [], {})
    assert found == pytest.approx(expected)
    assert evaluate("spreads([1, 2, 3], [7, 8, 9])", [], {}) == 1.0


@pytest.mark.parametrize(
    "text",
    [
        "paired([1], [1])",
        "paired([1, 2], [1])",
        "apart([1], [1, 2])",
        "against([1], 1, 1, 7)",
        "spreads([1, 2], [1, 2, 3])",
    ],
)
def test_an_interval_needs_two_runs_and_a_spread_three(text: str) -> None:
    with pytest.raises(InputError, match=r"two|three"):
        evaluate(text, [], {})


class _Mutant(ast.NodeTransformer):
    """Changes the comparison of that number: negates it, or moves a bound that it compares with."""

    def __init__(self, place: int, shift: float | None) -> None:
        self.place, self.shift, self.seen, self.done = place, shift, -1, False

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        self.seen += 1
        if self.seen != self.place:
            return self.generic_visit(node)
        sides = [node.left, *node.comparators]
        if self.shift is None:
            self.done = True
            return ast.UnaryOp(ast.Not(), node)
        ordered = all(isinstance(op, ast.Lt | ast.LtE | ast.Gt | ast.GtE) for op in node.ops)
        for i, side in enumerate(sides if ordered else []):
            if isinstance(side, ast.Constant) and type(side.value) in (int, float):
                sides[i], self.done = ast.Constant(self.shift), True
        return ast.Compare(sides[0], node.ops, sides[1:])


def _mutants(claim: claims.Claim, shifts: tuple[float | None, ...]):
    """Which comparison of which criterion or value is changed, and the claim with it changed."""
    fields = [key for key in claims.CRITERIA if getattr(claim, key) is not None]
    for key in [*fields, *claim.values]:
        text = " ".join((claim.values[key] if key in claim.values else getattr(claim, key)).split())
        comparisons = sum(isinstance(node, ast.Compare) for node in ast.walk(ast.parse(text)))
        for place in range(comparisons):
            for shift in shifts:
                mutant = _Mutant(place, shift)
                changed = ast.unparse(mutant.visit(ast.parse(text, mode="eval")))
                if mutant.done and key in claim.values:
                    yield (
                        key,
                        place,
                        dataclasses.replace(claim, values={**claim.values, key: changed}),
                    )
                elif mutant.done:
                    yield key, place, dataclasses.replace(claim, **{key: changed})


def _verdict(claim: claims.Claim) -> str:
    try:
        return claims.judge(claim, rows_of)
    except InputError:
        return "fails"


TESTABLE = [claim for claim in LEDGER if claim.testable and claim.verdict != "not run"]


@pytest.mark.parametrize("claim", TESTABLE, ids=lambda claim: claim.id)
def test_a_criterion_can_fail(claim: claims.Claim) -> None:
    """Some comparison of the entry, turned round, gives another verdict on the same rows."""
    assert any(_verdict(mutant) != claim.verdict for *_, mutant in _mutants(claim, (None,)))


@pytest.mark.parametrize("claim", TESTABLE, ids=lambda claim: claim.id)
def test_a_moved_threshold_gives_another_verdict(claim: claims.Claim) -> None:
    """Far enough up or down, that is; an entry that compares with no number has none to move.

    Each one of the criterion that decides does; of an entry that is not reproduced, some one.
    """
    moved: dict[tuple[str, int], bool] = {}
    for key, place, mutant in _mutants(claim, (1e30, -1e30)):
        other = _verdict(mutant) != claim.verdict
        moved[key, place] = moved.get((key, place), False) or other
    deciding = [key for key, verdict in claims.CRITERIA.items() if verdict == claim.verdict]
    assert [where for where in moved if where[0] in deciding and not moved[where]] == []
    assert not moved or any(moved.values())


def test_the_criteria_are_those_that_were_fixed() -> None:
    """A loosened one may leave its verdict alone. If meant: `python -m book.generate.criteria`."""
    fixed = criteria.FILE.read_text(encoding="utf-8").splitlines()
    assert sorted(set(criteria.text(LEDGER).splitlines()) ^ set(fixed)) == []


@pytest.mark.parametrize(
    "changes",
    [{"reproduced_if": "count() >= 2"}, {"values": {"n": "count(radius=2.8)"}}, {"paper": 84.1}],
)
def test_a_moved_threshold_is_another_criterion(changes: dict[str, object]) -> None:
    fixed = {"reproduced_if": "count() >= 3", "values": {"n": "count()"}}
    same = {"reproduced_if": "count()\n  >= 3", "reason": "So it does."}
    assert criteria.text([_claim(**fixed | same)]) == criteria.text([_claim(**fixed)])
    assert criteria.text([_claim(**fixed | changes)]) != criteria.text([_claim(**fixed)])


@pytest.mark.parametrize("claim", LEDGER, ids=lambda claim: claim.id)
def test_any_other_word_would_be_refused(claim: claims.Claim) -> None:
    """The verdict is that of the rows, or of what the entry says it needs, and of nothing else."""
    found = claims.judge(claim, rows_of)
    assert [word for word in claims.VERDICTS if word == found] == [claim.verdict]
