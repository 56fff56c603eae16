"""Pictures of the bounds beyond paper B: how tight they are, and how far they certify.

The rows drawn here are those of `studies.c2_tighter_bounds`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from robustcore import LpBall, bounds
from robustcore.methods import METHODS
from robustcore.plots import looks, style
from studies.b5_rub import small


def tightness(rows: Sequence[dict], scale: float, norms: Sequence[str] = ("1", "inf")) -> Any:
    """Mean and largest rise of each bound over the exact one; a row of panels for each norm.

    Source: own

    Parameters
    ----------
    rows : list of dict
        As `c2_tighter_bounds.tightness` returns them, of one data set.
    scale : float
        The radius shown, as a multiple of the training radius.
    norms : sequence of str
        Among "1", "2", "inf".
    """
    trainings = list(dict.fromkeys(r["training"] for r in rows))
    shape = {"squeeze": False, "sharex": "row", "sharey": "row"}
    with style.figure(len(norms), len(trainings), width=7.4, height=4.2, **shape) as (fig, axes):
        for i, p in enumerate(norms):
            for ax, training in zip(axes[i], trainings, strict=True):
                here = [
                    r for r in rows if (r["p"], r["training"], r["scale"]) == (p, training, scale)
                ]
                _dots(ax, here[::-1])
                ax.set_title(f"{style.norm(p)} ball, {METHODS[training].label}")
                ax.axvline(1, color=style.BLACK, linewidth=0.8)
            shown = [r["rise_max"] for r in rows if (r["p"], r["scale"]) == (p, scale)]
            ticks = [t for t in (1, 1.5, 2, 3, 5, 10, 20, 50) if t <= 1.2 * max(shown)]
            axes[i, 0].set_xticks(ticks, [f"{t:g}" for t in ticks])
            axes[i, 0].set_xticks([], minor=True)
        for ax in axes[-1]:
            ax.set_xlabel("rise of the bound / exact rise")
    return fig


def _dots(ax: Any, rows: Sequence[dict]) -> None:
    for height, row in enumerate(rows):
        colour = looks.colour(row["method"])
        ax.plot([row["rise"], row["rise_max"]], [height, height], color=colour, linewidth=1.2)
        ax.plot(row["rise"], height, "o", color=colour)
        ax.plot(row["rise_max"], height, "|", color=colour, markersize=7)
    ax.set(xscale="log", yticks=range(len(rows)))
    ax.set_yticklabels([METHODS[r["method"]].label for r in rows])


def certified_share(rows: Sequence[dict]) -> Any:
    """Share of samples certified over the radius, by method; a panel for each network.

    Source: own

    Parameters
    ----------
    rows : list of dict
        As `c2_tighter_bounds.radii` returns them, of one data set.
    """
    trainings = list(dict.fromkeys(r["training"] for r in rows))
    with style.figure(
        1, len(trainings), width=7.4, height=3.0, squeeze=False, sharey=True, sharex=True
    ) as (fig, axes):
        for ax, training in zip(axes[0], trainings, strict=True):
            here = [r for r in rows if r["training"] == training]
            for row in sorted(here, key=lambda r: r["method"] == "exact"):
                radius, share = _steps(row)
                ax.step(
                    radius,
                    share,
                    where="pre",
                    color=looks.colour(row["method"]),
                    linestyle=looks.LINES[row["method"]],
                    linewidth=1.0 if row["method"] == "exact" else 1.6,
                    label=METHODS[row["method"]].label,
                )
            ax.axvline(here[0]["trained_at"], color=style.GREY, linewidth=0.8, linestyle=":")
            ax.set(title=f"trained by {METHODS[training].label}", ylim=(0, 100))
            ax.set_xlabel(f"$L_1$ radius ({here[0]['unit']})")
        axes[0, 0].set_ylabel("test samples certified (%)")
        lines, names = axes[0, 0].get_legend_handles_labels()
        fig.legend(lines, names, loc="outside lower center", ncols=len(names), fontsize=7)
    return fig


def _steps(row: dict) -> tuple[list[float], list[float]]:
    """Radii in rising order, and the share still certified up to each."""
    radii = [r for r in row["radii"] if r > 0]
    n = row["n"]
    share = [100 * (len(radii) - i) / n for i in range(len(radii))]
    return [0.0, *radii, row["largest"]], [100 * len(radii) / n, *share, 0.0]


def schematic() -> style.Card:
    """The slopes below a ReLU that all are sound, and the bound of a small network over the slope.

    Source: [B] Theorem 7
    """
    net, x, y = small.small_network()
    ball, slopes = LpBall(1, 2.0), np.linspace(0, 1, 11)
    z = np.array([-1.0, 3.0])  # of the first neuron, on the ball
    given = [[x.new_tensor([[t, 1.0]])] for t in slopes]
    found = [float(bounds.rub(net, x, y, ball, t=t)[0, 1]) for t in given]
    exact = float(bounds.exact(net, x, y, ball)[0, 1])
    with style.figure(1, 2, width=6.6, height=3.0) as (fig, (left, right)):
        for t in slopes[::2]:
            left.plot(z, t * z, color=style.GREY, lw=0.8)
        left.plot([-1, 0, 3], [0, 0, 3], color=style.BLACK, lw=2.4, label="$[z]_+$")
        left.plot(z, z, "--", color=style.BLUE, label="$t = 1$, as in the paper")
        left.plot(z, 0 * z, "--", color=style.VERMILLION, label="$t = 0$")
        left.set(xlabel="$z$ on the ball", title="Lines $t\\,z$ below a ReLU")
        left.legend(loc="upper left")
        right.plot(slopes, found, "o-", color=style.GREY, markersize=3)
        right.plot(1, found[-1], "o", color=style.BLUE, markersize=7, clip_on=False)
        right.plot(0, found[0], "o", color=style.VERMILLION, markersize=7, clip_on=False)
        right.axhline(exact, color=style.BLACK, ls=":", lw=1.2)
        style.tag(right, "exact worst gap", (1, exact), (-4, -11), ha="right")
        right.set(xlabel="slope $t$", ylabel="bound of the gap", ylim=(0.7, 2.15))
        right.set_title("Each is a bound, one is the best")
    return fig
