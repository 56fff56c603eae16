"""The page's pictures: which measure a decision hangs on, row by row."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from robustcore.plots import style


def heat(reached: Mapping[str, tuple[tuple[str, ...], np.ndarray]]) -> style.Card:
    """How far each measure alone may move before the proof ends, a panel a table.

    Source: own

    Parameters
    ----------
    reached : mapping of str to (features, (n, d) array)
        The title of a table to its measures and what `c5_tabular.alone` gives.
    """
    widths = [len(features) for features, _ in reached.values()]
    options = {"width": 7.4, "height": 3.6, "squeeze": False}
    with style.figure(1, len(reached), gridspec_kw={"width_ratios": widths}, **options) as (
        fig,
        axes,
    ):
        for ax, (title, (features, shares)) in zip(axes[0], reached.items(), strict=True):
            order = np.argsort(shares.min(axis=1), kind="stable")
            drawn = ax.imshow(
                shares[order], aspect="auto", cmap="cividis", vmin=0, vmax=1, interpolation="none"
            )
            ax.set_xticks(range(len(features)), features, rotation=40, ha="right")
            ax.set(title=title, yticks=[], ylabel="test rows" if ax is axes[0, 0] else "")
            ax.grid(visible=False)
        fig.colorbar(drawn, ax=axes[0].tolist(), label="proved, as a share of the measure's range")
    return fig
