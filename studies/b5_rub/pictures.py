"""RUB drawn: along segments of the ball, and how tight it is."""

from __future__ import annotations

from collections.abc import Sequence

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
            ax.plot(at, [r["gap"] for r in here], label="gap", **looks.line("exact"))
            ax.plot(at, [r["bound"] for r in here], label="RUB", **looks.line("upper"))
            ax.plot(at, [r["linear"] for r in here], label="linear, (8)", **looks.line("arub"))
            ax.set(title=name, xlabel="$a$")
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
