"""Pictures of what training steps cost and what they buy: `studies.b7_speed`."""

from __future__ import annotations

from collections.abc import Sequence

from robustcore.plots import looks, style

from .timing import SHAPES

_TITLES = {"uci": "30 inputs, batches of 256", "mnist": "784 inputs, batches of 32"}
# the words of rows as a reader knows them
_BALL = ("Baseline", "FGSM", "aRUB", "PGD", "COAP")
NAMES = _TITLES | {f"{name}-Linf": f"{name}-L∞" for name in _BALL}


def step_costs(rows: Sequence[dict]) -> style.Card:
    """Cost of a step over a nominal step: the paper's tables beside the recorded run.

    Source: [B] Tables 2, 6

    Parameters
    ----------
    rows : list of dict
        As `b7_speed.beside_the_paper` returns them.
    """
    shapes = list(dict.fromkeys(r["shape"] for r in rows))
    with style.figure(1, len(shapes), width=7.4, height=3.4, squeeze=False, sharey=True) as (
        fig,
        axes,
    ):
        names = [m for m in dict.fromkeys(r["method"] for r in rows) if m != "Nominal"]
        sources = (("paper", "D", looks.colour("paper")), ("recorded", "o", style.BLUE))
        for ax, shape in zip(axes[0], shapes, strict=True):
            found = {r["method"]: r for r in rows if r["shape"] == shape}
            for source, mark, colour in sources:
                known = [m for m in names if found.get(m, {}).get(source) is not None]
                ratios = [found[m][source] for m in known]
                places = [names.index(m) for m in known]
                ax.plot(ratios, places, mark, color=colour, label=source)
            ax.set(title=_TITLES.get(shape, shape), xscale="log", xlabel="nominal steps")
            ax.axvline(1, color=style.GREY, linewidth=0.8)
            ax.set_yticks(range(len(names)), [m.replace("Linf", r"$L_\infty$") for m in names])
        axes[0, 0].invert_yaxis()
        axes[0, 0].legend(loc="upper right")
    return fig


def equal_time(rows: Sequence[dict]) -> style.Card:
    """Share of test images certified by full RUB, over the time spent on updates.

    Source: own

    Parameters
    ----------
    rows : list of dict
        As `b7_speed.equal_time.equal_time_rows` returns them.
    """
    with style.figure(1, 1, width=5.2, height=3.0) as (fig, ax):
        lines = (
            ("RUB", looks.line("rub")),
            ("RUB, top 8", {"color": style.GREEN, "linestyle": "--"}),
        )
        for method, line in lines:
            here = [r for r in rows if r["method"] == method]
            seconds = [r["seconds"] for r in here]
            low, high = ([100 * r[key] for r in here] for key in ("low", "high"))
            ax.fill_between(seconds, low, high, color=line["color"], alpha=0.18, linewidth=0)
            label = f"{method}: {here[-1]['steps']} updates"
            ax.plot(seconds, [100 * r["certified"] for r in here], marker="o", label=label, **line)
        ax.set(xlabel="seconds of training", ylabel="certified by RUB (%)", ylim=(0, 100))
        ax.legend()
    return fig


def schematic() -> style.Card:
    """The matrix products of one layer in a training step of RUB, for three ways of computing it.

    Source: own
    """
    M, _, K = SHAPES["uci"]
    bars = (
        ("two passes", 2 * 2 * M, 2 * 3 * K),  # without a graph, with one
        ("one graph", 0, 2 * 3 * 2 * M),
        ("as printed", 0, 4 * 3 * 2 * M),
    )
    with style.figure(width=6.0, height=2.3) as (fig, ax):
        for place, (_, plain, graph) in enumerate(bars):
            first = place == 0
            ax.barh(place, plain, color=style.SKY, height=0.6,
                    label="all vertices, values only" if first else None)  # fmt: skip
            ax.barh(place, graph, left=plain, color=style.VERMILLION, height=0.6,
                    label="value and gradient" if first else None)  # fmt: skip
            style.tag(ax, str(plain + graph), (plain + graph, place), (4, -3))
        ax.set_yticks(range(len(bars)), [name for name, _, _ in bars])
        ax.invert_yaxis()
        ax.set(xlabel=f"products of a row with a layer, for a sample ({M} inputs, {K} classes)")
        ax.set(xlim=(0, 1.1 * (bars[-1][1] + bars[-1][2])))
        ax.set_title("A gradient is needed at one vertex a class only")
        ax.legend(loc="upper right")
    return fig
