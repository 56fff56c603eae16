"""The linear programs behind the sup-inf form of paper B's Theorem 8, for small networks.

Shape letters: v vertices of the ball, r_l neurons in hidden layer l, H hidden layers.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog

from ..errors import SolverError

Layers = Sequence[tuple[np.ndarray, np.ndarray]]


def exchanged_value(row: np.ndarray, first: np.ndarray) -> float:
    """min over 0 <= q <= [-row]_+ of max over vertices of [row]_+'[z]_+ - q'z: (26) without c'b.

    Parameters
    ----------
    row : (r,) c'W^2
    first : (v, r) z^1 at the vertices of the ball
    """
    up, down = np.maximum(row, 0), np.maximum(-row, 0)
    n_vertices, width = first.shape
    matrix = np.hstack([-np.ones((n_vertices, 1)), -first])  # columns tau, q
    bounds = [(None, None), *((0.0, d) for d in down)]
    return _solve(matrix, -np.maximum(first, 0) @ up, bounds, width + 1)


def nested_value(layers: Layers, row: np.ndarray, first: np.ndarray) -> float:
    """(34) without c'b: one linear program for each binary s_L, the largest of their values.

    Parameters
    ----------
    layers : (W^l, b^l), l = 1..H
    row : (r_H,) c'W^L
    first : (v, r_1) z^1 at the vertices of the ball
    """
    up = np.maximum(row, 0)
    return max(_Nested(layers, first, s).solve(row) for s in _states(up > 0))


def _states(free: np.ndarray) -> Iterator[np.ndarray]:
    """All 0/1 vectors that are 0 where `free` is not."""
    for chosen in itertools.product((0.0, 1.0), repeat=int(free.sum())):
        state = np.zeros(len(free))
        state[free] = chosen
        yield state


@dataclass(frozen=True)
class _Nested:
    """inf over t_L, then sup over s and inf over t of each lower layer, as one linear program.

    Columns: tau, then a block q = t * (...) for each node of the tree of binary s. As the inf of a
    maximum over branches with variables of their own is the maximum of their infs, one tau above
    all leaves is enough. Affine forms in the columns carry their constant in a last entry.
    """

    layers: Layers
    first: np.ndarray  # z^1 at the vertices of the ball
    top: np.ndarray  # binary s_L

    def solve(self, row: np.ndarray) -> float:
        widths = [b.size for _, b in self.layers]
        nodes = [2 ** sum(widths[l:-1]) for l in range(len(widths))]  # s_L is fixed, others branch
        columns = 1 + sum(n * r for n, r in zip(nodes, widths, strict=True))
        constant = np.eye(columns + 1)[-1]
        rows: list[np.ndarray] = []
        fresh = iter(range(1, columns))
        self._grow(
            len(widths),
            np.outer(np.maximum(row, 0), constant),
            np.outer(np.maximum(-row, 0), constant),
            0 * constant,
            rows,
            fresh,
        )
        stacked = np.concatenate(rows)
        bounds = [(None, None)] + [(0.0, None)] * (columns - 1)
        return _solve(stacked[:, :-1], -stacked[:, -1], bounds, columns)

    def _grow(
        self,
        level: int,
        P: np.ndarray,
        Q: np.ndarray,
        offset: np.ndarray,
        rows: list[np.ndarray],
        fresh: Iterator[int],
    ) -> None:
        """Add the rows of layer `level` and of all below it; P, Q are p, q at s = t = 1."""
        states = [self.top] if level == len(self.layers) else _states(np.ones(len(P), dtype=bool))
        for s in states:
            q = np.eye(P.shape[1])[[next(fresh) for _ in range(len(Q))]]
            rows.append(q - Q)  # t <= 1
            p = s[:, None] * P
            if level == 1:
                leaf = self.first @ (p - q) + offset
                leaf[:, 0] -= 1  # tau above every vertex
                rows.append(leaf)
                continue
            W, b = self.layers[level - 1]
            up, down = np.maximum(W, 0).T, np.maximum(-W, 0).T
            below = offset + b @ (p - q)
            self._grow(level - 1, up @ p + down @ q, down @ p + up @ q, below, rows, fresh)  # (30)


def _solve(
    matrix: np.ndarray,
    right: np.ndarray,
    bounds: Sequence[tuple[float | None, float | None]],
    n: int,
) -> float:
    """Minimise the first of n columns subject to matrix @ columns <= right."""
    found = linprog(np.eye(n)[0], A_ub=matrix, b_ub=right, bounds=bounds, method="highs")
    if found.status != 0:
        raise SolverError(f"a linear program of the sup-inf form failed: {found.message}")
    return float(found.fun)
