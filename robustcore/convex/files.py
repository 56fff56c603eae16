"""Solved programs in files without pickle: everything but where a solver may start again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from ..balls import LpBall
from ..errors import CorruptDataError
from ..networks.files import npz_path, read_archive
from ..patterns import Patterns
from .solving import ConvexSolution

_FORMAT = "robustcore convex solution 1"
_ARRAYS = ("v", "w", "pattern_kept", "theta")
_NUMBERS = ("objective", "lower_bound", "violation", "seconds", "beta")
_WORDS = ("status", "solver", "loss", "perturb_bias")


def save_solution(solution: ConvexSolution, path: Path | str) -> None:
    """Write a solution to an .npz file, with its patterns.

    Source: own

    Parameters
    ----------
    solution : ConvexSolution
    path : Path or str
        Its ending must be .npz.

    Raises
    ------
    InputError
        For another ending.
    """
    path = npz_path(path)
    cells, ball = solution.patterns, solution.ball
    told: dict[str, Any] = {name: getattr(solution, name) for name in (*_NUMBERS, *_WORDS)}
    told["ball"] = None if ball is None else [float(ball.p), ball.radius, ball.box]
    told["patterns"] = {"bias": cells.bias, "fingerprint": cells.fingerprint}
    arrays = {name: getattr(solution, name) for name in _ARRAYS}
    arrays |= {"active": cells.active, "gates": cells.gates}
    there = {name: value for name, value in arrays.items() if value is not None}
    manifest = np.array(json.dumps({"format": _FORMAT, "solution": told}))
    with path.open("wb") as file:
        np.savez_compressed(file, manifest=manifest, **there)


def load_solution(path: Path | str) -> ConvexSolution:
    """Read a solution that `save_solution` wrote.

    Source: own

    Parameters
    ----------
    path : Path or str

    Returns
    -------
    ConvexSolution
        Equal to the saved one but for its `waypoint`, which is not kept.

    Raises
    ------
    DataError
        If there is no such file, or it cannot be read.
    CorruptDataError
        If the file is damaged, or is something else.
    """
    manifest, arrays = read_archive(npz_path(path), _FORMAT)
    try:
        told = dict(manifest["solution"])
        cells, ball = told.pop("patterns"), told.pop("ball")
        patterns = Patterns(arrays["active"], arrays.get("gates"), **cells)
        box = None if ball is None or ball[2] is None else (ball[2][0], ball[2][1])
        return ConvexSolution(
            patterns=patterns,
            ball=None if ball is None else LpBall(ball[0], ball[1], box),
            **{name: arrays.get(name) for name in _ARRAYS},  # type: ignore[arg-type]
            **told,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise CorruptDataError(f"the parts of {path} do not fit together: {error}") from error
