"""RUB drawn: along segments of the ball, and how tight it is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from robustcore.plots import looks, style

_TRAINING_COLOURS = (style.BLACK, style.GREEN, style.BLUE, style.VERMILLION)


def bound_on_segments(rows: Sequence[dict]) -> style.Card:
    """The gap of the small network and its convex bound, from x to each vertex of the ball.

    Source: [B] Theorem 7

    Parameters
    ----------
    rows : list of dict
        As `b5_rub.along_segments` returns them.
    """
    names = list(dict.fromkeys(r["vertex"] for r in rows))
    with style.figure(1, len(names), width=7.4, height=2.5, sharey=True) as (fig, axes):
        for ax, name in zip(axes, names, strict=True):
            here = [r for r in rows if r["vertex"] == name]
            at = [r["a"] for r in here]
            ax.axhline(0, color=style.GREY, linewidth=0.8)
            # from wide to narrow, so that where they agree each is still seen
            bound, gap, linear = ([r[key] for r in here] for key in ("bound", "gap", "linear"))
            ax.plot(at, bound, label="RUB", lw=5, alpha=0.45, color=looks.colour("upper"))
            ax.plot(at, gap, label="gap", lw=1.8, color=looks.colour("exact"))
            ax.plot(at, linear, label="linear, (8)", lw=1.8, ls=":", color=style.ORANGE)
            way = name.replace("a e1", "a\\,e_1").replace("a e2", "a\\,e_2")
            ax.set(title=f"${way}$", xlabel="$a$")
        axes[0].set_ylabel("$z_2 - z_1$")
        axes[0].legend()
    return fig


def tightness(rows: Sequence[dict]) -> style.Card:
    """Rise of RUB over the rise of the exact worst gap, by radius; a line for each depth.

    Source: [B] Section 7

    Parameters
    ----------
    rows : list of dict
        As `b5_rub.tightness.tightness_rows` returns them.
    """
    groups = list(dict.fromkeys(r["networks"] for r in rows))
    depths = sorted({r["L"] for r in rows})
    with style.figure(1, len(groups), width=7.4, height=3.0, squeeze=False, sharey=True) as (
        fig,
        axes,
    ):
        for ax, group in zip(axes[0], groups, strict=True):
            for depth, colour in zip(depths, _TRAINING_COLOURS, strict=False):
                here = [r for r in rows if (r["networks"], r["L"]) == (group, depth)]
                radius = [r["radius"] for r in here]
                ax.plot(radius, [r["rub"] for r in here], "o-", color=colour, label=f"L = {depth}")
                ax.plot(radius, [r["optimised"] for r in here], ":", color=colour)
            ax.set(
                title=group, xscale="log", yscale="log", xlabel=r"$L_1$ radius $\rho$ (input units)"
            )
            ax.set_yticks([1, 1.5, 2, 3, 4], ["1", "1.5", "2", "3", "4"])
            ax.minorticks_off()
        axes[0, 0].set_ylabel("rise of the bound / exact rise")
        axes[0, 0].legend()
    return fig


def schematic() -> style.Card:
    """The sweep over the vertices, for the network that the page works by hand.

    Source: [B] Theorem 7
    """
    side = np.linspace(-1.6, 3.6, 201)
    across, up = np.meshgrid(side, side)
    convex = 3 * np.maximum(up - across - 1, 0) - across - 2
    vertices = np.array([[3, 1], [-1, 1], [1, 3], [1, -1]])
    names = ("$x+2e_1$", "$x-2e_1$", "$x+2e_2$", "$x-2e_2$")
    values = 3 * np.maximum(vertices[:, 1] - vertices[:, 0] - 1, 0) - vertices[:, 0] - 2
    with style.figure(1, 2, width=6.6, height=3.1) as (fig, (left, right)):
        left.contour(
            across,
            up,
            convex,
            levels=np.arange(-5, 9),
            colors=[style.GREY],
            linewidths=0.7,
            linestyles="solid",
        )
        left.fill(*vertices[[0, 2, 1, 3]].T, color=style.SKY, alpha=0.3, lw=0)
        left.scatter(1, 1, s=22, color=style.BLACK, zorder=3)
        left.annotate("x", (1, 1), (4, 4), textcoords="offset points", fontsize=9)
        left.scatter(*vertices.T, s=40, color=style.BLUE, zorder=3)
        for name, vertex in zip(names, vertices, strict=True):
            style.tag(left, name, vertex)
        left.set(
            aspect="equal", xlabel="$x_1$", ylabel="$x_2$", title="A convex function on the ball"
        )
        left.grid(False)
        right.hlines(names, -5.6, values, color=style.SKY, lw=2)
        right.plot(values, names, "o", color=style.BLUE, markersize=6)
        right.axvline(0, color=style.BLACK, lw=0.8)
        right.axvline(values.max(), color=style.VERMILLION, ls="--", lw=1.2)
        right.invert_yaxis()
        right.set(xlabel="its value", title="The largest vertex is the bound")
    return fig
