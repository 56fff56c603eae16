"""Pictures of Tables I and II of paper A: what each method costs, and which patterns it can use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from robustcore.plots import looks, style, tables

from . import descent

NAMES = {
    "gd_std": "GD-std",
    "gd_fgsm": "GD-FGSM",
    "gd_pgd": "GD-PGD",
    "gd_certified": "GD on CROWN",
    "algorithm_1": "Algorithm 1",
    "algorithm_2": "Algorithm 2",
    "linear": "linear",
}


def robust_costs(rows: Sequence[Mapping[str, Any]], printed: Mapping[str, float]) -> style.Card:
    """For each method the interval from its cost under PGD to CROWN's bound, and its objective.

    Source: [A] Table I

    Parameters
    ----------
    rows : list of dict
        label, method, objective, pgd_cost, certified_cost: means over the runs.
    printed : mapping of str to float
        The paper's objective by label, for those that have one.
    """
    with style.figure(width=6.6, height=0.4 * len(rows) + 1.1) as (fig, ax):
        for place, row in enumerate(rows):
            low, high = row["pgd_cost"], row["certified_cost"]
            first = place == 0
            ax.plot([low, high], [place] * 2, "-", lw=5, color=style.SKY, solid_capstyle="butt")
            marks = (
                (low, "|", style.ORANGE, "under PGD"),
                (high, "|", style.BLUE, "CROWN"),
                (row["objective"], "o", style.BLACK, "objective reported"),
            )
            for value, marker, colour, label in marks:
                ax.plot(
                    value, place, marker, color=colour, ms=9 if marker == "|" else 4.5,
                    mew=2, ls="", label=label if first else None,
                )  # fmt: skip
            if row["label"] in printed:
                ax.plot(
                    printed[row["label"]], place, "x", color=style.VERMILLION, ms=6, mew=1.6,
                    label="printed in [A]" if first else None,
                )  # fmt: skip
        ax.set_yticks(range(len(rows)), [row["label"] for row in rows])
        ax.set(xlabel="training cost (hinge + weight decay)", ylim=(len(rows), -0.7))
        ax.set_title("The same kinds of cost for each method")
        fig.legend(loc="outside lower center", ncols=4)
    return fig


def label(method: str, setting: str = "") -> str:
    """The name of a method as the paper prints it, with the setting in brackets.

    Source: own
    """
    return NAMES[method] + (f" ({setting})" if setting else "")


def samplers(rows: Sequence[Mapping[str, Any]]) -> style.Card:
    """Usable patterns and the optimum of (15), over the radius, for two ways of drawing patterns.

    Source: own (on [A] Algorithm 2, eq. (15))

    Parameters
    ----------
    rows : list of dict
        sampler, radius_255, asked, kept, objective.
    """
    shown = {"algorithm_2": ("Algorithm 2", "o", "algorithm_2"), "robust": ("ours", "s", "arub")}
    asked = rows[0]["asked"]
    with style.figure(1, 2, width=7.2, height=2.9) as (fig, (left, right)):
        for sampler, (name, marker, role) in shown.items():
            radii = sorted({r["radius_255"] for r in rows if r["sampler"] == sampler})
            for ax, column in ((left, "kept"), (right, "objective")):
                means = [
                    np.mean([r[column] for r in rows if (r["sampler"], r["radius_255"]) == key])
                    for key in ((sampler, radius) for radius in radii)
                ]
                ax.plot(radii, means, marker=marker, label=name, **looks.line(role))
        left.axhline(asked, **looks.line("paper"))
        left.annotate(f"{asked} asked for", (radii[-1], asked), xytext=(0, 3), ha="right",
                      textcoords="offset points", fontsize=8, color=style.GREY)  # fmt: skip
        left.set(ylim=(0, 1.15 * asked), ylabel="patterns that can be used")
        right.set(ylim=(0, None), ylabel="optimum of (15)")
        right.legend(loc="upper left")
        for ax in (left, right):
            ax.set_xlabel("radius (255ths of the pixel range)")
        left.set_title("What is drawn")
        right.set_title("What it is worth")
    return fig


def comparison(
    as_set: Sequence[Mapping[str, Any]], tuned: Sequence[Mapping[str, Any]]
) -> tables.Table:
    """Tables I and II, the paper's number beside ours.

    Source: [A] Tables I, II

    Parameters
    ----------
    as_set, tuned : list of dict
        From `a7_cifar.table_row`: runs at one setting, and at one that held-out images chose.
    """
    rows = [{**row, "name": label(row["method"])} for row in as_set]
    rows += [{**row, "name": label(row["method"], "tuned")} for row in tuned]
    percent = {
        title: tables.Beside(f"{key}_accuracy", ".1%")
        for title, key in (("clean", "clean"), ("FGSM", "fgsm"), ("PGD", "pgd"))
    }
    objective = {"objective": tables.Beside("objective", ".4f")}
    return tables.table(rows, {"P_s": "P_s", "method": "name", **percent, **objective})


def schematic() -> style.Card:
    """One input of |x|, its interval, and where two attacks and CROWN say that the margin ends.

    Source: own (on [A] Section VII-D)
    """
    x, radius = 0.1, 0.5
    found = {str(row["method"]): float(row["margin"]) for row in descent.by_hand(x, radius)}
    ends = np.array([x - radius, x + radius])
    with style.figure(width=5.2, height=3.2) as (fig, ax):
        ax.axvspan(*ends, color=style.SKY, alpha=0.3, lw=0)
        ax.plot([-0.75, 0, 0.75], [0.75, 0, 0.75], color=style.BLACK, label="margin |x|")
        ax.plot(ends, ends, "--", color=style.BLUE, label="CROWN's line below it")
        ax.plot(x, abs(x), "o", color=style.BLACK)
        ax.plot(ends[0], found["FGSM"], "D", color=style.VERMILLION)
        ax.plot(0, 0, "o", color=style.ORANGE)
        ax.plot(ends[0], found["CROWN"], "o", color=style.BLUE)
        ax.axhline(0, color=style.GREY, lw=0.8)
        style.tag(ax, f"clean: {x:.2f}", (x, x), (9, -1))
        style.tag(ax, f"FGSM: {found['FGSM']:.2f}", (ends[0], found["FGSM"]), (8, 4),
                  color=style.VERMILLION)  # fmt: skip
        style.tag(ax, f"PGD, and the worst: {abs(found['PGD']):.2f}", (0, 0), (10, -13),
                  color=style.ORANGE)  # fmt: skip
        style.tag(ax, f"CROWN: {found['CROWN']:.2f}".replace("-", "−"), (ends[0], found["CROWN"]),
                  (9, -4), color=style.BLUE)  # fmt: skip
        ax.set(xlabel="input on its interval (shaded)", ylabel="margin", xlim=(-0.75, 0.75))
        ax.set_title("The exact worst margin lies between an attack and a bound")
        ax.legend(loc="upper center")
    return fig
