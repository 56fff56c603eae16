"""Pictures of Figure 3 of paper A: the convex loss less the loss of the network, around a point."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from matplotlib.colors import TwoSlopeNorm
from matplotlib.patches import Rectangle

from robustcore import LpBall
from robustcore.networks import TwoLayerReLU
from robustcore.plots import style
from robustcore.plots.regions import boxes, decision_regions, outline, switching_lines

from .certificate import certificate_radius

_LEAST = 1e-6  # a panel whose values all lie below it is drawn as zero


def differences(
    panels: Sequence[tuple[str, np.ndarray, float]], radius: float, unit: str = "hinge loss"
) -> style.Card:
    """One map of the difference for each panel, with the box of training drawn into it.

    Source: [A] Figure 3

    Parameters
    ----------
    panels : sequence of (title, values, reach)
        Values on a square grid over [-reach, reach]^2.
    radius : float
        Of training.
    unit : str
        Of the values.
    """
    largest = max([_LEAST, *(float(np.abs(values).max()) for _, values, _ in panels)])
    norm = TwoSlopeNorm(0.0, -largest, largest)
    with style.figure(1, len(panels), width=7.4, height=2.9) as (fig, axes):
        for ax, (title, values, reach) in zip(np.ravel(axes), panels, strict=True):
            side = np.linspace(-reach, reach, int(len(values) ** 0.5))
            grid = values.reshape(len(side), len(side))
            mesh = ax.pcolormesh(side, side, grid, cmap="PuOr", norm=norm, rasterized=True)
            if np.abs(values).max() > _LEAST:
                ax.contour(
                    side,
                    side,
                    np.abs(grid) > _LEAST,
                    [0.5],
                    colors=[style.BLACK],
                    linewidths=0.8,
                )
            else:
                ax.text(0, 0, "zero at every move", ha="center", va="center", fontsize=8)
            ax.add_patch(
                Rectangle((-radius, -radius), 2 * radius, 2 * radius, fill=False, ec=style.BLUE)
            )
            ax.set(xlabel="$δ_1$", aspect="equal", xlim=(-reach, reach), ylim=(-reach, reach))
            ax.set(xticks=[-reach, 0, reach], yticks=[-reach, 0, reach])
            ax.grid(False)
            ax.set_title(title)
        np.ravel(axes)[0].set_ylabel("$δ_2$ (units of X)")
        fig.colorbar(mesh, ax=axes, shrink=0.8, label=f"difference ({unit})")
    return fig


def end_of_certificate(
    net: TwoLayerReLU,
    X: np.ndarray,
    y: np.ndarray,
    radius: float,
    reach: np.ndarray,
    rows: Sequence[Mapping[str, Any]],
) -> style.Card:
    """Left the box on which each point's certificate is exact; right both losses over the radius.

    Source: own (on [A] eq. (11), Figure 3)

    Parameters
    ----------
    net : TwoLayerReLU
        Of Algorithm 2.
    X : (n, 2) array
    y : (n,) array
    radius : float
        Of training.
    reach : (n,) array
        From `certificate_radius`.
    rows : list of dict
        method, radius, convex, true.
    """
    with style.figure(1, 2, width=7.2, height=3.2) as (fig, (left, right)):
        decision_regions(left, net, X, y)
        boxes(left, X, radius)
        for x, r in zip(X, reach, strict=True):
            corner, side = x - r, 2 * r
            left.add_patch(Rectangle(corner, side, side, fill=False, ec=style.BLUE, lw=1.1))
        switching_lines(left, net)
        left.set_title("Boxes on which the certificate is exact")
        for method, colour in (("Algorithm 1", style.VERMILLION), ("Algorithm 2", style.BLUE)):
            mine = [row for row in rows if row["method"] == method]
            radii = [row["radius"] for row in mine]
            right.plot(radii, [r["true"] for r in mine], "-", color=colour, label=f"{method}, true")
            right.plot(
                radii, [r["convex"] for r in mine], "o:", color=colour, label=f"{method}, (10a)"
            )
        right.axvline(radius, color=style.GREY, lw=0.9)
        right.set(xlabel="radius (units of X)", ylabel="mean robust hinge loss", ylim=(0, None))
        right.set_title("Beyond the radius of training")
        right.legend(loc="upper left")
    return fig


def schematic() -> style.Card:
    """A point, the lines on which two neurons switch, and where the convex loss is the true one.

    Source: own (on [A] Figure 3)
    """
    u = torch.tensor([[1.0, 0.2], [-0.3, 1.0], [-0.5, -0.3]]).double()
    alpha, b = torch.tensor([[-1.0, 1.0, 1.0], [-0.45, -0.6, 1.2]]).double()
    net, trained = TwoLayerReLU(u, alpha, b).requires_grad_(False), 0.22
    reach = float(certificate_radius(net, np.zeros((1, 2)), LpBall(np.inf, trained))[0])
    side, along = np.linspace(-1, 1, 241), np.linspace(0, 0.8, 81)
    linear = alpha[2] * u[2], alpha[2] * b[2]  # the third neuron alone is on at the point
    plane = torch.from_numpy(np.stack(np.meshgrid(side, side), axis=-1)).reshape(-1, 2)
    gained = (net(plane) - plane @ linear[0] - linear[1]).numpy().reshape(241, 241)
    walk = torch.from_numpy(np.stack([along, along], axis=1))
    with style.figure(1, 2, width=6.6, height=3.1) as (fig, (left, right)):
        left.contourf(side, side, gained, [-9, -1e-9], colors=[style.ORANGE], alpha=0.35)
        left.contourf(side, side, gained, [1e-9, 9], colors=[style.PURPLE], alpha=0.35)
        switching_lines(left, net)
        for size, name, colour in ((trained, "ε", style.GREY), (reach, "$r_k$", style.BLUE)):
            left.plot(*outline(LpBall(np.inf, size)).T, color=colour, lw=1.5)
            right.axvline(size, color=colour, lw=1.2)
            style.tag(right, name, (size, 0.75), (4, 0), color=colour, fontsize=9)
        left.scatter(0, 0, s=20, color=style.BLACK, zorder=3)
        style.tag(left, "$x_k$", (0, 0), (4, 4))
        for word, at in (("too low", (0.55, -0.55)), ("too high", (-0.85, 0.72))):
            style.tag(left, word, at, (0, 0), bbox=None)
        left.set(aspect="equal", xlim=(-1, 1), ylim=(-1, 1), title="The convex loss around a point")
        style.bare(left)
        right.plot(along, 1 - net(walk), color=style.BLACK, label="true loss")
        right.plot(along, 1 - walk @ linear[0] - linear[1], ls="--", color=style.BLUE,
                   label="convex loss")  # fmt: skip
        right.set(xlabel=r"move to the upper right, $\|\delta\|_\infty$", ylabel="loss")
        right.set_title("They part where a neuron switches")
        right.legend(loc="lower right")
    return fig
