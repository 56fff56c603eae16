"""Pictures of the page on the hinge loss: three classifiers, and the patterns that survive."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

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
