"""The report of the command: one HTML page that stands alone, with a picture and the rows."""

from __future__ import annotations

from html import escape

import torch

from .findings import Judged

_ROWS = 200  # shown; all are in the CSV file
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
       color: #222; background: #fff; }
table { border-collapse: collapse; display: block; overflow-x: auto; }
td, th { padding: .2rem .8rem; text-align: left; border-bottom: 1px solid #ddd; }
svg { max-width: 100%; } svg text { font-size: 12px; fill: currentColor; }
@media (prefers-color-scheme: dark) { body { color: #ddd; background: #151515; }
       td, th { border-color: #444; } }
"""
_COLOURS = {  # of Okabe and Ito, as the figures of the book
    "proved": "#0072b2",
    "withstand the attack": "#56b4e9",
    "right, and open": "#56b4e9",
    "right, and not proved": "#56b4e9",
    "right, and turned": "#d55e00",
    "wrong as they are": "#8888",
}
_W, _H, _LEFT, _FOOT = 560.0, 240.0, 46.0, 36.0  # of the picture, its axes on the left and below


def page(judged: Judged, network: str) -> str:
    """The page.

    Source: own

    Parameters
    ----------
    judged : Judged
    network : str
        The name of the network's file.
    """
    what = "Attacks" if judged.proved is None else "Certificates"
    facts = "".join(f"<tr><th>{escape(k)}</th><td>{escape(v)}</td></tr>" for k, v in judged.lines())
    heads = "".join(f"<th>{escape(name)}</th>" for name in judged.heads())
    body = "".join(
        f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in line)}</tr>"
        for line, _ in zip(judged.rows(), range(_ROWS), strict=False)
    )
    more = len(judged.right) - _ROWS
    note = f"<p>{more} more rows are in the file that --out writes.</p>" if more > 0 else ""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{what}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body>'
        f"<h1>{what}: {escape(network)}</h1><table>{facts}</table><p>{_said(judged)}</p>"
        f"{_shares(judged)}{_staircase(judged)}"
        f"<h2>Rows</h2><table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>{note}"
        "</body></html>\n"
    )


def _said(judged: Judged) -> str:
    """What kind of answer it is."""
    if judged.proved is None:
        return "Searched by gradient attacks. A row that withstands them is not proved to stand."
    by = f"by the bound “{escape(judged.method)}”"
    if judged.seconds is not None:
        by = f"within a time, each row {by if judged.method != 'best' else 'as “by” tells'}"
    return (
        f"Proved {by}, in exact arithmetic on the network's own weights; a margin is added that "
        "likely covers its own rounding. A row that is not proved may still stand."
    )


def _shares(judged: Judged) -> str:
    """All rows as one bar, a piece for each way they came out, from left to right as listed."""
    n, wide = len(judged.right), _W - 16
    at, bar, keys = 8.0, "", ""
    for i, (name, count) in enumerate(judged.parts()):
        colour, width, y = _COLOURS[name], wide * count / n, 56 + 20 * i
        bar += f'<rect x="{at:.1f}" y="8" width="{width:.1f}" height="28" fill="{colour}"/>'
        keys += f'<rect x="8" y="{y}" width="12" height="12" fill="{colour}"/>'
        keys += f'<text x="28" y="{y + 11}">{name}: {count} of {n} ({count / n:.1%})</text>'
        at += width
    title, height = "How the rows came out", 56 + 20 * len(judged.parts())
    return (
        f'<h2>{title}</h2><svg viewBox="0 0 {_W:g} {height}" role="img" aria-label="{title}">'
        f"{bar}{keys}</svg>"
    )


def _staircase(judged: Judged) -> str:
    """The share of rows that is proved up to each radius, as a staircase."""
    if judged.radius is None or judged.proved is None or judged.ball.radius <= 0:
        return ""
    largest, n = judged.ball.radius, len(judged.radius)
    reached = torch.sort(judged.radius[judged.proved | (judged.radius > 0)]).values.tolist()

    def x(r: float) -> float:
        return _LEFT + r / largest * (_W - _LEFT - 8)

    def y(share: float) -> float:
        return 8 + (1 - share) * (_H - _FOOT - 8)

    path, left = [f"M {x(0):.1f} {y(len(reached) / n):.1f}"], len(reached)
    for r in reached:
        path.append(f"H {x(r):.1f}")
        left -= r < largest
        path.append(f"V {y(left / n):.1f}")
    ticks = "".join(
        f'<text x="{_LEFT - 6}" y="{y(s) + 4:.1f}" text-anchor="end">{s:.0%}</text>'
        f'<line x1="{_LEFT}" x2="{_W - 8}" y1="{y(s):.1f}" y2="{y(s):.1f}" stroke="#8884"/>'
        for s in (0.0, 0.5, 1.0)
    ) + "".join(
        f'<text x="{x(r):.1f}" y="{_H - 18}" text-anchor="middle">{r:.3g}</text>'
        for r in (0.0, largest / 2, largest)
    )
    title = "Share of rows that are proved up to a radius"
    return (
        f'<h2>{title}</h2><svg viewBox="0 0 {_W:g} {_H:g}" role="img" aria-label="{title}">{ticks}'
        f'<text x="{x(largest / 2):.1f}" y="{_H - 2}" text-anchor="middle">radius</text>'
        f'<path d="{" ".join(path)}" fill="none" stroke="#0072b2" stroke-width="2"/></svg>'
    )
