"""Criteria as expressions over rows: a small, closed part of Python, evaluated safely.

Permitted are literals, arithmetic, comparisons, `and`, `or`, `not`, `if`-`else`, subscripts,
comprehensions, and the names below; no attributes, no lambdas, nothing else.

- `rows(**where)`: the rows whose columns equal the given values, as a list of dicts;
- `col("name", **where)`: the values of one column over those rows;
- `val("name", **where)`: the value in the only row that matches;
- `count(**where)`: how many rows match;
- `min max sum mean median abs len all any round sorted set zip range sqrt log10`;
- `paired(a, b)`: the 95 % interval, a pair, of the mean of a - b over runs that belong together;
  `apart(a, b)`: that of mean(a) - mean(b) over runs that do not; `against(a, mean, deviation, n)`:
  the same against a printed mean of n runs and their deviation; `share(k, n)`: that of a share
  of which k of n were seen; `shares_apart(k, n, l, m)`: that of one such share less another;
  `signs(a, b)`: the chance, two-sided, of as uneven a number of signs of a - b; `ranks(a, b)`: that
  of ranks as uneven of runs that do not belong together; `spreads(a, b)`: that of spreads as
  different, if they are equal. `level=` changes the 95 %, for example where several intervals are
  read together;
- `paper`: the value that the paper prints.

Numbers in `where` match to a relative 1e-9. An expression that is too long or too deep, or would
take too many steps or too large a number, is refused before or while it runs; functions count what
they look at, queries the rows, and `+` what it copies.
"""

from __future__ import annotations

import ast
import math
import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from .errors import InputError
from .intervals import against, apart, paired, ranks, share, shares_apart, signs, spreads

Row = dict[str, Any]

_FUNCTIONS: dict[str, Any] = {
    f.__name__: f
    for f in (
        *(min, max, sum, abs, len, all, any, round, sorted, set, zip, range),
        *(paired, apart, against, share, shares_apart, signs, ranks, spreads),
    )
} | {
    "mean": statistics.fmean,
    "median": statistics.median,
    "sqrt": math.sqrt,
    "log10": math.log10,
    "inf": math.inf,
}

_MAX_TEXT = 10_000  # characters
_MAX_DEPTH = 60  # nested nodes
_MAX_STEPS = 1_000_000  # of all comprehensions, ranges, and what functions look at, together
_MAX_LOOKS = 20_000_000  # at rows, by all queries together
_MAX_BITS = 4096  # of a whole number that a power or a product makes
_MAX_DIGITS = 4096  # that `round` may be asked for

_NODES = (
    *(ast.Expression, ast.BoolOp, ast.boolop, ast.BinOp, ast.UnaryOp, ast.unaryop),
    *(ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow),
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
    budget = _Budget()
    scope = {**budget.functions(), **_queries(rows, budget), **names}
    guarded = ast.fix_missing_locations(_Guards().visit(_check(text, set(scope))))
    scope |= budget.guards()
    try:
        return eval(compile(guarded, "<criterion>", "eval"), {"__builtins__": {}, **scope})
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"`{text}` fails on its rows: {error!r}; correct it.") from error


_OPERATORS: dict[type[ast.operator], str] = {
    ast.Add: "_total",
    ast.Mult: "_product",
    ast.Mod: "_remainder",
    ast.Pow: "_power",
}


class _Guards(ast.NodeTransformer):
    """Every loop counts its steps, and operators look at the size of what they take first."""

    def visit_comprehension(self, node: ast.comprehension) -> ast.AST:
        self.generic_visit(node)
        node.iter = _call("_counted", node.iter)
        return node

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        name = _OPERATORS.get(type(node.op))
        return _call(name, node.left, node.right) if name else node

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        self.generic_visit(node)
        node.comparators = [_call("_weighed", one) for one in node.comparators]
        return node


def _call(name: str, *arguments: ast.expr) -> ast.Call:
    return ast.Call(ast.Name(name, ast.Load()), list(arguments), [])


