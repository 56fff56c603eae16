"""Pictures of attacks: what the published ones and the strongest leave standing, over the radius.

The rows drawn here are those of `studies.c3_stronger_attacks`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.lines import Line2D

from robustcore.methods import METHODS
from robustcore.plots import looks, style

_NORM_TRAINED = {"pgd": "inf", "arub": "1"}  # where the method allows several
_MARKS = {"nominal": "o", "pgd": "D", "arub": "^", "rub": "s"}
_LOOKS: dict[str, dict[str, Any]] = {
    "published": {"linestyle": ":", "markerfacecolor": style.CARD},
    "strongest": {"linestyle": "-"},
    "certified": {"linestyle": "--", "marker": "", "linewidth": 1.0},
}
_NAMES = {
    "published": "published attacks",
    "strongest": "strongest attack",
    "certified": "certified",
}


def published_against_strongest(rows: Sequence[Mapping[str, Any]]) -> style.Card:
    """Accuracy over the radius, one panel for each norm; the certified floor for L1.

    Source: [B] Tables 3-5

    Parameters
    ----------
    rows : list of dict
        As `c3_stronger_attacks.curves` returns them.
    """
    norms = list(dict.fromkeys(r["p"] for r in rows))
    methods = list(dict.fromkeys(r["method"] for r in rows))
    with style.figure(1, len(norms), width=7.5, height=3.5, squeeze=False, sharey=True) as (
        fig,
        axes,
    ):
        for ax, p in zip(axes[0], norms, strict=True):
            for method in methods:
                here = [r for r in rows if (r["p"], r["method"]) == (p, method)]
                for kind in _LOOKS if p == "1" else ("published", "strongest"):
                    _draw(ax, here, method, kind)
            name = style.norm(p)
            ax.set(xscale="log", xlabel=rf"{name} radius $\rho$ (pixel range 1)", title=name)
            radii = sorted({r["radius"] for r in rows if r["p"] == p})
            ax.set_xticks(radii, [f"{radius:.2g}" for radius in radii])
            ax.minorticks_off()
        axes[0, 0].set(ylabel="test images left correct (%)", ylim=(-3, 103))
        colours = [
            Line2D([], [], color=looks.colour(m), marker=_MARKS[m], label=_trained_by(m))
            for m in methods
        ]
        dashes = [
            Line2D([], [], color=style.GREY, **{"marker": "s", **look}, label=_NAMES[kind])
            for kind, look in _LOOKS.items()
        ]
        fig.legend(handles=[*colours, *dashes], loc="outside lower center", ncols=4)
    return fig


def _trained_by(method: str) -> str:
    found = METHODS[method].label
    return f"{found}-{style.norm(_NORM_TRAINED[method])}" if method in _NORM_TRAINED else found


def _draw(ax: Any, here: Sequence[Mapping[str, Any]], method: str, kind: str) -> None:
    look = {"marker": _MARKS[method], "color": looks.colour(method), **_LOOKS[kind]}
    ax.plot([r["radius"] for r in here], [100 * r[kind] for r in here], **look)


def schematic() -> style.Card:
    """A dense and a sparse step in the L1 ball, for a loss with slopes (4, 1).

    Source: own (on the published L1 attack)
    """
    slopes = np.array([4.0, 1.0])
    side = np.linspace(-1.3, 1.5, 101)
    ends = {"dense step": slopes / slopes.sum(), "steepest step": np.array([1.0, 0.0])}
    with style.figure(width=4.2, height=3.3) as (fig, ax):
        loss = slopes[0] * side[None, :] + slopes[1] * side[:, None]
        ax.contour(
            side, side, loss, levels=12, colors=[style.GREY], linewidths=0.6, linestyles="solid"
        )
        ax.fill([1, 0, -1, 0], [0, 1, 0, -1], color=style.SKY, alpha=0.3, lw=0)
        for (name, end), colour, lift in zip(
            ends.items(), (style.ORANGE, style.BLUE), (9, -13), strict=True
        ):
            ax.annotate(
                "", end, (0, 0), arrowprops={"arrowstyle": "-|>", "color": colour, "lw": 1.6}
            )
            ax.scatter(*end, s=26, color=colour, zorder=3)
            style.tag(ax, f"{name}: +{slopes @ end:.1f}", end, (2, lift), color=colour)
        ax.set(aspect="equal", xlim=(-1.2, 1.95), ylim=(-1.15, 1.15))
        style.bare(ax)
    return fig
