"""The way from a prepared program to our own interior-point method and back.

Where every cell has an interior, it needs no modelling layer, a fraction of the time and memory,
and stops on its own certificate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from ..errors import InputError
from ..patterns import widest_point
from .interior_point import ROBUST, STANDARD, Outcome, minimise
from .interior_point.protocol import Iterate, joined
from .options import OWN, Options
from .parts import Data
from .solving import as_callers

_WORTHWHILE = 4000  # cone rows 2 P n from which it beats a general solver also at 1e-6
_TOLERANCE, _ITERATIONS = 1e-7, 100
_DEFAULTS = Options()


@dataclass(frozen=True)
class Solved:
    """v, w (P, d') in prepared units, a lower bound, its theta (n,), and how it ended."""

    v: np.ndarray
    w: np.ndarray
    bound: float
    status: str
    theta: np.ndarray
    waypoint: Iterate | None = None


def worthwhile(data: Data) -> bool:
    """Whether "auto" should come here: large enough, with a loss that we know."""
    return data.loss.name in STANDARD and 2 * data.active.size >= _WORTHWHILE


def solve_interior_point(
    data: Data, gates: np.ndarray | None, options: Options = _DEFAULTS
) -> Solved:
    """Solve (5), (8), or the reduced (15) or (18).

    Source: [A] eqs. (5), (8), (15), (18); method: own

    Parameters
    ----------
    data : Data
        Prepared; with a radius, robust-feasible patterns only.
    gates : (d', P) array or None
        Tried as interior points first; where one fails, a linear program finds another.
    options : Options
        Its start is the waypoint of a neighbouring program; the tolerance is 1e-7 where none is
        set, after at most 100 iterations.

    Raises
    ------
    InputError
        For a loss that is not implemented, or a cell without interior.
    """
    told = options.progress
    if told is not None:
        options = replace(options, progress=lambda step, highs, lows: told(step, highs[0], lows[0]))
    if options.start is not None:
        options = replace(options, start=[options.start])
    return solve_batch([data], [gates], options)[0]


def solve_batch(
    batch: Sequence[Data],
    gates: Sequence[np.ndarray | None],
    options: Options = _DEFAULTS,
) -> list[Solved]:
    """Solve several programs at once that differ in their patterns alone.

    Source: [A] eqs. (5), (8), (15), (18); method: own

    Parameters
    ----------
    batch : list of Data
        With the same samples, loss, beta and ball.
    gates : list of (d', P) arrays or None
    options : Options
        As for `solve_interior_point`; `progress` gets one list of objectives and one of bounds,
        `start` is a list of waypoints.

    Raises
    ------
    InputError
        As for `solve_interior_point`.
    """
    data = batch[0]
    robust = data.ball.radius > 0
    programs: Mapping[str, Any] = ROBUST if robust else STANDARD
    if data.loss.name not in programs:
        raise InputError(
            f"solver={OWN!r} has no program for the loss {data.loss!r}, it has "
            f"{', '.join(programs)}; use solver='clarabel'."
        )
    device = torch.device(options.device or "cpu")
    design, y = (torch.as_tensor(a, device=device) for a in (data.design, data.y))
    active = [torch.as_tensor(one.active.astype(bool), device=device) for one in batch]
    points = map(interior_points, batch, gates)
    inside = [torch.as_tensor(one, device=device) for one in points]
    given = (design, y, active, inside, data.beta)
    threat = (data.ball.radius, data.attacked, data.ball.p) if robust else ()
    program = programs[data.loss.name](*given, *threat)
    start = joined(options.start) if options.start is not None else None
    outcomes = minimise(
        program,
        tolerance=options.tolerance or _TOLERANCE,
        max_iterations=options.max_iterations or _ITERATIONS,
        progress=options.progress and as_callers(options.progress),
        start=start and start.mapped(lambda part: part.to(device)),
    )
    return [_read(o, program.sigma, one) for o, one in zip(outcomes, batch, strict=True)]


def _read(outcome: Outcome, sigma: float, data: Data) -> Solved:
    """Without the patterns that filled the program up."""
    v, w = (outcome.u[:, : data.active.shape[1]] / sigma).cpu().numpy()
    theta = outcome.proof.theta.cpu().numpy()
    return Solved(v, w, outcome.lower_bound, outcome.status, theta, outcome.waypoint)


def interior_points(data: Data, gates: np.ndarray | None) -> np.ndarray:
    """A point strictly inside every (robust) cell, (d', P).

    Source: own (on [A] eqs. (5), (11))

    Raises
    ------
    InputError
        Naming the first cell that has none.
    """
    binding = data.design.any(axis=1)  # a zero row constrains nothing
    design, signs = data.design[binding], data.signs[binding]
    points = np.empty((design.shape[1], signs.shape[1]))
    for i, e in zip(range(signs.shape[1]), signs.T, strict=True):
        rows = e[:, None] * design
        if gates is not None and _margin(rows, gates[:, i], data) > 0:
            points[:, i] = gates[:, i]
            continue
        points[:, i] = widest_point(rows, data.ball, data.attacked)
        if not _margin(rows, points[:, i], data) > 0:
            raise InputError(
                f"pattern {i} has no neuron strictly inside its constraints; use solver='clarabel'."
            )
    return points


def _margin(rows: np.ndarray, u: np.ndarray, data: Data) -> float:
    """The smallest slack at u, relative to the length of u; what rounding leaves counts as none."""
    length = float(np.linalg.norm(u))
    if length == 0.0:
        return 0.0
    slack = float((rows @ u).min()) - float(data.ball.support(u[: data.attacked]))
    return slack / length - 1e-12
