"""How a method is called and drawn on the page of the tables, and where radius 0 is drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from robustcore.plots import looks, style

from ..ranking import MAJORITY

Rows = Sequence[Mapping[str, Any]]
NORMS = ("L2", "Linf", "L1")
LABELS = {
    "nominal": "Nominal",
    "baseline_linf": r"Baseline-$L_\infty$",
    "arub_l1": "aRUB-$L_1$",
    "arub_linf": r"aRUB-$L_\infty$",
    "rub": "RUB",
    "pgd": r"PGD-$L_\infty$",
    MAJORITY: "majority class",
}
WORDS = {
    name: label.replace(r"$L_\infty$", "L∞").replace("$L_1$", "L1")
    for name, label in LABELS.items()
}
LOOKS: dict[str, dict[str, Any]] = {
    "nominal": looks.line("nominal"),
    "baseline_linf": looks.line("baseline"),
    "arub_l1": looks.line("arub"),
    "arub_linf": {"color": style.PURPLE, "linestyle": (0, (6, 2))},
    "rub": looks.line("rub"),
    "pgd": looks.line("pgd"),
    MAJORITY: {"color": style.GREY, "linestyle": ":"},
}
ZERO = 2.5e-4  # where radius 0 is drawn on a logarithmic axis
DATA = {"clean": "clean", "published": "label leaked"}


def norm(name: str) -> str:
    """A norm as a title prints it.

    Source: own
    """
    return style.norm(name.removeprefix("L"))
