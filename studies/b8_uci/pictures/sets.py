"""Gains set by set, and one set whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from robustcore.plots import looks, style

from ..choosing import METHODS, alike
from ..comparing import FIGURES
from .look import LABELS, LOOKS, ZERO, Rows, norm

_BIN = 5  # points


def gained(gains: Rows, data: str = "clean") -> style.Card:
    """Histograms of Figures 3 and 4: how many sets gain how many points.

    Source: [B] Figures 3, 4

    Parameters
    ----------
    gains : list of dict
        From `comparing.gains`.
    data : str
        "clean" or "published".
    """
    mine = [r for r in gains if r["data"] == data]
    with style.figure(2, 3, width=7.5, height=4.6, sharey=True) as (fig, axes):
        for row, (figure, (one, other, name, radii)) in zip(axes, FIGURES.items(), strict=True):
            for ax, radius in zip(row, radii, strict=True):
                here = {
                    r["attack"]: r["gains"]
                    for r in mine
                    if (r["figure"], r["radius"]) == (figure, radius)
                }
                _histogram(ax, here[f"PGD-{name}"], here[f"strong-{name}"])
                ax.set_title(f"{norm(name)}, " + rf"$\rho$ = {radius:g}")
            row[0].set_ylabel("sets")
            row[1].set_xlabel(f"{LABELS[one]} over {LABELS[other]} (points of accuracy)")
        marks, names = axes[0, 0].get_legend_handles_labels()
        fig.legend(marks, names, loc="outside lower center", ncols=2)
    return fig


def one_set(rows: Rows, radii: Sequence[float], proved_at: Sequence[float]) -> style.Card:
    """Accuracy over the radius of each method on one table: published, strong, proved, majority.

    Source: own (on [B] Section 6.2)

    Parameters
    ----------
    rows : list of dict
        From `choosing.chosen`: one a method.
    radii, proved_at : sequence of float
        Of the attacks, and of the certificates.
    """
    by_method = {r["method"]: r for r in rows}
    methods = [m for m in METHODS if m in by_method]
    size = {"width": 7.5, "height": 3.9, "sharex": True, "sharey": True, "squeeze": False}
    with style.figure(2, len(methods), **size) as (fig, axes):
        for row, name in zip(axes, ("Linf", "L1"), strict=True):
            for ax, method in zip(row, methods, strict=True):
                _withstood(ax, by_method[method], name, radii, proved_at)
                ax.set(ylim=(0, 103))
            row[0].set_ylabel(f"{norm(name)}: test rows (%)")
        for ax, method in zip(axes[0], methods, strict=True):
            ax.set_title(LABELS[method], fontsize=9)
        for ax in axes[-1]:
            ax.set_xlabel(r"radius $\rho$")
        marks, names = axes[0, 0].get_legend_handles_labels()
        fig.legend(marks, names, loc="outside lower center", ncols=4)
    return fig


def _histogram(ax: Any, published: Sequence[float], strong: Sequence[float]) -> None:
    bins = np.arange(-100 - _BIN / 2, 100 + _BIN, _BIN)
    both = [*published, *strong]
    ax.hist(published, bins, color=looks.colour("pgd"), alpha=0.55, label="published PGD")
    ax.hist(strong, bins, histtype="step", color=style.BLACK, label="strong attack")
    ax.axvline(0, color=style.GREY, linewidth=0.8)
    ax.set_xlim(min(-20, min(both) - _BIN), max(20, max(both) + _BIN))


def _withstood(
    ax: Any, row: Mapping[str, Any], name: str, radii: Sequence[float], proved_at: Sequence[float]
) -> None:
    n, clean = row["n"], 100 * row["clean"][0] / row["n"]
    x = [ZERO, *radii]
    look = LOOKS[row["method"]]
    proved = [100 * share for share in row[f"certified-{name}"]]
    ax.fill_between(proved_at, 0, proved, color=look["color"], alpha=0.25, lw=0, label="proved")
    published = [clean, *(100 * v / n for v in row[f"PGD-{name}"])]
    ax.plot(x, published, "-.", color=style.GREY, linewidth=1, label="published PGD")
    strong = [clean, *(100 * v / n for v in row[f"strong-{name}"])]
    ax.plot(x, strong, color=look["color"], label="strong attack")
    constant = [r for i, r in enumerate(radii) if alike(row, f"strong-{name}", i)]
    ax.plot(constant, [3] * len(constant), "|", color=style.BLACK, markersize=5)
    ax.axhline(100 * row["majority"] / n, color=style.BLACK, lw=0.8, ls=":", label="majority class")
    ax.set(xscale="log", xticks=[ZERO, 1e-2, 1], xticklabels=["0", ".01", "1"])
    ax.set_xticks([], minor=True)
