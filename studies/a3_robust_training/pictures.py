"""Pictures of robust training: patterns over the radius, and what constant activations cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.patches import Rectangle

from robustcore.networks import TwoLayerReLU
from robustcore.plots import style
from robustcore.plots.regions import boxes, networks_with_boxes


def pattern_counts(
    exact: Sequence[Mapping[str, Any]], sampled: Sequence[Mapping[str, Any]]
) -> style.Card:
    """Left every pattern of the perturbed data, right those that Algorithm 2 samples.

    Source: [A] Section IV, Algorithm 2

    Parameters
    ----------
    exact : list of dict
        radius, P, P_hat, usable, n.
    sampled : list of dict
        radius, clean, clean_usable, sampled, sampled_clean, sampled_usable, n.
    """
    with style.figure(1, 2, width=7.2, height=3.0) as (fig, (left, right)):
        lines = (
            ("P_hat", "of any X + Δ: P̂", style.VERMILLION, "o-"),
            ("P", "of clean X: P", style.BLACK, "s--"),
            ("usable", "can carry a neuron", style.BLUE, "^-"),
        )
        _curves(left, exact, lines)
        left.set(yscale="symlog", ylabel="patterns", ylim=(0, None))
        left.set_title(f"All of them (n = {exact[0]['n']}, no bias)")
        lines = (
            ("sampled", "sampled", style.VERMILLION, "o-"),
            ("sampled_clean", "of these, of clean X", style.BLACK, "s--"),
            ("sampled_usable", "of these, can carry a neuron", style.BLUE, "^-"),
        )
        _curves(right, sampled, lines)
        top = 1.5 * max(row["sampled"] for row in sampled)
        right.set(ylim=(0, top), ylabel="patterns")
        right.set_title(f"Algorithm 2 (n = {sampled[0]['n']}, with bias)")
    return fig


def _curves(
    ax: Any, rows: Sequence[Mapping[str, Any]], lines: Sequence[tuple[str, str, str, str]]
) -> None:
    radii = [row["radius"] for row in rows]
    for column, label, colour, kind in lines:
        ax.plot(radii, [row[column] for row in rows], kind, color=colour, label=label)
    ax.set_xlabel("radius ε (units of X)")
    ax.legend(loc="upper left")


def distance(
    rows: Sequence[Mapping[str, Any]],
    networks: Mapping[str, TwoLayerReLU],
    X: np.ndarray,
    y: np.ndarray,
    radius: float,
) -> style.Card:
    """Left robust costs over the radius; then two networks with the lines where neurons switch.

    Source: [A] Theorem 3

    Parameters
    ----------
    rows : list of dict
        Of `studies.a3_robust_training.distances.distance`.
    networks : mapping
        Title to planar network: at most two.
    X : (n, 2) array
    y : (n,) array
    radius : float
        Of the networks.
    """
    with style.figure(1, 3, width=7.4, height=2.9) as (fig, axes):
        ax, radii = axes[0], [row["radius"] for row in rows]
        ax.plot(radii, [r["convex"] for r in rows], "s-", color=style.BLUE, label="optimum of (10)")
        lowest = [min(r["from_convex"], r["from_random"] or np.inf) for r in rows]
        ax.plot(radii, lowest, "o-.", color=style.ORANGE, label="descent on (2)")
        ax.plot(
            radii,
            [r["clean_lower_bound"] for r in rows],
            "--",
            color=style.GREEN,
            label="lower bound of (2)",
        )
        ax.set(xlabel="radius ε (units of X)", ylabel="exact robust cost", ylim=(0, None))
        ax.set_title("Robust cost")
        ax.legend(loc="upper left")
        networks_with_boxes(axes[1:], networks, X, y, radius)
    return fig


def schematic() -> style.Card:
    """A switching line that misses every box, and one that cuts a box: (11) in a picture.

    Source: [A] eq. (11)
    """
    X = np.array([[0.0, 0.75], [0.7, 0.2], [0.6, -0.55], [-0.75, -0.35], [-0.75, 0.45]])
    radius = 0.22
    lines = (
        (np.array([0.75, 0.45]), 0.079, "A neuron of (10): it misses every box"),
        (np.array([0.62, 0.1]), -0.24, "Not a neuron of (10): it cuts a box"),
    )
    with style.figure(1, 2, width=6.2, height=3.0) as (fig, axes):
        for ax, (u, b, title) in zip(axes, lines, strict=True):
            size = np.hypot(*u)
            foot, along = -b * u / size**2, 4 * np.array([-u[1], u[0]]) / size
            half = np.stack(
                [foot - along, foot + along, foot + along + 4 * u, foot - along + 4 * u]
            )
            ax.fill(*half.T, color=style.SKY, alpha=0.3, lw=0)
            ax.plot(*half[:2].T, color=style.BLUE)
            cut = np.abs(X @ u + b) < radius * np.abs(u).sum()
            boxes(ax, X[~cut], radius)
            for x in X[cut]:
                ax.add_patch(
                    Rectangle(x - radius, 2 * radius, 2 * radius, fc=style.VERMILLION, alpha=0.5)
                )
            ax.scatter(*X.T, s=14, color=style.BLACK, zorder=3)
            ax.set(xlim=(-1.15, 1.15), ylim=(-0.95, 1.1), title=title)
            ax.set_aspect("equal")
            style.bare(ax)
    return fig
