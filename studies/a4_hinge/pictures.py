"""Pictures of the page on the hinge loss: three classifiers, and the patterns that survive."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.patches import Circle, Rectangle

from robustcore.convex import ConvexSolution, worst_perturbation
from robustcore.plots import style
from robustcore.plots.regions import boxes, decision_regions


def planar_methods(
    solutions: Mapping[str, ConvexSolution], X: np.ndarray, y: np.ndarray, radius: float
) -> style.Card:
    """One panel for each solution: its regions, the boxes, and its worst perturbations.

    Source: [A] Figure 2

    Parameters
    ----------
    solutions : mapping of str to ConvexSolution
        Title to solution.
    X : (n, 2) array
    y : (n,) array
    radius : float
    """
    n = len(solutions)
    with style.figure(1, n, width=2.45 * n, height=2.6, squeeze=False) as (fig, axes):
        for ax, (title, solution) in zip(axes[0], solutions.items(), strict=True):
            decision_regions(ax, solution.network(), X, y)
            robust = solution.ball is not None
            boxes(ax, X, radius, worst_perturbation(solution, X, y) if robust else None)
            ax.set_title(title)
    return fig


def survivors(sets: Mapping[str, Sequence[Mapping[str, Any]]]) -> style.Card:
    """The share of sampled patterns that are robust-feasible, one dot for each seed.

    Source: own (on [A] Algorithm 2)

    Parameters
    ----------
    sets : mapping of str to list of dict
        Label to rows with radius (of a pixel range of 1), seed, patterns, feasible.
    """
    marks = (("o", style.BLUE), ("s", style.VERMILLION), ("^", style.GREEN))
    with style.figure(width=5.2, height=2.7) as (fig, ax):
        shifts = np.linspace(-0.1, 0.1, len(sets)) if len(sets) > 1 else [0.0]
        for (label, rows), (marker, colour), shift in zip(
            sets.items(), marks, shifts, strict=False
        ):
            radii = sorted({row["radius"] for row in rows})
            places = [radii.index(row["radius"]) + shift for row in rows]
            shares = [100 * row["feasible"] / row["patterns"] for row in rows]
            ax.plot(places, shares, marker, color=colour, alpha=0.6, ls="", label=label)
            ax.set_xticks(range(len(radii)), [f"{255 * r:g}/255" for r in radii])
        ax.set(xlabel="radius (pixel range 1)", ylabel="robust-feasible (%)", ylim=(-4, 104))
        ax.set_title("Sampled patterns that can carry a neuron")
        ax.legend(loc="lower left")
    return fig


def schematic() -> style.Card:
    """The worst point of a box and of a disk for an output that is linear on them.

    Source: [A] Theorem 4
    """
    q, radius = np.array([1.0, 0.55]), 1.0
    worst = {
        r"$\ell_\infty$: margin falls by $\epsilon\|q\|_1$": -radius * np.sign(q),
        r"$\ell_2$: margin falls by $\epsilon\|q\|_2$": -radius * q / np.hypot(*q),
    }
    side = np.linspace(-1.7, 1.7, 101)
    output = q[0] * side[None, :] + q[1] * side[:, None]
    with style.figure(1, 2, width=6.2, height=3.1) as (fig, axes):
        for ax, (title, point), shape in zip(
            axes, worst.items(), (Rectangle((-1, -1), 2, 2), Circle((0, 0), 1)), strict=True
        ):
            ax.contour(
                side,
                side,
                output,
                levels=9,
                colors=[style.GREY],
                linewidths=0.6,
                linestyles="solid",
            )
            shape.set(facecolor=style.SKY, alpha=0.35, edgecolor=style.BLUE)
            ax.add_patch(shape)
            ax.annotate("", q, (0, 0), arrowprops={"arrowstyle": "-|>", "lw": 1.4})
            ax.annotate("q", q, (4, 0), textcoords="offset points", fontsize=9)
            ax.scatter(0, 0, s=20, color=style.BLACK, zorder=3)
            ax.annotate("$x_k$", (0, 0), (-14, 5), textcoords="offset points", fontsize=9)
            ax.scatter(*point, s=40, color=style.colour("attack"), zorder=3)
            style.tag(ax, "worst", point, (-12, -13))
            ax.set(aspect="equal", xlim=(-1.6, 1.6), ylim=(-1.6, 1.6), title=title)
            style.bare(ax)
    return fig
