"""Pictures of the theory of paper B: what Lemma 1 gives away, hulls, and the sup-inf form.

The records drawn here are those of `robustcore.studies.b1_gap_lemma`, `b3_conjugates`, `b4_split`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from . import style

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
        middle.legend()
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
        ax.plot(*point, "o", color=colour, markersize=7, zorder=4, label=f"$z_{k} - z_1$")
    ax.plot(*planar.worst_loss.numpy(), "X", color=style.VERMILLION, markersize=7, zorder=5,
            label="loss")  # fmt: skip
    ax.set(
        aspect="equal", xlabel=r"$\delta_1$", title=f"(5) {planar.left:.2f}, (6) {planar.right:.2f}"
    )
    ax.set_ylabel(r"$\delta_2$", labelpad=-3)
    ax.set_xticks(np.array([-r, 0, r]))
    ax.set_yticks(np.array([-r, 0, r]))
    ax.legend(fontsize=7, loc="upper left", handletextpad=0, frameon=True, framealpha=1)


_SET_LOOK: dict[str, dict[str, Any]] = {
    "points": {"marker": "^", "color": style.VERMILLION},
    "path": {"marker": "s", "color": style.ORANGE},
    "affine image": {"marker": "o", "color": style.BLUE},
}


def concave_duality(bent: Any, cases: Sequence[Any]) -> style.Card:
    """A path, its hull and a concave function; and both sides of Lemma 3 over many sets.

    Source: [B] Lemma 3

    Parameters
    ----------
    bent : Case
        In the plane.
    cases : list of Case
    """
    with style.figure(1, 2, width=7.2, height=3.2) as (fig, (left, right)):
        side = np.linspace(-1.4, 1.4, 141)
        z = np.stack(np.meshgrid(side, side), axis=-1)
        g = z @ bent.u - np.maximum(z, 0) @ bent.q
        left.contour(
            side, side, g, levels=np.arange(-3, 0.1, 0.5), colors=style.GREY, linewidths=0.8
        )
        corners = bent.vertices
        left.fill(*corners.T, color=style.SKY, alpha=0.35, label="convex hull of Z")
        left.plot(*corners.T, color=style.ORANGE, linewidth=2.5, label="Z")
        values = bent.candidates @ bent.u - np.maximum(bent.candidates, 0) @ bent.q
        best = bent.candidates[values.argmax()]
        left.plot(*best, "s", color=style.VERMILLION, label=f"best of Z: {bent.left:.0f}")
        middle = corners[[0, -1]].mean(axis=0)
        left.plot(
            *middle,
            "*",
            color=style.BLUE,
            markersize=11,
            label=f"best of hull: {bent.hull + 0.0:.0f}",
        )
        left.set(aspect="equal", xlabel="$z_1$", title="$g(z) = -[z_1]_+ - [z_2]_+$")
        left.set_ylabel("$z_2$", labelpad=-3)
        left.legend(loc="lower left", fontsize=7, frameon=True, framealpha=1)
        for kind, look in _SET_LOOK.items():
            excess = np.sort([max(c.right - c.left, 0.0) for c in cases if c.kind == kind])
            share = 100 * np.arange(1, len(excess) + 1) / len(excess)
            right.plot(excess, share, label=kind, **look)
        right.set(xlabel="right side − left side", ylabel="sets with at most that excess (%)")
        right.set(title="Lemma 3 as printed", ylim=(0, 103))
        right.legend(title="Z", title_fontsize=8)
    return fig


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
