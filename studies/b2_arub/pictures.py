"""aRUB and its rivals drawn: along training, and how often they are above the attack."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

import torch
from matplotlib.axes import Axes

from robustcore import LpBall, bounds
from robustcore.losses import gaps
from robustcore.methods import METHODS
from robustcore.plots import looks, style
from studies.b5_rub import small

_TRAINING_COLOURS = (style.BLACK, style.GREEN, style.BLUE, style.VERMILLION)


_ATTACK_MARKS = {"fgm": ("o", ":"), "pgd": ("s", "--"), "strong": ("D", "-")}


def loss_over_training(rows: Sequence[dict]) -> style.Card:
    """The minimised loss beside the adversarial one; a row of panels for each method.

    Several trainings are drawn as their mean, with a band from the least to the largest.

    Source: [B] Figure 1

    Parameters
    ----------
    rows : list of dict
        As `b2_arub.loss_over_training` returns them; `seed` where there are several trainings.
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
                _over_trainings(ax, here, "minimised", "minimised", "upper")
                _over_trainings(ax, here, "adversarial", "adversarial (PGD)", "attack")
                ax.set(
                    ylim=(0, 1.05 * top), title=rf"{METHODS[method].label}, $\rho = {epsilon:g}$"
                )
        for ax in axes[-1]:
            ax.set_xlabel("update")
        for ax in axes[:, 0]:
            ax.set_ylabel("cross-entropy (nats)")
            ax.legend()
    return fig


def _over_trainings(ax: Axes, rows: Sequence[dict], key: str, label: str, role: str) -> None:
    by_step: dict[int, list[float]] = {}
    for row in rows:
        by_step.setdefault(row["step"], []).append(row[key])
    steps, look = sorted(by_step), looks.line(role)
    ax.plot(steps, [fmean(by_step[s]) for s in steps], label=label, **look)
    if len(by_step[steps[0]]) > 1:
        low, high = zip(*((min(by_step[s]), max(by_step[s])) for s in steps), strict=True)
        ax.fill_between(steps, low, high, color=look["color"], alpha=0.18, linewidth=0)


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


def schematic() -> style.Card:
    """A gap along a segment, its tangent at x, and the exact worst one: above it, and below.

    Source: [B] eqs. (8), (9)
    """
    net, x, y = small.small_network()
    ball, step = LpBall(1, 2.0), torch.linspace(0, 2, 41, dtype=x.dtype)[:, None]
    other = x.new_tensor([[-1.0, 1.0]]), 1 - y
    cases = (("The gap bends down", *other, 1.0), ("The gap bends up", x, y, -1.0))
    with style.figure(1, 2, width=6.6, height=3.0, sharey=True) as (fig, axes):
        for ax, (title, start, label, sign) in zip(axes, cases, strict=True):
            k = int(1 - label)
            gap = gaps(net(start + sign * step * x.new_tensor([1, 0])), label.expand(41))[:, k]
            arub, exact = (
                float(f(net, start, label, ball)[0, k]) for f in (bounds.arub, bounds.exact)
            )
            ax.axhline(0, color=style.GREY, lw=0.8)
            ax.plot(step, gap, color=style.BLACK, label="gap")
            ax.plot([0, 2], [gap[0], arub], ls="--", color=style.BLUE, label="tangent at x")
            ax.plot(2, exact, "o", color=style.BLACK, markersize=6, clip_on=False)
            ax.plot(2, arub, "s", color=style.BLUE, markersize=6, clip_on=False)
            style.tag(ax, f"worst: {exact:.0f}", (2, exact), (7, -3))
            style.tag(
                ax, f"aRUB: {arub:.0f}".replace("-", "−"), (2, arub), (7, -3), color=style.BLUE
            )
            ax.set(xlabel="way from x to the worst vertex", xticks=[0, 1, 2], xlim=(0, 2.75))
            ax.set_title(title)
        axes[0].set_ylabel("gap")
        axes[0].legend(loc="upper left")
    return fig
