"""The sup-inf form drawn: by hand, and on random networks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from robustcore.plots import style


def split_form(gap: Sequence[dict], by_hand: Sequence[dict], found: Sequence[Any]) -> style.Card:
    """The hand network's gap and its bounds; how far the bounds lie above the exact value.

    Source: [B] Theorems 5, 8

    Parameters
    ----------
    gap : list of dict
        As `b4_split.gap_along` returns them.
    by_hand : list of dict
        As `b4_split.hand_rows` returns them.
    found : list of Compared
        Random networks of 2 and 3 layers among them.
    """
    with style.figure(1, 2, width=7.2, height=3.0) as (fig, (left, right)):
        left.plot([r["d"] for r in gap], [r["gap"] for r in gap], color=style.BLACK, label="gap")
        level = {r["technique"]: r["gap"] for r in by_hand}
        left.axhline(level["exact"], color=style.GREY, linestyle=":", label="exact maximum")
        left.axhline(level["sup-inf (30)"], color=style.BLUE, label="sup-inf (30)")
        left.axhline(0, color=style.VERMILLION, linewidth=0.8, linestyle="--", label="decision")
        left.set(xlabel=r"$\delta$", ylabel=r"$z_2 - z_1$", title="three layers, by hand")
        left.set_ylim(-1.7, 1.6)
        left.locator_params(axis="x", nbins=5)
        left.legend(loc="upper center", ncols=2)
        looks = {"sup_inf": (style.BLUE, "sup-inf"), "inf_sup": (style.GREEN, "inf-sup (26)")}
        looks["rub"] = (style.VERMILLION, "RUB")
        for depth, dashes in ((2, "--"), (3, "-")):
            here = [c for c in found if c.group == f"random, L = {depth}"]
            for key, (colour, label) in looks.items():
                if any(getattr(c, key) is None for c in here):
                    continue
                excess = np.sort([max(getattr(c, key) - c.exact, 0) for c in here])
                share = 100 * np.arange(1, len(excess) + 1) / len(excess)
                named = f"{label}, L = {depth}"
                right.step(excess, share, where="post", color=colour, linestyle=dashes, label=named)
        right.set(xlim=(-0.001, None), ylim=(0, 103))
        right.set_xscale("symlog", linthresh=0.01)
        right.set(xlabel="bound − exact (logits)", ylabel="networks with at most that excess (%)")
        right.set_title("random networks")
        right.legend(loc="lower right", fontsize=7)
    return fig
