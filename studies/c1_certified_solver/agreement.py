"""Our solver against Clarabel on many small programs, most of them degenerate on purpose.

Shape letters: n samples, d features, P patterns.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from robustcore import convex, patterns
from robustcore.balls import LpBall
from robustcore.convex import ConvexSolution
from robustcore.errors import InputError, SolverError
from robustcore.patterns import Patterns

from .. import engine
from ..oracles.expected import read_from_the_solution
from .jobs import BALLS

_LINF = ("(8) hinge", "(8) squared", "(15)", "(18)", "(8) logistic", "(11) logistic")
_ROBUST = ("(15)", "(18)", "(11) logistic")
PROGRAMS = (*_LINF, *(f"{program} {norm}" for program in _ROBUST for norm in ("L1", "L2")))
KINDS = (
    "plain",
    "duplicate rows",
    "zero row",
    "opposite rows",
    "constant feature",
    "n < d",
    "one pattern",
    "none kept",
    "all-zero optimum",
    "beta 1e-6",
    "features x 1000",
    "features / 1000",
    "columns x 1000 and / 1000",
)


_THEIRS = ("clarabel", "clarabel_gap", "clarabel_violation", "deviation")
VERSION = 1  # of the rows; raise it when they would change
CONFIRMED = 1e-6  # of max(1, objective): a gap up to which a solution counts as certified


@dataclass(frozen=True)
class Case:
    """One program: data, patterns, and everything that its trainer takes.

    Source: own
    """

    program: str
    kind: str
    X: np.ndarray
    y: np.ndarray
    patterns: Patterns
    beta: float
    ball: LpBall
    perturb_bias: bool

    @property
    def loss(self) -> str:
        """As the program says; hinge in (15), squared in (18)."""
        name, *words = self.program.split()
        return {"(15)": "hinge", "(18)": "squared"}.get(name) or words[0]

    @read_from_the_solution()
    def solve(self, solver: str, options: Mapping[str, Any] | None = None) -> ConvexSolution:
        """By the named solver or not at all."""
        given = (self.X, self.y, self.patterns)
        if self.program.startswith("(8)"):
            return convex.train_standard(*given, self.beta, self.loss, solver, options)
        robust = (*given, self.ball, self.beta, self.loss, self.perturb_bias)
        return convex.train_robust(*robust, solver=solver, options=options)


def case(program: str, seed: int) -> Case:
    """Instance number `seed` of a program; every kind of `KINDS` comes in turn.

    Source: own

    Parameters
    ----------
    program : str
        One of `PROGRAMS`; the ball is Linf where no other is named.
    seed : int
    """
    kind = KINDS[seed % len(KINDS)]
    rng = np.random.default_rng([seed, PROGRAMS.index(program)])
    d = int(rng.integers(2, 6))
    n = int(rng.integers(6, 17)) if kind != "n < d" else int(rng.integers(2, 4))
    d = d if kind != "n < d" else n + 3
    X = rng.standard_normal((n, d))
    y = np.where(X @ rng.standard_normal(d) + 0.7 * rng.standard_normal(n) > 0, 1.0, -1.0)
    if program == "(8) squared" or program.startswith("(18)"):
        y = X @ rng.standard_normal(d) + 0.5 * rng.standard_normal(n)
    y[:2] = 1.0, -1.0
    beta = float(10.0 ** -rng.integers(1, 5))
    X, y, beta = _degenerate(kind, X, y, beta, rng)
    bias = kind != "one pattern" and bool(rng.integers(2))
    wanted = 1 if kind == "one pattern" else 6
    found = patterns.sample(X, wanted, rng, bias, max_draws=2000, at_most=True)
    radius: float = float(np.median(np.abs(X).max(axis=0))) * 10.0 ** -rng.integers(2, 5)
    if kind == "none kept":
        radius = 10 * float(np.abs(X).max())
        X, bias = np.vstack([X, -X[:1]]), False  # with no bias, x and -x share no robust neuron
        y = np.append(y, y[0])
        found = patterns.sample(X, wanted, rng, max_draws=2000, at_most=True)
        if program.startswith("(8)"):
            found = found.take(np.zeros(len(found), dtype=bool))
    ball = LpBall(BALLS.get(program.split()[-1], math.inf), radius)
    return Case(program, kind, X, y, found, beta, ball, bias and bool(rng.integers(2)))


def _degenerate(
    kind: str, X: np.ndarray, y: np.ndarray, beta: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, float]:
    """The one thing that is odd about an instance."""
    X, y = X.copy(), y.copy()
    if kind == "duplicate rows":
        X[-1], y[-1] = X[0], -y[0]
        X[-2], y[-2] = X[1], y[1]
    elif kind == "zero row":
        X[-1] = 0.0
    elif kind == "opposite rows":
        X[-1] = -2.0 * X[0]
    elif kind == "constant feature":
        X[:, -1] = 1.0
    elif kind == "all-zero optimum":
        beta = 1e3 * float(np.abs(y).sum() * np.linalg.norm(X, 2))
    elif kind == "beta 1e-6":
        beta = 1e-6
    elif kind == "features x 1000":
        X *= 1e3
    elif kind == "features / 1000":
        X *= 1e-3
    elif kind == "columns x 1000 and / 1000":
        X *= 10.0 ** rng.choice([-3.0, 0.0, 3.0], size=X.shape[1])
    return X, y, beta


def compare(given: Case, seed: int, tolerance: float = 1e-7) -> dict[str, Any]:
    """Both solvers on one program; every difference in units of max(1, objective).

    Source: own

    Parameters
    ----------
    given : Case
    seed : int
        Recorded with the row.
    tolerance : float
        What our solver is asked for; a gap of 1e-6 counts as `reached`.

    Returns
    -------
    dict
        `deviation` of the objectives; `crossing`, by how much either lower bound passes either
        objective (0 where none does); `gap` of ours and `clarabel_gap`, both from the closed form
        of the certificate; `refused` where a cell has no interior and ours says so. Where Clarabel
        ends without a solution, what is its own is None.

    Notes
    -----
    Clarabel's point may be outside the cones by its own tolerance, and its objective below the
    optimum by as much.
    """
    row = {"program": given.program, "kind": given.kind, "seed": seed, "beta": given.beta}
    try:
        ours = given.solve("interior_point", {"tolerance": tolerance})
    except InputError as refusal:
        return {**row, "refused": True, "status": str(refusal)}
    size = max(1.0, abs(ours.objective))
    row |= {
        "refused": False,
        "status": ours.status,
        "kept": int(ours.pattern_kept.sum()),
        "objective": ours.objective,
        "gap": ours.gap / size,
        "reached": ours.gap / size <= CONFIRMED,
        "violation": ours.violation,
    }
    try:
        theirs = given.solve("clarabel")
    except SolverError:
        crossing = max(0.0, -ours.gap) / size
        return row | {"crossing": crossing, **dict.fromkeys(_THEIRS)}
    least = min(ours.objective, theirs.objective)
    return row | {
        "clarabel": theirs.objective,
        "clarabel_gap": theirs.gap / size,
        "clarabel_violation": theirs.violation,
        "deviation": abs(ours.objective - theirs.objective) / size,
        "crossing": max(0.0, ours.lower_bound - least, theirs.lower_bound - least) / size,
    }


def campaign(n_instances: int, programs: Sequence[str] = PROGRAMS) -> list[dict[str, Any]]:
    """So many instances of each program.

    Source: own
    """
    return [
        compare(case(program, seed), seed) for program in programs for seed in range(n_instances)
    ]


def recorded_campaign(n_instances: int) -> list[dict[str, Any]]:
    """`campaign` as a sweep: a run that was cut off goes on where it stopped.

    Source: own
    """
    cells = [{"program": p, "seed": seed} for p in PROGRAMS for seed in range(n_instances)]
    asked = {"n_instances": n_instances}
    sweep = engine.Sweep("c1_agreement", VERSION, cells, _rows, settings=asked)
    rows = engine.complete(sweep).rows
    engine.forget(sweep)
    return rows


def _rows(cells: Sequence[Mapping[str, Any]], device: str) -> list[dict[str, Any]]:
    return [compare(case(cell["program"], cell["seed"]), cell["seed"]) for cell in cells]


def summary(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The worst of each program, and how many are not as they should be.

    Source: own

    Returns
    -------
    list of dict
        `refused`: a cell without interior; `short`: ours stopped with a gap above 1e-6, and said
        so; `clarabel_short`: the certificate of Clarabel's solution is above 1e-6;
        `clarabel_failed`: it has no solution; `deviation`
        over the instances on which neither fell short, `deviation_of_all` over all.
    """
    found = []
    for program in dict.fromkeys(row["program"] for row in rows):
        mine = [row for row in rows if row["program"] == program]
        solved = [row for row in mine if not row["refused"]]
        answered = [row for row in solved if row["clarabel_gap"] is not None]
        sure = [row for row in answered if row["reached"] and row["clarabel_gap"] <= CONFIRMED]
        found.append(
            {
                "program": program,
                "instances": len(mine),
                "refused": len(mine) - len(solved),
                "short": sum(not row["reached"] for row in solved),
                "clarabel_short": sum(row["clarabel_gap"] > CONFIRMED for row in answered),
                "clarabel_failed": len(solved) - len(answered),
                "both_certified": len(sure),
                "deviation": _largest(sure, "deviation"),
                "deviation_of_all": _largest(answered, "deviation"),
                "crossing": _largest(solved, "crossing"),
                "gap": _largest(sure, "gap"),
                "clarabel_gap": _largest(sure, "clarabel_gap"),
            }
        )
    return found


def _largest(rows: Sequence[Mapping[str, Any]], key: str) -> float:
    return max((float(row[key]) for row in rows), default=0.0)
