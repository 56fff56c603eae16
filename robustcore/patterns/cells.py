"""All patterns: the cells of the arrangement of hyperplanes {u : x_k u = 0}.

Every full-dimensional cell has a facet, a facet lies on one hyperplane, and the facets on that
hyperplane are the cells of the arrangement that the others cut out in it: one dimension less. So
the cells are found by recursion over the rank, down to a plane, where they are sectors. Rows that
are zero, parallel or opposite need no general position: they are merged at each level.
"""

from __future__ import annotations

import math

import numpy as np

from ..errors import InputError
from .record import Patterns, design_matrix, fingerprint, first_of_each

_SAME_DIRECTION = 1e-9  # unit normals closer than this are one hyperplane
_MOST_PATTERNS = 2_000_000


def count(n: int, rank: int) -> int:
    r"""Number of patterns of n samples in general position.

    .. math:: 2\sum_{k<r}\binom{n-1}{k}

    Source: own (Cover 1965; [A] Section III only bounds it)

    Notes
    -----
    Exact when every r rows of X are independent, an upper bound otherwise.
    """
    return 2 * sum(math.comb(n - 1, k) for k in range(rank)) if rank else 1


def count_bound(n: int, rank: int) -> float:
    r"""The bound on the number of patterns that paper A quotes.

    .. math:: \min\bigl\{2^n,\; 2r\,(e(n-1)/r)^r\bigr\}

    Source: [A] Section III
    """
    return min(2.0**n, 2 * rank * (math.e * (n - 1) / rank) ** rank) if rank and n > 1 else 2.0


def enumerate_all(X: np.ndarray, bias: bool = False) -> Patterns:
    """Every pattern that a set of gates of positive measure has; exposed as `enumerate`.

    Source: [A] Section II-C

    Parameters
    ----------
    X : (n, d) array
        Of low rank: the number of patterns grows as n to the power rank - 1.
    bias : bool
        Append a column of ones to X.

    Returns
    -------
    Patterns
        With a gate inside each cell, sorted as binary numbers.

    Raises
    ------
    InputError
        If there may be more than two million patterns.

    Notes
    -----
    Exact. The set {[Xu >= 0]} of the paper also has a pattern for gates that lie on hyperplanes
    (u = 0 gives the all-active one). Those whose cell is flat add nothing to (5): each v allowed
    by them is allowed by a neighbouring cell with the same output.
    """
    design = design_matrix(X, bias)
    _, singular, axes = np.linalg.svd(design, full_matrices=False)
    rank = int((singular > singular[0] * max(design.shape) * np.finfo(float).eps).sum())
    if singular[0] == 0:
        rank = 0
    if count(len(design), rank) > _MOST_PATTERNS:
        raise InputError(
            f"up to {count(len(design), rank)} patterns exist for n={len(design)} and rank {rank}, "
            f"more than {_MOST_PATTERNS}; sample them instead."
        )
    active, gates = _cells(design @ axes[:rank].T)
    order = np.lexsort(active[::-1])
    return Patterns(active[:, order], axes[:rank].T @ gates[:, order], bias, fingerprint(X))


def _cells(X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Patterns (n, P) and inner gates (r, P) of rows that span R^r."""
    n, r = X.shape
    lengths = np.linalg.norm(X, axis=1)
    zero = lengths <= _SAME_DIRECTION * max(lengths.max(initial=0.0), np.finfo(float).tiny)
    normals = X[~zero] / lengths[~zero, None]
    if r <= 1:
        active = np.ones((n, 2 if r else 1), dtype=bool)
        if r:
            active[~zero] = normals * np.array([[1.0, -1.0]]) > 0
        return active, np.array([[1.0, -1.0]]) if r else np.zeros((0, 1))
    group, sign = _hyperplanes(normals)
    planes = normals[np.unique(group, return_index=True)[1]]
    cells, gates = _sectors(planes) if r == 2 else _from_facets(planes)
    active = np.ones((n, cells.shape[1]), dtype=bool)
    active[~zero] = cells[group] == (sign > 0)[:, None]
    return active, gates


def _hyperplanes(normals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each unit normal: the number of its hyperplane, and its sign against the first in it."""
    group = np.full(len(normals), -1)
    sign = np.ones(len(normals))
    n_groups = 0
    for k in range(len(normals)):
        if group[k] >= 0:
            continue
        side = np.sign(normals @ normals[k])
        distance = np.linalg.norm(normals * side[:, None] - normals[k], axis=1)
        same = (distance <= _SAME_DIRECTION) & (group < 0)
        group[same], sign[same] = n_groups, side[same]
        n_groups += 1
    return group, sign


def _sectors(planes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The cells of distinct lines through the origin of a plane: two sectors for each line."""
    angles = np.sort(np.arctan2(planes[:, 1], planes[:, 0]) % np.pi)
    middles = (angles + np.append(angles[1:], angles[0] + np.pi)) / 2 + np.pi / 2
    middles = np.concatenate([middles, middles + np.pi])
    gates = np.stack([np.cos(middles), np.sin(middles)])
    return planes @ gates > 0, gates


def _from_facets(planes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The cells on both sides of every facet of every hyperplane, each kept once."""
    found, inner = [], []
    for k, normal in zip(range(len(planes)), planes, strict=True):
        basis = np.linalg.svd(normal[None])[2][1:].T  # (r, r-1), the hyperplane itself
        others = np.delete(planes, k, axis=0)
        facets, facet_gates = _cells(others @ basis)
        on_plane = basis @ facet_gates
        slope, height = others @ normal, np.abs(others @ on_plane)
        # step off the hyperplane, half way to the next one
        with np.errstate(divide="ignore"):
            step = np.min(height / np.abs(slope)[:, None], axis=0, initial=1.0) / 2
        for side in (1.0, -1.0):
            gates = on_plane + side * step * normal[:, None]
            found.append(np.insert(facets, k, side > 0, axis=0))
            inner.append(gates / np.linalg.norm(gates, axis=0))
    active, gates = np.hstack(found), np.hstack(inner)
    first = first_of_each(active)
    return active[:, first], gates[:, first]
