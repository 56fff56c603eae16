"""Curves that judge: certified and attacked accuracy over the radius, two bounds that meet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..methods import METHODS
from . import looks, style

Rows = Sequence[Mapping[str, Any]]


_FLOOR = 1e-13  # where a distance of zero is drawn


def certified_curves(selected: Sequence[dict]) -> style.Card:
    """Certified accuracy over the L1 radius: by RUB, with intervals, and by the tightest bound.

    Source: [B] Table 8

    Parameters
    ----------
    selected : list of dict
        As `b5_rub.select` returns them: one row for each method and radius.
    """
    methods = list(dict.fromkeys(r["method"] for r in selected))
    with style.figure(1, 2, width=7.4, height=3.2, sharey=True) as (fig, (left, right)):
        for method in methods:
            here = sorted((r for r in selected if r["method"] == method), key=lambda r: r["radius"])
            radius = [r["radius"] for r in here]
            percent = {
                key: [100 * r[key] for r in here]
                for key in ("certified", "low", "high", "best", "adversarial")
            }
            band = {"color": looks.colour(method), "alpha": 0.18, "linewidth": 0}
            left.fill_between(radius, percent["low"], percent["high"], **band)
            left.plot(
                radius, percent["certified"], label=METHODS[method].label, **looks.line(method)
            )
            right.plot(radius, percent["best"], label=METHODS[method].label, **looks.line(method))
            right.plot(radius, percent["adversarial"], ".", color=looks.colour(method))
        left.set(title="certified by RUB", ylabel="test images (%)", ylim=(0, 100))
        right.set_title("certified by the tightest bound; dots: PGD")
        for ax in (left, right):
            ax.set_xlabel(r"$L_1$ radius $\rho$ (pixel range 1)")
        left.legend()
    return fig


def convergence(rows: Rows, tolerance: float) -> style.Card:
    """How far each bound is from the other's best, iteration by iteration.

    Source: own

    Parameters
    ----------
    rows : list of dict
        program, iteration, objective, lower.
    tolerance : float
        Drawn as a line.
    """
    programs = list(dict.fromkeys(row["program"] for row in rows))
    size = {"width": 7.2, "height": 2.7, "sharey": True, "squeeze": False}
    with style.figure(1, len(programs), **size) as (fig, axes):
        for ax, program in zip(axes[0], programs, strict=True):
            mine = [row for row in rows if row["program"] == program]
            steps = [row["iteration"] for row in mine]
            objective, lower = (np.array([r[key] for r in mine]) for key in ("objective", "lower"))
            scale = max(1.0, objective[-1])
            above, below = (objective - lower.max()) / scale, (objective.min() - lower) / scale
            ax.plot(steps, np.maximum(above, _FLOOR), color=looks.colour("upper"))
            ax.plot(steps, np.maximum(below, _FLOOR), "--", color=looks.colour("lower"))
            ax.axhline(tolerance, color=style.GREY, linewidth=0.8, linestyle=":")
            ax.set(yscale="log", xlabel="iteration", title=program)
        axes[0, 0].set_ylabel("distance / max(1, objective)")
        axes[0, 0].text(0.5, tolerance, "tolerance", fontsize=7, va="bottom", color=style.GREY)
        axes[0, -1].plot([], [], color=looks.colour("upper"), label="feasible objective")
        axes[0, -1].plot([], [], "--", color=looks.colour("lower"), label="lower bound")
        axes[0, -1].legend()
    return fig
