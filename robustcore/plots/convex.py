"""Pictures of paper A: planar classifiers, their boxes and cells, and the race to the optimum."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from matplotlib.patches import Rectangle

from ..convex import ConvexSolution, worst_perturbation
from ..networks import TwoLayerReLU
from . import style

_GRID = 241


def _window(X: np.ndarray, margin: float) -> tuple[np.ndarray, np.ndarray]:
    low, high = X.min(0) - margin, X.max(0) + margin
    return np.linspace(low[0], high[0], _GRID), np.linspace(low[1], high[1], _GRID)


def decision_regions(
    ax: Any, net: TwoLayerReLU, X: np.ndarray, y: np.ndarray, margin: float = 0.25
) -> None:
    """Shade where the network says +1 and -1, draw its boundary and the training points.

    Source: [A] Figures 1, 2, 6

    Parameters
    ----------
    ax : Axes
    net : TwoLayerReLU
        Of two inputs.
    X : (n, 2) array
    y : (n,) array
    margin : float
        Around the points, in their units.
    """
    horizontal, vertical = _window(X, margin)
    grid = np.stack(np.meshgrid(horizontal, vertical), axis=-1).reshape(-1, 2)
    with torch.no_grad():
        score = net(torch.from_numpy(grid)).numpy().reshape(_GRID, _GRID)
    shades = [style.colour("negative"), style.colour("positive")]
    ax.contourf(horizontal, vertical, score, [-np.inf, 0, np.inf], colors=shades, alpha=0.18)
    if score.min() < 0 < score.max():
        ax.contour(horizontal, vertical, score, [0], colors=[style.colour("boundary")])
    for label, marker, role in ((1, "x", "positive"), (-1, "o", "negative")):
        kind = {"facecolors": "none", "edgecolors": style.colour(role)} if marker == "o" else {}
        kind = kind or {"color": style.colour(role)}
        ax.scatter(*X[y == label].T, marker=marker, s=26, linewidths=1.4, zorder=3, **kind)
    ax.set_aspect("equal")
    ax.set(xlim=horizontal[[0, -1]], ylim=vertical[[0, -1]])
    style.bare(ax)


def boxes(ax: Any, X: np.ndarray, radius: float, worst: np.ndarray | None = None) -> None:
    """Draw the Linf ball around each point, and the worst point of each.

    Source: [A] Figure 2

    Parameters
    ----------
    ax : Axes
    X : (n, 2) array
    radius : float
    worst : (n, 2) array, optional
        Worst perturbations.
    """
    for x in X:
        corner, side = x - radius, 2 * radius
        ax.add_patch(Rectangle(corner, side, side, fill=False, ec=style.colour("ball"), lw=0.9))
    if worst is not None:
        ax.scatter(*(X + worst).T, s=7, color=style.colour("attack"), zorder=4)


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


def optimum_and_descent(
    net: TwoLayerReLU,
    X: np.ndarray,
    y: np.ndarray,
    runs: Sequence[Mapping[str, Any]],
    lower_bound: float,
) -> style.Card:
    """Left the lines along which patterns change and the optimal network; right the descent.

    Source: [A] Theorem 1

    Parameters
    ----------
    net : TwoLayerReLU
        The recovered optimum.
    X : (n, 2) array
    y : (n,) array
    runs : list of dict
        width, run, step, cost.
    lower_bound : float
        The certified optimum of (4).
    """
    widths = list(dict.fromkeys(row["width"] for row in runs))
    colours = dict(zip(widths, (style.ORANGE, style.SKY, style.GREEN, style.PURPLE), strict=False))
    dashes = dict(zip(widths, (":", "--", "-", "-."), strict=False))
    with style.figure(1, 2, width=7.2, height=3.0) as (fig, (left, right)):
        decision_regions(left, net, X, y)
        _kinks(left, net)
        left.set_title("The optimal network and its kinks")
        for key in dict.fromkeys((row["width"], row["run"]) for row in runs):
            path = [row for row in runs if (row["width"], row["run"]) == key]
            right.plot(
                [row["step"] for row in path],
                [max(row["cost"] / lower_bound - 1, 1e-9) for row in path],
                color=colours[key[0]],
                linestyle=dashes[key[0]],
                linewidth=1.0,
                label=f"m = {key[0]}" if key[1] == 0 else None,
            )
        right.set(yscale="log", xlabel="step of gradient descent", ylabel="cost / optimum − 1")
        right.set_title("Gradient descent on (4)")
        right.legend()
    return fig


def _kinks(ax: Any, net: TwoLayerReLU) -> None:
    """The line u x + b = 0 of every neuron, at least as strong as a hundredth of the strongest."""
    u, b, alpha = (p.detach().numpy() for p in (net.u, net.b, net.alpha))
    for (slope, height), offset, strength in zip(u, b, np.abs(alpha), strict=True):
        direction = np.hypot(slope, height)
        if direction < 1e-6 or strength < 1e-2 * np.abs(alpha).max():
            continue
        foot = -offset * np.array([slope, height]) / direction**2
        along = 4 * np.array([-height, slope]) / direction
        ax.plot(*np.stack([foot - along, foot + along]).T, color=style.GREY, lw=0.7, zorder=1)


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
