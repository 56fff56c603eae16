"""The colours and lines of bounds and defenses, beside those of `style`, which knows no method."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from ..methods import METHODS
from . import style

COLOURS = MappingProxyType(
    {**{name: style.PALETTE[one.colour] for name, one in METHODS.items()}, **style.COLOURS}
)
LINES = MappingProxyType({**{name: one.dashes for name, one in METHODS.items()}, **style.LINES})


def colour(role: str) -> str:
    """The colour of a method or of a part of a picture, as a hexadecimal string.

    Source: own

    Parameters
    ----------
    role : str
        A key of `COLOURS`, for example "rub", "pgd", "positive".

    Raises
    ------
    InputError
        For a role that has no colour.
    """
    return COLOURS[role] if role in COLOURS else style.colour(role)


def line(role: str) -> dict[str, Any]:
    """Colour and dashes of a method or role, as keywords of Matplotlib's `plot`.

    Source: own
    """
    return {"color": colour(role), "linestyle": LINES.get(role, "-")}
