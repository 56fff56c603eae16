"""The race: our solver and Clarabel through CVXPY, side by side on the same reduced program.

Each solver runs in a fresh process of its own, so that a peak of memory belongs to one program.

Seconds are wall time of one call of the library: reductions, set-up, interior points, solve and
certificate; for Clarabel also CVXPY's translation, and for neither the import of a package.
Clarabel runs at its own default tolerances of 1e-8, ours stops at the certified gap of the job.
"""

from __future__ import annotations

import json
import math
import os
import re
import resource
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from robustcore import provenance
from robustcore.convex.solving import load_cvxpy
from robustcore.patterns import Patterns
from robustcore.patterns.record import fingerprint

from .. import engine
from .jobs import SIZES, Job, Problem, problem

VERSION = 1  # of the rows; raise it when they would change
# what CVXPY's users get: Clarabel's own settings, not the sharper ones of `robustcore.convex`
_CLARABEL = {"tol_gap_abs": 1e-8, "tol_gap_rel": 1e-8, "tol_feas": 1e-8, "max_step_fraction": 0.99}
# what a process of its own is told to do
_APART = f"import sys; from {__name__} import solve_packed as run; run(sys.argv[1])"


def measure(
    given: Problem, solver: str, verbose: bool = False, tolerance: float | None = None
) -> dict[str, Any]:
    """Solve once in this process.

    Source: own

    Parameters
    ----------
    given : Problem
    solver : str
        "interior_point" or "clarabel".
    verbose : bool
        Let Clarabel print, which is the only way to learn its iterations from outside.
    tolerance : float, optional
        Instead of the job's, and of Clarabel's defaults.

    Returns
    -------
    dict
        Gaps in units of max(1, objective).
    """
    passed: list[int] = []
    options: dict[str, Any] = {**_CLARABEL, "verbose": verbose}
    if tolerance is not None:
        options |= {key: tolerance for key in options if key.startswith("tol_")}
    if solver == "interior_point":
        options = {
            "tolerance": given.job.tolerance if tolerance is None else tolerance,
            "progress": lambda iteration, objective, lower: passed.append(iteration),
        }
    solution = given.solve(solver, options)
    return {
        "objective": solution.objective,
        "lower_bound": solution.lower_bound,
        "gap": solution.gap / max(1.0, solution.objective),
        "violation": solution.violation,
        "iterations": passed[-1] if passed else None,
        "seconds": solution.seconds,
        "status": solution.status,
    }


def measure_apart(
    given: Problem, solver: str, limit: float, tolerance: float | None = None
) -> dict[str, Any]:
    """`measure` in a fresh process with the job's threads; adds its peak memory in MB.

    Source: own

    Parameters
    ----------
    given : Problem
    solver : str
    limit : float
        Seconds after which the process is ended; what is unknown is then None.
    tolerance : float, optional
        As `measure` takes it.
    """
    threads = str(given.job.threads)
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "problem.npz"
        _pack(given, solver, tolerance, file)
        try:
            done = subprocess.run(
                [sys.executable, "-c", _APART, str(file)],
                env={**os.environ, **dict.fromkeys(names, threads)},
                capture_output=True,
                text=True,
                timeout=limit,
            )
        except subprocess.TimeoutExpired:
            return {"status": f"ended after {limit:g} s without a result"}
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines:
        last = (done.stderr.strip().splitlines() or ["nothing said"])[-1]
        return {"status": f"the process ended with code {done.returncode}: {last[:200]}"}
    found: dict[str, Any] = json.loads(lines[-1])
    if told := re.findall(r"^ *(\d+)  [+-]\d\.\d+e", done.stdout, re.MULTILINE):
        found["iterations"] = int(told[-1])
    return found


def row(job: Job, limit: float) -> dict[str, Any]:
    """Both solvers on one job, one after the other.

    Source: own

    Parameters
    ----------
    job : Job
    limit : float
        Seconds that each process may take.
    """
    given = problem(job)
    ours = measure_apart(given, "interior_point", limit)
    theirs = measure_apart(given, "clarabel", limit) if job.clarabel else {"status": "not run"}
    columns = ("objective", "gap", "iterations", "seconds", "peak_mb", "status")
    known = ours.get("seconds") and theirs.get("seconds")
    return {
        **asdict(job),
        "d": given.X.shape[1],
        "patterns_used": len(given.patterns),
        "distinct_rows": len(np.unique(given.patterns.active, axis=0)),
        **{key: ours.get(key) for key in (*columns, "lower_bound", "loaded_mb")},
        **{f"clarabel_{key}": theirs.get(key) for key in columns},
        "ratio": theirs["seconds"] / ours["seconds"] if known else None,
        "limit": limit,
    }


