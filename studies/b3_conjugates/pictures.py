"""Lemma 3 drawn: a set that is not convex, its hull, and by how much they differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from robustcore.plots import style

from . import two_points

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


def schematic() -> style.Card:
    """Two points, their hull and g(z) = -|z|: what a supremum of linear functions sees of them.

    Source: [B] Lemma 3
    """
    case = two_points()
    z, slopes = np.linspace(-1.5, 1.5, 61), np.linspace(case.u - case.q, case.u, 41)[:, 0]
    g = z * case.u - np.maximum(z, 0) * case.q
    ends, axis = case.vertices[:, 0], -1.75
    of_set, of_hull = {"color": style.VERMILLION}, {"color": style.BLUE}
    with style.figure(1, 2, width=6.6, height=3.0, sharey=True) as (fig, (left, right)):
        left.plot(z, g, color=style.BLACK)
        left.plot(ends, [axis, axis], color=style.SKY, lw=6, solid_capstyle="butt")
        left.vlines(ends, axis, case.left, ls=":", lw=1, **of_set)
        for height in (axis, case.left):
            left.plot(ends, [height, height], "o", markersize=6, **of_set)
        left.plot(0, case.hull, "*", markersize=12, **of_hull)
        style.tag(left, f"best of Z: −{-case.left:.0f}", (-1, case.left), (8, -4), **of_set)
        style.tag(left, f"best of hull: {abs(case.hull):.0f}", (0, case.hull), (8, 5), **of_hull)
        left.set(xlabel="z", ylim=(-1.95, 1.25), title="g, two points Z, and their hull")
        right.plot(slopes, np.outer(slopes, ends).max(axis=1), **of_hull)
        right.axhline(case.left, ls=":", **of_set)
        right.plot(0, case.right, "*", markersize=12, **of_hull)
        style.tag(right, f"least: {abs(case.right):.0f}", (0, case.right), (-16, -16), **of_hull)
        style.tag(right, "sup of g over Z", (-1, case.left), (0, 5), **of_set)
        right.set(xlabel="slope v", xticks=[-1, 0, 1])
        right.set_title(r"$\sup\,vz$ over Z, or over its hull")
    return fig
