"""The options of a training call, read and checked before a solver is chosen."""

from __future__ import annotations

import importlib
import math
import numbers
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import torch

from ..errors import InputError

OWN = "interior_point"  # the name of our own solver
_OURS = ("progress", "device")  # what a general solver has no place for
_COMMON = ("tolerance", "max_iterations", "start", *_OURS)
_CVXPY = {"verbose", "accept_unknown", "canon_backend", "ignore_dpp", "enforce_dpp", "warm_start"}
_MOSEK = {"mosek_params", "save_file", "bfs", "eps"}


@dataclass(frozen=True)
class Options:
    """What a caller may say about the solving; one meaning for every solver.

    Source: own

    Parameters
    ----------
    tolerance : float or None
        Wanted of the certified gap, relative to max(1, objective). None leaves it to the solver.
    max_iterations : int or None
    progress : callable or None
        (iteration, objective, lower bound), of our own solver.
    device : str or None
        Of torch, where our own solver works.
    start : object
        A solution nearby. Our own solver starts there; for others it changes nothing.
    special : mapping
        Settings of one general solver, by the names that cvxpy takes.
    """

    tolerance: float | None = None
    max_iterations: int | None = None
    progress: Callable[..., Any] | None = None
    device: Any = None
    start: Any = None
    special: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, given: Mapping[str, Any] | None, solver: str) -> Self:
        """Check every option at the door.

        Source: own

        Raises
        ------
        InputError
            For a value out of range, or an option that the solver does not take.
        """
        if given is not None and not isinstance(given, Mapping):
            raise InputError(f"options must be a mapping or None, got {type(given).__name__}.")
        options = dict(given or {})
        common = {name: options.pop(name) for name in _COMMON if name in options}
        read = cls(**common, special=options)
        _check_numbers(read.tolerance, read.max_iterations)
        if read.progress is not None and not callable(read.progress):
            raise InputError(f"progress must be callable, got {type(read.progress).__name__}.")
        if read.device is not None:
            _check_device(read.device)
        if solver in ("auto", OWN):
            _refuse_special(options, solver)
        else:
            _refuse_ours(read, solver)
            (_check_mosek if solver == "mosek" else _check_clarabel)(options)
        return read

    @property
    def only_ours(self) -> bool:
        """Whether an option is set that a general solver has no place for."""
        return self.progress is not None or self.device is not None


def _check_numbers(tolerance: Any, max_iterations: Any) -> None:
    if tolerance is not None and not (
        isinstance(tolerance, numbers.Real) and 0 < float(tolerance) < math.inf
    ):
        raise InputError(f"tolerance must be a positive number, got {tolerance!r}.")
    if max_iterations is not None and not (
        isinstance(max_iterations, numbers.Integral) and int(max_iterations) >= 1
    ):
        raise InputError(f"max_iterations must be a positive integer, got {max_iterations!r}.")


def _check_device(device: Any) -> None:
    """An empty tensor there: a name may be right where the device is not."""
    try:
        torch.empty(0, device=device)
    except (RuntimeError, TypeError, AssertionError, NotImplementedError) as error:
        first = str(error).strip().splitlines()[0]
        raise InputError(f"device {device!r} cannot be used here: {first}; use 'cpu'.") from error


def _refuse_special(options: Mapping[str, Any], solver: str) -> None:
    if not options:
        return
    hint = "" if solver != "auto" else "; name the solver whose settings these are"
    raise InputError(
        f"solver={solver!r} takes the options {', '.join(sorted(_COMMON))}, got "
        f"{sorted(map(str, options))}{hint}."
    )


def _refuse_ours(read: Options, solver: str) -> None:
    for name in _OURS:
        if getattr(read, name) is not None:
            raise InputError(
                f"the option {name} is of solver={OWN!r} alone, got solver={solver!r}; leave it "
                "out or change the solver."
            )


def _check_clarabel(options: Mapping[str, Any]) -> None:
    """Each setting is tried on an empty set of them, which costs nothing."""
    mine = {name: value for name, value in options.items() if name not in _CVXPY}
    if not mine:
        return
    try:
        settings = importlib.import_module("clarabel").DefaultSettings()
    except ImportError:
        return  # the absence is told where the solver is loaded
    for name, value in mine.items():
        if not isinstance(name, str) or not hasattr(settings, name):
            raise InputError(
                f"solver='clarabel' has no option {name!r}; use {', '.join(sorted(_COMMON[:3]))} "
                "or a setting of Clarabel."
            )
        try:
            setattr(settings, name, value)
        except (TypeError, ValueError, OverflowError) as error:
            raise InputError(
                f"solver='clarabel' cannot set {name} to {value!r}: {error}."
            ) from error


def _check_mosek(options: Mapping[str, Any]) -> None:
    unknown = sorted(map(str, set(options) - _CVXPY - _MOSEK))
    if unknown:
        raise InputError(
            f"solver='mosek' takes the options {', '.join(sorted({*_COMMON[:3], *_MOSEK}))}, got "
            f"{unknown}; solver parameters go into mosek_params."
        )
