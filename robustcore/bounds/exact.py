"""The exact worst gap of a small network, by mixed-integer linear programming.

It is the referee of the other bounds: exponential in the worst case, meant for a few dozen ReLUs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import LinearConstraint, milp
from scipy.sparse import csr_array, diags_array, eye_array, vstack
from torch import nn

from ..balls import LpBall, check_ball
from ..errors import InputError, SolverError
from .inputs import last_layer_gaps, read_network


def exact(
    net: nn.Module,
    x: torch.Tensor,
    y: torch.Tensor,
    ball: LpBall,
    time_limit: float = 60.0,
    tolerance: float = 1e-6,
) -> torch.Tensor:
    r"""The worst gap itself, :math:`\max_{\delta\in U} z_k(x+\delta)-z_y(x+\delta)`.

    Source: [B] eq. (12); the formulation is that of Tjeng, Xiao, Tedrake (2019)

    Parameters
    ----------
    net : ReLUNetwork or nn.Sequential of supported layers
    x : (n, ...) tensor
    y : (n,) class labels
    ball : LpBall
        p must be 1 or inf. The box is not used.
    time_limit : float
        Seconds for each of the n (K - 1) programs.
    tolerance : float
        Largest allowed distance, absolute plus relative, between the value attained and the
        solver's bound on it.

    Returns
    -------
    (n, K) tensor, float64
        Values that the network *attains* at a point of the ball, found to be maximal within
        `tolerance`: a sound bound lies above them.

    Notes
    -----
    Convolutions are expanded into matrices, max pools into tournaments of ReLUs.

    Raises
    ------
    InputError
        If the ball is neither L1 nor Linf.
    SolverError
        If optimality was not proved within the time limit.
    """
    check_ball(ball)
    if ball.p != 1 and not math.isinf(ball.p):
        raise InputError(f"the exact value needs an L1 or Linf ball, got p={ball.p:g}.")
    with torch.no_grad():
        layers, x, y = read_network(net, x, y, torch.float64)
        V, c = last_layer_gaps(layers, y)
    arrays = [(W.detach().cpu().numpy(), b.detach().cpu().numpy()) for W, b in layers[:-1]]
    result = torch.zeros_like(c)
    for i in range(x.shape[0]):
        program = _Program.build(arrays, x[i].cpu().numpy(), ball)
        for k in range(c.shape[1]):
            if k != int(y[i]):
                row = V[i, k].cpu().numpy()
                value = program.maximise(row, time_limit, tolerance)
                result[i, k] = value + float(c[i, k])
    return result


@dataclass(frozen=True)
class _Program:
    """Constraints of one sample; only the objective changes from class to class.

    Columns: positive and negative part of delta (M each), then for each hidden layer the
    activations h (r_l) and the binary states s (r_l).
    """

    layers: list[tuple[np.ndarray, np.ndarray]]
    x: np.ndarray
    ball: LpBall
    matrix: csr_array
    upper: np.ndarray
    column_upper: np.ndarray
    integer: np.ndarray

    @classmethod
    def build(
        cls, layers: list[tuple[np.ndarray, np.ndarray]], x: np.ndarray, ball: LpBall
    ) -> _Program:
        M = x.size
        n_columns = 2 * M + 2 * sum(b.size for _, b in layers)
        columns = eye_array(n_columns, format="csr")
        delta = columns[:M] - columns[M : 2 * M]
        rows, upper = [columns[: 2 * M].sum(axis=0)[None]], [np.array([ball.radius])]
        if ball.p != 1:
            rows[0] = 0 * rows[0]  # the bounds on the columns say it all
        column_upper, integer = np.ones(n_columns), np.zeros(n_columns)
        column_upper[: 2 * M] = ball.radius
        inputs, at, interval = delta, 2 * M, None
        for W, b in layers:
            low, high = _interval(W, b, x, ball, interval)
            offset = b + W @ x if interval is None else b
            z, h = W @ inputs, columns[at : at + b.size]
            s = columns[at + b.size : at + 2 * b.size]
            low, high = np.minimum(low, 0), np.maximum(high, 0)
            rows += [z - h, h - z - diags_array(low) @ s, h - diags_array(high) @ s]
            upper += [
                -offset,
                offset - low,
                np.zeros_like(b),
            ]  # z <= h <= z - low(1-s), h <= high s
            column_upper[at : at + b.size] = high
            integer[at + b.size : at + 2 * b.size] = 1
            inputs, interval, at = h, (np.zeros_like(b), high), at + 2 * b.size
        matrix = vstack([csr_array(row) for row in rows], format="csr")
        return cls(layers, x, ball, matrix, np.concatenate(upper), column_upper, integer)

    def maximise(self, row: np.ndarray, time_limit: float, tolerance: float) -> float:
        """The largest value of row' h^{L-1}, attained at a point of the ball."""
        M = self.x.size
        cost = np.zeros(self.column_upper.size)
        if self.layers:
            width = self.layers[-1][1].size
            cost[-2 * width : -width] = -row
        else:
            cost[:M], cost[M:] = -row, row
        found = milp(
            cost,
            constraints=LinearConstraint(self.matrix, -np.inf, self.upper),
            bounds=(np.zeros_like(cost), self.column_upper),
            integrality=self.integer,
            options={"time_limit": time_limit, "mip_rel_gap": 0.0},
        )
        if found.x is None:
            raise SolverError(f"the MILP gave no solution: {found.message}")
        delta = self.ball.project(found.x[:M] - found.x[M : 2 * M])
        attained = float(row @ self._activations(delta))
        bound = -float(found.mip_dual_bound if found.mip_dual_bound is not None else found.fun)
        constant = 0.0 if self.layers else float(row @ self.x)
        if bound + constant - attained > tolerance * (1 + abs(attained)):
            raise SolverError(
                f"the MILP stopped between {attained:.6g} and {bound + constant:.6g} "
                f"({found.message}); allow more time or use a smaller network."
            )
        return attained

    def _activations(self, delta: np.ndarray) -> np.ndarray:
        h = self.x + delta
        for W, b in self.layers:
            h = np.maximum(W @ h + b, 0)
        return h


def _interval(
    W: np.ndarray,
    b: np.ndarray,
    x: np.ndarray,
    ball: LpBall,
    inputs: tuple[np.ndarray, np.ndarray] | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Bounds of W h + b: exact for the first layer, interval arithmetic after it."""
    if inputs is None:
        centre, spread = W @ x + b, ball.support(W)
    else:
        low, high = inputs
        centre, spread = W @ (low + high) / 2 + b, np.abs(W) @ (high - low) / 2
    return centre - spread, centre + spread
