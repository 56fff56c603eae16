"""The exact worst gap over sets that `bounds.exact` does not know: cut balls and polytopes.

A second mixed-integer program, written apart from the first, so that one can be held against the
other on the L1 and Linf balls, which both know.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import LinearConstraint, milp

from robustcore.balls import LpBall
from robustcore.errors import SolverError
from robustcore.networks import ReLUNetwork, affine_layers


@dataclass(frozen=True)
class Shape:
    r"""Perturbations :math:`\{Gu : 0\le u\le \bar u,\ \underline\tau\le\sum u\le\tau\}`.

    Source: own

    Parameters
    ----------
    generators : (M, k) array
        G.
    upper : (k,) array
        Largest value of each weight.
    total : (float, float)
        Least and largest sum of the weights.
    """

    generators: np.ndarray
    upper: np.ndarray
    total: tuple[float, float]

    @classmethod
    def ball(cls, ball: LpBall, x: np.ndarray) -> Shape:
        """An L1 or Linf ball around x, cut with its box if it has one."""
        M = x.size
        generators = ball.radius * np.concatenate([np.eye(M), -np.eye(M)], axis=1)
        upper = np.ones(2 * M)
        if ball.box is not None:
            room = np.concatenate([ball.box[1] - x, x - ball.box[0]])
            upper = np.minimum(1.0, room / ball.radius)
        return cls(generators, upper, (0.0, 1.0 if ball.p == 1 else 2.0 * M))

    @classmethod
    def hull(cls, vertices: np.ndarray) -> Shape:
        """The convex hull of (V, M) vertices."""
        return cls(vertices.T, np.ones(len(vertices)), (1.0, 1.0))

    def highest(self, rows: np.ndarray) -> np.ndarray:
        """At least the largest value of each row times G u; exact unless many weights are free."""
        gains = np.maximum(rows @ self.generators, 0.0)
        return np.minimum((gains * self.upper).sum(1), self.total[1] * gains.max(1))


def worst_gaps(
    net: ReLUNetwork, x: torch.Tensor, y: int, shape: Shape, tolerance: float = 1e-6
) -> torch.Tensor:
    """The largest value of every gap over a set, attained at a point of it.

    Source: [B] eq. (12); formulation of Tjeng, Xiao, Tedrake (2019)

    Parameters
    ----------
    net : ReLUNetwork with at least one hidden layer
    x : (M,) tensor
    y : int
    shape : Shape
    tolerance : float
        Largest allowed distance between the value attained and the solver's bound on it.

    Returns
    -------
    (K,) tensor, float64

    Raises
    ------
    SolverError
        If a program was not solved to `tolerance`.
    """
    layers = [(W.detach().double().numpy(), b.detach().double().numpy()) for W, b in _pairs(net)]
    centre = x.double().numpy()
    program = _constraints(layers[:-1], centre, shape)
    W, b = layers[-1]
    result = torch.zeros(len(b), dtype=torch.float64)
    for k in range(len(b)):
        if k != y:
            value = _maximise(program, W[k] - W[y], layers[:-1], centre, shape, tolerance)
            result[k] = value + b[k] - b[y]
    return result


def _pairs(net: ReLUNetwork) -> list[tuple[torch.Tensor, torch.Tensor]]:
    return [(W, b) for W, b in affine_layers(net)]


@dataclass(frozen=True)
class _Constraints:
    """low <= A v <= high, 0 <= v <= top; v = weights, then (activations, states) of each layer."""

    A: np.ndarray
    low: np.ndarray
    high: np.ndarray
    top: np.ndarray
    integer: np.ndarray


def _constraints(layers: list, x: np.ndarray, shape: Shape) -> _Constraints:
    k = shape.upper.size
    size = k + 2 * sum(b.size for _, b in layers)
    top, integer = np.ones(size), np.zeros(size)
    top[:k] = shape.upper
    budget = np.zeros((1, size))
    budget[0, :k] = 1
    blocks = [budget]
    lows, highs = [np.array([shape.total[0]])], [np.array([shape.total[1]])]
    inputs = np.zeros((x.size, size))
    inputs[:, :k] = shape.generators
    offset, reach, at = x, None, k
    for W, b in layers:
        r, eye = b.size, np.eye(size)
        z, constant = W @ inputs, W @ offset + b
        if reach is None:
            up, down = constant + shape.highest(W), constant - shape.highest(-W)
        else:
            up, down = (s * np.maximum(s * W, 0) @ reach + constant for s in (1, -1))
        up, down = np.maximum(up, 0), np.minimum(down, 0)
        h, s = eye[at : at + r], eye[at + r : at + 2 * r]
        blocks += [h - z, h - z - down[:, None] * s, h - up[:, None] * s]
        lows += [constant, np.full(r, -np.inf), np.full(r, -np.inf)]
        highs += [np.full(r, np.inf), constant - down, np.zeros(r)]
        top[at : at + r], integer[at + r : at + 2 * r] = up, 1
        inputs, offset, reach, at = h, np.zeros(r), up, at + 2 * r
    A, low, high = (np.concatenate(v) for v in (blocks, lows, highs))
    return _Constraints(A, low, high, top, integer)


def _maximise(
    found: _Constraints,
    row: np.ndarray,
    layers: list,
    x: np.ndarray,
    shape: Shape,
    tolerance: float,
) -> float:
    cost = np.zeros(found.top.size)
    cost[-2 * row.size : -row.size] = -row
    solved = milp(
        cost,
        constraints=LinearConstraint(found.A, found.low, found.high),
        bounds=(np.zeros_like(cost), found.top),
        integrality=found.integer,
        options={"mip_rel_gap": 0.0},
    )
    if solved.x is None:
        raise SolverError(f"the MILP gave no solution: {solved.message}")
    weights = np.clip(solved.x[: shape.upper.size], 0, shape.upper)
    total = weights.sum()
    if total > shape.total[1] or shape.total[0] > 0:
        weights = weights * (shape.total[1] / total)
    h = x + shape.generators @ weights
    for W, b in layers:
        h = np.maximum(W @ h + b, 0)
    attained = float(row @ h)
    if -solved.mip_dual_bound - attained > tolerance * (1 + abs(attained)):
        raise SolverError(f"the MILP stopped between {attained:.6g} and {-solved.fun:.6g}.")
    return attained
