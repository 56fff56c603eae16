"""Which solver runs, how it is told from a licence, and what a solution knows about itself."""

from __future__ import annotations

import importlib
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..balls import LpBall
from ..errors import (
    InputError,
    LicenceError,
    RobustcoreError,
    SolverError,
    missing_extra,
)
from ..networks import TwoLayerReLU
from ..patterns import Patterns
from .options import OWN, Options
from .recovery import recover

SOLVERS = ("auto", "clarabel", "mosek", OWN)
_TIGHTEST = 1e-12  # a tolerance below this is rounding
_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    # one digit below the solver's own defaults: the certificates are asked for 1e-6;
    # steps of .9 instead of .99, because exponential cones fail at small beta with the latter
    "clarabel": {
        "tol_gap_abs": 1e-9,
        "tol_gap_rel": 1e-9,
        "tol_feas": 1e-9,
        "max_step_fraction": 0.9,
    },
    "mosek": {},
}


@dataclass(frozen=True)
class ConvexSolution:
    r"""A solved convex program, with a certificate that does not rest on the solver's word.

    Source: [A] eqs. (5), (8), (15)

    Parameters
    ----------
    v, w : (P, d') arrays
        In the units of the X given; rows of dropped patterns are zero.
    objective : float
        The program's objective, computed from v and w.
    lower_bound : float
        A lower bound of the program over the given patterns, from the closed form of
        `robustcore.convex.certificate`.
    violation : float
        Largest violation of a cone constraint by v or w, in units of the output.
    status : str
        What the solver said, if the gap bears it out: one that does not begins with "not
        certified". "no pattern kept" where there was nothing to solve.
    solver : str
    seconds : float
        Wall time of everything: reductions, set-up, solve and certificate.
    patterns : Patterns
    pattern_kept : (P,) bool array
        False where the robust-feasibility filter forced v_i = w_i = 0.
    loss : str
    beta : float
    ball : LpBall or None
        None for standard training.
    perturb_bias : bool
    theta : (n,) array or None
        The multiplier of the output behind `lower_bound`, before it is scaled into its domain; for
        `robustcore.convex.global_lower_bound`. None where no pattern was kept.
    waypoint : object or None
        Where our own solver may start on the same program with another beta or radius: pass the
        solution as `options={"start": solution}`. None after another solver.

    Notes
    -----
    Rows shorter than 1e-8 of the longest are set to zero before the objective is computed.
    """

    v: np.ndarray
    w: np.ndarray
    objective: float
    lower_bound: float
    violation: float
    status: str
    solver: str
    seconds: float
    patterns: Patterns
    pattern_kept: np.ndarray
    loss: str
    beta: float
    ball: LpBall | None
    perturb_bias: bool
    theta: np.ndarray | None = None
    waypoint: Any = field(default=None, repr=False, compare=False)

    @property
    def gap(self) -> float:
        """objective - lower_bound: how far from optimal v and w can be, up to `violation`."""
        return self.objective - self.lower_bound

    @property
    def n_neurons(self) -> int:
        """m*, the number of non-zero v_i and w_i.

        Source: [A] Theorem 1
        """
        return int((self.v.any(axis=1)).sum() + (self.w.any(axis=1)).sum())

    def network(self) -> TwoLayerReLU:
        """The recovered network, its zero neurons left out.

        Source: [A] eq. (7)
        """
        return recover(self.v, self.w, self.patterns.bias)

    def __repr__(self) -> str:
        return (
            f"ConvexSolution(objective={self.objective:.6g}, gap={self.gap:.1e}, "
            f"neurons={self.n_neurons}, {self.solver}: {self.status}, {self.seconds:.1f} s)"
        )


def load_cvxpy() -> Any:
    """The cvxpy module, or one sentence on how to get it."""
    try:
        return importlib.import_module("cvxpy")
    except ImportError as error:
        raise missing_extra("convex training needs cvxpy", "convex") from error


def mosek_licensed() -> bool:
    """Whether MOSEK is installed and a licence can be checked out.

    Source: own
    """
    try:
        mosek = importlib.import_module("mosek")
    except ImportError:
        return False
    try:
        with mosek.Env() as environment:
            environment.checkoutlicense(mosek.feature.pton)
            return True
    except mosek.Error:
        return False