class _Budget:
    """The steps, and the looks at rows, that are left to one evaluation."""

    def __init__(self) -> None:
        self.left, self.looks = _MAX_STEPS, _MAX_LOOKS

    def functions(self) -> dict[str, Any]:
        """The functions of an expression, which count what they look at."""
        own = {**_FUNCTIONS, "range": self._range, "round": self._round, "sum": self._sum}
        return {name: self._weighing(f) if callable(f) else f for name, f in own.items()}

    def guards(self) -> dict[str, Any]:
        """What the guarded loops and operators call."""
        own: tuple[Callable[..., Any], ...] = (
            *(self._counted, self._weighed, self._total),
            *(self._product, self._remainder, self._power),
        )
        return {f.__name__: f for f in own}

    def look(self, rows: int) -> None:
        """Count rows that a query looks at."""
        self.looks -= rows
        if self.looks < 0:
            raise InputError(f"an expression may look at {_MAX_LOOKS} rows, this one at more.")

    def _spend(self, steps: int) -> None:
        self.left -= steps
        if self.left < 0:
            raise InputError(f"an expression may take {_MAX_STEPS} steps, this one takes more.")

    def _counted(self, values: Iterable[Any]) -> Iterator[Any]:
        for value in values:
            self._spend(1)
            yield value

    def _range(self, *ends: int) -> range:
        found = range(*ends)
        self._spend(min(len(found), _MAX_STEPS + 1) if found else 0)
        return found

    def _weighed(self, value: Any) -> Any:
        self._spend(len(value) if hasattr(value, "__len__") else 0)
        return value

    def _weighing(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **options: Any) -> Any:
            for one in (*given, *options.values()):
                self._weighed(one)
            return function(*given, **options)

        return call

    def _total(self, left: Any, right: Any) -> Any:
        return self._weighed(left) + self._weighed(right)

    @staticmethod
    def _sum(values: Iterable[Any], start: Any = 0) -> Any:
        if not isinstance(start, int | float):
            raise InputError(f"sum is for numbers, got {type(start).__name__}.")
        return sum(values, start)

    @staticmethod
    def _round(number: Any, ndigits: Any = None) -> Any:
        if isinstance(ndigits, int) and abs(ndigits) > _MAX_DIGITS:
            raise InputError(f"round is for at most {_MAX_DIGITS} digits, got more.")
        return round(number, ndigits)

    @staticmethod
    def _power(base: Any, exponent: Any) -> Any:
        whole = isinstance(base, int) and isinstance(exponent, int)
        if whole and base.bit_length() * abs(exponent) > _MAX_BITS:
            raise InputError(f"a power may have {_MAX_BITS} bits, this is too large a number.")
        return base**exponent

    @staticmethod
    def _remainder(left: Any, right: Any) -> Any:
        if isinstance(left, str):
            raise InputError("% is for numbers, got str.")
        return left % right

    @staticmethod
    def _product(left: Any, right: Any) -> Any:
        for value in (left, right):
            if not isinstance(value, int | float):
                raise InputError(f"* is for numbers, got {type(value).__name__}.")
        whole = isinstance(left, int) and isinstance(right, int)
        if whole and left.bit_length() + right.bit_length() > _MAX_BITS:
            raise InputError(f"a product may have {_MAX_BITS} bits, this is too large a number.")
        return left * right


def _check(text: str, known: set[str]) -> ast.Expression:
    shown = text if len(text) < 200 else text[:200] + "..."
    if len(text) > _MAX_TEXT:
        raise InputError(f"`{shown}` has {len(text)} characters, at most {_MAX_TEXT} are read.")
    try:
        tree = ast.parse(text, mode="eval")
        _check_depth(tree)
    except (SyntaxError, ValueError) as error:
        raise InputError(f"`{shown}` is not an expression: {error}.") from error
    except (RecursionError, MemoryError) as error:
        raise InputError(f"`{shown}` is nested too deeply; write it in parts.") from error
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
    return tree


def _check_depth(tree: ast.AST) -> None:
    level, depth = [tree], 0
    while level:
        depth += 1
        if depth > _MAX_DEPTH:
            raise RecursionError
        level = [child for node in level for child in ast.iter_child_nodes(node)]


def _queries(all_rows: list[Row], budget: _Budget) -> dict[str, Any]:
    def rows(**where: Any) -> list[Row]:
        budget.look(len(all_rows))
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
