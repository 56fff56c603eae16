"""The sup-inf form drawn: by hand, and on random networks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from robustcore.plots import style

from . import hand_network, hand_rows


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


def schematic() -> style.Card:
    """What two hidden layers make of an interval, and the hull that the split form sees of it.

    Source: [B] Theorem 8
    """
    net, *_ = hand_network()
    z1 = net.layers[0](torch.linspace(-1, 1, 41, dtype=torch.float64)[:, None])
    z2 = net.layers[1](z1.clamp(min=0))
    value = {row["technique"]: row["gap"] for row in hand_rows()}
    side = torch.linspace(-1.45, 1.45, 117, dtype=torch.float64)
    grid = torch.stack(torch.meshgrid(side, side, indexing="xy"), dim=-1)
    gap, on_path = (net.layers[2](z.clamp(min=0)) @ z.new_tensor([-1, 1]) for z in (grid, z2))
    worst = z2[on_path.argmax()]
    with style.figure(1, 2, width=6.6, height=3.3) as (fig, (left, right)):
        left.plot(*z1.T, color=style.ORANGE, lw=3)
        right.contourf(side, side, gap, [0, 9], colors=[style.VERMILLION], alpha=0.18)
        right.fill(*z2[[0, 20, 40]].T, color=style.SKY, alpha=0.45, lw=0)
        right.plot(*z2.T, color=style.ORANGE, lw=3)
        right.plot(*worst, "o", color=style.BLACK, markersize=6, zorder=3)
        right.plot(0, 0, "*", color=style.BLUE, markersize=12)
        style.tag(right, f"worst of the network: −{-value['exact']:.1f}", worst, (-4, 7), bbox=None)
        hull = f"of the hull: {value['sup-inf (30)']:+.1f}"
        style.tag(right, hull, (0, 0), (-8, -14), ha="right", color=style.BLUE, bbox=None)
        style.tag(right, "gap above 0", (-1.4, -1.35), (0, 0), color=style.VERMILLION, bbox=None)
        for ax, layer in ((left, 1), (right, 2)):
            ax.set(aspect="equal", xlabel=f"$z^{layer}_1$", ylabel=f"$z^{layer}_2$",
                   xlim=(-1.45, 1.45), ylim=(-1.45, 1.45))  # fmt: skip
            ax.grid(visible=False)
        left.set_title("Layer 1: convex as it is")
        right.set_title("Layer 2: bent, and its hull")
    return fig
