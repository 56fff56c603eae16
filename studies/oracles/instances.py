"""Small instances of paper A's programs, degenerate on purpose, and the slow ways to check them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import linprog

from robustcore import patterns
from robustcore.balls import LpBall
from robustcore.networks import TwoLayerReLU
from robustcore.patterns import Patterns

LINF = float("inf")
LOSSES = ("hinge", "squared", "logistic")
DEGENERACIES = ("none", "duplicate row", "zero row", "opposite row", "constant column", "rank one")


@dataclass(frozen=True)
class Instance:
    """A training problem small enough to enumerate.

    Source: own
    """

    X: np.ndarray
    y: np.ndarray
    bias: bool
    perturb_bias: bool
    ball: LpBall
    beta: float
    loss: str
    rng: np.random.Generator

    @property
    def all_patterns(self) -> Patterns:
        """Every pattern of X."""
        return patterns.enumerate(self.X, self.bias)


def instance(seed: int) -> Instance:
    """Instance number `seed`: 4 to 10 samples in 2 or 3 dimensions, every kind of degeneracy.

    Source: own
    """
    rng = np.random.default_rng(seed)
    kind = DEGENERACIES[seed % len(DEGENERACIES)]
    n, d = int(rng.integers(4, 11)), 2 if seed % 3 else 3
    X = rng.standard_normal((n, d))
    if kind == "duplicate row":
        X[-1] = X[0]
    elif kind == "zero row":
        X[-1] = 0.0
    elif kind == "opposite row":
        X[-1] = -2.0 * X[0]
    elif kind == "constant column":
        X[:, -1] = 1.0
    elif kind == "rank one":
        X = np.outer(X[:, 0], X[0])
    y = rng.choice([-1.0, 1.0], size=n)
    y[:2] = 1.0, -1.0
    bias = bool(rng.integers(2)) and d == 2
    return Instance(
        X=X,
        y=y,
        bias=bias,
        perturb_bias=bias and bool(rng.integers(2)),
        ball=LpBall(LINF, float(rng.choice([0.02, 0.1, 0.3]))),
        beta=float(rng.choice([1e-1, 1e-2, 1e-3])),
        loss=LOSSES[seed % 3],
        rng=rng,
    )


def feasible_over_vertices(
    X: np.ndarray, candidates: Patterns, ball: LpBall, perturb_bias: bool
) -> np.ndarray:
    """(10b) literally: e_k (x_k + delta) v >= 0 at every vertex delta, and X v != 0.

    Source: [A] eq. (10b)
    """
    design = patterns.design_matrix(X, candidates.bias)
    unperturbed = design.shape[1] - X.shape[1] if not perturb_bias else 0
    corners = ball.vertices(design.shape[1] - unperturbed)
    corners = np.pad(corners, ((0, 0), (0, unperturbed)))
    answers = []
    for e in candidates.signs.T:
        rows = (e[:, None, None] * (design[:, None] + corners)).reshape(-1, design.shape[1])
        total = (e[:, None] * design).sum(axis=0)
        best = linprog(-total, A_ub=-rows, b_ub=np.zeros(len(rows)), bounds=(-1, 1), method="highs")
        answers.append(-best.fun > 1e-7)
    return np.array(answers, dtype=bool)


def random_network(case: Instance, width: int) -> TwoLayerReLU:
    """A network that nobody trained.

    Source: own
    """
    u = torch.from_numpy(case.rng.standard_normal((width, case.X.shape[1])))
    alpha, b = (torch.from_numpy(case.rng.standard_normal(width)) for _ in range(2))
    return TwoLayerReLU(u, alpha, b if case.bias else None)
