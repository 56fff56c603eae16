"""Tables I and II of paper A as printed, and what their digits tell about the test set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

COLUMNS = ("clean_accuracy", "fgsm_accuracy", "pgd_accuracy", "objective")
DEVIATIONS = tuple(f"{name}_deviation" for name in COLUMNS)
N_RUNS = 7

# P_s -> method -> clean %, FGSM %, PGD %, objective; Table II prints no deviations
_TABLES = {
    36: {
        "gd_std": (79.56, 47.09, 45.60, 0.3146),
        "gd_fgsm": (75.30, 61.03, 60.99, 0.8370),
        "gd_pgd": (76.56, 62.48, 62.44, 0.8220),
        "algorithm_1": (81.01, 0.4857, 0.3571, 6.910e-3),
        "algorithm_2": (78.36, 66.95, 66.81, 0.6511),
    },
    24: {
        "gd_std": (81.40, 54.72, 54.66, 0.1486),
        "gd_fgsm": (77.75, 64.53, 64.46, 0.7038),
        "gd_pgd": (76.49, 64.70, 64.64, 0.7363),
        "algorithm_1": (80.51, 0.2500, 0.1357, 0.007516),
        "algorithm_2": (78.54, 66.91, 66.75, 0.7123),
    },
    18: {
        "gd_std": (81.04, 54.86, 54.82, 0.1550),
        "gd_fgsm": (77.29, 64.69, 64.56, 0.7131),
        "gd_pgd": (76.44, 64.76, 64.74, 0.7365),
        "algorithm_1": (79.71, 0.3571, 0.2714, 0.008953),
        "algorithm_2": (78.71, 63.89, 63.67, 0.8049),
    },
}
_DEVIATIONS = {
    "gd_std": (0.4138, 0.4290, 0.4796, 0.01101),
    "gd_fgsm": (3.104, 4.763, 4.769, 6.681e-2),
    "gd_pgd": (0.6038, 0.2215, 0.1988, 3.933e-3),
    "algorithm_1": (0.8090, 0.1842, 0.1239, 3.020e-4),
    "algorithm_2": (0.3250, 0.4564, 0.4862, 6.903e-3),
}


def printed(n_patterns: int, method: str) -> dict[str, float]:
    """One row as printed: accuracies in 0..1, and deviations where the paper has them (P_s = 36).

    Source: [A] Tables I, II
    """
    deviations = _DEVIATIONS[method] if n_patterns == 36 else ()
    values = dict(zip(COLUMNS + DEVIATIONS, _TABLES[n_patterns][method] + deviations, strict=False))
    return {k: v / 100 if "accuracy" in k else v for k, v in values.items()}


def fitting_test_sizes(candidates: Sequence[int]) -> list[dict[str, Any]]:
    """Which sizes of the test set the four-digit accuracies of the tables admit.

    A mean over seven runs on N images is a multiple of 1 / (7 N). Six means below one per cent are
    printed with four decimals of a per cent, fine enough to tell.

    Source: own (on [A] Tables I, II)

    Parameters
    ----------
    candidates : sequence of int
        Sizes N to try.

    Returns
    -------
    list of dict
        n_test, and `fitting`: how many of the six fit to the last digit.
    """
    fine = [row["algorithm_1"][k] for row in _TABLES.values() for k in (1, 2)]
    rows = []
    for n_test in candidates:
        unit = 100 / (N_RUNS * n_test)
        off = [abs(value - round(value / unit) * unit) for value in fine]
        rows.append({"n_test": n_test, "means": len(fine), "fitting": sum(e <= 5e-5 for e in off)})
    return rows
