"""Average ranks over the radius, and what a rank test joins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from robustcore.plots import style

from ..choosing import METHODS
from ..ranking import MAJORITY
from .look import DATA, LABELS, LOOKS, NORMS, ZERO, Rows, norm


def figure_2(ranks: Rows) -> style.Card:
    """Average rank of the six methods over the radius: norms by published attacks, as in the paper.

    Source: [B] Figure 2

    Parameters
    ----------
    ranks : list of dict
        From `ranking.ranked`; the leaked tables are drawn at the side of the clean ones.
    """
    data = list(dict.fromkeys(r["data"] for r in ranks))
    columns = [(one, kind) for one in data for kind in ("FGM", "PGD")]
    size: dict[str, Any] = {
        "width": 7.5,
        "height": 6.2,
        "sharex": True,
        "sharey": True,
        "squeeze": False,
    }
    with style.figure(3, len(columns), **size) as (fig, axes):
        for ax, (name, (one, kind)) in zip(
            axes.flat, [(n, c) for n in NORMS for c in columns], strict=True
        ):
            for method in METHODS:
                _curve(ax, _over(ranks, one, f"{kind}-{name}", method), "rank", method)
            ax.set_title(f"{kind}, {norm(name)}" + (f"; {DATA[one]}" if name == "L2" else ""))
        axes[0, 0].set(ylim=(6, 1), yticks=range(1, 7))
        _finish(fig, axes, "average rank (1 is best)", len(METHODS))
    return fig


def leads(ranks: Rows, certified: Rows, data: str = "clean") -> style.Card:
    """The strong attack: ranks with the majority class, networks that answer alike, what is proved.

    Source: own (on [B] Figure 2)

    Parameters
    ----------
    ranks, certified : list of dict
        From `ranking.ranked` and `comparing.certified`.
    data : str
        "clean" or "published".
    """
    mine = [r for r in ranks if r["data"] == data]
    size: dict[str, Any] = {"width": 7.5, "height": 6.6, "sharex": True, "sharey": "row"}
    with style.figure(3, 3, **size) as (fig, axes):
        for column, name in zip(axes.T, NORMS, strict=True):
            for method in (*METHODS, MAJORITY):
                here = _over(mine, data, f"strong-{name}", method)
                _curve(column[0], here, "rank of 7", method)
                if method != MAJORITY:
                    _curve(column[1], _percent(here, "alike", "sets"), "share", method)
                _curve(column[2], _percent(here, "accuracy"), "share", method)
                proved = _where(certified, {"data": data, "norm": name, "method": method})
                x, y = [r["radius"] for r in proved], [100 * r["proved"] for r in proved]
                column[2].plot(x, y, "v", color=LOOKS[method]["color"], markersize=3)
            column[0].set_title(f"strong attack, {norm(name)}")
        axes[0, 0].set(ylim=(7, 1), yticks=range(1, 8))
        for ax in (axes[1, 0], axes[2, 0]):
            ax.set_ylim(-3, 103)
        _finish(fig, axes[:1], "average rank of seven", len(METHODS) + 1, below=axes[2])
        axes[1, 0].set_ylabel("networks with one answer (%)")
        axes[2, 0].set_ylabel("test rows (%), ▼ proved")
    return fig


def rank_test(ranks: Rows, tests: Rows, radii: Sequence[float], attack: str) -> style.Card:
    """Critical-difference diagrams: a bar joins methods that Nemenyi's test does not tell apart.

    Source: own (Demšar, 2006)

    Parameters
    ----------
    ranks, tests : list of dict
        From `ranking.ranked` and `ranking.tested`; the clean tables are drawn.
    radii : sequence of float
        One diagram each.
    attack : str
    """
    import pandas as pd
    import scikit_posthocs

    with style.figure(len(radii), 1, width=7.0, height=2.3 * len(radii)) as (fig, axes):
        for ax, radius in zip(np.ravel(axes), radii, strict=True):
            at = {"data": "clean", "attack": attack, "radius": radius}
            here = [r for r in _where(ranks, at) if r["ranks"] is not None]
            every = pd.DataFrame({LABELS[r["method"]]: r["ranks"] for r in here})
            (test,) = _where(tests, at)
            drawn = scikit_posthocs.critical_difference_diagram(
                every.mean(),
                scikit_posthocs.posthoc_nemenyi_friedman(every),
                ax=ax,
                label_fmt_left="{label} ({rank:.2f})",
                label_fmt_right="({rank:.2f}) {label}",
                label_props={"fontsize": 8},
                color_palette={LABELS[r["method"]]: LOOKS[r["method"]]["color"] for r in here},
                text_h_margin=0.1,
            )
            for text in drawn["labels"]:
                text.set_color(style.BLACK)  # a yellow word is hard to read
            ax.tick_params(axis="x", pad=0, labelsize=7)
            ax.set_xlim(0.3, max(6.7, every.mean().min() + test["cd"] + 0.1))
            ax.set_ylim(top=2.0)
            best = every.mean().min()  # above the numbers of the axis, not through them
            ax.plot([best, best + test["cd"]], [1.1, 1.1], color=style.BLACK, linewidth=2)
            ax.text(best + test["cd"] / 2, 1.25, f"CD = {test['cd']:.2g}", ha="center", fontsize=8)
            told = "" if test["p"] is None else f", Friedman p = {test['p']:.1g}"
            ax.set_title(rf"$\rho$ = {radius:g}: {test['sets']} sets{told}")
            ax.grid(False)
    return fig


def _where(rows: Rows, at: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [r for r in rows if all(r[k] == v for k, v in at.items())]


def _percent(here: Rows, key: str, of: str = "") -> list[dict[str, Any]]:
    return [{**r, "share": 100 * r[key] / (r[of] if of else 1)} for r in here]


def _over(ranks: Rows, data: str, attack: str, method: str) -> list[Mapping[str, Any]]:
    """The points of one curve, radius 0 first."""
    at = {"data": data, "method": method}
    return [r for r in _where(ranks, at) if r["attack"] in ("clean", attack)]


def _curve(ax: Any, here: Rows, key: str, method: str) -> None:
    aside = 1.05 ** (list(LABELS).index(method) - 3)  # so that intervals stand side by side
    x = [aside * max(r["radius"], ZERO) for r in here]
    ax.plot(x, [r[key] for r in here], label=LABELS[method], **LOOKS[method])
    if key.startswith("rank") and method != MAJORITY:
        low, high = ([r[key.replace("rank", end)] for r in here] for end in ("low", "high"))
        ax.vlines(x, low, high, color=LOOKS[method]["color"], alpha=0.45, linewidth=0.9)
    ax.set(xscale="log", xticks=[ZERO, 1e-2, 1, 10], xticklabels=["0", ".01", "1", "10"])
    ax.set_xticks([], minor=True)


def _finish(fig: Any, axes: Any, label: str, columns: int, below: Any = None) -> None:
    for ax in axes[:, 0]:
        ax.set_ylabel(label if len(axes) == 1 else "")
    if len(axes) > 1:
        fig.supylabel(label, fontsize=9)
    for ax in axes[-1] if below is None else below:
        ax.set_xlabel(r"radius $\rho$")
    lines, names = axes[0, 0].get_legend_handles_labels()
    fig.legend(lines, names, loc="outside lower center", ncols=min(columns, 7), fontsize=7)
