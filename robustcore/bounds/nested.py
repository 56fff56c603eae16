r"""The linear programs behind the sup-inf form of paper B's Theorem 8, for small networks.

Each is a minimum over slopes, so whatever a solver answers, put into [0, 1], gives an upper bound;
its multipliers give a lower one by weak duality. The value is the first, and is refused unless the
second is close: nothing rests on the solver's word.

Shape letters: v vertices of the ball, r_l neurons in hidden layer l, H hidden layers.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import linprog

from ..errors import SolverError

Layers = Sequence[tuple[np.ndarray, np.ndarray]]
_TOLERANCE = 1e-7  # absolute plus relative, between the two bounds of one program


def exchanged_value(row: np.ndarray, first: np.ndarray, size: np.ndarray) -> float:
    """min over 0 <= q <= [-row]_+ of max over vertices of [row]_+'[z]_+ - q'z: (26) without c'b.

    Source: [B] eq. (26)

    Parameters
    ----------
    row : (r,) c'W^2
    first : (v, r) z^1 at the vertices of the ball
    size : (v, r) sums of the absolute values of what z^1 adds up
    """
    up, down = np.maximum(row, 0), np.maximum(-row, 0)
    program = _Program(1 + row.size)
    program.cap(np.arange(1, 1 + row.size), np.outer(down, np.eye(2 + row.size)[-1]))  # t <= 1
    nothing = np.zeros(len(first))
    leaf = np.column_stack([nothing, -first, np.maximum(first, 0) @ up])
    program.leaf(leaf, np.column_stack([nothing, size, size @ up]))
    return program.solve()


def nested_value(layers: Layers, row: np.ndarray, first: np.ndarray, size: np.ndarray) -> float:
    """(34) without c'b: one linear program for each binary s_L, the largest of their values.

    Source: [B] Theorem 8, eq. (34)

    Parameters
    ----------
    layers : (W^l, b^l), l = 1..H
    row : (r_H,) c'W^L
    first : (v, r_1) z^1 at the vertices of the ball
    size : (v, r_1) sums of the absolute values of what z^1 adds up
    """
    states = _states(row > 0)
    return max(_Nested(layers, first, size, s).program(row).solve() for s in states)


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
    size: np.ndarray
    top: np.ndarray  # binary s_L

    def program(self, row: np.ndarray) -> _Program:
        widths = [b.size for _, b in self.layers]
        nodes = [2 ** sum(widths[l:-1]) for l in range(len(widths))]  # s_L is fixed, others branch
        program = _Program(1 + sum(n * r for n, r in zip(nodes, widths, strict=True)))
        constant = np.eye(program.columns + 1)[-1]
        self._grow(
            len(widths),
            np.outer(np.maximum(row, 0), constant),
            np.outer(np.maximum(-row, 0), constant),
            (0 * constant, 0 * constant),
            program,
            iter(range(1, program.columns)),
        )
        return program

    def _grow(
        self,
        level: int,
        P: np.ndarray,
        Q: np.ndarray,
        offset: tuple[np.ndarray, np.ndarray],
        program: _Program,
        fresh: Iterator[int],
    ) -> None:
        """Add layer `level` and all below it; P, Q are p, q at s = t = 1, the offset has a size."""
        states = [self.top] if level == len(self.layers) else _states(np.ones(len(P), dtype=bool))
        for s in states:
            columns = np.array([next(fresh) for _ in range(len(Q))])
            program.cap(columns, Q)  # t <= 1
            p, q = s[:, None] * P, np.eye(P.shape[1])[columns]
            if level == 1:
                leaf = self.first @ (p - q) + offset[0]
                program.leaf(leaf, self.size @ (p + q) + offset[1])
                continue
            W, b = self.layers[level - 1]
            up, down = np.maximum(W, 0).T, np.maximum(-W, 0).T
            below = offset[0] + b @ (p - q), offset[1] + np.abs(b) @ (p + q)
            self._grow(
                level - 1, up @ p + down @ q, down @ p + up @ q, below, program, fresh
            )  # (30)


@dataclass
class _Program:
    """Minimise the largest leaf over columns z >= 0, each below a cap that earlier columns set.

    Column 0 is tau, the largest leaf. A form is a row over the columns and a constant. Caps have
    no negative entry, so any z can be put below them one after the other.
    """

    columns: int
    caps: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list)
    leaves: list[np.ndarray] = field(default_factory=list)
    sizes: list[np.ndarray] = field(default_factory=list)

    def cap(self, columns: np.ndarray, forms: np.ndarray) -> None:
        """z[columns] <= forms."""
        self.caps.append((columns, forms))

    def leaf(self, forms: np.ndarray, size: np.ndarray) -> None:
        """tau >= forms, whose terms have the absolute values `size`."""
        self.leaves.append(forms)
        self.sizes.append(size)

    def solve(self) -> float:
        """A proved upper bound of the minimum, as near as rounding and the tolerance allow."""
        leaf, size = np.concatenate(self.leaves), np.concatenate(self.sizes)
        eye = np.eye(self.columns + 1)
        below = np.concatenate([eye[columns] - forms for columns, forms in self.caps])
        rows = np.concatenate([leaf - eye[0], below])
        found = linprog(
            eye[0, :-1],
            A_ub=rows[:, :-1],
            b_ub=-rows[:, -1],
            bounds=[(None, None)] + [(0.0, None)] * (self.columns - 1),
            method="highs",
        )
        if found.status != 0:
            raise SolverError(f"a linear program of the sup-inf form failed: {found.message}")
        z, widest = self._below_caps(found.x), self._below_caps(np.full(self.columns, np.inf))
        weight = np.maximum(-found.ineqlin.marginals, 0)
        weight = weight / (weight[: len(leaf)].sum() or np.nan)  # tau drops out
        # every sum has fewer terms than there are rows and columns; twice, for z below its caps
        unit = 4 * sum(rows.shape) * np.finfo(float).eps
        moved = unit * np.concatenate([size, np.abs(below)]) @ widest
        above, under = float(moved[: len(leaf)].max()), float(weight @ moved)
        slope = weight @ rows
        high = float((leaf @ z).max())
        low = float(slope[-1] + np.minimum(slope[1:-1], 0) @ widest[1:-1])
        if not high - low <= _TOLERANCE * (1 + abs(high)) + above + under:
            raise SolverError(
                f"a linear program of the sup-inf form lies between {low:.9g} and {high:.9g}, "
                "not closer; scale the network or use bounds.rub."
            )
        return high + above

    def _below_caps(self, wanted: np.ndarray) -> np.ndarray:
        """The largest z that is neither above the caps nor above `wanted`, and 1 at its end."""
        z = np.zeros(self.columns + 1)
        z[-1] = 1.0
        for columns, forms in self.caps:
            z[columns] = np.clip(wanted[columns], 0, forms @ z)
        return z
