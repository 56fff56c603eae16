"""What the programs of paper A share: their data in good units, and their variables.

Shape letters: n samples, d' inputs with the column of ones, P patterns, R distinct pattern rows.
"""

from __future__ import annotations

import math
import numbers
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from ..balls import LpBall
from ..errors import InputError, check_finite, check_length
from ..losses import ConvexLoss, named
from ..patterns import Patterns, design_matrix


@dataclass(frozen=True)
class Problem:
    """What is to be solved: data, patterns, loss and ball, as the caller has them, and checked.

    Source: [A] eqs. (8), (10)

    Attributes
    ----------
    X : (n, d) array
    y : (n,) array
    patterns : Patterns
    beta : float
    loss : ConvexLoss
    ball : LpBall or None
        None for standard training.
    perturb_bias : bool
    """

    X: np.ndarray
    y: np.ndarray
    patterns: Patterns
    beta: float
    loss: ConvexLoss
    ball: LpBall | None = None
    perturb_bias: bool = False

    @classmethod
    def of(
        cls,
        X: np.ndarray,
        y: np.ndarray,
        patterns: Patterns,
        beta: float,
        loss: str,
        ball: LpBall | None = None,
        perturb_bias: bool = False,
    ) -> Self:
        """Check every argument at the door.

        Source: own

        Raises
        ------
        InputError
            For an unknown loss, labels that do not fit it, beta <= 0, or patterns of another X.
        """
        kind = named(loss)
        if not isinstance(beta, numbers.Real) or not (math.isfinite(beta) and beta > 0):
            raise InputError(f"beta must be a positive number, got {beta!r}.")
        if not isinstance(patterns, Patterns):
            raise InputError(
                f"patterns must be a Patterns record, got {type(patterns).__name__}; make one with "
                "patterns.sample or patterns.enumerate."
            )
        X, y = as_doubles("X", X), as_doubles("y", y)
        design = design_matrix(X, patterns.bias)
        patterns.check_belongs_to(X)
        check_length("y", y, len(design), "X")
        check_finite("y", y)
        kind.check(y)
        return cls(X, y, patterns, float(beta), kind, ball, perturb_bias)

    def over(self, kept: np.ndarray) -> Self:
        """The same over some of the patterns."""
        return self if kept.all() else replace(self, patterns=self.patterns.take(kept))

    def scaled(self) -> Data:
        """In the units that solvers like."""
        design = design_matrix(self.X, self.patterns.bias)
        sigma = float(np.linalg.norm(design, 2)) / math.sqrt(len(design)) or 1.0
        ball = LpBall(math.inf, 0.0) if self.ball is None else self.ball
        return Data(
            design=design / sigma,
            y=self.y,
            active=self.patterns.active.astype(float),
            signs=self.patterns.signs,
            beta=self.beta / sigma,
            ball=ball.with_radius(ball.radius / sigma),
            attacked=design.shape[1] - (self.patterns.bias and not self.perturb_bias),
            loss=self.loss,
            sigma=sigma,
        )


@dataclass(frozen=True)
class Data:
    """A problem in the units the solvers like: X divided by sigma = ||X||_2 / sqrt(n).

    Dividing X by sigma multiplies v and w by it; with beta and the radius divided as well, every
    value of every program stays what it was.
    """

    design: np.ndarray  # (n, d')
    y: np.ndarray  # (n,)
    active: np.ndarray  # (n, P) of 0.0 and 1.0
    signs: np.ndarray  # (n, P)
    beta: float
    ball: LpBall
    attacked: int  # how many leading columns the ball perturbs
    loss: ConvexLoss
    sigma: float


def as_doubles(name: str, values: Any) -> np.ndarray:
    """An array of doubles, or one sentence on what is not a number.

    Source: own
    """
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} must be an array of numbers, but {error}; convert it.") from error


@dataclass(frozen=True)
class Parts:
    """The cvxpy variables and constraints that (5), (8), (14) and (15) have in common."""

    v: Any  # (P, d')
    w: Any  # (P, d')
    score: Any  # (n,), the clean output
    score_rule: Any  # score == sum_i D_i X (v_i - w_i); its multiplier is -theta
    penalty: Any

    def cone(self, cp: Any, data: Data, u: Any) -> Any:
        """(2 D_i - I) X u_i for all i, as one (n, P) expression."""
        return cp.multiply(data.signs, data.design @ u.T)


def variables(cp: Any, data: Data) -> Parts:
    """One v and one w for each pattern, the output they give, and their penalty."""
    shape = (data.active.shape[1], data.design.shape[1])
    v, w = cp.Variable(shape), cp.Variable(shape)
    score = cp.Variable(len(data.y))
    output = cp.sum(cp.multiply(data.active, data.design @ (v - w).T), axis=1)
    lengths = cp.sum(cp.norm(v, 2, axis=1)) + cp.sum(cp.norm(w, 2, axis=1))
    return Parts(v, w, score, score == output, data.beta * lengths)


def output_of(data: Data, v: np.ndarray, w: np.ndarray) -> np.ndarray:
    """sum_i D_i X (v_i - w_i), shape (n,)."""
    return (data.active * (data.design @ (v - w).T)).sum(axis=1)


def penalty_of(data: Data, v: np.ndarray, w: np.ndarray) -> float:
    """beta sum_i ||v_i||_2 + ||w_i||_2."""
    return data.beta * float(np.linalg.norm(v, axis=1).sum() + np.linalg.norm(w, axis=1).sum())
