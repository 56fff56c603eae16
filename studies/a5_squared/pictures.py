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
