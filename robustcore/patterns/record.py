"""The record of a set of patterns, and the matrix [X, 1] that they belong to."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import InputError, check_finite, check_matrix


def design_matrix(X: np.ndarray, bias: bool = False) -> np.ndarray:
    """X in float64, with a column of ones appended where there is a bias.

    Source: [A] Section VII-B

    Parameters
    ----------
    X : (n, d) array
    bias : bool

    Returns
    -------
    (n, d') array

    Raises
    ------
    InputError
        If X is not a non-empty, finite matrix.
    """
    X = np.asarray(X, dtype=np.float64)
    check_matrix("X", X)
    return np.hstack([X, np.ones((len(X), 1))]) if bias else X


def fingerprint(X: np.ndarray) -> str:
    """A short digest of the data, by which patterns recognise their own X.

    Source: own
    """
    X = np.ascontiguousarray(X, dtype=np.float64)
    return hashlib.sha256(repr(X.shape).encode() + X.tobytes()).hexdigest()[:16]


def column_keys(active: np.ndarray) -> list[bytes]:
    """One hashable key for each column of a boolean matrix."""
    return [column.tobytes() for column in np.packbits(active, axis=0).T]


def first_of_each(active: np.ndarray) -> np.ndarray:
    """Positions at which each distinct column occurs first, in the order of the columns."""
    seen: dict[bytes, int] = {}
    for position, key in zip(range(active.shape[1]), column_keys(active), strict=True):
        seen.setdefault(key, position)
    return np.fromiter(seen.values(), dtype=int, count=len(seen))


@dataclass(frozen=True)
class Patterns:
    """Distinct activation patterns of one data matrix.

    Source: [A] Section II-C

    Parameters
    ----------
    active : (n, P) bool array
        Column i is the diagonal of D_i.
    gates : (d', P) array, optional
        Column i is a gate a_i from which pattern i was made. For a pattern of perturbed data the
        gate gives that pattern on the perturbed data, not on X.
    bias : bool
        Whether the gates see [X, 1].
    fingerprint : str
        Digest of X; the patterns of another X are refused.

    Raises
    ------
    InputError
        If `active` is not a boolean matrix, a pattern occurs twice, or the gates do not fit.
    """

    active: np.ndarray
    gates: np.ndarray | None
    bias: bool
    fingerprint: str

    def __post_init__(self) -> None:
        active = self.active
        if getattr(active, "ndim", 0) != 2 or active.dtype != np.bool_ or not len(active):
            raise InputError(
                "active must be a boolean matrix (n, P), got "
                f"{getattr(active, 'dtype', type(active).__name__)} of shape "
                f"{getattr(active, 'shape', ())}."
            )
        repeats = active.shape[1] - len(set(column_keys(active)))
        if repeats:
            raise InputError(f"patterns must be distinct, got {repeats} repeats; discard them.")
        if self.gates is not None:
            check_finite("gates", self.gates)
            if self.gates.ndim != 2 or self.gates.shape[1] != active.shape[1]:
                raise InputError(
                    f"gates must be (d', {active.shape[1]}), one column for each pattern, "
                    f"got {self.gates.shape}."
                )

    def __len__(self) -> int:
        return self.active.shape[1]

    def __repr__(self) -> str:
        n, n_patterns = self.active.shape
        return f"Patterns({n_patterns} of n={n} samples{', bias' if self.bias else ''})"

    @property
    def signs(self) -> np.ndarray:
        """The diagonals of 2 D_i - I as a matrix (n, P) of -1 and +1.

        Source: [A] eq. (5)
        """
        return np.where(self.active, 1.0, -1.0)

    def check_belongs_to(self, X: np.ndarray) -> None:
        """Refuse patterns that were made for other data.

        Source: own

        Raises
        ------
        InputError
            If the fingerprint of X is not the recorded one.
        """
        if fingerprint(X) != self.fingerprint:
            raise InputError(
                f"these patterns belong to another X (n={len(self.active)}) than the one given "
                f"(shape {np.shape(X)}); sample or enumerate them for this X."
            )

    def take(self, indices: Sequence[int] | np.ndarray) -> Patterns:
        """The patterns at `indices` (integers, or a boolean mask of length P).

        Source: own
        """
        indices = np.asarray(indices)
        if not indices.size:
            indices = indices.astype(int)
        gates = None if self.gates is None else self.gates[:, indices]
        return Patterns(self.active[:, indices], gates, self.bias, self.fingerprint)

    def union(self, other: Patterns) -> Patterns:
        """These patterns, then those of `other` that are not among them.

        Source: own

        Raises
        ------
        InputError
            If the two belong to different data, or only one of them has a bias.
        """
        self._check_same_data(other)
        active = np.hstack([self.active, other.active])
        first = first_of_each(active)
        both = self.gates is not None and other.gates is not None
        gates = np.hstack([self.gates, other.gates])[:, first] if both else None  # type: ignore[list-item]
        return Patterns(active[:, first], gates, self.bias, self.fingerprint)

    def contains(self, other: Patterns) -> np.ndarray:
        """Whether each pattern of `other` is one of these: a boolean vector.

        Source: own
        """
        self._check_same_data(other)
        own = set(column_keys(self.active))
        return np.array([key in own for key in column_keys(other.active)], dtype=bool)

    def _check_same_data(self, other: Patterns) -> None:
        if (self.fingerprint, self.bias) != (other.fingerprint, other.bias):
            raise InputError(
                f"both sets of patterns must belong to one X and one choice of bias, got {self!r} "
                f"and {other!r}; make them from the same data."
            )


def of(X: np.ndarray, gates: np.ndarray, bias: bool = False) -> Patterns:
    """The distinct patterns [X a >= 0] of the given gates, first gate of each kept.

    Source: [A] Section II-C

    Parameters
    ----------
    X : (n, d) array
    gates : (d', P) or (d',) array
        With a bias, the last entry of a gate multiplies the column of ones.
    bias : bool

    Returns
    -------
    Patterns

    Raises
    ------
    InputError
        If the gates have not d' rows.
    """
    design = design_matrix(X, bias)
    gates = np.asarray(gates, dtype=np.float64)
    gates = gates[:, None] if gates.ndim == 1 else gates
    if gates.ndim != 2 or len(gates) != design.shape[1]:
        raise InputError(
            f"gates must be ({design.shape[1]}, P) for this X{' with a bias' if bias else ''}, "
            f"got shape {gates.shape}."
        )
    active = design @ gates >= 0
    first = first_of_each(active)
    return Patterns(active[:, first], gates[:, first], bias, fingerprint(X))
