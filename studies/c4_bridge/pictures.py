"""Pictures of the bridge: errors beside what is proved of them, and costs as they are proved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from robustcore.networks import TwoLayerReLU
from robustcore.plots import style
from robustcore.plots.regions import networks_with_boxes

from .hand import RADIUS, network

_FLOOR = 1e-16  # where errors of less than rounding are drawn
_ROUNDING = 3e-14  # of outputs of some tens
_SHADES = (style.GREEN, style.BLUE, style.ORANGE, style.VERMILLION, style.PURPLE)
_BOUNDS = {"exact": style.BLUE, "CROWN": style.VERMILLION}


def proved_and_seen(
    trained: Sequence[Mapping[str, Any]], stretched: Sequence[Mapping[str, Any]]
) -> style.Card:
    """|aRUB - exact| over what is proved of it: at the radius of training, and on larger balls.

    Source: own

    Parameters
    ----------
    trained : list of dict
        From `theorem.over_instances`.
    stretched : list of dict
        From `theorem.stretched`.
    """
    with style.figure(width=5.4, height=3.6) as (fig, ax):
        groups = {"as trained": trained}
        for stretch in sorted({row["stretch"] for row in stretched}):
            label = f"radius × {1 + stretch:.10g}"
            groups[label] = [row for row in stretched if row["stretch"] == stretch]
        for (label, rows), colour in zip(groups.items(), _SHADES, strict=False):
            seen = [(r["allowed"], r["arub_off"]) for r in rows if r.get("arub_off") is not None]
            x, y = np.maximum(np.array(seen), _FLOOR).T
            ax.plot(x, y, "o", color=colour, alpha=0.75, label=label, markeredgewidth=0)
        ends = np.array([_FLOOR, 10.0])
        ax.plot(ends, ends, "--", color=style.BLACK, linewidth=1.0, label="all that is allowed")
        ax.axhspan(_FLOOR / 4, _ROUNDING, color=style.GREY, alpha=0.12, linewidth=0)
        ax.annotate("rounding", (0.985, _ROUNDING), xycoords=("axes fraction", "data"),
                    ha="right", va="top", fontsize=8, color=style.GREY)  # fmt: skip
        ax.set(
            xscale="log",
            yscale="log",
            ylim=(_FLOOR / 4, 20.0),
            xlabel="proved: largest |aRUB − exact| (output)",
        )
        ax.set(ylabel="seen: |aRUB − exact| (output)")
        ax.legend(loc="upper left")
    return fig


def descent(
    rows: Sequence[Mapping[str, Any]],
    networks: Mapping[str, TwoLayerReLU],
    X: np.ndarray,
    y: np.ndarray,
    radius: float,
) -> style.Card:
    """Left the proved cost over the steps; then networks with the lines where neurons switch.

    Source: own

    Parameters
    ----------
    rows : list of dict
        From `descents.descents`.
    networks : mapping
        Title to planar network: two.
    X : (n, 2) array
    y : (n,) array
    radius : float
    """
    with style.figure(1, 3, width=7.4, height=2.9) as (fig, axes):
        ax = axes[0]
        seen: set[str] = set()
        for row in rows:
            kind = "from (10)" if row["start"] == "(10)" else "from random"
            label = f"{kind}, {row['bound']}"
            steps, costs = np.array([*row["trail"], [row["steps"], row["cost"]]]).T
            look = {
                "linestyle": "-" if kind == "from (10)" else ":",
                "color": _BOUNDS[row["bound"]],
            }
            ax.step(steps, costs, where="post", label="_" * (label in seen) + label, **look)
            seen.add(label)
        ax.axhline(rows[0]["convex"], color=style.BLACK, linewidth=1.0, linestyle="--")
        ax.annotate("(10)", (1, rows[0]["convex"]), xycoords=("axes fraction", "data"),
                    ha="right", va="bottom", fontsize=8)  # fmt: skip
        top = 2.0 * rows[0]["convex"]
        ax.set(xlabel="updates", ylabel="proved robust cost", ylim=(0, top))
        ax.set_title("Proved on the way")
        ax.legend(loc="lower left")
        networks_with_boxes(axes[1:], networks, X, y, radius)
    return fig


def schematic() -> style.Card:
    """One neuron on a line, two balls each: no kink in a ball, and one in it.

    Source: own (on [A] eq. (10), [B] eq. (9))
    """
    net = network((2, 0, 0, 0))
    line = torch.linspace(-1.6, 1.6, 129, dtype=torch.float64)[:, None]
    cases = {"No ball holds the kink": (-1.0, 1.0), "A ball holds it": (-0.1, 1.0)}
    with style.figure(1, 2, width=6.6, height=3.0, sharey=True) as (fig, axes):
        for ax, (title, points) in zip(axes, cases.items(), strict=True):
            ax.plot(line, net(line), color=style.BLACK, label="network")
            x = torch.tensor(points).double()[:, None].requires_grad_()
            (slope,) = torch.autograd.grad(net(x).sum(), x)
            x, height = x.detach(), net(x).detach()
            ends = x + RADIUS * torch.tensor([-1.0, 1.0])
            tangent = height[:, None] + slope * (ends - x)
            for k in range(2):
                ax.axvspan(*ends[k], color=style.SKY, alpha=0.3, lw=0)
                ax.plot(ends[k], tangent[k], color=style.BLUE, lw=4, alpha=0.6,
                        label="tangent" if k else None)  # fmt: skip
            off = (net(ends.reshape(-1, 1)).view(2, 2) - tangent).abs()
            k, side = divmod(int(off.argmax()), 2)
            if off.max() > 0:
                ax.vlines(ends[k, side], tangent[k, side], net(ends[k, side][None]),
                          color=style.VERMILLION, lw=2)  # fmt: skip
                style.tag(ax, f"off by {off.max():.1f}", (ends[k, side], 0.4), (5, -3),
                          color=style.VERMILLION)  # fmt: skip
            ax.plot(x, height, "o", color=style.BLACK)
            ax.set(xlabel="input", title=title)
        axes[0].set_ylabel("output")
        axes[0].legend(loc="upper left")
    return fig
