"""The numbers that a figure draws, as rows to fetch: what is seen can be computed with."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

import numpy as np
from matplotlib.collections import LineCollection, PathCollection, PolyCollection
from matplotlib.container import BarContainer
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator

_NOWHERE = np.empty((0, 2))
_COLUMNS = ("panel", "series", "x", "y")
Row = tuple[str, str, Any, Any]


def rows(fig: Figure) -> list[Row]:
    """(panel, series, x, y) of every line, point, bar and band; pictures and contours left out.

    A panel is known by its title or its number, a series by its label or its number. What spans the
    panel whatever the data, a grey line at a threshold, is left out.

    Source: own

    Parameters
    ----------
    fig : Figure
    """
    found: list[Row] = []
    for number, ax in enumerate(fig.axes, start=1):
        panel = ax.get_title(loc="left") or ax.get_title() or f"panel {number}"
        words = _words(ax.xaxis), _words(ax.yaxis)
        found += [
            (panel, series, words[0].get(x, x), words[1].get(y, y))
            for series, points in _series(ax)
            for x, y in (tuple(float(f"{value:.6g}") for value in point) for point in points)
        ]
    return found


def as_csv(fig: Figure) -> str:
    """The rows of a figure as CSV with a header.

    Source: own

    Parameters
    ----------
    fig : Figure
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerows([_COLUMNS, *rows(fig)])
    return out.getvalue()


def _series(ax: Any) -> Iterator[tuple[str, np.ndarray]]:
    for number, line in enumerate(ax.lines, start=1):
        if line.get_transform() == ax.transData:
            yield _label(line, f"line {number}"), line.get_xydata()
    for number, group in enumerate(ax.collections, start=1):
        if isinstance(group, PathCollection):
            yield _label(group, f"points {number}"), np.asarray(group.get_offsets())
        elif isinstance(group, LineCollection):
            segments = [np.asarray(segment) for segment in group.get_segments()]
            yield _label(group, f"segments {number}"), np.concatenate(segments or [_NOWHERE])
        elif isinstance(group, PolyCollection):
            outlines = [path.vertices for path in group.get_paths()]
            yield _label(group, f"band {number}"), np.concatenate(outlines or [_NOWHERE])
    for number, bars in enumerate(ax.containers, start=1):
        if isinstance(bars, BarContainer):
            ends = [
                (bar.get_x() + bar.get_width() / 2, bar.get_y() + bar.get_height())
                if bars.orientation == "vertical"
                else (bar.get_x() + bar.get_width(), bar.get_y() + bar.get_height() / 2)
                for bar in bars
            ]
            yield _label(bars, f"bars {number}"), np.array(ends)


def _label(artist: Any, otherwise: str) -> str:
    label = str(artist.get_label())
    return otherwise if label.startswith("_") or not label else label


def _words(axis: Any) -> dict[float, str]:
    """The texts that stand at the ticks of an axis of names."""
    if not isinstance(axis.get_major_locator(), FixedLocator):
        return {}
    texts = {
        float(tick): str(axis.get_major_formatter()(tick)) for tick in axis.get_majorticklocs()
    }
    return texts if not all(_is_number(text) for text in texts.values()) else {}


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
