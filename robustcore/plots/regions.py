"""Planar classifiers: their decision regions, the boxes of the data, the switching lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from matplotlib.patches import Rectangle

from ..balls import Cut, LpBall, PerturbationSet, Radii
from ..networks import TwoLayerReLU
from . import style

_GRID = 241
_WEAK = 1e-2  # neurons below this share of the strongest are not drawn


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


def outline(of: PerturbationSet, x: Any = (0.0, 0.0)) -> np.ndarray:
    """The boundary of a planar set of perturbations around a point, its box heeded.

    Source: own (on [B] eq. (23))

    Parameters
    ----------
    of : PerturbationSet
        Of the plane, with a maximiser.
    x : (2,) sequence, array or tensor

    Returns
    -------
    (r, 2) array
        Where the set reaches farthest, direction by direction: the corners of a polygon, each
        several times, and points of a curve.
    """
    angle = np.linspace(0.003, 2 * np.pi + 0.003, 361)  # past the directions in which edges tie
    directions = torch.from_numpy(np.stack([np.cos(angle), np.sin(angle)], axis=1))
    center = torch.as_tensor(x, dtype=torch.float64).expand(len(directions), 2)
    if isinstance(of, LpBall | Radii) and of.box is not None:
        of = Cut(of)
    return (center + of.around(center).maximiser(directions)).numpy()


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


def switching_lines(ax: Any, net: TwoLayerReLU) -> None:
    """The line on which each neuron of a planar network switches, weak neurons left out.

    Source: [A] Section II-C

    Parameters
    ----------
    ax : Axes
        With its limits set.
    net : TwoLayerReLU
    """
    u, b, alpha = (p.detach().numpy() for p in (net.u, net.b, net.alpha))
    strength = np.linalg.norm(u, axis=1) * np.abs(alpha)
    for slope, offset in zip(
        u[strength > _WEAK * strength.max(initial=0.0)],
        b[strength > _WEAK * strength.max(initial=0.0)],
        strict=True,
    ):
        size = slope @ slope
        foot, along = -offset * slope / size, 6 * np.array([-slope[1], slope[0]]) / size**0.5
        ax.plot(*np.stack([foot - along, foot + along]).T, color=style.PURPLE, lw=0.8, zorder=1)


def _window(X: np.ndarray, margin: float) -> tuple[np.ndarray, np.ndarray]:
    low, high = X.min(0) - margin, X.max(0) + margin
    return np.linspace(low[0], high[0], _GRID), np.linspace(low[1], high[1], _GRID)


def networks_with_boxes(
    axes: Sequence[Any], networks: Mapping[str, Any], X: np.ndarray, y: np.ndarray, radius: float
) -> None:
    """Planar networks side by side: their regions, the boxes around the points, where they bend.

    Source: own

    Parameters
    ----------
    axes : sequence of Axes
        One for each network.
    networks : mapping of str to TwoLayerReLU
        Title to network.
    X : (n, 2) array
    y : (n,) array
    radius : float
        Of the boxes.
    """
    for panel, (title, net) in zip(axes, networks.items(), strict=True):
        decision_regions(panel, net, X, y)
        boxes(panel, X, radius)
        switching_lines(panel, net)
        panel.set_title(title)
