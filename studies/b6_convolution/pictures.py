"""Pictures of paper B's bounds for convolutional networks, from the rows of b6."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from robustcore import LpBall
from robustcore.losses import gaps
from robustcore.methods import METHODS
from robustcore.plots import looks, style
from robustcore.plots.regions import outline

from .pooling import BIAS, two_pixels


def pool_on_the_edge(rows: Sequence[dict]) -> style.Card:
    """The gap of two pooled pixels between two vertices of the ball, and bounds of it.

    Source: [B] Lemma 13

    Parameters
    ----------
    rows : list of dict
        As `b6_convolution.pooling.along_the_edge` returns them.
    """
    at = [r["at"] for r in rows]
    with style.figure(1, 1, width=5.4, height=3.0) as (fig, ax):
        ax.axhline(0, color=style.GREY, linewidth=0.8)
        ax.plot(
            at,
            [r["gap"] for r in rows],
            label="gap, and the bound by a maximum",
            color=style.BLACK,
            linewidth=4,
        )
        first, half = "t = (1, 0)", "t = (1/2, 1/2)"
        ax.plot(at, [r[first] for r in rows], label=f"bound with ${first}$", **looks.line("upper"))
        ax.plot(at, [r[half] for r in rows], label=r"bound with $t = (\frac{1}{2}, \frac{1}{2})$",
                color=style.GREEN, linestyle="--")  # fmt: skip
        ends = [rows[0]["gap"], rows[-1]["gap"]]
        ax.plot([0, 1], ends, "o", color=style.VERMILLION, label="all that the vertices show of it")
        ax.set(xticks=[0, 0.5, 1], ylabel="$z_2 - z_1$", ylim=(-0.4, 0.85))
        ax.set_xticklabels(["$x - e_1$", "halfway", "$x - e_2$"])
        ax.set_xlabel("on the edge of the ball")
        fig.legend(loc="outside lower center", ncols=2)
    return fig


def certified_by_pool(rows: Sequence[dict]) -> style.Card:
    """Certified accuracy over the L1 radius, one panel a pool; dots are what PGD leaves.

    Source: [B] Appendix C

    Parameters
    ----------
    rows : list of dict
        As `b6_convolution.certified_rows` returns them.
    """
    pools = list(dict.fromkeys(r["pool"] for r in rows))
    with style.figure(1, len(pools), width=7.4, height=3.2, sharey=True, squeeze=False) as (
        fig,
        axes,
    ):
        for ax, pool in zip(axes[0], pools, strict=True):
            for method in dict.fromkeys(r["method"] for r in rows):
                here = [r for r in rows if (r["pool"], r["method"]) == (pool, method)]
                radius = [r["radius"] for r in here]
                low, high, proved, left = (
                    [100 * r[key] for r in here]
                    for key in ("low", "high", "certified", "adversarial")
                )
                ax.fill_between(
                    radius, low, high, color=looks.colour(method), alpha=0.18, linewidth=0
                )
                ax.plot(
                    radius,
                    proved,
                    label=METHODS[method].label + (f"-{style.norm(1)}" if method == "arub" else ""),
                    **looks.line(method),
                )
                ax.plot(radius, left, "o", color=looks.colour(method), markersize=4)
            ax.set(
                title=f"{pool} pools", xlabel=r"$L_1$ radius $\rho$ (pixel range 1)", ylim=(0, 100)
            )
        axes[0, 0].set_ylabel("test images (%)")
        axes[0, 0].legend()
    return fig


def schematic() -> style.Card:
    """Where the gap of two pooled pixels is above 0, by the maximum and by a weighted sum.

    Source: [B] Lemma 13
    """
    net, x, y = two_pixels()
    side = torch.linspace(-0.35, 2.35, 109, dtype=x.dtype)
    grid = torch.stack(torch.meshgrid(side, side, indexing="xy"), dim=-1)
    ball, inside = LpBall(1, 1.0), x[0] - 0.5
    corners = x + torch.from_numpy(ball.vertices(2))
    points = torch.cat([grid.reshape(-1, 2), corners])
    gap = gaps(net(points), y.expand(len(points)))[:, 1]
    least = BIAS - points.mean(dim=1)  # no pixel of the ball is below 0
    titles = ("The maximum: no vertex sees it", "A weighted sum: two vertices do")
    with style.figure(1, 2, width=6.6, height=3.9) as (fig, axes):
        for ax, values, title in zip(axes, (gap, least), titles, strict=True):
            plane, at_corners = values[:-4].view(grid.shape[:2]), values[-4:].tolist()
            ax.contourf(side, side, plane, [0, 9], colors=[style.VERMILLION], alpha=0.2)
            ax.contour(side, side, plane, [0], colors=[style.VERMILLION], linewidths=1.4)
            ax.fill(*outline(ball, x[0]).T, color=style.SKY, alpha=0.35, lw=0)
            for corner, value in zip(corners, at_corners, strict=True):
                colour, lift = (style.VERMILLION, -12) if value > 0 else (style.BLUE, 4)
                ax.plot(*corner, "o", color=colour, markersize=6)
                style.tag(ax, f"{value:+.2f}".replace("-", "−"), corner, (6, lift), color=colour)
            ax.plot(*inside, "X", color=style.BLACK, markersize=7)
            ax.plot(*x[0], ".", color=style.BLACK)
            ax.set(aspect="equal", xlabel="pixel 1", title=title)
            ax.set(xticks=[0, 1, 2], yticks=[0, 1, 2])
            ax.grid(visible=False)
        axes[0].set_ylabel("pixel 2")
    return fig
