"""The picture of the page on convex training: the optimum, and the race to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from robustcore.networks import TwoLayerReLU
from robustcore.plots import style
from robustcore.plots.regions import decision_regions


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


def schematic() -> style.Card:
    """Left three samples and a gate; right all gates of the plane, cut into one cone a pattern.

    Source: [A] Section II-B
    """
    X, gate = np.array([[1.0, 0.25], [0.2, 0.9], [-0.8, 0.45]]), np.array([0.8, 0.35])
    with style.figure(1, 2, width=6.6, height=3.0) as (fig, (left, right)):
        across = 3 * np.array([-gate[1], gate[0]])
        half = np.stack([across, across + 3 * gate, -across + 3 * gate, -across])
        left.fill(*half.T, color=style.SKY, alpha=0.3, lw=0)
        left.plot(*np.stack([across, -across]).T, color=style.GREY, lw=0.9)
        _arrow(left, gate, "u", style.BLUE)
        for number, x in enumerate(X, start=1):
            active = x @ gate >= 0
            left.scatter(*x, s=30, color=style.BLUE if active else style.GREY, zorder=3)
            left.annotate(
                f"$x_{number}$ {'on' if active else 'off'}",
                x,
                (5, 5),
                textcoords="offset points",
                fontsize=8,
            )
        left.set_title("A gate u switches samples on")
        cones(right, X, gate)
        _arrow(right, gate, "u", style.BLUE)
        right.set_title("All gates: a cone for each pattern")
        for ax in (left, right):
            ax.set_aspect("equal")
            ax.set(xlim=(-1.35, 1.35), ylim=(-1.25, 1.25))
            style.bare(ax)
    return fig


def cones(ax: Any, X: np.ndarray, gate: np.ndarray | None = None, named: bool = True) -> None:
    """Cut the disk of planar gates along x_k'u = 0, name each sector by its pattern.

    Source: [A] Section II-B

    Parameters
    ----------
    ax : Axes
    X : (n, 2) array
    gate : (2,) array, optional
        Its sector is shaded.
    named : bool
        Whether the patterns stand beside their sectors.
    """
    normals = np.arctan2(X[:, 1], X[:, 0])
    edges = np.sort(np.concatenate([normals + np.pi / 2, normals - np.pi / 2]) % (2 * np.pi))
    ends = np.append(edges[1:], edges[0] + 2 * np.pi)
    inside = X @ gate >= 0 if gate is not None else None
    for first, last in zip(edges, ends, strict=True):
        middle = _at((first + last) / 2)
        pattern = X @ middle >= 0
        arc = np.array([_at(angle) for angle in np.linspace(first, last, 40)])
        here = inside is not None and np.array_equal(pattern, inside)
        outline = np.vstack([[0.0, 0.0], arc])
        ax.fill(*outline.T, fc=style.SKY if here else "none", alpha=0.3, lw=0)
        ax.plot(*np.stack([[0.0, 0.0], _at(first)]).T, color=style.GREY, lw=0.9)
        text = "".join("1" if on else "0" for on in pattern) if named else ""
        ax.text(*(1.15 * middle), text, ha="center", va="center", fontsize=8)
    circle = np.array([_at(angle) for angle in np.linspace(0, 2 * np.pi, 200)])
    ax.plot(*circle.T, color=style.GREY, lw=0.6, ls=":")


def _at(angle: float) -> np.ndarray:
    return np.array([np.cos(angle), np.sin(angle)])


def _arrow(ax: Any, end: np.ndarray, name: str, color: str) -> None:
    ax.annotate("", end, (0, 0), arrowprops={"arrowstyle": "-|>", "color": color, "lw": 1.4})
    ax.annotate(name, end, (4, 2), textcoords="offset points", fontsize=9, color=color)
