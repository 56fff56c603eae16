"""The grid of Figure 6 of paper A: one small decision picture for each method and penalty."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from matplotlib.patches import Rectangle

from robustcore.networks import TwoLayerReLU
from robustcore.plots import style

_GRID = 161
_MARGIN = 0.2


def region_grid(
    networks: Mapping[tuple[str, float], TwoLayerReLU],
    rows: Sequence[Mapping[str, Any]],
    X: np.ndarray,
    y: np.ndarray,
    radius: float,
    margins: Mapping[tuple[str, float], np.ndarray],
) -> style.Card:
    """Methods across, penalties down; a box that is not right as a whole is filled.

    Source: [A] Figure 6

    Parameters
    ----------
    networks : mapping of (str, float) to TwoLayerReLU
        (method, beta) to the network.
    rows : list of dict
        method, beta, robust_cost, boxes, as `studies.a4_decision_regions.cell_rows` gives them.
    X : (n, 2) array
    y : (n,) array
    radius : float
    margins : mapping of (str, float) to (n,) array
        The least margin over each box, by which it is drawn whole or cut.
    """
    methods = list(dict.fromkeys(method for method, _ in networks))
    betas = list(dict.fromkeys(beta for _, beta in networks))
    found = {(row["method"], row["beta"]): row for row in rows}
    with style.figure(
        len(betas), len(methods), width=7.4, height=1.62 * len(betas), squeeze=False
    ) as (fig, axes):
        for line, beta in zip(axes, betas, strict=True):
            for ax, method in zip(line, methods, strict=True):
                cell, row = (method, beta), found[method, beta]
                _regions(ax, networks[cell], X)
                _boxes(ax, X, y, radius, margins[cell] > 0)
                if beta == betas[0]:
                    ax.set_title(method, fontsize=9)
                ax.set_xlabel(
                    f"cost {row['robust_cost']:.2g}, {row['boxes']} of {len(X)}", fontsize=7.5
                )
            line[0].set_ylabel(f"β = {_power(beta)}", fontsize=9)
    return fig


def _power(beta: float) -> str:
    return f"$10^{{{round(np.log10(beta))}}}$"


def _regions(ax: Any, net: TwoLayerReLU, X: np.ndarray) -> None:
    low, high = X.min(0) - _MARGIN, X.max(0) + _MARGIN
    sides = [np.linspace(a, b, _GRID) for a, b in zip(low, high, strict=True)]
    grid = np.stack(np.meshgrid(*sides), axis=-1).reshape(-1, 2)
    with torch.no_grad():
        score = net(torch.from_numpy(grid)).numpy().reshape(_GRID, _GRID)
    shades = [style.colour("negative"), style.colour("positive")]
    ax.contourf(*sides, score, [-np.inf, 0, np.inf], colors=shades, alpha=0.18)
    if score.min() < 0 < score.max():
        ax.contour(*sides, score, [0], colors=[style.colour("boundary")], linewidths=1.0)
    ax.set_aspect("equal")
    style.bare(ax)


def _boxes(ax: Any, X: np.ndarray, y: np.ndarray, radius: float, whole: np.ndarray) -> None:
    for x, label, right in zip(X, y, whole, strict=True):
        role = "positive" if label > 0 else "negative"
        ax.add_patch(
            Rectangle(
                x - radius,
                2 * radius,
                2 * radius,
                facecolor=style.colour(role) if not right else "none",
                edgecolor=style.colour(role),
                linewidth=0.8 if right else 1.4,
            )
        )
