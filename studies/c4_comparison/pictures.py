"""The comparison on one task: what is certified, at which price in seconds, and a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from robustcore import methods as known
from robustcore.plots import style

from .methods import BOUNDED, CONVEX, METHODS
from .tasks import NORMS

Rows = Sequence[Mapping[str, Any]]

LABELS: dict[str, str] = {
    "algorithm_1": "Algorithm 1",
    "algorithm_2": "Algorithm 2",
    "robust_patterns": "(15), robust patterns",
    "linear": "robust linear",
    "gd_std": "GD-std",
    "gd_fgsm": "GD-FGSM",
    "gd_pgd": "GD-PGD",
    "certified_random": "certified descent, random start",
    "bridge": "certified descent from (15)",
    "bridge_linear": "certified descent from linear",
    **{name: known.METHODS[name].label for name in BOUNDED},
}


def _colour(method: str) -> str:
    """By where a method comes from: both papers, [A]'s programs, [B]'s losses, plain descent."""
    if method.startswith(("bridge", "certified")):
        return style.VERMILLION
    if method in CONVEX:
        return style.BLUE
    return style.GREEN if method in BOUNDED else style.GREY


def price(rows: Rows, task: str) -> style.Card:
    """Certified and attacked accuracy of every method on one task, and the seconds that it took.

    Filled is what is certified, with its range over seeds; hollow what the attack leaves.

    Source: own (on [A] Table I; [B] Tables 3 to 9)

    Parameters
    ----------
    rows : list of dict
        Of the record `c4_comparison`.
    task : str
    """
    here = [r for r in rows if r["task"] == task]
    norms = [p for p in NORMS if any(r["p"] == p for r in here)]
    places = {name: -i for i, name in enumerate(METHODS) if any(r["method"] == name for r in here)}
    size = {"width": 1.6 + 2.2 * len(norms), "height": 0.9 + 0.2 * len(places)}
    with style.figure(1, len(norms), sharey=True, squeeze=False, **size) as (fig, axes):
        for ax, p in zip(axes[0], norms, strict=True):
            for method, at in places.items():
                mine = [r for r in here if (r["p"], r["method"]) == (p, method)]
                if not mine:
                    continue
                colour = _colour(method)
                shares = [100 * r["certified_accuracy"] for r in mine]
                left = 100 * fmean(r["attacked_accuracy"] for r in mine)
                ax.plot([min(shares), max(shares)], [at, at], color=colour, linewidth=1.2)
                ax.plot(left, at, "o", markersize=5, markerfacecolor="none", color=colour)
                ax.plot(fmean(shares), at, "o", markersize=5, color=colour)
                took = f"{fmean(r['seconds'] for r in mine):.2g} s"
                ax.text(1.03, at, took, transform=ax.get_yaxis_transform(), va="center", fontsize=7)
            ax.set(xlim=(-3, 103), xlabel="accuracy (%)", title=style.norm(NORMS[p]))
        axes[0][0].set_yticks(list(places.values()), [LABELS[name] for name in places], fontsize=8)
    return fig


def means(rows: Rows, task: str, p: str) -> list[dict[str, Any]]:
    """A row a method on one task and norm, means over seeds.

    Source: own

    Parameters
    ----------
    rows : list of dict
        Of the record `c4_comparison`.
    task, p : str

    Returns
    -------
    list of dict
        `method`, its label; `seeds`, how many; and the means of costs, accuracies and seconds.
    """
    columns = ("clean_cost", "attacked_cost", "certified_cost", "clean_accuracy",
               "attacked_accuracy", "certified_accuracy", "seconds")  # fmt: skip
    found = []
    for method in METHODS:
        mine = [r for r in rows if (r["task"], r["p"], r["method"]) == (task, p, method)]
        if mine:
            told = {name: fmean(r[name] for r in mine) for name in columns}
            found.append({"method": LABELS[method], "seeds": len(mine), **told})
    return found