def solvers_to_try(solver: str, ours_first: bool, ours_alone: bool = False) -> tuple[str, ...]:
    """A solver asked for by name; for "auto" all that may run here, the most promising first.

    Source: own

    Parameters
    ----------
    solver : str
        A name of `SOLVERS`.
    ours_first : bool
        Whether our own method is the better choice here; else it is the last resort.
    ours_alone : bool
        Whether what is asked for is in no general solver.

    Raises
    ------
    InputError
        For an unknown name.
    LicenceError
        If MOSEK is asked for and cannot run.
    """
    if solver not in SOLVERS:
        raise InputError(f"solver must be one of {', '.join(SOLVERS)}, got {solver!r}.")
    if solver == "mosek" and not mosek_licensed():
        raise LicenceError("MOSEK has no licence here; solve with solver='clarabel'.")
    if solver != "auto":
        return (solver,)
    if ours_alone:
        return (OWN,)
    general = ("mosek", "clarabel") if mosek_licensed() else ("clarabel",)
    return (OWN, *general) if ours_first else (*general, OWN)


def settings_of(solver: str, options: Options) -> dict[str, Any]:
    """The options as cvxpy hands them to a general solver; its own names win.

    Source: own

    Notes
    -----
    The certified gap comes out one or two digits above the tolerance of the solver, which therefore
    is a hundredth of what is asked for.
    """
    settings: dict[str, Any] = dict(_DEFAULTS[solver])
    if options.tolerance is not None:
        tight = max(0.01 * options.tolerance, _TIGHTEST)
        names = ("tol_gap_abs", "tol_gap_rel", "tol_feas") if solver == "clarabel" else ("eps",)
        settings |= dict.fromkeys(names, tight)
    if options.max_iterations is not None and solver == "clarabel":
        settings["max_iter"] = int(options.max_iterations)
    elif options.max_iterations is not None:
        settings["mosek_params"] = {"MSK_IPAR_INTPNT_MAX_ITERATIONS": int(options.max_iterations)}
    special = dict(options.special)
    if "mosek_params" in settings and "mosek_params" in special:
        special["mosek_params"] = {**settings["mosek_params"], **special["mosek_params"]}
    return settings | special


class CallerError(Exception):
    """What the caller's own `progress` raised; it is none of the solver's errors."""

    def __init__(self, error: Exception) -> None:
        self.error = error


def as_callers(told: Callable[..., Any]) -> Callable[..., Any]:
    """`told`, its errors marked as the caller's; an interrupt stays one."""

    def tell(*args: Any) -> None:
        try:
            told(*args)
        except Exception as error:
            raise CallerError(error) from error

    return tell


@contextmanager
def in_one_sentence(solver: str) -> Iterator[None]:
    """Turn whatever goes wrong inside a solver into one error of this library.

    Source: own

    Raises
    ------
    LicenceError
        If the reason given speaks of a licence.
    SolverError
        For any other reason: the program, the library behind it, or memory.
    """
    try:
        yield
    except CallerError as caller:
        raise caller.error from None
    except (RobustcoreError, Warning, KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # a panic of compiled code is not an Exception
        said = [line.strip() for line in str(error).splitlines() if line.strip()]
        reason = (said or [type(error).__name__])[0].rstrip(".;")
        kind = LicenceError if "licen" in str(error).lower() else SolverError
        raise kind(
            f"{solver} failed on this program: {reason}; try another solver or rescale X."
        ) from error


def solve(problem: Any, solver: str, options: Options | None = None) -> str:
    """Solve a cvxpy problem in place and return the status.

    Raises
    ------
    SolverError
        With the status, unless the solver found an optimum at full or reduced accuracy.
    """
    cp = load_cvxpy()
    with warnings.catch_warnings(), in_one_sentence(solver):
        # reduced accuracy is said in the status and measured by the certificate
        warnings.filterwarnings("ignore", message="Solution may be inaccurate")
        problem.solve(solver=solver.upper(), **settings_of(solver, options or Options()))
    if problem.status not in (cp.OPTIMAL, cp.OPTIMAL_INACCURATE):
        raise SolverError(
            f"{solver} ended with status '{problem.status}' where an optimum was wanted; rescale "
            "X, raise beta, or raise options={'max_iterations': ...}."
        )
    return str(problem.status)


class Stopwatch:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._start = time.perf_counter()

    def __call__(self) -> float:
        return time.perf_counter() - self._start
