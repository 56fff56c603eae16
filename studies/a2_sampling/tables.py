"""What the page on sampling makes of its rows, and the numbers that need no run."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from robustcore import patterns

NARROW = "other units"  # the data set whose second input is many times smaller


def guarantees(n: int = 40, n_patterns: int = 128) -> list[dict[str, Any]]:
    """The numbers of Section VII-A, computed again, and what they are worth.

    Source: [A] Theorem 2, Section VII-A
    """
    product = patterns.mean_violation_bound(n, n_patterns)
    rows = []
    for rule in ("printed", "binomial"):
        rows.append(
            {
                "rule": rule,
                "product": product,
                "psi_at_product": patterns.violation_level(n, n_patterns, product, rule),
                "psi_at_5_percent": patterns.violation_level(n, n_patterns, 0.05, rule),
                "size_at_5_percent": patterns.sample_size(n, 0.05, 0.05, rule),
                "count_bound": math.ceil(patterns.count_bound(n, 2)),
                "count": patterns.count(n, 2),
                "count_with_bias": patterns.count(n, 3),
            }
        )
    return rows


def summary(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Mean and worst distance from the optimum, and the largest V, for each kind of data.

    Source: own (on [A] Figure 1)
    """
    kinds = {
        "no bias": [r for r in rows if not r["bias"]],
        "bias": [r for r in rows if r["bias"] and r["data"] != NARROW],
        "other units": [r for r in rows if r["data"] == NARROW],
    }
    return [
        {
            "kind": kind,
            "runs": len(found),
            "mean": max(0.0, float(np.mean([r["excess"] for r in found]))),  # less is rounding
            "worst": max(0.0, *(r["excess"] for r in found)),
            "violation": max(r["violation_gaussian"] for r in found),
        }
        for kind, found in kinds.items()
    ]


def compare(
    recorded: Sequence[Mapping[str, Any]], here: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Figure 1's distances from the optimum where both runs have them, distinct patterns.

    Source: [A] Figure 1
    """

    def excess(rows: Sequence[Mapping[str, Any]], bias: bool, count: int) -> list[float]:
        wanted = (bias, count, "distinct")
        return [r["excess"] for r in rows if (r["bias"], r["n_patterns"], r["scheme"]) == wanted]

    pairs = sorted({(r["bias"], r["n_patterns"]) for r in here if r["scheme"] == "distinct"})
    return [
        {
            "bias": bias,
            "n_patterns": count,
            "recorded": max(0.0, float(np.mean(old))),
            "worst": max(0.0, *old),
            "here": max(0.0, float(np.mean(excess(here, bias, count)))),
        }
        for bias, count in pairs
        if (old := excess(recorded, bias, count))
    ]
