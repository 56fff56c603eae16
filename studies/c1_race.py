"""The race on equal terms: both solvers to one certified gap, a share of the objective, repeated.

`c1_benchmark` asks for a gap relative to max(1, objective), and lets Clarabel run on to its own
default. Where the objective is small, as in Table I of paper A, neither is fair. Here the gap is a
share of the objective, but never less than a stated floor; both are held to it by the same
certificate; and each is run several times, in turns, each time in a fresh process.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from robustcore import provenance

from . import engine
from .c1_certified_solver.benchmark import measure_apart
from .c1_certified_solver.jobs import SIZES, Job, Problem, problem

VERSION = 1  # of the rows; raise it when they would change
SOLVERS = ("interior_point", "clarabel")
_RUNGS = [10.0 ** (k / 2) for k in range(4, -9, -1)]  # of the tolerance, in wanted gaps


def wanted_gap(objective: float, relative: float, floor: float) -> float:
    """The gap that both must certify: a share of the objective, and never less than the floor.

    Source: own
    """
    return max(relative * objective, floor)


def loosest(given: Problem, solver: str, gap: float, limit: float) -> float | None:
    """The loosest tolerance, in half decades, at which a solver's certified gap is small enough.

    Source: own

    Parameters
    ----------
    given : Problem
    solver : str
    gap : float
        Wanted, in units of the objective's own.
    limit : float
        Seconds for one run.

    Returns
    -------
    float or None
        None if it gets there at no tolerance that was tried.
    """
    for rung in _RUNGS:
        found = measure_apart(given, solver, limit, rung * gap)
        if found.get("gap") is not None and _absolute(found) <= gap:
            return rung * gap
    return None


def _absolute(found: Mapping[str, Any]) -> float:
    return float(found["gap"]) * max(1.0, float(found["objective"]))


def race(
    job: Job, relative: float, floor: float, repeats: int, limit: float
) -> list[dict[str, Any]]:
    """One job, both solvers `repeats` times, in turns: who is first changes each time.

    Source: own (for [A] Table I, eqs. (8), (15), (18))

    Returns
    -------
    list of dict
        For each repeat `seconds` and `clarabel_seconds`, both gaps (absolute), the `wanted` gap,
        and `ratio`, which is None if one of the two did not get there.
    """
    given = problem(replace(job, clarabel=True))
    first = measure_apart(given, "interior_point", limit)
    objective = first["objective"]
    gap = wanted_gap(objective, relative, floor)
    tolerances = {solver: loosest(given, solver, gap, limit) for solver in SOLVERS}
    head = {
        **asdict(job),
        "d": given.X.shape[1],
        "patterns_used": len(given.patterns),
        "objective": objective,
        "relative": relative,
        "floor": floor,
        "wanted": gap,
        **{f"{solver}_tolerance": tolerances[solver] for solver in SOLVERS},
    }
    rows = []
    for repeat in range(repeats):
        found: dict[str, dict[str, Any]] = {}
        for solver in SOLVERS[:: -1 if repeat % 2 else 1]:
            asked = tolerances[solver]
            found[solver] = {} if asked is None else measure_apart(given, solver, limit, asked)
        ours, theirs = (_reached(found[solver], gap) for solver in SOLVERS)
        both = ours["seconds"] and theirs["seconds"]
        rows.append(
            {
                **head,
                "repeat": repeat,
                **ours,
                **{f"clarabel_{key}": value for key, value in theirs.items()},
                "ratio": theirs["seconds"] / ours["seconds"] if both else None,
            }
        )
    return rows


def _reached(found: Mapping[str, Any], gap: float) -> dict[str, Any]:
    """Seconds, peak memory and gap of a run that got there; None for each if it did not."""
    known = found.get("gap") is not None
    there = known and _absolute(found) <= gap
    return {
        "seconds": found["seconds"] if there else None,
        "peak_mb": found["peak_mb"] if there else None,
        "gap": _absolute(found) if known else None,
    }


def jobs(size: str) -> list[Job]:
    """Those of the benchmark that both solvers can end: the first of each program.

    Source: own
    """
    raced = [job for job in SIZES[size] if job.clarabel and job.threads == 1]
    return list({job.program: job for job in reversed(raced)}.values())[::-1]


def record(
    size: str = "quick",
    relative: float = 1e-6,
    floor: float = 1e-9,
    repeats: int = 2,
    limit: float = 600.0,
) -> dict[str, list[dict[str, Any]]]:
    """The rows of the race; jobs that are done are kept until all are.

    Source: own (for [A] Table I)

    Parameters
    ----------
    size : str
        "quick" or "paper".
    relative : float
        The wanted gap over the objective.
    floor : float
        The least gap that is asked for.
    repeats : int
    limit : float
        Seconds for one run.
    """

    def rows(cells: Sequence[Mapping[str, Any]], device: str) -> list[dict[str, Any]]:
        return [{"rows": race(Job(**cell), relative, floor, repeats, limit)} for cell in cells]

    settings = {"size": size, "relative": relative, "floor": floor, "repeats": repeats}
    settings |= {"limit": limit, "cpu": provenance.now()["machine"]["cpu"]}
    cells = [asdict(job) for job in jobs(size)]
    sweep = engine.Sweep("c1_race", VERSION, cells, rows, settings=settings)
    measured = [row for part in engine.complete(sweep).rows for row in part["rows"]]
    engine.forget(sweep)  # the next run measures afresh
    return {"c1_race": measured}
