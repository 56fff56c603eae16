"""aRUB and its rivals drawn: along training, and how often they are above the attack."""

from __future__ import annotations

from collections.abc import Sequence

from robustcore.methods import METHODS
from robustcore.plots import looks, style

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
                    steps, [r["minimised"] for r in here], label="minimised", **looks.line("upper")
                )
                attacked = [r["adversarial"] for r in here]
                ax.plot(steps, attacked, label="adversarial (PGD)", **looks.line("attack"))
                ax.set(
                    ylim=(0, 1.05 * top), title=rf"{METHODS[method].label}, $\rho = {epsilon:g}$"
                )
        for ax in axes[-1]:
            ax.set_xlabel("update")
        for ax in axes[:, 0]:
            ax.set_ylabel("cross-entropy (nats)")
            ax.legend()
    return fig


_ATTACK_NAMES = {"fgm": "fast gradient", "strong": "strong attack"}


def _named(training: str) -> str:
    """ "arub, 0.01" as a reader knows it: the method's label and the radius."""
    method, _, radius = training.partition(", ")
    return METHODS[method].label + (f", ε = {radius}" if radius else "")


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
    with style.figure(1, len(norms), width=7.4, height=3.4, squeeze=False, sharey=True) as (
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
                        label=f"{_named(training)}: {_ATTACK_NAMES[attack]}",
                    )
            ax.set(
                xscale="log",
                xlabel=rf"{style.norm(p)} radius $\rho$ (pixel range 1)",
                ylim=(0, 104),
            )
        axes[0, 0].set_ylabel("images with aRUB ≥ attack (%)")
        fig.legend(*axes[0, -1].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return fig
