"""The tables of the page in the printed shape: a block a norm, a line a method, the paper first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .chosen import NORMS, Row, Rows
from .printed_tables import ATTACKED, CERTIFIED, printed
from .units import alike, drawn

LABELS = {
    "rub": "RUB",
    "arub_l1": "aRUB-L1",
    "arub_linf": "aRUB-L∞",
    "baseline_linf": "Baseline-L∞",
    "pgd": "PGD-L∞",
    "fgsm": "FGSM-L∞",
    "coap": "COAP-L∞",
    "nominal": "Nominal",
}
NORM_WORDS = {"L1": "L₁", "L2": "L₂", "Linf": "L∞"}
_UNITS = ("standardised", "pixels")
_NOTHING = "-"


def done(rows: Rows) -> list[str]:
    """What has run, a line for each set of images.

    Source: own
    """
    lines = []
    for data in dict.fromkeys(row["data"] for row in rows):
        cells = {(r["unit"], r["method"]): r["networks"] for r in rows if r["data"] == data}
        of = max(r["of"] for r in rows if r["data"] == data)
        whole = of * len(_UNITS) * len(LABELS)
        lines.append(
            f"{data}: {sum(cells.values())} networks; all {len(LABELS)} methods at {of} radii in "
            f"{len(_UNITS)} units are {whole}"
        )
    return lines


def attacked_table(rows: Rows, data: str) -> list[Row]:
    """Table 3, 4 or 5: `published / strong` in per cent, under the paper's line.

    Source: [B] Tables 3, 4, 5

    Returns
    -------
    list of dict
        One a line: `norm`, `method`, `whose`, and a column for each place of the printed table,
        whose radii stand in the first line of a block. The last line of a block is the classifier
        that gives one answer to all.
    """
    mine = [row for row in rows if row["data"] == data]
    lines: list[Row] = []
    for norm in NORMS:
        here = [row for row in mine if row["norm"] == norm]
        radii = sorted({row["radius"] for row in here})
        lines.append(_line(norm, "", "ρ =", [f"{r:g}" for r in radii]))
        lines += _block(here, norm, radii, printed(data, norm), ("published", "strong"))
        constant = f"{100 * here[0]['constant']:.1f}" if here else _NOTHING
        lines.append(_line(norm, "one answer", "", [constant] * len(radii)))
    return _filled(lines)


def certified_table(rows: Rows, data: str) -> list[Row]:
    """Table 7, 8 or 9: `RUB / tightest` in per cent, under the paper's line.

    Source: [B] Tables 7, 8, 9

    Returns
    -------
    list of dict
        As `attacked_table`.
    """
    here = [row for row in rows if row["data"] == data]
    radii = sorted({row["radius"] for row in here})
    lines = [_line("L1", "", "ρ =", [f"{r:g}" for r in radii])]
    return _filled(
        lines + _block(here, "L1", radii, printed(data, "certified"), ("rub", "tightest"))
    )


def columns(data: str, lines: Sequence[Row]) -> dict[str, str]:
    """The columns of either for `robustcore.plots.tables`; the printed ones are counted from 1.

    Source: own
    """
    printed_ones = [key for key in lines[0] if key.isdigit()]
    named = {data: "norm", "method": "method", "": "whose"}
    return named | {str(int(key) + 1): key for key in printed_ones}


def _block(
    here: Rows,
    norm: str,
    radii: Sequence[float],
    paper: Mapping[tuple[str, float], float],
    names: tuple[str, str],
) -> list[Row]:
    lines = []
    for method, label in LABELS.items():
        if any(m == method for m, _ in paper):
            lines.append(
                _line(norm, label, "paper", [_number(paper.get((method, r))) for r in radii])
            )
        for unit in _UNITS:
            found = {r["radius"]: r for r in here if (r["method"], r["unit"]) == (method, unit)}
            if found:
                lines.append(_line(norm, label, unit, [_pair(found.get(r), names) for r in radii]))
    return lines


def _pair(row: Mapping[str, Any] | None, names: tuple[str, str]) -> str:
    return _NOTHING if row is None else " / ".join(_number(100 * row[name]) for name in names)


def _number(value: float | None) -> str:
    return _NOTHING if value is None else f"{value:.1f}"


def _line(norm: str, method: str, whose: str, cells: Sequence[str]) -> Row:
    return {
        "norm": norm,
        "method": method,
        "whose": whose,
        **{str(i): c for i, c in enumerate(cells)},
    }


def _filled(lines: list[Row]) -> list[Row]:
    width = max(len(line) for line in lines)
    return [{**line, **{str(i): line.get(str(i), "") for i in range(width - 3)}} for line in lines]


def winners(data: str) -> list[Row]:
    """The printed winner of each column, and who is not told from it by 2560 draws.

    Source: own (on [B] Tables 3-5, 7-9)

    Returns
    -------
    list of dict
        `table`, `kind`, `radius`, `best`, its `paper` value, and `within`, the methods for which
        the 95 % interval of the difference to it holds zero; `coloured`, those that the paper
        colours, within half a point.
    """
    return [row for kind in (*NORMS, "certified") for row in _columns(data, kind)]


def _columns(data: str, kind: str) -> Iterator[Row]:
    paper = printed(data, kind)
    for radius in sorted({r for _, r in paper}):
        column = {m: v for (m, r), v in paper.items() if r == radius}
        best = max(column, key=lambda m: column[m])
        yield {
            "table": (CERTIFIED if kind == "certified" else ATTACKED)[data],
            "kind": kind,
            "radius": radius,
            "best": best,
            "paper": column[best],
            "within": [
                m for m, v in column.items() if m != best and alike(drawn(v), drawn(column[best]))
            ],
            "coloured": [m for m in column if m != best and column[best] - column[m] <= 0.5],
        }
