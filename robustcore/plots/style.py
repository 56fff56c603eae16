"""One look for every figure: colours by role, a near-white card, nothing left behind.

The colours are the eight of Okabe and Ito (2008), which people with any of the common colour
deficiencies tell apart. A method keeps its colour and its line through the whole book. Figures are
opaque near-white cards, so that they read the same on a light and on a dark page.

No figure is registered with pyplot, and Matplotlib's settings are changed only inside `figure`:
after a plot the caller's settings are what they were.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.rcsetup import cycler

from ..errors import InputError
from . import numbers

BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
YELLOW, BLUE, VERMILLION, PURPLE = "#F0E442", "#0072B2", "#D55E00", "#CC79A7"
GREY = "#7A7A7A"
CARD = "#FBFBF9"

PALETTE = MappingProxyType(
    {
        "black": BLACK,
        "orange": ORANGE,
        "sky": SKY,
        "green": GREEN,
        "yellow": YELLOW,
        "blue": BLUE,
        "vermillion": VERMILLION,
        "purple": PURPLE,
    }
)

COLOURS = MappingProxyType(
    {
        # classes and planar pictures
        "positive": BLUE,
        "negative": VERMILLION,
        "boundary": BLACK,
        "ball": GREY,
        # programs of paper A
        "algorithm_1": VERMILLION,
        "algorithm_2": BLUE,
        "sgd": BLACK,
        # values that a bound is compared with
        "attack": ORANGE,
        "upper": BLUE,
        "lower": GREEN,
        "paper": GREY,
    }
)

LINES = MappingProxyType(
    {
        "algorithm_1": "--",
        "algorithm_2": "-",
        "attack": "-.",
        "paper": ":",
    }
)

_SETTINGS: Any = {
    "figure.facecolor": CARD,
    "figure.dpi": 144,
    "savefig.dpi": 144,
    "savefig.facecolor": CARD,
    "axes.facecolor": CARD,
    "axes.edgecolor": "#444444",
    "axes.labelcolor": "#222222",
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.labelsize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.prop_cycle": cycler(color=[BLUE, VERMILLION, GREEN, ORANGE, SKY, PURPLE, BLACK, YELLOW]),
    "grid.color": "#DDDDDA",
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.6,
    "lines.markersize": 4,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "xtick.color": "#444444",
    "ytick.color": "#444444",
    "legend.fontsize": 8,
    "legend.frameon": False,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # ships with Matplotlib: the same figure everywhere
    "mathtext.fontset": "dejavusans",
    "svg.hashsalt": "robustcore",
    "svg.fonttype": "path",
}


def colour(role: str) -> str:
    """The colour of a part of a picture, as a hexadecimal string; `looks.colour` knows methods too.

    Source: own

    Parameters
    ----------
    role : str
        A key of `COLOURS`, for example "algorithm_2", "positive".

    Raises
    ------
    InputError
        For a role that has no colour.
    """
    if role not in COLOURS:
        raise InputError(f"no colour for the role {role!r}; use one of {', '.join(COLOURS)}.")
    return COLOURS[role]


def line(role: str) -> dict[str, Any]:
    """Keyword arguments for `ax.plot` that draw a method's own line: colour and dashes.

    Source: own

    Parameters
    ----------
    role : str
        A key of `COLOURS`.
    """
    return {"color": colour(role), "linestyle": LINES.get(role, "-")}


def norm(p: float | str) -> str:
    r"""The name of a norm as a label prints it: "$L_1$", "$L_\infty$".

    Source: own

    Parameters
    ----------
    p : float or str
        As balls have it, or as rows carry it: 1, "1", "2", math.inf, "inf".
    """
    return r"$L_\infty$" if str(p) == "inf" else f"$L_{float(p):g}$"


class Card(Figure):
    """A figure that shows itself in a notebook without pyplot and without a backend.

    Source: own
    """

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, str]:
        return {"image/svg+xml": svg(self), "text/csv": numbers.as_csv(self)}


@contextmanager
def figure(
    rows: int = 1, cols: int = 1, width: float = 6.4, height: float = 3.4, **subplots: Any
) -> Iterator[tuple[Card, Any]]:
    """A figure and its axes, under the book's settings while the `with` block lasts.

    Source: own

    Parameters
    ----------
    rows, cols : int
        The grid of axes.
    width, height : float
        Inches, of the whole figure. A page shows at most 7.5 inches.
    **subplots
        For `Figure.subplots`, for example `sharey=True` or `squeeze=False`.

    Returns
    -------
    (Card, axes)
        One `Axes`, or an array of them as `Figure.subplots` gives.

    Examples
    --------
    >>> with figure(1, 2, width=7, height=3) as (fig, (left, right)):
    ...     _ = left.plot([0, 1], [0, 1], **line("rub"))
    """
    with mpl.rc_context(_SETTINGS):
        fig = Card(figsize=(width, height), layout="constrained")
        yield fig, fig.subplots(rows, cols, **subplots)


def bare(axes: Any) -> None:
    """Take ticks, grid and frame off axes that show an image or a set in the plane.

    Source: own

    Parameters
    ----------
    axes : Axes, or array of Axes
    """
    for ax in np.ravel(axes):
        ax.set(xticks=[], yticks=[])
        ax.grid(False)
        for spine in ax.spines.values():
            spine.set_visible(False)


def tag(ax: Any, text: str, point: Any, offset: tuple[float, float] = (4, 5), **look: Any) -> None:
    """Write a word beside a point, on a patch of the card, so that no line runs through it.

    Source: own

    Parameters
    ----------
    ax : Axes
    text : str
    point : (2,)
        In the units of the axes.
    offset : (float, float)
        From the point to the word, in typographic points.
    **look
        For `Axes.annotate`, for example `color` or `ha`.
    """
    patch = {"fc": CARD, "ec": "none", "pad": 0.5}
    words = {"fontsize": 8, "bbox": patch, **look}
    ax.annotate(text, point, offset, textcoords="offset points", **words)


def png(fig: Figure) -> bytes:
    """The figure as PNG bytes at 144 dots an inch, the same bytes for the same figure.

    Source: own

    Parameters
    ----------
    fig : Figure
    """
    out = io.BytesIO()
    with mpl.rc_context(_SETTINGS):
        fig.savefig(out, format="png", metadata={"Software": None})
    return out.getvalue()


def svg(fig: Figure) -> str:
    """The figure as SVG on its card, the same text for the same figure.

    Source: own

    Parameters
    ----------
    fig : Figure
    """
    out = io.StringIO()
    with mpl.rc_context(_SETTINGS):
        fig.savefig(out, format="svg", metadata={"Date": None})
    return out.getvalue()


def save(fig: Figure, path: str) -> None:
    """Write the figure as .png or .svg, without a date, so that a rebuilt file is the same file.

    Source: own

    Parameters
    ----------
    fig : Figure
    path : str
        Ends in .png or .svg.
    """
    metadata: dict[str, None] = {"Date": None} if path.endswith(".svg") else {"Software": None}
    with mpl.rc_context(_SETTINGS):
        fig.savefig(path, metadata=metadata)
