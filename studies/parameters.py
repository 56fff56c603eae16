"""Parameters as a command line and a profile give them, checked against their usual values.

The type of a parameter is that of the value that it has when nothing is said, in the notebook's
`parameters` cell and in the signature of its study. YAML alone would read `1e-3` as a word.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from robustcore.errors import InputError


class _Loader(yaml.SafeLoader):
    """YAML whose numbers are those that people write: 1e-3 and 1e3 as well as 1.0e-3."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in rules if tag != "tag:yaml.org,2002:float"]
    for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(
        r"[-+]?(?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9]+)[eE][-+]?[0-9]+$|[-+]?[0-9][0-9_]*\.[0-9_]*$"
        r"|[-+]?\.[0-9]+$|[-+]?\.(?:inf|Inf|INF)$|\.(?:nan|NaN|NAN)$"
    ),
    list("-+0123456789."),
)


def load(text: str) -> Any:
    """The content of a YAML text, exponents without a point read as numbers.

    Source: own
    """
    return yaml.load(text, _Loader)


def read(name: str, text: str, usual: Any) -> Any:
    """A parameter from the text of a command line, as the type of its usual value.

    Source: own

    Parameters
    ----------
    name : str
        For the message.
    text : str
        `1e3`, `mnist`, `[0.1, 1e-2]`; a text that is wanted may stand in quotes.
    usual : object
        The value that the parameter has when nothing is said.

    Raises
    ------
    InputError
        If the text is not of that type.
    """
    try:
        value = load(text)
    except yaml.YAMLError as error:
        raise InputError(_complaint(name, text, usual)) from error
    if isinstance(usual, str) and not isinstance(value, str):
        value = text  # a word such as 1e3, no or 2026-11-29 is what it looks like
    return fit(name, value, usual)


def fit(name: str, value: Any, usual: Any) -> Any:
    """A value as the type of the usual one: 1e3 is 1000 where whole numbers are wanted.

    Source: own

    Parameters
    ----------
    name : str
        For the message.
    value : object
        A number, text, truth value or list.
    usual : object
        The value that the parameter has when nothing is said; None takes anything.

    Raises
    ------
    InputError
        If the value is of another type, or would lose digits.
    """
    try:
        return _fitted(value, usual)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(_complaint(name, value, usual)) from error


def _fitted(value: Any, usual: Any) -> Any:
    if usual is None:
        return value
    if isinstance(usual, list | tuple):
        if not isinstance(value, list | tuple):
            raise TypeError
        return [_fitted(v, _alike(usual)) for v in value]
    if isinstance(usual, bool | str):
        if not isinstance(value, type(usual)):
            raise TypeError
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError
    if isinstance(usual, int):
        if int(value) != value:
            raise ValueError
        return int(value)
    return float(value)


def _alike(usual: Any) -> Any:
    """What every element of a list must be like; None if its elements are of several kinds."""
    if all(isinstance(v, int | float) and not isinstance(v, bool) for v in usual):
        return next((v for v in usual if isinstance(v, float)), usual[0] if usual else None)
    kinds = {list if isinstance(v, tuple) else type(v) for v in usual}
    return usual[0] if len(kinds) == 1 else None


def _complaint(name: str, value: Any, usual: Any) -> str:
    kinds = {bool: "true or false", int: "a whole number", float: "a number", str: "a word"}
    wanted = kinds.get(type(usual), "a list")
    shown = list(usual) if isinstance(usual, tuple) else usual
    example = "" if isinstance(usual, bool) else f" such as {shown}"
    return f"parameter {name} is {wanted}{example}, got {value!r}."
