"""Pictures of sampled patterns: the training cost over their number, and what Theorem 2 sees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.ticker import LogLocator

from robustcore.plots import style
from studies.a1_convex_training.pictures import cones

Rows = Sequence[Mapping[str, Any]]
_SCHEMES = (
    ("distinct", "distinct patterns (Algorithm 1)", "o", style.VERMILLION, 0.94),
    ("independent", "independent draws (Theorem 2)", "s", style.BLUE, 1.06),
)


def figure_1(recorded: Rows, exact: Rows, here: Rows) -> style.Card:
    """Training cost over the number of matrices: mean, best and worst run, and the optimum of (5).

    Source: [A] Figure 1

    Parameters
    ----------
    recorded, here : list of dict
        Rows of `studies.a2_sampling.figure_1`: with error bars, and as dots.
    exact : list of dict
        bias, method, patterns, objective of the optimum.
    """
    with style.figure(1, 2, width=7.4, height=3.2) as (fig, axes):
        for ax, bias in zip(axes, (False, True), strict=True):
            for scheme, label, marker, colour, shift in _SCHEMES:
                rows = [r for r in recorded if (r["bias"], r["scheme"]) == (bias, scheme)]
                counts = sorted({r["n_patterns"] for r in rows})
                runs = [[r["objective"] for r in rows if r["n_patterns"] == c] for c in counts]
                mean = np.array([np.mean(run) for run in runs])
                spread = [mean - [min(run) for run in runs], [max(run) for run in runs] - mean]
                ax.errorbar(
                    np.array(counts) * shift, mean, np.abs(spread), color=colour, marker=marker,
                    capsize=2, linewidth=1.1, elinewidth=0.9, label=label,
                )  # fmt: skip
            ax.plot(
                [r["n_patterns"] for r in here if r["bias"] == bias],
                [r["objective"] for r in here if r["bias"] == bias],
                ".", color=style.BLACK, markersize=3, zorder=5, label="this run",
            )  # fmt: skip
            _optimum(ax, [r for r in exact if r["bias"] == bias])
            ax.set(xscale="log", yscale="log", xlabel="number of matrices $P_s$")
            ax.set_xticks([4, 16, 64, 256, 1024], ["4", "16", "64", "256", "1024"])
            ax.set_xlim(3, 2700)
            ax.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 3.0, 5.0)))
            ax.yaxis.set_major_formatter("{x:g}")
            ax.minorticks_off()
            ax.set_title("with a bias" if bias else "as printed: no bias")
        axes[0].set_ylabel("training cost (mean hinge + penalty)")
        axes[1].legend(fontsize=7, loc="upper center")
    return fig


def _optimum(ax: Any, exact: Rows) -> None:
    every = next(r for r in exact if r["method"] == "enumeration")
    grown = next(r for r in exact if r["method"] == "column generation")
    ax.axhline(every["objective"], color=style.BLACK, linestyle="--", linewidth=1.0)
    ax.axvline(every["patterns"], color=style.GREY, linestyle=":", linewidth=1.0)
    ax.plot(
        [grown["patterns"]], [grown["objective"]], "*", color=style.GREEN, markersize=11,
        zorder=4, label="column generation",
    )  # fmt: skip
    low, high = 0.8 * every["objective"], ax.get_ylim()[1]
    ax.text(
        every["patterns"] / 1.12, high * 0.97, f"only {every['patterns']} exist", rotation=90,
        va="top", ha="right", fontsize=7, color="#444444",
    )  # fmt: skip
    ax.text(3.3, every["objective"] * 1.03, "optimum of (5)", va="bottom", fontsize=7)
    ax.set_ylim(low, high)


def probability_and_excess(rows: Rows, narrow: Rows, product: float) -> style.Card:
    """Distance from the optimum over the probability that one more pattern helps.

    Source: [A] Theorem 2

    Parameters
    ----------
    rows, narrow : list of dict
        violation_gaussian, excess, bias; `narrow` for data with inputs in different units.
    product : float
        psi xi of Theorem 2 for the number of patterns drawn.
    """
    sets = (
        ([r for r in rows if r["bias"]], "Gaussian points", "o", style.BLUE),
        (narrow, "second input in other units", "^", style.VERMILLION),
    )
    with style.figure(width=5.6, height=3.1) as (fig, ax):
        for found, label, marker, colour in sets:
            ax.plot(
                [max(r["violation_gaussian"], 5e-5) for r in found],
                [100 * r["excess"] for r in found],
                marker, color=colour, alpha=0.65, label=label,
            )  # fmt: skip
        ax.axvline(product, color=style.GREY, linestyle=":")
        ax.text(product / 1.08, ax.get_ylim()[1], r"$\psi\xi$", ha="right", va="top", fontsize=8)
        ax.set(xscale="log", ylim=(0, None))
        ax.set(xlabel="probability that one more draw lowers the cost", ylabel="above optimum (%)")
        ax.legend(loc="upper center")
    return fig


def schematic() -> style.Card:
    """Random gates on the circle: each takes the pattern of the cone that it falls into.

    Source: [A] Algorithm 1
    """
    X = np.array([[1.0, 0.25], [0.2, 0.9], [-0.8, 0.45]])
    angles = np.random.default_rng(0).uniform(0, 2 * np.pi, size=24)
    gates = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    with style.figure(1, 2, width=6.2, height=3.1) as (fig, axes):
        for ax, scale, title in zip(
            axes, (1.0, 0.06), ("Equal units", "Other units: narrow cones"), strict=True
        ):
            here = X * (1.0, scale)
            cones(ax, here, named=False)
            ax.scatter(*gates.T, s=22, color=style.BLUE, zorder=3)
            seen = len({tuple(row) for row in gates @ here.T >= 0})
            ax.set_title(title)
            ax.text(0, -1.22, f"24 gates draw {seen} of 6 patterns", ha="center", fontsize=8)
            ax.set(aspect="equal", xlim=(-1.3, 1.3), ylim=(-1.35, 1.2))
            style.bare(ax)
    return fig
