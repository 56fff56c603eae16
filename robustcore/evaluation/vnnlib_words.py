"""VNN-LIB files by the package `vnnlib`, as declarations and linear comparisons.

Files of the first version of the format, with inputs X_0, X_1, ... and outputs Y_0, Y_1, ..., are
first written in the words of the second, which is what the package reads.
"""

from __future__ import annotations

import importlib
import math
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DataError, InputError, missing_extra

_NUMBER = re.compile(r"(?<![\w.])[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![\w.])")
_OLD = re.compile(r"\(\s*declare-(?:const|fun)\s+([XY])_(\d+)\s*(?:\(\s*\))?\s*Real\s*\)")


def parsed(path: str | Path) -> tuple[Any, list[list[list[Any]]]]:
    """The query of a file, and each assertion as a list of conjunctions.

    Source: own

    Raises
    ------
    MissingExtraError
        Without the extra `vnnlib`.
    DataError
        If the file cannot be read.
    """
    parser = _parser()
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"the property {path} cannot be read: {error}.") from error
    try:
        query = parser.parse_query_string(_in_new_words(text))
        return query, [one.expr.to_dnf() for one in query.assertions]
    except parser.VNNLibException as error:
        said = " ".join(str(error).split())[:200]
        raise DataError(f"{path} is no VNN-LIB property that vnnlib reads: {said}.") from error


def declared(query: Any, path: Any) -> tuple[tuple[int, ...], int]:
    """The shape of the input, and the number of outputs.

    Source: own
    """
    every = [(net.inputs, net.outputs) for net in query.networks]
    if len(every) != 1 or any(len(side) != 1 for side in every[0]):
        raise InputError(f"{path} must declare one network with one input and one output.")
    (inputs,), (outputs,) = every[0]
    return tuple(inputs.shape) or (1,), math.prod(outputs.shape)


def linear(comparison: Any, path: Any) -> tuple[dict[tuple[str, int], float], float, bool]:
    """A comparison as sum of terms + rest <= 0, and whether it is strict.

    Source: own
    """
    sign = {"LessThan": 1, "LessEqual": 1, "GreaterThan": -1, "GreaterEqual": -1}.get(
        type(comparison).__name__
    )
    if sign is None:
        raise InputError(f"{path} asks for an equality or an inequality of sets; use <= and >=.")
    terms: dict[tuple[str, int], float] = {}
    rest = 0.0
    for side, times in ((comparison.lhs, sign), (comparison.rhs, -sign)):
        whole = side.to_linear_expr()
        rest += times * whole.constant
        for term in whole.terms:
            at = _place(term.var)
            terms[at] = terms.get(at, 0.0) + times * term.coeff
    strict = type(comparison).__name__ in ("LessThan", "GreaterThan")
    return {at: a for at, a in terms.items() if a != 0}, rest, strict


def _place(var: Any) -> tuple[str, int]:
    """Input or output, and which one."""
    shape, indices = tuple(var.shape), tuple(var.indices)
    flat = int(np.ravel_multi_index(indices, shape)) if shape else 0
    return var.kind.name.lower(), flat


def _in_new_words(text: str) -> str:
    """A file of the first version in the words of the second."""
    names = _OLD.findall(text)
    if not names:
        return text

    def count(name: str) -> int:
        return sum(one == name for one, _ in names)

    body = _NUMBER.sub(_with_a_point, _OLD.sub("", text))
    head = (
        "(vnnlib-version <2.0>)\n(declare-network N\n"
        f"(declare-input X real [{count('X')}])\n(declare-output Y real [{count('Y')}])\n)\n"
    )
    return head + re.sub(r"\b([XY])_(\d+)\b", r"\1[\2]", body)


def _with_a_point(number: re.Match[str]) -> str:
    """A number as the second version writes real ones: no exponent, and a point."""
    written = format(Decimal(number[0]), "f")
    return written if "." in written else f"{written}.0"


def _parser() -> Any:
    try:
        return importlib.import_module("vnnlib")
    except ImportError as error:
        raise missing_extra("read_vnnlib needs vnnlib", "vnnlib") from error
