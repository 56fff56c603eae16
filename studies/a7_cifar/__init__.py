"""Tables I and II of paper A: five methods, seven runs, three widths, and what they rest on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from .. import engine
from ..cifar_pairs import Pair, cifar_pair
from .baselines import Setting, baseline_rows, chosen, grid_rows
from .cost import exact_share
from .descent import METHODS, descend
from .printed_tables import COLUMNS, printed
from .programs import convex_row, convex_rows, reading_rows, sampler_row

READINGS = (
    ((2, 8), "stride", "0..1"),
    ((2, 8), "block", "0..1"),
    ((1, 7), "stride", "0..1"),
    ((1, 7), "block", "0..1"),
    ((2, 8), "stride", "0..255"),
)
VERSION = 1  # of all parts; raise it when their rows would change
SAMPLERS = ("algorithm_2", "robust")
_SOME = 3  # runs where the paper gives no deviations


def train_and_validation(
    classes: Sequence[int], n: int, n_validation: int, downsample: str
) -> tuple[Pair, Pair]:
    """The first `n` images of a pair train, the next `n_validation` choose settings.

    Source: own (on [A] Section VII-D)
    """
    both = cifar_pair(classes, n + n_validation, downsample)
    train = Pair(both.X[:n], both.y[:n], both.X_test, both.y_test)
    return train, Pair(both.X[n:], both.y[n:], both.X_test, both.y_test)


def table_row(rows: Sequence[dict[str, Any]], n_patterns: int, method: str) -> dict[str, Any]:
    """Mean and standard deviation over the runs of one method, beside the paper's.

    Source: [A] Tables I, II

    Parameters
    ----------
    rows : list of dict
        From `convex_row` and `baseline_rows`.
    n_patterns : int
        P_s; the gradient methods have m = 2 P_s neurons.
    method : str

    Returns
    -------
    dict
        For each column its mean, `_deviation` and `_paper` (None where the paper has no such row).
    """
    own = [
        row
        for row in rows
        if row["method"] == method and n_patterns in (row.get("P_s"), row.get("width", 0) // 2)
    ]
    try:
        paper = printed(n_patterns, method)
    except KeyError:
        paper = {}
    found: dict[str, Any] = {"method": method, "P_s": n_patterns, "runs": len(own)}
    for column in COLUMNS:
        values = [row[column] for row in own]
        found[column] = float(np.mean(values))
        found[f"{column}_deviation"] = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
        found[f"{column}_paper"] = paper.get(column)
    return found


def exact_rows(
    pair: Pair, settings: Mapping[str, Setting], width: int, radius: float, beta: float, n: int
) -> Iterator[dict[str, Any]]:
    """How far PGD and CROWN are from the exact robust hinge, one network of each method.

    Source: own (on [A] Table I)
    """
    for method, setting in settings.items():
        stack = descend(
            pair,
            method,
            width=width,
            seeds=[0],
            rates=[setting.rate],
            epochs=setting.epochs,
            batch=setting.batch,
            beta=beta,
            radius=radius,
        )[setting.epochs]
        yield {"method": method, "width": width, **exact_share(stack.network(0), pair, radius, n)}


def sweep_sizes(n: int, n_patterns: int) -> tuple[int, int]:
    """Images and patterns of the comparison of samplers: a fifth and a third, and not too few.

    Source: own
    """
    return max(60, n // 5), max(6, n_patterns // 3)


def record(
    classes: Sequence[int] = (2, 8),
    downsample: str = "stride",
    n: int = 100,
    n_validation: int = 200,
    counts: Sequence[int] = (8,),
    n_perturbations: int = 4,
    beta: float = 1e-4,
    radius_255: float = 10.0,
    n_seeds: int = 2,
    rates: Sequence[float] = (0.03, 0.3),
    epochs: Sequence[int] = (10, 40),
    radii_255: Sequence[float] = (10.0, 24.0, 32.0),
) -> dict[str, list[dict[str, Any]]]:
    """The rows that the page shows; each finished part is kept until all are done.

    Source: [A] Tables I, II, Algorithm 2, eq. (15)

    Notes
    -----
    All runs are made at each of `counts`; at the lowest training cost, at most three.
    """
    given = {k: list(v) if isinstance(v, tuple) else v for k, v in locals().items()}
    radius, seeds, top = radius_255 / 255, range(n_seeds), counts[0]
    some, (n_sweep, n_drawn) = range(min(n_seeds, _SOME)), sweep_sizes(n, top)
    train, held = train_and_validation(classes, n, n_validation, downsample)

    def part(name: str, make: Any, *arguments: Any) -> list[dict[str, Any]]:
        return engine.complete(_one_part(name, given, partial(make, *arguments))).rows[0]["rows"]

    found: dict[str, list[dict[str, Any]]] = {"convex": [], "plain": [], "readings": []}
    plain = Setting()

    def table(p: int, runs: range) -> None:
        setup = (radius, beta, p, n_perturbations, runs)
        found["convex"] += part(f"convex.{p}", convex_rows, train, *setup)
        for method in METHODS[:3]:
            run = (train, method, plain, 2 * p, runs, radius, beta)
            found["plain"] += part(f"{method}.{p}", baseline_rows, *run)

    table(top, seeds)
    found["grid"] = []
    for method in METHODS:
        grid = (rates, epochs, plain.batch, 2 * top, radius, beta)
        found["grid"] += part(f"grid.{method}", grid_rows, train, held, method, *grid)
    best, found["tuned"] = chosen(found["grid"]), []
    for method, setting in best.items():
        tuned = (train, method, setting, 2 * top, seeds, radius, beta)
        found["tuned"] += part(f"tuned.{method}", baseline_rows, *tuned)
    for pairing, down, scale in READINGS:
        reading = (pairing, down, scale, n, radius, beta, top, n_perturbations)
        name = f"readings.{pairing[0]}.{down}.{scale[-1]}"
        found["readings"] += part(name, reading_rows, *reading, range(1))
    sampling = (train, radius, beta, top, (1, top))
    found["samplings"] = part("samplings", sampling_rows, *sampling)
    lowest, found["lowest"] = chosen(found["grid"], by="objective"), []
    shown = {method: lowest[method] for method in ("gd_pgd", "gd_certified")}
    for method, setting in shown.items():
        few_runs = (train, method, setting, 2 * top, some, radius, beta)
        found["lowest"] += part(f"lowest.{method}", baseline_rows, *few_runs)
    exact = (train, shown, 2 * top, radius, beta, max(2, n // 50))
    found["exact"] = part("exact", _exact_list, *exact)
    found["sweep"] = []
    few = Pair(train.X[:n_sweep], train.y[:n_sweep], train.X_test, train.y_test)
    for r in radii_255:
        sweep = (few, r / 255, beta, n_drawn, n_perturbations, 1)
        found["sweep"] += part(f"sweep.{r:g}", sweep_rows, *sweep)
    for p in counts[1:]:
        table(p, seeds)
    engine.forget(_one_part("all", given, None))
    return {f"a7_cifar.{name}": rows for name, rows in found.items()}


def _one_part(name: str, settings: Mapping[str, Any], make: Any) -> engine.Sweep:
    """A sweep of one cell: later parts are chosen by what earlier ones have found."""

    def rows(cells: Sequence[Mapping[str, Any]], device: str) -> list[dict[str, Any]]:
        return [{"rows": make()}]

    return engine.Sweep("a7_cifar", VERSION, [{"part": name}], rows, settings=settings)


def sweep_rows(
    pair: Pair, radius: float, beta: float, n_patterns: int, s: int, n_seeds: int
) -> list[dict[str, Any]]:
    """Both samplers at one radius, for each seed.

    Source: own (on [A] Algorithm 2, eq. (15))
    """
    return [
        sampler_row(sampler, pair, radius, beta, n_patterns, s, seed)
        for seed in range(n_seeds)
        for sampler in SAMPLERS
    ]


def sampling_rows(
    pair: Pair, radius: float, beta: float, n_patterns: int, counts: Sequence[int]
) -> list[dict[str, Any]]:
    """Algorithm 2 at other values of S, which the paper does not give.

    Source: own (on [A] Algorithm 2)
    """
    return [convex_row("algorithm_2", pair, radius, beta, n_patterns, s, seed=0) for s in counts]


def _exact_list(*arguments: Any) -> list[dict[str, Any]]:
    return list(exact_rows(*arguments))