def benchmark(size: str, limit: float) -> list[dict[str, Any]]:
    """Every job of a size; a run that was cut off goes on where it stopped.

    Source: own

    Parameters
    ----------
    size : str
        "quick" or "paper".
    limit : float
        Seconds for each solver on each job.

    Notes
    -----
    Seconds of another kind of machine are not used.
    """

    def rows(cells: Sequence[Mapping[str, Any]], device: str) -> list[dict[str, Any]]:
        found = [row(Job(**cell), limit) for cell in cells]
        print(*map(line, found), sep="\n", flush=True)
        return found

    settings = {"size": size, "limit": limit, "cpu": provenance.now()["machine"]["cpu"]}
    jobs = [asdict(job) for job in SIZES[size]]
    sweep = engine.Sweep("c1_benchmark", VERSION, jobs, rows, settings=settings)
    measured = engine.complete(sweep).rows
    engine.forget(sweep)  # the next run measures afresh
    return measured


def line(row: Mapping[str, Any]) -> str:
    """One row of the table as text.

    Source: own
    """
    size = f"{row['program']:5} {row['n']:4} {row['d']:3} {row['patterns_used']:3} {row['threads']}"
    ours = _cells(row, "", ("iterations", "seconds", "gap", "peak_mb"))
    theirs = _cells(row, "clarabel_", ("seconds", "gap", "peak_mb"))
    ratio = "-" if row["ratio"] is None else format(row["ratio"], ".1f")
    return f"{size} {ours} {theirs} {ratio:>5}"


def heading() -> str:
    """The head of the table that `line` fills.

    Source: own
    """
    size = f"{'':5} {'n':>4} {'d':>3} {'P':>3}"  # threads are t
    shared = f"{'seconds':>7} {'gap':>7} {'MB':>4}"
    return f"{size} t {'its':>3} {shared} {shared} {'ratio':>5}"


_FORMATS = {"iterations": ("d", 3), "seconds": (".2f", 7), "gap": (".1e", 7), "peak_mb": (".0f", 4)}


def _cells(row: Mapping[str, Any], prefix: str, names: Sequence[str]) -> str:
    known = ((row[prefix + name], *_FORMATS[name]) for name in names)
    return " ".join(f"{'-' if v is None else format(v, k):>{w}}" for v, k, w in known)


def _pack(given: Problem, solver: str, tolerance: float | None, file: Path) -> None:
    told = {"job": asdict(given.job), "solver": solver, "tolerance": tolerance}
    asked = json.dumps(told)
    arrays: dict[str, Any] = {"active": given.patterns.active, "gates": given.patterns.gates}
    np.savez(file, X=given.X, y=given.y, asked=asked, **arrays)


def _peak_mb() -> float:
    """Of this process alone: the maximum that getrusage tells begins with the parent's memory."""
    try:
        status = Path("/proc/self/status").read_text(encoding="utf-8")
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    told = re.search(r"VmHWM:\s*(\d+) kB", status)
    return int(told.group(1)) / 1024 if told else math.nan


def solve_packed(file: str) -> None:
    """Solve the packed problem and print what was measured as one line of JSON.

    Source: own
    """
    with np.load(file) as packed:
        asked = json.loads(str(packed["asked"]))
        X, y, active, gates = (packed[key] for key in ("X", "y", "active", "gates"))
    found = Patterns(active, gates, False, fingerprint(X))
    if asked["solver"] == "clarabel":
        load_cvxpy()  # its import is not its race
    loaded = _peak_mb()
    packed_problem = Problem(Job(**asked["job"]), X, y, found)
    result = measure(packed_problem, asked["solver"], True, asked["tolerance"])
    print(json.dumps({**result, "loaded_mb": loaded, "peak_mb": _peak_mb()}), flush=True)
