"""What the methods of paper B cost, beside the tables that the paper prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..mnist_networks import pick_device
from . import equal_time, gradient, timing
from .timing import SHAPES, Rows

# [B] Tables 2 and 6: batches a second, averages over 46 tables and over 3 sets of images
TABLE_2 = {
    "Nominal": 712.6, "Baseline-Linf": 465.0, "RUB": 65.1, "aRUB-Linf": 18.8, "aRUB-L1": 17.5,
    "PGD-Linf": 4.5,
}  # fmt: skip
TABLE_6 = {
    "Nominal": 473.0, "Baseline-Linf": 343.5, "FGSM-Linf": 86.0, "aRUB-Linf": 56.4, "aRUB-L1": 53.1,
    "COAP-Linf": 12.2, "RUB": 4.8, "PGD-Linf": 3.7,
}  # fmt: skip
# what this book asks of its own steps: nominal steps at most; one graph over two passes at least
LIMITS = {
    "uci": {"aRUB-L1": 4.5, "aRUB-Linf": 4.5, "RUB": 40.0, "RUB, top 8": 20.0},
    "mnist": {"aRUB-L1": 7.5, "aRUB-Linf": 7.5, "RUB": 200.0, "RUB, top 8": 22.0},
}
AGAINST_ONE_GRAPH = {"uci": (4.5, 6.0), "mnist": (5.0, 15.0)}  # time, peak memory
_TWINS = ("RUB, one graph", "RUB, as printed")
PRINTED = {"uci": TABLE_2, "mnist": TABLE_6}


def beside_the_paper(*sources: Sequence[Mapping[str, Any]]) -> Rows:
    """Cost of a step over a nominal step: the paper's tables beside recorded and own rows.

    Source: [B] Tables 2, 6

    Parameters
    ----------
    *sources : lists of dict
        Rows of `b7_speed.timing.timing_rows`: the recorded ones, then this run's.

    Returns
    -------
    list of dict
        None where a source has no such row. The paper's ratio is nominal batches a second over the
        method's.
    """
    rows: Rows = []
    for shape, printed in PRINTED.items():
        wanted = dict.fromkeys(timing.methods(0.1, 1))
        for method in wanted:
            paper = printed["Nominal"] / printed[method] if method in printed else None
            row = {"shape": shape, "method": method, "paper": paper}
            for name, source in zip(("recorded", "this run"), sources, strict=False):
                found = [r["ratio"] for r in source if (r["shape"], r["method"]) == (shape, method)]
                row[name] = found[0] if found else None
            rows.append(row)
    return rows


def counted_products(shape: str) -> Rows:
    r"""How many matrix products one training step of RUB takes, for each way of computing it.

    .. math:: \frac{\text{one graph}}{\text{two passes}}
              = \frac{3\cdot2M}{2M + 3K}

    Source: own

    Returns
    -------
    list of dict
        `products`: rows sent through a hidden layer, for each sample, times products a layer,
        times 3 where a gradient is taken (one product forward, two backward); `ratio` to two
        passes.
    """
    M, _, K = SHAPES[shape]
    counted = {
        "RUB": 2 * (2 * M + 3 * K),  # sweep without a graph, then the worst vertex of each class
        "RUB, one graph": 2 * 3 * 2 * M,
        "RUB, as printed": 4 * 3 * 2 * M,
    }
    return [
        {"shape": shape, "method": name, "products": n, "ratio": n / counted["RUB"]}
        for name, n in counted.items()
    ]


def last_of(rows: Sequence[Mapping[str, Any]]) -> Rows:
    """The last observation of each method.

    Source: own
    """
    return [dict(row) for row in {row["method"]: row for row in rows}.values()]


def reached(steps: Rows, memory: Rows, equal: Rows) -> Rows:
    """What this book asks of its own speed: `what`, `found`, what is `asked`, and `kept` or missed.

    Source: own

    Parameters
    ----------
    steps, memory : lists of dict
        Rows of `b7_speed.timing.timing_rows` and `b7_speed.timing.memory_rows`.
    equal : list of dict
        Rows of `b7_speed.equal_time.equal_time_rows`.
    """
    ratio = {(r["shape"], r["method"]): r["ratio"] for r in steps}
    peak = {(r["shape"], r["method"]): r["peak_mib"] for r in memory}
    goals = []
    for shape, limits in LIMITS.items():
        for method, limit in limits.items():
            found = ratio[shape, method]
            goals.append(_goal(f"{_shown(method, shape)}: nominal steps", found, "≤", limit))
    for shape, (faster, smaller) in AGAINST_ONE_GRAPH.items():
        for twin in _TWINS:
            over = f"{twin[5:]} over two passes"
            found = ratio[shape, twin] / ratio[shape, "RUB"]
            goals.append(_goal(f"{_shown(over, shape)}: time", found, "≥", faster))
            found = peak[shape, twin] / max(peak[shape, "RUB"], 1.0)
            goals.append(_goal(f"{_shown(over, shape)}: peak", found, "≥", smaller))
    goals.append(_goal("RUB at 3072 inputs, batch 128, MiB", peak["cifar10", "RUB"], "≤", 2048))
    full, few = (
        {r["method"]: r for r in equal}[name]["certified"] for name in ("RUB", "RUB, top 8")
    )
    goals.append(
        _goal("certified at equal time, top 8 against full, %", 100 * few, "≥", 100 * full)
    )
    return goals


def _shown(method: str, shape: str) -> str:
    return f"{method.replace('Linf', 'L∞')}, {SHAPES[shape][0]} inputs"


def _goal(what: str, found: float, sense: str, limit: float) -> dict[str, Any]:
    kept = found <= limit if sense == "≤" else found >= limit
    return {"what": what, "found": found, "asked": f"{sense} {limit:.4g}",
            "kept": "kept" if kept else "missed"}  # fmt: skip


def record(
    shapes: Sequence[str] = ("uci", "mnist"),
    repeats: int = 2,
    data: str = "mnist-sample",
    side: int = 14,
    width: int = 50,
    rub_steps: int = 150,
    n_test: int = 100,
    epsilon: float = 0.1,
    seed: int = 0,
    device: str = "auto",
) -> dict[str, Rows]:
    """Every record of the page; `python -m studies b7_speed.timing` makes the first two alone.

    Source: [B] Tables 2, 6

    Returns
    -------
    dict
        `b7_speed.steps`, `b7_speed.memory`, `b7_speed.equal_time`, `b7_speed.gradient`.
    """
    where = pick_device(device).type
    equal = equal_time.record(data, side, width, rub_steps, n_test, epsilon, seed, device)
    same = gradient.record(epsilon=epsilon, seed=seed)
    return timing.record(shapes, epsilon, repeats, where) | equal | same
