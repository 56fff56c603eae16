"""Pictures of robust regression on a line: a fit with its boxes, and the error over the radius."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from matplotlib.patches import Rectangle
from matplotlib.ticker import LogLocator, NullFormatter

from robustcore.plots import style


def fits_and_errors(
    target: Callable[[np.ndarray], np.ndarray],
    examples: Sequence[Any],
    radius: float,
    half_width: float,
    table: Sequence[Mapping[str, Any]],
) -> style.Card:
    """Training sets and what was fitted to them; last, the test error over the radius.

    Source: [A] Figures 4, 5

    Parameters
    ----------
    target : callable
        x to y, both (n,) arrays.
    examples : list of studies.a5_squared.line.Example
    radius : float
        Half the width of the interval around each point.
    half_width : float
        Of the interval that points are drawn from.
    table : list of dict
        radius (0 is standard training), mean, median, as `a5_squared.by_radius` gives them.
    """
    cols = len(examples) + 1
    with style.figure(1, cols, width=7.4, height=2.9, squeeze=False) as (fig, axes):
        for ax, fit in zip(axes[0], examples, strict=False):
            _fit(ax, fit, target, radius, half_width)
        axes[0, 0].set_ylabel("output")
        axes[0, 0].legend(loc="lower center")
        _errors(axes[0, -1], table)
    return fig


def _fit(
    ax: Any, fit: Any, target: Callable[[np.ndarray], np.ndarray], radius: float, half_width: float
) -> None:
    roles = {"standard": "algorithm_1", "robust": "algorithm_2"}
    x = np.linspace(-half_width, half_width, 1201)
    ax.plot(x, target(x), color=style.GREY, linewidth=3, alpha=0.5, label="target")
    for name, net in fit.networks.items():
        with torch.no_grad():
            output = net(torch.from_numpy(x[:, None])).numpy()
        ax.plot(x, output, **style.line(roles[name]), label=name)
    for point, value in zip(fit.X[:, 0], fit.y, strict=True):
        corner, side = (point - radius, value - 0.06), (2 * radius, 0.12)
        ax.add_patch(Rectangle(corner, *side, fill=False, ec=style.GREY, lw=0.9))
    ax.plot(fit.X[:, 0], fit.y, "o", color=style.BLACK)
    ax.set(xlabel="input x", ylim=(-3.4, 1.6), title=fit.title)
    ax.set_xticks([-half_width, 0, half_width])


def _errors(ax: Any, table: Sequence[Mapping[str, Any]]) -> None:
    standard, robust = table[0], table[1:]
    radii = [row["radius"] for row in robust]
    for kind, marker, dashes in (("mean", "o", "-"), ("median", "s", ":")):
        ax.plot(
            radii,
            [row[kind] for row in robust],
            marker=marker,
            linestyle=dashes,
            color=style.colour("algorithm_2"),
            label=f"robust, {kind}",
        )
        ax.axhline(
            standard[kind],
            linestyle=dashes,
            color=style.colour("algorithm_1"),
            label=f"standard, {kind}",
        )
    ax.set(yscale="log", xlabel="radius ε (units of x)", ylabel="test error")
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
    ax.yaxis.set_major_formatter("{x:g}")
    ax.yaxis.set_minor_formatter(NullFormatter())
    ax.set_title(f"{standard['trials']} training sets")
    ax.legend(fontsize=7, loc="center", bbox_to_anchor=(0.5, 0.68))


def schematic() -> style.Card:
    """One neuron s x and one interval: the worst residual, and what it does to the size s.

    Source: [A] Theorem 5
    """
    x, target, radius, size = 1.0, 1.0, 0.25, 0.6
    ends = x + radius * np.array([-1.0, 1.0])
    sizes = np.linspace(0, 1.6, 65)
    worst = np.abs(np.outer(sizes, ends) - target).max(axis=1)
    at_size = np.abs(size * ends - target)
    with style.figure(1, 2, width=6.6, height=2.9) as (fig, (left, right)):
        left.axvspan(*ends, color=style.SKY, alpha=0.3, lw=0)
        left.axhline(target, color=style.GREY, lw=1)
        left.plot([0, 1.6], [0, 1.6 * size], color=style.BLUE)
        left.vlines(x, size * x, target, color=style.BLACK, ls="--")
        left.vlines(ends[at_size.argmax()], size * ends[at_size.argmax()], target,
                    color=style.VERMILLION, lw=2)  # fmt: skip
        style.tag(left, f"{abs(size * x - target):.2f}", (x, 0.8), (4, -2), bbox=None)
        style.tag(left, f"worst: {at_size.max():.2f}", (ends[0], 0.75), (-5, -8), ha="right",
                  color=style.VERMILLION)  # fmt: skip
        style.tag(left, "y", (0, target), (5, 4))
        style.tag(left, "s x", (1.6, 1.6 * size), (-8, -18), color=style.BLUE)
        left.set(xlabel="input x", ylabel="output", xlim=(0, 1.6), ylim=(0, 1.35))
        left.set_title("A residual on an interval")
        right.plot(sizes, worst, color=style.VERMILLION, label="worst residual")
        right.plot(sizes, np.abs(sizes * x - target), "--", color=style.BLACK, label="at the point")
        right.plot(sizes, worst - np.abs(sizes * x - target), ":", color=style.GREY, label="ε|s|")
        right.plot(size, at_size.max(), "o", color=style.VERMILLION)
        right.set(xlabel="size s of the neuron", ylim=(0, 1.35), xlim=(0, 1.6))
        right.set_title("The radius adds ε|s|")
        right.legend(loc="upper right")
    return fig
