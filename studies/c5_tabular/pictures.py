"""The page's pictures: which measure a decision hangs on, row by row."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from robustcore import bounds
from robustcore.balls import Hull, Radii
from robustcore.plots import style
from robustcore.plots.regions import outline

from . import by_hand


def heat(reached: Mapping[str, tuple[tuple[str, ...], np.ndarray]]) -> style.Card:
    """How far each measure alone may move before the proof ends, a panel a table.

    Source: own

    Parameters
    ----------
    reached : mapping of str to (features, (n, d) array)
        The title of a table to its measures and what `c5_tabular.alone` gives.
    """
    widths = [len(features) for features, _ in reached.values()]
    options = {"width": 7.4, "height": 3.6, "squeeze": False}
    with style.figure(1, len(reached), gridspec_kw={"width_ratios": widths}, **options) as (
        fig,
        axes,
    ):
        for ax, (title, (features, shares)) in zip(axes[0], reached.items(), strict=True):
            order = np.argsort(shares.min(axis=1), kind="stable")
            drawn = ax.imshow(
                shares[order], aspect="auto", cmap="cividis", vmin=0, vmax=1, interpolation="none"
            )
            ax.set_xticks(range(len(features)), features, rotation=40, ha="right")
            ax.set(title=title, yticks=[], ylabel="test rows" if ax is axes[0, 0] else "")
            ax.grid(visible=False)
        fig.colorbar(drawn, ax=axes[0].tolist(), label="proved, as a share of the measure's range")
    return fig


def schematic() -> style.Card:
    """One donor, four sets of what may happen to two measures, and the line of the decision.

    Source: own
    """
    (net, x, y), each = by_hand(), torch.tensor([2.0, 1.0]).double()
    sets = {
        "each within its range": Radii(np.inf, each),
        "one of them, or shares": Radii(1, each),
        "both move together": Hull(torch.stack([each, -each])),
        "one of them is fixed": Radii(np.inf, each * torch.tensor([1, 0])),
    }
    with style.figure(2, 2, width=6.0, height=4.6, sharex=True, sharey=True) as (fig, axes):
        for ax, (title, one) in zip(axes.flat, sets.items(), strict=True):
            worst = bounds.crown(net, x, y, one)[0, 0].item()
            colour = style.VERMILLION if worst > 0 else style.BLUE
            edge = outline(one, x[0])
            ax.fill([-1.5, 7, 7], [-0.75, -0.75, 3.5], color=style.GREY, alpha=0.18, lw=0)
            ax.fill(*edge.T, fc=colour, ec=colour, alpha=0.35)
            ax.plot(*edge.T, color=colour, lw=2)
            ax.plot(*x[0], "o", color=style.BLACK)
            ax.set_title(f"{title}: {'turned' if worst > 0 else 'stands'}", fontsize=9)
            ax.set(xlim=(-1.5, 5), ylim=(0.5, 3.4), xticks=[0, 2, 4], yticks=[1, 2, 3])
            ax.grid(visible=False)
        style.tag(axes[0, 0], "not asked", (5, 0.75), (-4, 0), ha="right", bbox=None)
        fig.supxlabel("months since the last donation", fontsize=9)
        fig.supylabel("donations", fontsize=9)
    return fig
