"""Theorem 5 and Figures 4 and 5 of paper A: robust regression on a line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from ..oracles import regression_twins
from .line import SHAPES, draw, train

RADII = tuple(round(0.1 * k, 1) for k in range(1, 10))  # Figure 5
TEN = 10  # trials for each radius in Figure 5
READING_RADII = (0.1, 0.3, 0.5, 0.9)
_DESIGN_DRAWS = 2000


def trial_rows(
    shape: str, half_width: float, beta: float, radii: Sequence[float], n_trials: int
) -> list[dict[str, Any]]:
    """Test error for each trial and radius, standard training (radius 0) first; trials are paired.

    Source: [A] Figure 5

    Parameters
    ----------
    shape : str
    half_width : float
    beta : float
    radii : sequence of float
    n_trials : int
        The same data for every radius: seeds 0, 1, ...

    Returns
    -------
    list of dict
        trial, radius, mse (mean square error on the test set), kept (patterns that can carry a
        neuron), gap (objective minus its certificate).
    """
    rows = []
    for seed in range(n_trials):
        trial = draw(shape, half_width, seed)
        for radius in (0.0, *radii):
            solution = train(trial, radius, beta)
            with torch.no_grad():
                output = solution.network()(torch.from_numpy(trial.X_test)).numpy()
            rows.append(
                {
                    "trial": seed,
                    "radius": radius,
                    "mse": float(np.square(output - trial.y_test).mean()),
                    "kept": int(solution.pattern_kept.sum()),
                    "gap": solution.gap,
                }
            )
    return rows


def by_radius(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What Figure 5 shows, and what it does not: mean, median and worst error at each radius.

    Source: [A] Figure 5

    Returns
    -------
    list of dict
        radius, trials, mean, median, worst, wins (share of trials below standard training), kept.
    """
    table = _errors(rows)
    kept = {r: [row["kept"] for row in rows if row["radius"] == r] for r in table}
    return [
        {
            "radius": radius,
            "trials": len(errors),
            "mean": float(errors.mean()),
            "median": float(np.median(errors)),
            "worst": float(errors.max()),
            "wins": float((errors < table[0.0]).mean()),
            "kept": float(np.mean(kept[radius])),
        }
        for radius, errors in table.items()
    ]


def without_worst(rows: Sequence[Mapping[str, Any]], dropped: int) -> list[dict[str, Any]]:
    """`by_radius` without the trials in which standard training does worst, dropped for all radii.

    Source: own (on [A] Figure 5)

    Parameters
    ----------
    rows : list of dict
        From `trial_rows`.
    dropped : int
        How many trials.
    """
    standard = sorted((r for r in rows if r["radius"] == 0), key=lambda r: -r["mse"])
    gone = {row["trial"] for row in standard[:dropped]}
    return by_radius([row for row in rows if row["trial"] not in gone])


def _errors(rows: Sequence[Mapping[str, Any]]) -> dict[float, np.ndarray]:
    """Radius to the errors of all trials, in the order of the trials."""
    radii = dict.fromkeys(row["radius"] for row in rows)
    return {r: np.array([row["mse"] for row in rows if row["radius"] == r]) for r in radii}


def ten_trials(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """How often each radius comes out best if each is judged on ten trials of its own.

    Source: own (on [A] Figure 5)

    Parameters
    ----------
    rows : list of dict
        From `trial_rows`. Ten of their trials are drawn for each radius, 2000 times, from a fixed
        seed.

    Returns
    -------
    list of dict
        radius, and the share of the draws in which its mean is lowest.
    """
    table = _errors(rows)
    robust = np.stack([errors for radius, errors in table.items() if radius > 0])
    rng = np.random.default_rng(0)
    chosen = rng.integers(0, robust.shape[1], size=(_DESIGN_DRAWS, len(robust), TEN))
    means = robust[np.arange(len(robust))[:, None], chosen].mean(axis=2)
    best = means.argmin(axis=1)
    radii = [radius for radius in table if radius > 0]
    return [{"radius": radius, "best": float((best == k).mean())} for k, radius in enumerate(radii)]


def readings(half_widths: Sequence[float], beta: float, n_trials: int) -> list[dict[str, Any]]:
    """Figure 5 in short for every shape and width: the two claims, by the mean and by the median.

    Source: [A] Figure 5

    Returns
    -------
    list of dict
        shape, half_width, and for "mean" and "median": standard, the best radius, how many of the
        radii are below standard training.
    """
    out = []
    for shape in SHAPES:
        for half_width in half_widths:
            table = by_radius(trial_rows(shape, half_width, beta, READING_RADII, n_trials))
            standard, robust = table[0], table[1:]
            row: dict[str, Any] = {
                "shape": shape,
                "half_width": half_width,
                "trials": n_trials,
                "radii": len(robust),
            }
            for kind in ("mean", "median"):
                row[f"{kind}_standard"] = standard[kind]
                row[f"{kind}_best"] = min(r[kind] for r in robust)
                row[f"{kind}_best_radius"] = min(robust, key=lambda r: r[kind])["radius"]
                row[f"{kind}_below"] = sum(r[kind] < standard[kind] for r in robust)
            out.append(row)
    return out


def twins(n_instances: int) -> list[dict[str, Any]]:
    """Largest violation of each statement of this page, over small, often degenerate instances.

    Source: own
    """
    return regression_twins.run_checks(n_instances)


def record(
    shape: str = "pulse",
    half_width: float = 6.0,
    beta: float = 1e-4,
    n_trials: int = 10,
    reading_widths: Sequence[float] = (6.0,),
    reading_trials: int = 3,
    n_instances: int = 6,
) -> dict[str, list[dict[str, Any]]]:
    """The rows that the page shows.

    Source: [A] Theorem 5, Figures 4, 5
    """
    return {
        "a5_squared.figure_5": trial_rows(shape, half_width, beta, RADII, n_trials),
        "a5_squared.readings": readings(reading_widths, beta, reading_trials),
        "a5_squared.twins": twins(n_instances),
    }
