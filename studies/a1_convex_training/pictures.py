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
