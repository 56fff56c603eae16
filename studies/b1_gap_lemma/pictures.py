"""What Lemma 1 gives away, drawn."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from robustcore.plots import style

from . import losses_at, smallest_instance

_CLASS_COLOUR = {2: style.ORANGE, 3: style.BLUE, 5: style.GREEN, 10: style.VERMILLION}


_CLASS_MARK = {2: "v", 3: "o", 5: "s", 10: "^"}


def lemma_slack(planar: Any, by_radius: Sequence[dict], by_slope: Sequence[dict]) -> style.Card:
    """Three panels: one network of the plane, random networks over the radius, the sharp network.

    Source: [B] Lemma 1

    Parameters
    ----------
    planar : PlanarSlack
    by_radius : list of dict
        As `b1_gap_lemma.radius_rows` returns them.
    by_slope : list of dict
        As `b1_gap_lemma.sharp_rows` returns them.
    """
    with style.figure(1, 3, width=7.4, height=2.8) as (fig, (left, middle, right)):
        _loss_map(fig, left, planar)
        for K in sorted({r["K"] for r in by_radius}):
            here = [r for r in by_radius if r["K"] == K]
            look: dict[str, Any] = {"color": _CLASS_COLOUR[K], "marker": _CLASS_MARK[K]}
            radii = [r["radius"] for r in here]
            middle.plot(radii, [r["largest"] for r in here], "--", **look, alpha=0.6)
            middle.plot(radii, [r["mean"] for r in here], **look, label=f"K = {K}")
        middle.set(xscale="log", xlabel="radius of the $L_1$ ball (input units)")
        middle.set(ylabel="(6) − (5) (nats)", title="random networks")
        middle.set_ylim(top=1.45 * max(r["largest"] for r in by_radius))
        middle.legend(ncols=3, loc="upper center", handlelength=1.2, columnspacing=0.8, fontsize=7)
        for K in sorted({r["K"] for r in by_slope}):
            here = [r for r in by_slope if r["K"] == K]
            given = [r["given"] for r in here]
            colour = _CLASS_COLOUR[K]
            right.plot([r["slope"] for r in here], given, color=colour, marker=_CLASS_MARK[K])
            right.axhline(math.log(K - 1), color=colour, linestyle=":")
            right.annotate(
                f"log {K - 1}", (0, math.log(K - 1)), xytext=(0, -10),
                textcoords="offset points", fontsize=8, color=colour,
            )  # fmt: skip
        right.set(xlabel="slope a", ylabel="(6) − (5) (nats)", title="the sharp network")
    return fig


def _loss_map(fig: Any, ax: Any, planar: Any) -> None:
    side, loss = planar.side.numpy(), planar.loss.numpy()
    drawn = ax.contourf(side, side, loss, levels=12, cmap="Greys")
    fig.colorbar(drawn, ax=ax, label="cross-entropy (nats)", location="bottom", shrink=0.9)
    r = planar.ball.radius
    ax.plot([r, 0, -r, 0, r], [0, r, 0, -r, 0], color=style.BLUE)
    for k, (point, colour) in enumerate(
        zip(planar.worst_gap.numpy(), (style.GREEN, style.ORANGE), strict=True), start=2
    ):
        ax.plot(*point, "o", color=colour, markersize=10, zorder=4, label=f"$z_{k} - z_1$")
    ax.plot(*planar.worst_loss.numpy(), "X", color=style.VERMILLION, markersize=6, zorder=5,
            label="loss")  # fmt: skip
    ax.set(
        aspect="equal", xlabel=r"$\delta_1$", title=f"(5) {planar.left:.2f}, (6) {planar.right:.2f}"
    )
    ax.set_ylabel(r"$\delta_2$", labelpad=-3)
    ax.set_xticks(np.array([-r, 0, r]))
    ax.set_yticks(np.array([-r, 0, r]))
    ax.legend(
        fontsize=7, loc="lower left", handletextpad=0, frameon=True, framealpha=0.8, borderpad=0.2
    )


_LOST = {True: "something is lost", False: "nothing is lost"}


def schematic() -> style.Card:
    """Two gaps that are worst at opposite ends, and the loss at the two worst taken together.

    Source: [B] Lemma 1
    """
    *_, ends = smallest_instance()
    gaps = np.array(ends)[:, 1:]  # the true class has the logit 0
    side = np.linspace(-1.4, 1.7, 125)
    grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    apart = gaps.max(axis=0)
    logits = [(0.0, *pair) for pair in (gaps[0], apart, *grid)]
    losses = losses_at(logits, label=0)
    with style.figure(1, 2, width=6.6, height=3.3, sharey=True) as (fig, axes):
        for ax, name in zip(axes, ("cross-entropy", "hinge"), strict=True):
            at_end, at_apart, *over = losses[name]
            values = np.reshape(over, (len(side), len(side)))
            ax.contour(side, side, values, 9, colors=style.GREY, linewidths=0.6)
            ax.contour(side, side, values, [at_end], colors=style.BLACK, linewidths=1.4)
            if at_apart > at_end:
                ax.contour(side, side, values, [at_apart], colors=style.VERMILLION, linewidths=1.4)
            ax.plot(*gaps.T, "-o", color=style.BLUE, lw=2, markersize=6)
            ax.plot(*apart, "s", color=style.VERMILLION, markersize=7)
            for end in gaps:
                style.tag(ax, f"{at_end:.2f}", end, (5, 5), color=style.BLUE)
            style.tag(ax, f"{at_apart:.2f}", apart, (6, 5), color=style.VERMILLION)
            ax.set(
                aspect="equal",
                xlabel="gap $z_2 - z_1$",
                title=f"{name.capitalize()}: {_LOST[at_apart > at_end]}",
            )
            ax.grid(visible=False)
        axes[0].set_ylabel("gap $z_3 - z_1$")
    return fig
