"""Pictures of certificates: single images between proof and attack, and how far all of them go."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from robustcore import LpBall, bounds
from robustcore.plots import looks, style
from robustcore.plots.regions import outline

from .meaning import Followed, two_pixels

_UNITS = {"standardised": "s--", "pixels": "o-"}


def beside(images: Sequence[Followed], shape: tuple[int, int], radius: float) -> style.Card:
    """Each image, the nearest one found that is answered wrongly, and the pixels that it changes.

    Source: own (on [B] Section 6.3, Security Guarantees)

    Parameters
    ----------
    images : sequence of Followed
    shape : (height, width)
    radius : float
        Of the certificate that is asked about.
    """
    n = len(images)
    with style.figure(n, 3, width=6.6, height=2.3 * n, squeeze=False) as (fig, axes):
        for (left, middle, right), one in zip(axes, images, strict=True):
            change = (one.moved - one.image).view(shape)
            most = float(change.abs().max()) or 1.0
            left.imshow(one.image.view(shape), cmap="gray", vmin=0, vmax=1)
            middle.imshow(one.moved.view(shape), cmap="gray", vmin=0, vmax=1)
            right.imshow(change, cmap="RdBu", vmin=-most, vmax=most)
            said = "certified" if one.proved_at(radius) else "not certified"
            left.set_title(f"a {one.label}, {said} at {radius:g}", fontsize=8)
            middle.set_title(_answered(one), fontsize=8)
            right.set_title(f"{one.pixels()} pixels are 90 % of it", fontsize=8)
            left.set_xlabel(f"proved up to {one.certified:.2f}", fontsize=8)
        style.bare(axes)
        for line, one in zip(axes, images, strict=True):
            line[0].set_xlabel(f"proved up to {one.certified:.2f}", fontsize=8)
    return fig


def _answered(one: Followed) -> str:
    if math.isinf(one.broken):
        return "none found"
    return f"called {one.answer} at $L_1$ length {one.broken:.2f}"


def spending(images: Sequence[Followed]) -> style.Card:
    """How many pixels the change of each image spends how much of its length on.

    Source: own

    Parameters
    ----------
    images : sequence of Followed
    """
    with style.figure(1, 1, width=5.0, height=2.8) as (fig, ax):
        for one, role in zip(images, ("upper", "attack"), strict=False):
            total = torch.cumsum(one.spent, 0)
            ax.plot(range(1, 31), total[:30], "o-", color=looks.colour(role),
                    label=f"a {one.label}, proved up to {one.certified:.2f}")  # fmt: skip
            ax.axhline(one.certified, color=looks.colour(role), linestyle=":")
        ax.set(
            xlabel="pixels, the most changed first", ylabel="length of the change", ylim=(0, None)
        )
        ax.legend()
    return fig


def reached(rows: Sequence[Mapping[str, Any]], data: str) -> style.Card:
    """The share proved at each radius, one network a radius; crosses are the paper's best.

    Source: own (on [B] Tables 7, 8, 9)

    Parameters
    ----------
    rows : list of dict
        `b10_certificates.reached`.
    data : str
    """
    with style.figure(1, 1, width=5.6, height=3.0) as (fig, ax):
        for unit, dashes in _UNITS.items():
            here = sorted(
                (r for r in rows if (r["data"], r["unit"]) == (data, unit)),
                key=lambda r: r["radius"],
            )
            if not here:
                continue
            at = [r["radius"] for r in here]
            low, high = ([100 * r[f"tightest_{end}"] for r in here] for end in ("low", "high"))
            colour = looks.colour("rub")
            ax.fill_between(at, low, high, color=colour, alpha=0.18, linewidth=0)
            ax.plot(at, [100 * r["tightest"] for r in here], dashes, color=colour, label=unit)
            ax.plot(at, [100 * r["standing"] for r in here], ".", color=looks.colour("attack"))
        known = {r["radius"]: r["paper"] for r in rows if r["data"] == data and r["paper"]}
        if known:
            radii, paper = zip(*known.items(), strict=True)
            ax.plot(radii, paper, "x", color=looks.colour("paper"), label="paper")
        ax.set(xlabel=r"$L_1$ radius $\rho$ in that unit", ylabel="test images (%)")
        ax.set(xlim=(0, None), ylim=(0, 100))
        ax.legend()
    return fig


def schematic() -> style.Card:
    """Two pixels near white: the ball, the part of it that they have room for, and both bounds.

    Source: own (on [B] Theorem 11)
    """
    net, _, y = two_pixels()
    x, ball = torch.tensor([[0.7, 0.8]]).double(), LpBall(1, 0.8, box=(0, 1))
    side = torch.linspace(-0.3, 1.8, 85, dtype=x.dtype)
    grid = torch.stack(torch.meshgrid(side, side, indexing="xy"), dim=-1)
    gap = (net(grid.reshape(-1, 2)) @ grid.new_tensor([-1.0, 1.0])).view(85, 85)
    plain, boxed = (float(f(net, x, y, ball)[0, 1]) for f in (bounds.rub, bounds.rub_boxed))
    with style.figure(width=5.2, height=3.5) as (fig, ax):
        ax.fill([0, 1, 1, 0], [0, 0, 1, 1], color="#E4E4DE", lw=0)
        ax.contour(side, side, gap, 12, colors=style.GREY, linewidths=0.5, linestyles="solid")
        ax.plot(*outline(LpBall(1, ball.radius), x[0]).T, color=style.VERMILLION, ls="--", lw=1.3)
        ax.fill(*outline(ball, x[0]).T, color=style.SKY, alpha=0.6, lw=0)
        for value, colour, at in (
            (plain, style.VERMILLION, (1.5, 0.8)),
            (boxed, style.BLUE, (1, 1)),
        ):
            ax.contour(side, side, gap, [value], colors=colour, linewidths=1.6, linestyles="solid")
            ax.plot(*at, "o", color=colour, markersize=6)
        ax.scatter(*x[0], s=24, color=style.BLACK, zorder=3)
        style.tag(ax, "x", x[0], (-12, -4), bbox=None, fontsize=9)
        style.tag(ax, f"ball: −{-plain:.1f}", (1.8, plain + 2.2), (4, -2), color=style.VERMILLION)
        style.tag(ax, f"in the range: −{-boxed:.1f}", (1.8, boxed + 2.2), (4, -6), color=style.BLUE)
        ax.set(aspect="equal", xlim=(-0.3, 2.75), ylim=(-0.3, 1.8))
        ax.set(xlabel="pixel 1", ylabel="pixel 2", xticks=[0, 1], yticks=[0, 1])
        ax.set_title("Two pixels near white")
        ax.grid(visible=False)
    return fig
