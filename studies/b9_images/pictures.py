"""Pictures of Tables 3 to 5 and 7 to 9: accuracy over the radius, and which unit a cell fits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from robustcore import LpBall
from robustcore.plots import looks, style
from robustcore.plots.regions import outline

from .chosen import NORMS
from .shown import LABELS
from .units import WORDS

Rows = Sequence[Mapping[str, Any]]
_ROLES = {"arub_l1": "arub", "arub_linf": "arub", "baseline_linf": "baseline"}
_UNITS = ("standardised", "pixels")
_FIT_COLOURS = dict(zip(WORDS, (style.SKY, style.GREEN, style.ORANGE, style.PURPLE), strict=True))
_BLANK = "#FFFFFF"


def _line(method: str) -> dict[str, Any]:
    """The line of a method; of the two aRUB the one over L-infinity is dotted."""
    found = looks.line(_ROLES.get(method, method))
    return {**found, "linestyle": ":"} if method == "arub_linf" else found


def attacked(rows: Rows, data: str) -> style.Card:
    """What the strong attack leaves over the radius, by norm and unit; crosses are the paper's RUB.

    Source: [B] Tables 3, 4, 5

    Parameters
    ----------
    rows : list of dict
        `b9_images.attacked`.
    data : str
    """
    size = {"width": 7.4, "height": 4.6, "sharey": True, "squeeze": False}
    with style.figure(len(_UNITS), len(NORMS), **size) as (fig, axes):
        for line, unit in zip(axes, _UNITS, strict=True):
            for ax, norm in zip(line, NORMS, strict=True):
                here = [r for r in rows if (r["data"], r["unit"], r["norm"]) == (data, unit, norm)]
                _curves(ax, here, "strong")
                _paper(ax, [r for r in here if r["method"] == "rub"])
                least = min((r["radius"] for r in here if r["radius"]), default=1.0)
                ax.set_xscale("symlog", linthresh=least)
                ax.set_title(f"{style.norm(norm.strip('L'))}, {unit}")
            line[0].set_ylabel("test images (%)")
        for ax in axes[-1]:
            ax.set_xlabel(r"radius $\rho$ in that unit")
        _legend(fig, [r for r in rows if r["data"] == data])
    return fig


def certified(rows: Rows, data: str) -> style.Card:
    """The share proved over the L1 radius, in both units; crosses are the paper's RUB.

    Source: [B] Tables 7, 8, 9

    Parameters
    ----------
    rows : list of dict
        `b9_images.certified`.
    data : str
    """
    size = {"width": 7.4, "height": 3.2, "sharey": True, "squeeze": False}
    with style.figure(1, len(_UNITS), **size) as (fig, axes):
        for ax, unit in zip(axes[0], _UNITS, strict=True):
            here = [r for r in rows if (r["data"], r["unit"]) == (data, unit)]
            _curves(ax, here, "tightest")
            _paper(ax, [r for r in here if r["method"] == "rub"])
            ax.set(title=unit, xlabel=r"$L_1$ radius $\rho$ in that unit")
        axes[0, 0].set_ylabel("test images (%)")
        _legend(fig, [r for r in rows if r["data"] == data])
    return fig


def which_unit(units: Rows, data: str) -> style.Card:
    """Each printed cell by the unit that it fits; pale where ours are not apart, white where unrun.

    Source: own (on [B] Tables 3-5, 7-9)

    Parameters
    ----------
    units : list of dict
        `b9_images.units`.
    data : str
    """
    mine = [row for row in units if row["data"] == data]
    kinds = (*NORMS, "certified")
    with style.figure(1, len(kinds), width=7.4, height=2.6) as (fig, axes):
        for ax, kind in zip(axes, kinds, strict=True):
            here = [row for row in mine if row["kind"] == kind]
            _matrix(ax, here)
            name = "proved" if kind == "certified" else style.norm(kind.strip("L"))
            ax.set_title(f"Table {here[0]['table']}, {name}", fontsize=8)
        keys = [Patch(color=colour, label=word) for word, colour in _FIT_COLOURS.items()]
        fig.legend(handles=keys, loc="outside lower center", ncols=len(keys))
    return fig


def _matrix(ax: Any, rows: Rows) -> None:
    methods = [m for m in LABELS if any(r["method"] == m for r in rows)]
    radii = sorted({r["radius"] for r in rows})
    place = {(r["method"], r["radius"]): r for r in rows}
    words = [*WORDS, None]
    number = [[words.index(place[m, r]["fits"]) for r in radii] for m in methods]
    alpha = [[1.0 if place[m, r]["apart"] else 0.25 for r in radii] for m in methods]
    colours = ListedColormap([*_FIT_COLOURS.values(), _BLANK])
    ax.imshow(number, cmap=colours, vmin=0, vmax=len(WORDS), alpha=alpha, aspect="auto")
    for i, m in enumerate(methods):
        for j, r in enumerate(radii):
            ax.text(j, i, f"{place[m, r]['paper']:.0f}", ha="center", va="center", fontsize=6)
    ax.set_xticks(range(len(radii)), [f"{r:g}" for r in radii], rotation=60, fontsize=6)
    ax.set_yticks(range(len(methods)), [LABELS[m] for m in methods], fontsize=6)
    ax.grid(False)


def _curves(ax: Any, rows: Rows, name: str) -> None:
    if not rows:
        ax.text(0.5, 0.5, "not run yet", ha="center", va="center", transform=ax.transAxes)
        ax.set_axis_off()  # no scale of nothing
    for method in LABELS:
        mine = sorted((r for r in rows if r["method"] == method), key=lambda r: r["radius"])
        at = [r["radius"] for r in mine]
        low, high = ([100 * r[f"{name}_{end}"] for r in mine] for end in ("low", "high"))
        ax.fill_between(at, low, high, color=_line(method)["color"], alpha=0.12, linewidth=0)
        ax.plot(at, [100 * r[name] for r in mine], **_line(method))
    ax.set_ylim(0, 100)


def _paper(ax: Any, rows: Rows) -> None:
    known = [(r["radius"], r["paper"]) for r in rows if r["paper"] is not None]
    if known:
        ax.plot(*zip(*known, strict=True), "x", color=looks.colour("paper"), zorder=4)


def _legend(fig: style.Card, rows: Rows) -> None:
    keys = [
        Line2D([], [], label=LABELS[method], **_line(method))
        for method in LABELS
        if any(row["method"] == method for row in rows)
    ]
    keys.append(Line2D([], [], label="paper, RUB", marker="x", linestyle="",
                       color=looks.colour("paper")))  # fmt: skip
    fig.legend(handles=keys, loc="outside lower center", ncols=4)


def schematic() -> style.Card:
    """Two of the pixels 0, 0, 1, 1, and what the number 1 lets them do in either unit.

    Source: own (on [B] Section 6.1)
    """
    image, printed = np.array([0.0, 0.0, 1.0, 1.0]), 1.0
    x = image[[0, 2]]
    balls = {
        f"{printed:g} in pixels, cut with the range": LpBall(1, printed, box=(0, 1)),
        f"{printed:g} standardised: {printed * image.std():g} in pixels": LpBall(
            1, printed * image.std()
        ),
    }
    with style.figure(1, 2, width=6.6, height=3.3, sharey=True) as (fig, axes):
        for ax, (title, ball) in zip(axes, balls.items(), strict=True):
            ax.fill([0, 1, 1, 0], [0, 0, 1, 1], color="#E4E4DE", lw=0)
            whole = outline(LpBall(1, ball.radius), x)
            ax.plot(*whole.T, color=style.GREY, ls=":", lw=1)
            ax.fill(*outline(ball, x).T, fc=style.SKY, alpha=0.5, ec="none")
            ax.plot(*outline(ball, x).T, color=style.BLUE)
            ax.scatter(*x, s=26, color=style.BLACK, zorder=3)
            style.tag(ax, "x", x, (-11, 4), bbox=None, fontsize=9)
            ax.set(aspect="equal", xlim=(-1.1, 1.3), ylim=(-0.35, 2.1), title=title)
            ax.set(xticks=[0, 1], yticks=[0, 1], xlabel="a black pixel")
            ax.grid(visible=False)
        style.tag(axes[0], "the range of pixels", (0.5, 0), (0, -11), ha="center", bbox=None)
        axes[0].set_ylabel("a white pixel")
    return fig
