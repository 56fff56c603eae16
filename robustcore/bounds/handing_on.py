r"""ReLUs that leak, and values that are handed on, as ReLUs alone: on one ball, around one sample.

Where :math:`z \ge m`, a bound that interval arithmetic gives,
:math:`\max(z, az) = (1-a)[z]_+ + a([z-m]_+ + m)`: the second ReLU never switches, and costs a
mixed-integer program nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from ..balls import Placed

Arrays = list[tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Rectified:
    """Hidden layers with ReLUs alone; the old last activations are `matrix` h + `offset`."""

    layers: Arrays
    matrix: np.ndarray
    offset: np.ndarray

    @classmethod
    def on(
        cls, layers: Arrays, leaks: list[np.ndarray | None], x: np.ndarray, ball: Placed
    ) -> Rectified:
        """Those of one sample on one ball."""
        found: Arrays = []
        matrix, offset = np.eye(x.size), np.zeros(x.size)
        reach: tuple[np.ndarray, np.ndarray] | None = None
        for (W, b), leak in zip(layers, leaks, strict=True):
            W, b = W @ matrix, b + W @ offset
            low, _ = interval(W, b, x, ball, reach)
            a = np.zeros(b.size) if leak is None else leak
            on, kept = np.flatnonzero(a > 0), np.flatnonzero(a < 1)
            least = low[on] - 1e-6 * (1 + np.abs(low[on]))  # below it by more than any rounding
            W, b = np.concatenate([W[kept], W[on]]), np.concatenate([b[kept], b[on] - least])
            found.append((W, b))
            matrix, offset = np.zeros((a.size, b.size)), np.zeros(a.size)
            matrix[kept, np.arange(kept.size)] = 1 - a[kept]
            matrix[on, kept.size + np.arange(on.size)] = a[on]
            offset[on] = a[on] * least
            reach = np.zeros(b.size), np.maximum(interval(W, b, x, ball, reach)[1], 0)
        return cls(found, matrix, offset)


def interval(
    W: np.ndarray,
    b: np.ndarray,
    x: np.ndarray,
    ball: Placed,
    inputs: tuple[np.ndarray, np.ndarray] | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Bounds of W h + b for one sample: exact for the first layer, interval arithmetic after it."""
    if inputs is None:
        rows = torch.from_numpy(W)
        below, above = (ball.there.of_rows(side).numpy().reshape(-1) for side in (-rows, rows))
        return W @ x + b - below, W @ x + b + above
    low, high = inputs
    centre, spread = W @ (low + high) / 2 + b, np.abs(W) @ (high - low) / 2
    return centre - spread, centre + spread
