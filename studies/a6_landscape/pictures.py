"""Pictures of Figure 3 of paper A: the convex loss less the loss of the network, around a point."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.colors import TwoSlopeNorm
from matplotlib.patches import Rectangle

from robustcore.networks import TwoLayerReLU
from robustcore.plots import style
from robustcore.plots.regions import boxes, decision_regions, switching_lines

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
