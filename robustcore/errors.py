"""The error tree, and the checks that stand at every door of the library.

An error is one sentence: what was wanted, what came, what to do about it.
"""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np
import torch


class RobustcoreError(Exception):
    """Root of every error that this library raises on purpose."""


class InputError(RobustcoreError, ValueError):
    """An argument is of the wrong shape, range or kind."""


class UnsupportedLayerError(InputError):
    """A network holds a layer for which no bound is implemented."""


class TooLargeError(UnsupportedLayerError):
    """A bound needs a network as matrices, and one of them would be too large to hold."""


class SolverError(RobustcoreError, RuntimeError):
    """A convex program was not solved: infeasible, stopped early, or out of accuracy."""


class LicenceError(SolverError):
    """A commercial solver is installed but no licence can be checked out."""


class DivergenceError(RobustcoreError, ArithmeticError):
    """A training loss became NaN or infinite."""


class DataError(RobustcoreError, OSError):
    """A data set is missing, unreachable, or not the bytes it should be."""


class CorruptDataError(DataError):
    """A file is there, but its checksum is not the published one."""


class MissingExtraError(RobustcoreError, ImportError):
    """An optional dependency is needed for this call; the message names the extra."""


def missing_extra(wanted: str, extra: str, instead: str = "") -> MissingExtraError:
    """What to raise where an optional dependency is not there: `wanted` says who needs what.

    The library is on no index, so that a name in brackets would find nothing: extras are had from
    its checkout.

    Source: own

    Parameters
    ----------
    wanted : str
        "from_onnx needs onnx and onnx2torch".
    extra : str
        Of `pyproject.toml`.
    instead : str
        What does without, if anything does.
    """
    way = f"run pip install '.[{extra}]' in the checkout of robustcore"
    other = f", or {instead}" if instead else ""
    return MissingExtraError(f"{wanted}, which this Python does not have; {way}{other}.")


class AccuracyWarning(UserWarning):
    """An answer is less accurate than was asked for; the message has its bounds.

    Source: own
    """


class EmptyNetworkWarning(UserWarning):
    """Training ended with a network that has no neuron, the constant 0.

    Source: own
    """


def check_finite(name: str, value: Any) -> None:
    """Refuse NaN and infinity in an array or tensor, and a tensor that holds no numbers.

    Source: own

    Raises
    ------
    InputError
        Naming the argument and how many of its entries are not finite.
    """
    check_held(name, value)
    if isinstance(value, torch.Tensor):
        if bool(value.sum().isfinite()):  # one pass settles the good case
            return
        finite = torch.isfinite(value)
    else:
        finite = np.isfinite(value)
    bad = int((~finite).sum())
    if bad:
        raise InputError(
            f"{name} must be finite, got {bad} NaN or infinite entries; clean it first."
        )


def check_held(name: str, value: Any) -> None:
    """Refuse a tensor on "meta", which has a shape and no numbers.

    Source: own
    """
    if getattr(value, "is_meta", False):
        raise InputError(f"{name} must hold numbers, got a tensor on meta; give it its values.")


def check_matrix(name: str, value: Any) -> None:
    """Refuse what is not a non-empty, finite, two-dimensional array or tensor.

    Source: own
    """
    if getattr(value, "ndim", None) != 2 or 0 in value.shape:
        shape = tuple(getattr(value, "shape", ()))
        raise InputError(f"{name} must be a non-empty matrix (n, d), got shape {shape}.")
    check_finite(name, value)


def check_length(name: str, value: Any, n: int, of: str) -> None:
    """Refuse a vector that has not one entry for each of the `n` rows of `of`.

    Source: own
    """
    if tuple(value.shape) != (n,):
        raise InputError(
            f"{name} must have shape ({n},), one entry for each row of {of}, "
            f"got {tuple(value.shape)}."
        )


def check_signs(y: Any) -> None:
    """Refuse binary labels other than -1 and +1, and a single class.

    Source: own
    """
    labels = {float(v) for v in np.unique(np.asarray(y))}
    if not labels <= {-1.0, 1.0}:
        raise InputError(
            f"labels must be -1 or +1, got the values {sorted(labels)[:5]}; map them first."
        )
    if len(labels) < 2:
        raise InputError(f"both labels -1 and +1 must occur, got only {labels.pop():+.0f}.")


def check_nonnegative(name: str, value: float) -> None:
    """Refuse a negative or non-finite scalar.

    Source: own
    """
    if not (math.isfinite(check_number(name, value)) and value >= 0):
        raise InputError(f"{name} must be a finite number >= 0, got {value}.")


def check_number(name: str, value: Any, advice: str = "give one") -> float:
    """One real number as a float; refuse text, several numbers, and what is no number.

    Source: own
    """
    shape = tuple(getattr(value, "shape", ()))
    if shape:
        raise InputError(f"{name} must be one number, got an array of shape {shape}; {advice}.")
    try:
        if isinstance(value, str | bytes | bool):
            raise TypeError
        return float(value)
    except (TypeError, ValueError, OverflowError, RuntimeError) as error:
        raise InputError(f"{name} must be a number, got {value!r}; {advice}.") from error


def check_count(name: str, value: Any, least: int = 1) -> int:
    """A whole number of at least `least`.

    Source: own
    """
    try:
        count = operator.index(value)
    except TypeError as error:
        raise InputError(f"{name} must be a whole number, got {value!r}.") from error
    if count < least:
        raise InputError(f"{name} must be at least {least}, got {count}.")
    return count
