"""Criteria as expressions over rows: a small, closed part of Python, evaluated safely.

Permitted are literals, arithmetic, comparisons, `and`, `or`, `not`, `if`-`else`, subscripts,
comprehensions, and the names below; no attributes, no lambdas, nothing else.

- `rows(**where)`: the rows whose columns equal the given values, as a list of dicts;
- `col("name", **where)`: the values of one column over those rows;
- `val("name", **where)`: the value in the only row that matches;
- `count(**where)`: how many rows match;
- `min max sum mean median abs len all any round sorted set zip range sqrt log10`;
- `paired(a, b)`: the 95 % interval, a pair, of the mean of a - b over runs that belong together;
  `apart(a, b)`: that of mean(a) - mean(b) over runs that do not; `share(k, n)`: that of a share
  of which k of n were seen; `signs(a, b)`: the chance, two-sided, of as uneven a number of signs
  of a - b. `level=` changes the 95 %, for example where several intervals are read together;
- `paper`: the value that the paper prints.

Numbers in `where` match to a relative 1e-9.
"""

from __future__ import annotations

import ast
import math
import statistics
from collections.abc import Mapping
from typing import Any

from scipy import stats

from .errors import InputError

Row = dict[str, Any]
Interval = tuple[float, float]


def paired(a: list[float], b: list[float], level: float = 0.95) -> Interval:
    """Student's interval of the mean of a - b.

    Source: own

    Raises
    ------
    InputError
        Unless a and b have one length, of two or more.
    """
    if len(a) != len(b) or len(a) < 2:
        raise InputError(f"paired(a, b) needs two or more pairs, got {len(a)} and {len(b)} values.")
    differences = [x - y for x, y in zip(a, b, strict=True)]
    if len(set(differences)) == 1:
        return differences[0], differences[0]
    found = stats.ttest_1samp(differences, 0.0).confidence_interval(level)
    return float(found.low), float(found.high)


def apart(a: list[float], b: list[float], level: float = 0.95) -> Interval:
    """Welch's interval of mean(a) - mean(b).

    Source: own

    Raises
    ------
    InputError
        Unless a and b have two or more values each.
    """
    if min(len(a), len(b)) < 2:
        raise InputError(f"apart(a, b) needs two values of each, got {len(a)} and {len(b)}.")
    found = stats.ttest_ind(a, b, equal_var=False).confidence_interval(level)
    return float(found.low), float(found.high)


def share(k: float, n: float, level: float = 0.95) -> Interval:
    """Clopper and Pearson's interval of a probability of which k of n were seen.

    Source: own
    """
    found = stats.binomtest(round(k), round(n)).proportion_ci(level)
    return float(found.low), float(found.high)


def signs(a: list[float], b: list[float]) -> float:
    """The two-sided chance, if signs of a - b are even, of as uneven a number; ties are left out.

    Source: own
    """
    ups = sum(x > y for x, y in zip(a, b, strict=True))
    downs = sum(x < y for x, y in zip(a, b, strict=True))
    return float(stats.binomtest(ups, ups + downs).pvalue) if ups + downs else 1.0


_FUNCTIONS: dict[str, Any] = {
    f.__name__: f
    for f in (
        *(min, max, sum, abs, len, all, any, round, sorted, set, zip, range),
        *(paired, apart, share, signs),
    )
} | {
    "mean": statistics.fmean,
    "median": statistics.median,
    "sqrt": math.sqrt,
    "log10": math.log10,
    "inf": math.inf,
}

_NODES = (
    *(ast.Expression, ast.BoolOp, ast.boolop, ast.BinOp, ast.operator, ast.UnaryOp, ast.unaryop),
    *(ast.Compare, ast.cmpop, ast.IfExp, ast.Call, ast.keyword, ast.Constant, ast.Name),
    *(ast.Load, ast.Store, ast.Subscript, ast.List, ast.Tuple, ast.Set, ast.Dict),
    *(ast.GeneratorExp, ast.ListComp, ast.SetComp, ast.comprehension),
)


def evaluate(expression: str, rows: list[Row], names: Mapping[str, Any]) -> Any:
    """The value of an expression over rows.

    Source: own

    Parameters
    ----------
    expression : str
    rows : list of dict
    names : mapping
        Further names that the expression may use.

    Raises
    ------
    InputError
        If the expression is not in the permitted part of Python, or fails on these rows.
    """
    text = " ".join(str(expression).split())
    scope = {**_FUNCTIONS, **_queries(rows), **names}
    _check(text, set(scope))
    try:
        return eval(compile(text, "<criterion>", "eval"), {"__builtins__": {}, **scope})
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"`{text}` fails on its rows: {error!r}; correct it.") from error


def _check(text: str, known: set[str]) -> None:
    try:
        tree = ast.parse(text, mode="eval")
    except SyntaxError as error:
        raise InputError(f"`{text}` is not an expression: {error.msg}.") from error
    bound = {
        node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    for node in ast.walk(tree):
        if not isinstance(node, _NODES):
            raise InputError(f"`{text}` uses {type(node).__name__}, which is not permitted.")
        if isinstance(node, ast.Name) and node.id not in known | bound:
            raise InputError(f"`{text}` uses the unknown name {node.id!r}.")
        if isinstance(node, ast.keyword) and node.arg is None:
            raise InputError(f"`{text}` uses **, which is not permitted.")


def _queries(all_rows: list[Row]) -> dict[str, Any]:
    def rows(**where: Any) -> list[Row]:
        return [row for row in all_rows if all(_equal(row.get(k), v) for k, v in where.items())]

    def col(name: str, /, **where: Any) -> list[Any]:
        matching = rows(**where)
        if not matching:
            raise InputError(f"no row has {where}; the record holds other values.")
        if lacking := [row for row in matching if name not in row]:
            raise InputError(f"no column {name!r}; the row has {', '.join(lacking[0])}.")
        return [row[name] for row in matching]

    def val(name: str, /, **where: Any) -> Any:
        values = col(name, **where)
        if len(values) != 1:
            raise InputError(f"{len(values)} rows have {where}, val({name!r}) needs exactly one.")
        return values[0]

    def count(**where: Any) -> int:
        return len(rows(**where))

    return {"rows": rows, "col": col, "val": val, "count": count}


def _equal(found: Any, wanted: Any) -> bool:
    if isinstance(found, float | int) and isinstance(wanted, float) and not math.isinf(wanted):
        return math.isclose(found, wanted, rel_tol=1e-9, abs_tol=0.0)
    return bool(found == wanted)
