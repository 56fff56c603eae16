"""Balls in the plane, balls inside balls, and what their radii do to an image.

The records drawn here are those of `studies.threat_model.examples`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from robustcore import LpBall
from robustcore.plots import style
from robustcore.plots.regions import outline

_P_COLOUR = {1.0: style.BLUE, 2.0: style.GREEN, math.inf: style.VERMILLION}
_P_LINE: dict[float, Any] = {1.0: "-", 2.0: "--", math.inf: "-."}
_ROW_COLOUR = {"Linf": style.VERMILLION, "L1 scaled": style.BLUE}


def _name(p: float) -> str:
    return r"$L_\infty$" if math.isinf(p) else f"$L_{p:g}$"


def planar(
    balls: Sequence[Any],
    c: Sequence[float],
    points: Sequence[Sequence[float]],
    boxed: Any,
) -> style.Card:
    """Three panels: support in a direction, projections, and a ball cut with the box.

    Source: own

    Parameters
    ----------
    balls : list of PlanarBall
    c : (2,) direction of the first panel
    points : (k, 2) points of the second panel
    boxed : BoxedBall
    """
    with style.figure(1, 3, width=7.4, height=2.6) as (fig, (left, middle, right)):
        for found in balls:
            _outlines((left, middle), found)
            colour = _P_COLOUR[found.ball.p]
            _supporting_line(left, found, np.asarray(c, float), colour)
            left.plot(*found.maximiser, "o", color=colour, zorder=4)
            _arrows(middle, np.asarray(points, float), found.projections, colour)
        left.annotate(
            "", np.asarray(c) / np.linalg.norm(c), (0, 0), arrowprops={"arrowstyle": "->"}
        )
        left.set_title(r"where $c^\top\delta$ is largest")
        middle.plot(*np.asarray(points, float).T, "k.", zorder=4)
        middle.set_title("projections")
        _cut(right, boxed)
        for ax in (left, middle):
            ax.set(xlim=(-1.75, 2.15), ylim=(-1.75, 2.15), xlabel=r"$\delta_1$")
            ax.set_ylabel(r"$\delta_2$", labelpad=-2)
        for ax in (left, middle, right):
            ax.set_aspect("equal")
        middle.legend(loc="lower center", ncols=3, handlelength=1.6, columnspacing=0.9)
    return fig


def _outlines(axes: Sequence[Any], found: Any) -> None:
    p = found.ball.p
    for ax in axes:
        ax.plot(*found.outline.T, color=_P_COLOUR[p], linestyle=_P_LINE[p], label=_name(p))


def _supporting_line(ax: Any, found: Any, c: np.ndarray, colour: str) -> None:
    across = np.array([-c[1], c[0]]) / np.linalg.norm(c)
    ends = found.support * c / (c @ c) + np.outer((-1.0, 1.0), across)
    ax.plot(*ends.T, color=colour, linewidth=0.8)


def _arrows(ax: Any, start: np.ndarray, end: np.ndarray, colour: str) -> None:
    for a, b in zip(start, end, strict=True):
        ax.annotate(
            "",
            b,
            a,
            arrowprops={"arrowstyle": "->", "color": colour, "linewidth": 0.9, "shrinkB": 0},
        )


def _cut(ax: Any, boxed: Any) -> None:
    low, high = boxed.ball.box or (0.0, 1.0)
    ax.fill([low, high, high, low], [low, low, high, high], color="#E4E4DE", zorder=0)
    ax.plot(*boxed.outline.T, color=_P_COLOUR[boxed.ball.p])
    _arrows(ax, boxed.points, boxed.projections, style.BLACK)
    ax.plot(*boxed.points.T, "k.")
    ax.plot(*boxed.x, "o", color=_P_COLOUR[boxed.ball.p])
    ax.set_title(f"{_name(boxed.ball.p)} ball and box")
    ax.set(xlim=(-0.15, 1.55), ylim=(-0.15, 1.55), xlabel="pixel 1 (0..1)")
    ax.set(xticks=(0, 0.5, 1), yticks=(0, 0.5, 1), ylabel="pixel 2 (0..1)")


def containment(rows: Sequence[dict[str, Any]], radius_label: str = "ρ") -> style.Card:
    """Left: the two balls of [B] Section 6.1 in the plane. Right: how far each one reaches.

    Source: own

    Parameters
    ----------
    rows : list of dict
        From `studies.threat_model.sphere_rows`.
    radius_label : str
        The unit of both pictures.
    """
    with style.figure(1, 2, width=7.2, height=3.0, width_ratios=(1, 1.35)) as (fig, (plane, reach)):
        _nested(plane, radius_label)
        for name, label in (("Linf", r"$L_\infty(\rho)$"), ("L1 scaled", r"$L_1(\sqrt{M}\rho)$")):
            chosen = [row for row in rows if row["ball"] == name]
            m = [row["M"] for row in chosen]
            marker = "o" if name == "Linf" else "s"
            reach.plot(
                m, [row["reach"] for row in chosen], marker=marker,
                color=_ROW_COLOUR[name], label=f"{label}, random direction",
            )  # fmt: skip
        around = [row["around"] for row in rows if row["ball"] == "Linf"]
        reach.plot(m, around, ":", color=style.GREY, label="largest direction, both")
        reach.plot(m, [1.0] * len(m), "--", color=style.GREEN, label="smallest direction, both")
        reach.set(xscale="log", yscale="log", xlabel="features M")
        reach.set_ylabel(f"distance to the boundary ({radius_label})")
        reach.set_title("the same in-sphere, another reach")
        reach.legend()
    return fig


def _nested(ax: Any, unit: str) -> None:
    angle = np.linspace(0, 2 * np.pi, 200)
    circle = np.stack([np.cos(angle), np.sin(angle)])
    root = math.sqrt(2)
    ax.plot([-1, 1, 1, -1, -1], [-1, -1, 1, 1, -1], "-.", color=style.VERMILLION)
    ax.plot([root, 0, -root, 0, root], [0, root, 0, -root, 0], color=style.BLUE)
    ax.plot(*circle, "--", color=style.GREEN)
    ax.plot(*(root * circle), ":", color=style.GREY)
    ax.set(aspect="equal", xlabel=f"$\\delta_1$ ({unit})", ylabel=f"$\\delta_2$ ({unit})")
    ax.set_title("M = 2")


def images(rows: Sequence[Sequence[Any]], row_titles: Sequence[str]) -> style.Card:
    """Each row: one image, clean and attacked in each ball; below it the change alone.

    Source: own

    Parameters
    ----------
    rows : list of lists of AttackedImage
        As many in each row.
    row_titles : list of str
        Name of the data set, one for each row.
    """
    n = len(rows[0])
    with style.figure(2 * len(rows), n, width=7.4, height=2.9 * len(rows)) as (fig, axes):
        style.bare(axes)
        for number, (found, title) in enumerate(zip(rows, row_titles, strict=True)):
            above, below = axes[2 * number], axes[2 * number + 1]
            largest = max(np.abs(f.change).max() for f in found)
            for ax, under, shown in zip(above, below, found, strict=True):
                _show(ax, shown.image)
                ax.set_title(f"{shown.title}\nseen as {shown.label}", fontsize=8)
                if shown is not found[0]:
                    _show_change(under, shown.change, largest)
            above[0].set_ylabel(title)
            below[0].text(
                0.5, 0.5, f"the change,\nat most ±{largest:.2g}", ha="center", va="center",
                fontsize=8,
            )  # fmt: skip
    return fig


def _show(ax: Any, image: np.ndarray) -> None:
    picture = np.moveaxis(image, 0, -1)
    if picture.shape[-1] == 1:
        ax.imshow(picture[..., 0], cmap="gray_r", vmin=0, vmax=1)
    else:
        ax.imshow(picture.clip(0, 1))


def _show_change(ax: Any, change: np.ndarray, largest: float) -> None:
    picture = np.moveaxis(change, 0, -1)
    if picture.shape[-1] == 1:
        ax.imshow(picture[..., 0], cmap="RdBu_r", vmin=-largest, vmax=largest)
    else:
        ax.imshow(0.5 + picture / (2 * largest))


def schematic() -> style.Card:
    """Level lines of c = (2, 1) over two balls: the farthest one that still touches.

    Source: [B] eq. (23), [A] eq. (27)
    """
    c, side = np.array([2.0, 1.0]), np.linspace(-1.7, 1.7, 69)
    product = c[0] * side[None, :] + c[1] * side[:, None]
    named = {1.0: r"\max\,|c_m|", math.inf: r"\Sigma\,|c_m|"}
    with style.figure(1, 2, width=6.2, height=3.2) as (fig, axes):
        for ax, (p, dual) in zip(axes, named.items(), strict=True):
            ball = LpBall(p, 1.0)
            worst, support = ball.maximiser(c), float(ball.support(c))
            ax.fill(*outline(ball).T, color=style.SKY, alpha=0.3, lw=0)
            levels = [level for level in range(-5, 6) if level != support]
            ax.contour(
                side, side, product, levels, colors=style.GREY, linewidths=0.6, linestyles="solid"
            )
            ax.contour(side, side, product, [support], colors=style.VERMILLION, linewidths=1.6)
            ax.annotate("", c / 2, (0, 0), arrowprops={"arrowstyle": "-|>", "lw": 1.4})
            style.tag(ax, "c", c / 2, (4, -2), fontsize=9)
            ax.scatter(0, 0, s=16, color=style.BLACK, zorder=3)
            ax.scatter(*worst, s=40, color=style.colour("attack"), zorder=3)
            style.tag(ax, "worst", worst, (7, -3))
            foot = (support * np.array([1, 0]) + 1.5 * np.array([1, -2])) / 2
            style.tag(ax, f"$c^\\top\\delta = {support:g}$", foot, (4, 0), color=style.VERMILLION)
            ax.set(aspect="equal", xlim=(-1.7, 2.4), ylim=(-1.7, 1.7))
            ax.set_title(f"{_name(p)} ball of radius 1: ${dual} = {support:g}$")
            style.bare(ax)
    return fig
