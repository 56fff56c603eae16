r"""The squared loss by pyscnn, the only maintained library for these programs, and by ours.

It is no dependency of this book: the rows are recorded where it is installed. Both get the same
matrix, patterns and weight, one thread and double precision. pyscnn's R-FISTA (gated ReLU) and
augmented Lagrangian (ReLU) say how long they ran and not how far they are: its answers are measured
with the certificate of ours, at several of its own tolerances.

Source: Mishkin, Sahiner and Pilanci, 2022, "Fast convex optimization for two-layer ReLU networks"
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from robustcore import convex, patterns
from robustcore.convex.parts import Problem
from robustcore.convex.running import cone_violation, value_of
from robustcore.errors import MissingExtraError
from robustcore.patterns import Patterns

from .c1_certified_solver.jobs import images

PROGRAMS = ("gated", "(8)")


def task(n: int, every: int, n_patterns: int, seed: int) -> tuple[np.ndarray, np.ndarray, Patterns]:
    """Centred images of the pair, their labels as numbers, and sampled patterns.

    Source: own; the images are those of [A] Table I
    """
    pair = images(n)
    X = np.ascontiguousarray(pair.X[:n, ::every])
    X = X - X.mean(axis=0)
    return X, pair.y[:n], patterns.sample(X, n_patterns, np.random.default_rng(seed))


def ours(program: str, X: np.ndarray, y: np.ndarray, cells: Patterns, beta: float) -> Any:
    """A solution of this library, by its own interior-point method.

    Source: own
    """
    if program == "gated":
        return convex.train_gated(X, y, cells, beta, solver="interior_point")
    return convex.train_standard(X, y, cells, beta, "squared", solver="interior_point")


def theirs(
    program: str, X: np.ndarray, y: np.ndarray, cells: Patterns, beta: float, tolerance: float
) -> tuple[tuple[np.ndarray, ...], float]:
    """What pyscnn finds, (P, d) each, and its seconds.

    Its loss is half the mean of squares; weight and loss are ours over n. The tolerance is of the
    squared norm of its gradient; constraints are its own, 1e-6.

    Source: own

    Raises
    ------
    MissingExtraError
        Where it is not installed.
    """
    try:
        models, solvers, metrics, regularizers, optimize = (
            importlib.import_module(f"scnn.{name}")
            for name in ("models", "solvers", "metrics", "regularizers", "optimize")
        )
    except ImportError as error:
        raise MissingExtraError(f"the race needs pyscnn, which is not here: {error}.") from error
    gated = program == "gated"
    model = (models.ConvexGatedReLU if gated else models.ConvexReLU)(cells.gates)
    solver = (solvers.RFISTA if gated else solvers.AL)(model, tol=tolerance)
    begun = time.perf_counter()
    found, _ = optimize.optimize_model(
        model,
        solver,
        metrics.Metrics(metric_freq=10**6),
        X,
        y,
        regularizer=regularizers.NeuronGL1(beta / len(y)),
        return_convex=True,
        unitize_data=False,
        dtype="float64",
    )
    seconds = time.perf_counter() - begun
    keys = [column.tobytes() for column in (X @ np.asarray(found.G) >= 0).T]  # it sorts them
    order = [keys.index(column.tobytes()) for column in cells.active.T]
    return tuple(np.asarray(part, float)[0, order] for part in found.get_parameters()), seconds


def cost(
    parts: Sequence[np.ndarray], X: np.ndarray, y: np.ndarray, cells: Patterns, beta: float
) -> dict[str, float]:
    """The objective at (U,) or (v, w), and the largest violation of a cell by the latter.

    Source: [A] eq. (8)
    """
    data = Problem.of(X, y, cells, beta, "squared").scaled()
    v, w = (data.sigma * part for part in (*parts, np.zeros_like(parts[0]))[:2])
    violation = cone_violation(data, v, w) if len(parts) == 2 else 0.0
    return {"objective": value_of(data, v, w), "violation": violation}


def record(
    sizes: Sequence[Sequence[int]] = ((60, 6, 6),),
    tolerances: Sequence[float] = (1e-4, 1e-6),
    beta: float = 1.0,
    seed: int = 0,
) -> dict[str, list[dict[str, Any]]]:
    """A row for our answer to each program and one for each tolerance of pyscnn.

    Source: own

    Parameters
    ----------
    sizes : list of (n, every, n_patterns)
        Images, every so many of the 147 columns, sampled patterns.
    tolerances : list of float
        Of pyscnn; 1e-6 is its default.
    beta : float
    seed : int
        Of the patterns.

    Raises
    ------
    MissingExtraError
        Where pyscnn is not installed: nothing is recorded.
    """
    torch.set_num_threads(1)
    rows: list[dict[str, Any]] = []
    for n, every, n_patterns in sizes:
        X, y, cells = task(n, every, n_patterns, seed)
        size = {"n": n, "d": X.shape[1], "patterns": len(cells)}
        for program in PROGRAMS:
            best = ours(program, X, y, cells, beta)
            head = {"program": program, **size, "lower_bound": best.lower_bound}
            found = {"objective": best.objective, "violation": getattr(best, "violation", 0.0)}
            rows.append({**head, "solver": "interior_point", "tolerance": None} | found)
            rows[-1]["seconds"] = best.seconds
            for tolerance in tolerances:
                parts, seconds = theirs(program, X, y, cells, beta, tolerance)
                head |= {"solver": "pyscnn", "tolerance": tolerance, "seconds": seconds}
                rows.append(head | cost(parts, X, y, cells, beta))
    for row in rows:  # how far above the best lower bound, as a share of it
        row["above"] = row["objective"] / row["lower_bound"] - 1
    return {"c1_peer": rows}
