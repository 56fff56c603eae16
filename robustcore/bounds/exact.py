"""The exact worst gap of a small network, by mixed-integer linear programming.

It is the referee of the other bounds: exponential in the worst case, meant for a few dozen ReLUs.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import LinearConstraint, milp
from scipy.sparse import csr_array, diags_array, eye_array, vstack
from torch import nn

from ..balls import NORM, Cut, LpBall, Placed, check_set
from ..errors import InputError, SolverError
from .handing_on import Rectified, interval
from .inputs import last_layer_gaps, read_matrices


def exact(
    net: nn.Module,
    x: torch.Tensor,
    y: torch.Tensor,
    ball: LpBall | Cut,
    time_limit: float = 60.0,
    tolerance: float = 1e-6,
    attained: bool = False,
) -> torch.Tensor:
    r"""The worst gap, :math:`\max_{\delta\in U} z_k(x+\delta)-z_y(x+\delta)`, from above.

    Source: [B] eq. (12); the formulation is that of Tjeng, Xiao, Tedrake (2019)

    Parameters
    ----------
    net : ReLUNetwork or nn.Sequential of supported layers
    x : (n, ...) tensor
    y : (n,) class labels
    ball : LpBall or Cut
        p must be 1 or inf. The box of an `LpBall` is not used; over `balls.Cut` the answer is exact
        on the ball cut with it.
    time_limit : float
        Seconds for each of the n (K - 1) programs.
    tolerance : float
        Largest allowed distance, absolute plus relative, between the value attained and the
        solver's bound on it.
    attained : bool
        Whether to give the values that the network attains at points of the ball instead: a sound
        bound lies above them.

    Returns
    -------
    (n, K) tensor, float64
        Upper bounds, and within `tolerance` and what follows of values that are attained.

    Notes
    -----
    The bound is the solver's dual one, never its "optimal" value, on a program whose columns lie in
    [0, 1] and whose rows have 1 as their largest entry. A solver that keeps its tolerances solves a
    program in which each row, column and reduced cost is off by 1e-9; what that is worth, carried
    through the layers with |W|, is added. A bound below a value that the network attains, at the
    solver's point or at a vertex, is refused. Convolutions are expanded into matrices, max pools
    into tournaments of ReLUs, and a ReLU that leaks into one ReLU and another that is always on.

    Raises
    ------
    InputError
        If the ball is neither L1 nor Linf.
    SolverError
        If optimality was not proved within the time limit, or the solver's bound is refuted.
    """
    check_set(ball, "exact", NORM)
    if ball.p != 1 and not math.isinf(ball.p):
        raise InputError(f"the exact value needs an L1 or Linf ball, got p={ball.p:g}.")
    with torch.no_grad():
        layers, leaks, x, y = read_matrices(net, x, y, torch.float64)
        V, c = last_layer_gaps(layers, y)
    placed = Placed.at(ball, x.cpu(), "exact")
    if len(layers) == 1:  # affine: nothing to solve
        gaps = torch.einsum("nkm,nm->nk", V, x) + c + placed.there.support(V)
        return gaps.scatter(1, y[:, None], 0.0)
    arrays = [(W.detach().cpu().numpy(), b.detach().cpu().numpy()) for W, b in layers[:-1]]
    leaking = [None if leak is None else leak.detach().cpu().numpy() for leak in leaks]
    result = torch.zeros_like(c)
    for i in range(x.shape[0]):
        at, own = x[i].cpu().numpy(), placed.of(i)
        here = None if all(a is None for a in leaking) else Rectified.on(arrays, leaking, at, own)
        program = _Program.build(arrays if here is None else here.layers, at, own)
        for k in range(c.shape[1]):
            if k != int(y[i]):
                row, rest = V[i, k].cpu().numpy(), float(c[i, k])
                if here is not None:
                    row, rest = row @ here.matrix, rest + float(row @ here.offset)
                low, high = program.maximise(row, time_limit, tolerance)
                result[i, k] = (low if attained else high) + rest
    return result


_TOLERANCE = 1e-9
_TOLERANCES = {
    "primal_feasibility_tolerance": _TOLERANCE,
    "dual_feasibility_tolerance": _TOLERANCE,
    "mip_feasibility_tolerance": _TOLERANCE,
    "mip_abs_gap": _TOLERANCE,
}


@dataclass(frozen=True)
class _Program:
    """Constraints of one sample; only the objective changes from class to class.

    Columns: positive and negative part of delta (M each), then for each hidden layer the
    activations h (r_l) and the binary states s (r_l), each divided by its upper bound. `slack` is
    how far the last activations are off if the solver uses its tolerances up.
    """

    layers: list[tuple[np.ndarray, np.ndarray]]
    x: np.ndarray
    ball: Placed
    matrix: csr_array
    upper: np.ndarray
    column_upper: np.ndarray
    integer: np.ndarray
    slack: np.ndarray

    @classmethod
    def build(
        cls, layers: list[tuple[np.ndarray, np.ndarray]], x: np.ndarray, ball: Placed
    ) -> _Program:
        M = x.size
        n_columns = 2 * M + 2 * sum(b.size for _, b in layers)
        columns = eye_array(n_columns, format="csr")
        delta = columns[:M] - columns[M : 2 * M]
        rows, upper = [columns[: 2 * M].sum(axis=0)[None]], [np.array([ball.radius])]
        if ball.p != 1:
            rows[0] = 0 * rows[0]  # the bounds on the columns say it all
        column_upper, integer = np.ones(n_columns), np.zeros(n_columns)
        column_upper[: 2 * M] = torch.cat([ball.up[0], ball.down[0]]).numpy()
        inputs, at, inside = delta, 2 * M, None
        slack = np.full(M, 3 * _TOLERANCE * ball.radius)
        for W, b in layers:
            low, high = interval(W, b, x, ball, inside)
            offset = b + W @ x if inside is None else b
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
            # three rows and a column, none with an entry above the neuron's width
            widest = np.abs(csr_array(z) @ diags_array(column_upper)).max(axis=1).toarray().ravel()
            largest = np.maximum(np.maximum(high, -low), widest)
            slack = np.abs(W) @ slack + 4 * _TOLERANCE * largest
            inputs, inside, at = h, (np.zeros_like(b), high), at + 2 * b.size
        matrix = csr_array(vstack([csr_array(row) for row in rows]) @ diags_array(column_upper))
        size = np.abs(matrix).max(axis=1).toarray().ravel()
        size[size == 0] = 1.0
        matrix = csr_array(diags_array(1 / size) @ matrix)
        upper_of = np.concatenate(upper) / size
        return cls(layers, x, ball, matrix, upper_of, column_upper, integer, slack)

    def maximise(self, row: np.ndarray, time_limit: float, tolerance: float) -> tuple[float, float]:
        """The largest value of row' h^{L-1}: attained at a point of the ball, and bounded."""
        width = self.layers[-1][1].size
        cost = np.zeros(self.column_upper.size)
        cost[-2 * width : -width] = -row * self.column_upper[-2 * width : -width]
        size = np.abs(cost).sum()
        if size == 0:
            return 0.0, 0.0
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # scipy hands on the tolerances, and says so
            found = milp(
                cost / size,
                constraints=LinearConstraint(self.matrix, -np.inf, self.upper),
                bounds=(0.0, (self.column_upper > 0).astype(float)),
                integrality=self.integer,
                options={"time_limit": time_limit, "mip_rel_gap": 0.0, **_TOLERANCES},
            )
        if found.x is None or found.mip_dual_bound is None:
            raise SolverError(f"the MILP gave no solution: {found.message}")
        attained = float((self._activations(self._tried(found.x)) @ row).max())
        bound = -float(found.mip_dual_bound) * size
        slack = np.abs(row) @ self.slack + _TOLERANCE * size * cost.size
        if not bound + slack >= attained - 1e-12 * size:
            raise SolverError(
                f"the MILP's bound {bound:.9g} lies below {attained:.9g}, which the network "
                "attains; scale the network or use another bound."
            )
        if bound - attained > tolerance * (1 + abs(attained)):
            raise SolverError(
                f"the MILP stopped between {attained:.6g} and {bound:.6g} "
                f"({found.message}); allow more time or use a smaller network."
            )
        return attained, max(bound, attained) + slack

    def _tried(self, found: np.ndarray) -> np.ndarray:
        """Points of the set at which the network is asked: (v, M), the solver's own first."""
        M = self.x.size
        up, down = self.column_upper[:M], self.column_upper[M : 2 * M]
        own = np.clip(found[:M] * up - found[M : 2 * M] * down, -down, up)
        if self.ball.p != 1:
            return own[None]
        own = own * min(1.0, self.ball.radius / max(np.abs(own).sum(), np.finfo(float).tiny))
        return np.concatenate([own[None], np.diag(up), -np.diag(down)])

    def _activations(self, delta: np.ndarray) -> np.ndarray:
        """The last hidden layer at x + delta: (v, M) -> (v, r)."""
        h = self.x + delta
        for W, b in self.layers:
            h = np.maximum(h @ W.T + b, 0)
        return h
