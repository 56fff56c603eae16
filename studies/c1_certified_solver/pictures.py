"""Pictures of our solver: the structure it uses, how its bounds meet, and what it costs."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.patches import Rectangle

from robustcore import convex, patterns
from robustcore.plots import style

Rows = Sequence[Mapping[str, Any]]
_FLOOR = 1e-13  # where a distance of zero is drawn


def structure(n_patterns: int = 3, n_rows: int = 4) -> style.Card:
    """Which unknowns of the Newton system meet: of (8) on the left, of the reduced (15) right.

    Source: own (on [A] eqs. (8), (15))

    Parameters
    ----------
    n_patterns : int
        P of the drawing.
    n_rows : int
        Distinct pattern rows of the drawing.
    """
    with style.figure(1, 2, width=7.2, height=3.7) as (fig, (left, right)):
        names = [f"${kind}_{i + 1}$" for i in range(n_patterns) for kind in "vw"]
        _arrow(left, names, [2.0] * len(names), [("outputs", 3.0)], [1.0])
        left.set_title("(8): 2P blocks of size d, n outputs")
        shown = 1 - np.triu(np.ones((n_rows, n_patterns)), 1)  # which pattern a row sees
        links = [[bool(shown[r, i // 2]) for i in range(len(names))] for r in range(n_rows)]
        borders = [(f"$z_{r + 1}, q_{r + 1}$", 1.5) for r in range(n_rows)]
        paired = [f"$p, {name[1:]}" for name in names]
        _arrow(right, paired, [2.0] * len(names), borders, [1.0] * n_rows, links)
        right.set_title("(15): 2P blocks of size d + 1, R rows")
    return fig


def _arrow(
    ax: Any,
    names: Sequence[str],
    sizes: Sequence[float],
    borders: Sequence[tuple[str, float]],
    strength: Sequence[float],
    links: Sequence[Sequence[bool]] | None = None,
) -> None:
    """Diagonal blocks, then border blocks that they meet in."""
    edges = np.concatenate([[0], np.cumsum([*sizes, *(size for _, size in borders)])])
    labels = [*names, *(name for name, _ in borders)]
    n_blocks = len(names)
    for k, label in enumerate(labels):
        low, size = edges[k], edges[k + 1] - edges[k]
        ax.add_patch(Rectangle((low, low), size, size, fc=_shade(k < n_blocks), ec="white", lw=0.8))
        ax.text(-0.3, low + size / 2, label, ha="right", va="center", fontsize=7)
    for r in range(len(borders)):
        b, height = edges[n_blocks + r], borders[r][1]
        for j in range(n_blocks):
            if links is None or links[r][j]:
                a, width = edges[j], sizes[j]
                for x, y, w, h in ((a, b, width, height), (b, a, height, width)):
                    ax.add_patch(Rectangle((x, y), w, h, fc=style.SKY, ec="white", lw=0.8))
    ax.set(xlim=(-3.2, edges[-1] + 0.2), ylim=(edges[-1] + 0.2, -0.2), aspect="equal")
    style.bare(ax)


def _shade(block: bool) -> str:
    return style.BLUE if block else style.ORANGE


def growth(rows: Rows) -> style.Card:
    """Seconds and peak memory of (8) as n, d and P grow, each from the first row's size.

    Source: own

    Parameters
    ----------
    rows : list of dict
        As `studies.c1_certified_solver.benchmark` makes them; other programs and more threads than
        one are left out.
    """
    mine = [row for row in rows if row["program"] == "(8)" and row["threads"] == 1]
    axis_names = {"n": "samples n", "d": "features d", "patterns_used": "patterns $P_s$"}
    with style.figure(2, 3, width=7.2, height=4.2, sharex="col", sharey="row") as (fig, axes):
        for column, (key, label) in zip(axes.T, axis_names.items(), strict=True):
            others = [name for name in axis_names if name != key]
            line = [r for r in mine if all(r[name] == mine[0][name] for name in others)]
            line = [line[k] for k in np.argsort([r[key] for r in line])]
            for ax, unit in zip(column, ("seconds", "peak_mb"), strict=True):
                _both_solvers(ax, line, key, unit)
            column[1].set_xlabel(label)
            ticks = [r[key] for r in line]
            column[1].set_xticks(ticks, [str(t) for t in ticks])
            column[1].minorticks_off()
        axes[0, 0].set(ylabel="wall time (s)", yscale="log")
        axes[0, 0].yaxis.set_major_formatter("{x:g}")
        axes[0, 0].yaxis.set_minor_formatter("")
        peaks = [r[key] or 0.0 for r in mine for key in ("peak_mb", "clarabel_peak_mb")]
        axes[1, 0].set(ylabel="peak memory (MB)", ylim=(0, 1.1 * max(peaks)))
        axes[0, 0].legend()
    return fig


def _both_solvers(ax: Any, line: Rows, key: str, unit: str) -> None:
    looks = (("", "ours", style.BLUE, "o-"), ("clarabel_", "Clarabel", style.VERMILLION, "s--"))
    for prefix, label, colour, marker in looks:
        points = [(r[key], r[prefix + unit]) for r in line if r[prefix + unit] is not None]
        if points:
            ax.plot(*zip(*points, strict=True), marker, color=colour, label=label)
    ax.set(xscale="log")


def global_bounds(low: Rows, wide: Rows) -> style.Card:
    """Left where all patterns are known, right where they are not.

    Source: own (on [A] eqs. (5), (6), (8))

    Parameters
    ----------
    low : list of dict
        d, seed, theta, sampled, optimum, enumerated, relaxed.
    wide : list of dict
        patterns, objective, global_bound.
    """
    with style.figure(1, 2, width=7.2, height=3.0) as (fig, (left, right)):
        sources = {"exact (5)": "o", "sampled (8)": "x"}
        looks = {"enumerated": style.BLUE, "relaxed": style.VERMILLION}
        for source, marker in sources.items():
            mine = [row for row in low if row["theta"] == source]
            for bound, colour in looks.items():
                shares = [row[bound] / row["optimum"] for row in mine]
                label = f"{bound}, θ of {source}"
                left.plot(range(1, 1 + len(mine)), shares, marker, color=colour, label=label)
        left.axhline(1.0, color=style.BLACK, linewidth=0.8)
        left.set(xlabel="instance (rank 2, then rank 3)", ylabel="lower bound / optimum of (5)")
        left.set(ylim=(0, 1.75), title="Low rank", yticks=np.arange(0, 1.01, 0.25))
        left.legend(ncols=1, loc="upper left", fontsize=7)
        counts = [row["patterns"] for row in wide]
        for key, label, look in (
            ("objective", "optimum of (8) = upper bound of (5)", "o-"),
            ("global_bound", "relaxed lower bound of (5)", "s--"),
        ):
            colour = style.colour("upper" if key == "objective" else "lower")
            right.plot(counts, [row[key] for row in wide], look, color=colour, label=label)
        right.set(xscale="log", xlabel="sampled patterns", ylabel="training cost")
        right.set_ylim(0, 1.4 * max(row["objective"] for row in wide))
        right.set_xticks(counts, [str(c) for c in counts])
        right.minorticks_off()
        right.set_title(f"n = {wide[0]['n']}, d = {wide[0]['d']}")
        right.legend(loc="upper left")
    return fig


def medians(raced: Rows) -> list[dict[str, Any]]:
    """A row for each program of the race: medians with their ranges, as a table shows them.

    Source: own (for [A] Table I)

    Parameters
    ----------
    raced : list of dict
        Of the record `c1_race`.
    """
    programs = dict.fromkeys(row["program"] for row in raced)
    groups = [[row for row in raced if row["program"] == program] for program in programs]
    columns = {"seconds": 2, "clarabel_seconds": 1, "ratio": 1}
    return [
        {"program": group[0]["program"], "wanted": group[0]["wanted"], "runs": len(group)}
        | {name: _spread([row[name] for row in group], digits) for name, digits in columns.items()}
        for group in groups
    ]


def _spread(values: Sequence[float | None], digits: int) -> str:
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return f"{len(known)} of {len(values)} got there"
    middle, low, high = statistics.median(known), min(known), max(known)
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def schematic() -> style.Card:
    """One sample, one neuron: the cost with lower bounds of it, and both as the solver meets them.

    Source: own (on [A] eqs. (5), (6))
    """
    x, y, beta = 2.0, 3.0, 0.4
    X, target, steps = np.array([[x]]), np.array([y]), []
    pattern = patterns.of(X, np.ones(1))
    options = {"tolerance": 1e-6, "progress": lambda *step: steps.append(step)}
    convex.train_standard(X, target, pattern, beta, "squared", "interior_point", options)
    at, above, below = np.array(steps)[:, :3].T
    sizes = np.linspace(0.9, 1.9, 61)
    thetas = np.array([0.25, 0.5, 1.0]) * -beta / x  # |theta x| <= beta
    with style.figure(1, 2, width=6.6, height=3.0, sharey=True) as (fig, (left, right)):
        left.plot(sizes, 0.5 * (sizes * x - y) ** 2 + beta * sizes, color=style.BLUE)
        for theta in thetas:
            bound = -theta * y - theta**2 / 2
            left.axhline(bound, color=style.GREEN, lw=1.2)
            style.tag(
                left, f"θ = −{-theta:g}", (1.9, bound), (-2, -9), ha="right", color=style.GREEN
            )
        left.set(xlabel="size v of the neuron", ylabel="cost", ylim=(0, 1.2))
        left.set_title("Each θ bounds the cost from below")
        right.plot(at, above, "o-", color=style.BLUE, label="cost of a network")
        right.plot(at, below, "s-", color=style.GREEN, label="proved lower bound")
        right.fill_between(at, below, above, color=style.SKY, alpha=0.3, lw=0)
        right.set(xlabel="iteration", title="The optimum lies between")
        right.legend(loc="upper right")
    return fig
