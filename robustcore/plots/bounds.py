"""Pictures of paper B's bounds: along training, over the radius, and as certified accuracy.

The rows drawn here are those of `robustcore.studies.b2_arub` and `robustcore.studies.b5_rub`.
"""

from __future__ import annotations

from collections.abc import Sequence

from . import style

_LABELS = {"nominal": "Nominal", "baseline": "Baseline", "arub": "aRUB", "rub": "RUB"}
_TRAINING_COLOURS = (style.BLACK, style.GREEN, style.BLUE, style.VERMILLION)
_ATTACK_MARKS = {"fgm": ("o", ":"), "pgd": ("s", "--"), "strong": ("D", "-")}


def loss_over_training(rows: Sequence[dict]) -> style.Card:
    """The minimised loss beside the adversarial one; a row of panels for each method.

    Source: [B] Figure 1

    Parameters
    ----------
    rows : list of dict
        As `b2_arub.loss_over_training` returns them.
    """
    methods = list(dict.fromkeys(r["method"] for r in rows))
    epsilons = sorted({r["epsilon"] for r in rows})
    with style.figure(
        len(methods), len(epsilons), width=7.4, height=4.2, squeeze=False, sharex=True
    ) as (fig, axes):
        for j, epsilon in enumerate(epsilons):
            top = max(
                max(r["minimised"], r["adversarial"]) for r in rows if r["epsilon"] == epsilon
            )
            for i, method in enumerate(methods):
                ax = axes[i, j]
                here = [r for r in rows if (r["method"], r["epsilon"]) == (method, epsilon)]
                steps = [r["step"] for r in here]
                ax.plot(
                    steps, [r["minimised"] for r in here], label="minimised", **style.line("upper")
                )
                attacked = [r["adversarial"] for r in here]
                ax.plot(steps, attacked, label="adversarial (PGD)", **style.line("attack"))
                ax.set(ylim=(0, 1.05 * top), title=rf"{_LABELS[method]}, $\rho = {epsilon:g}$")
        for ax in axes[-1]:
            ax.set_xlabel("update")
        for ax in axes[:, 0]:
            ax.set_ylabel("cross-entropy (nats)")
            ax.legend()
    return fig


def share_above(rows: Sequence[dict]) -> style.Card:
    """How often aRUB's loss is above the attacked one, over the radius; a panel for each norm.

    Source: [B] Table 1

    Parameters
    ----------
    rows : list of dict
        As `b2_arub.share_above` returns them.
    """
    norms = list(dict.fromkeys(r["p"] for r in rows))
    trainings = list(dict.fromkeys(r["training"] for r in rows))
    with style.figure(1, len(norms), width=7.4, height=3.2, squeeze=False, sharey=True) as (
        fig,
        axes,
    ):
        for ax, p in zip(axes[0], norms, strict=True):
            for training, colour in zip(trainings, _TRAINING_COLOURS, strict=False):
                for attack in ("fgm", "strong"):
                    mark, dashes = _ATTACK_MARKS[attack]
                    here = [
                        r
                        for r in rows
                        if (r["p"], r["training"], r["attack"]) == (p, training, attack)
                        and r["epsilon"] > 0
                    ]
                    ax.plot(
                        [r["radius"] for r in here],
                        [100 * r["share"] for r in here],
                        color=colour,
                        marker=mark,
                        linestyle=dashes,
                        label=f"{training}: {attack}",
                    )
            name = r"$L_\infty$" if p == "inf" else f"$L_{p}$"
            ax.set(xscale="log", xlabel=rf"{name} radius $\rho$ (pixel range 1)", ylim=(0, 104))
        axes[0, 0].set_ylabel("images with aRUB ≥ attack (%)")
        axes[0, -1].legend(ncols=1)
    return fig


def certified_curves(selected: Sequence[dict]) -> style.Card:
    """Certified accuracy over the L1 radius: by RUB, with intervals, and by the tightest bound.

    Source: [B] Table 8

    Parameters
    ----------
    selected : list of dict
        As `b5_rub.select` returns them: one row for each method and radius.
    """
    methods = list(dict.fromkeys(r["method"] for r in selected))
    with style.figure(1, 2, width=7.4, height=3.2, sharey=True) as (fig, (left, right)):
        for method in methods:
            here = sorted((r for r in selected if r["method"] == method), key=lambda r: r["radius"])
            radius = [r["radius"] for r in here]
            percent = {
                key: [100 * r[key] for r in here]
                for key in ("certified", "low", "high", "best", "adversarial")
            }
            band = {"color": style.colour(method), "alpha": 0.18, "linewidth": 0}
            left.fill_between(radius, percent["low"], percent["high"], **band)
            left.plot(radius, percent["certified"], label=_LABELS[method], **style.line(method))
            right.plot(radius, percent["best"], label=_LABELS[method], **style.line(method))
            right.plot(radius, percent["adversarial"], ".", color=style.colour(method))
        left.set(title="certified by RUB", ylabel="test images (%)", ylim=(0, 100))
        right.set_title("certified by the tightest bound; dots: PGD")
        for ax in (left, right):
            ax.set_xlabel(r"$L_1$ radius $\rho$ (pixel range 1)")
        left.legend()
    return fig


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
            ax.plot(at, [r["gap"] for r in here], label="gap", **style.line("exact"))
            ax.plot(at, [r["bound"] for r in here], label="RUB", **style.line("upper"))
            ax.plot(at, [r["linear"] for r in here], label="linear, (8)", **style.line("arub"))
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
        As `b5_tightness.tightness_rows` returns them.
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
