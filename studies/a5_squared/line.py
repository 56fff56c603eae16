"""The regression problem on a line of Figures 4 and 5 of paper A, and one training call for it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from robustcore import convex, patterns
from robustcore.balls import LpBall
from robustcore.convex import ConvexSolution
from robustcore.networks import TwoLayerReLU

from ..oracles.expected import read_from_the_solution

N_TRAIN, N_TEST = 8, 100  # Figure 4

# the paper draws its distribution and does not write it down; every one of these has constant parts
SHAPES: Mapping[str, Callable[[np.ndarray, float], np.ndarray]] = MappingProxyType(
    {
        "step": lambda x, h: np.where(x < 0, -1.0, 1.0),
        "ramp": lambda x, h: np.clip(3 * x / h, -1.0, 1.0),
        "stairs": lambda x, h: np.floor(np.clip(2 * (x + h) / h, 0, 3.999)) * 2 / 3 - 1,
        "pulse": lambda x, h: np.where(np.abs(x) < h / 3, 1.0, -1.0),
        "wave": lambda x, h: np.where(np.floor(2 * x / h) % 2 == 0, 1.0, -1.0),
    }
)


@dataclass(frozen=True)
class Trial:
    """A training and a test set of one shape, and all patterns of the training set.

    Source: [A] Section VIII-A.1, Figure 4
    """

    X: np.ndarray
    y: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray
    patterns: patterns.Patterns


def draw(shape: str, half_width: float, seed: int) -> Trial:
    """Eight training and a hundred test points, uniform over [-half_width, half_width].

    Source: [A] Section VIII-A.1, Figure 4 (which is a picture without a formula)

    Parameters
    ----------
    shape : str
        A key of `SHAPES`.
    half_width : float
        In the units of the radius.
    seed : int
    """
    rng = np.random.default_rng(seed)
    X, X_test = (rng.uniform(-half_width, half_width, size=(k, 1)) for k in (N_TRAIN, N_TEST))
    y, y_test = (SHAPES[shape](points[:, 0], half_width) for points in (X, X_test))
    return Trial(X, y, X_test, y_test, patterns.enumerate(X, bias=True))


@read_from_the_solution()
def train(trial: Trial, radius: float, beta: float) -> ConvexSolution:
    """(5) with the squared loss at radius 0, (18) otherwise, over every pattern.

    Source: [A] eqs. (5), (18)

    Parameters
    ----------
    trial : Trial
    radius : float
    beta : float
    """
    if radius == 0:
        return convex.train_standard(trial.X, trial.y, trial.patterns, beta, "squared")
    ball = LpBall(math.inf, radius)
    return convex.train_robust_squared(trial.X, trial.y, trial.patterns, ball, beta)


@dataclass(frozen=True)
class Example:
    """One training set, and the networks "standard" and "robust" trained on it.

    Source: own
    """

    title: str
    X: np.ndarray
    y: np.ndarray
    networks: Mapping[str, TwoLayerReLU]


def example(
    title: str, shape: str, half_width: float, beta: float, radius: float, seed: int
) -> Example:
    """Both fits to one training set of Figure 5.

    Source: [A] Figure 4

    Parameters
    ----------
    title : str
    shape : str
    half_width : float
    beta : float
    radius : float
        Of robust training.
    seed : int
        Of the trial.
    """
    trial = draw(shape, half_width, seed)
    trained = {"standard": train(trial, 0.0, beta), "robust": train(trial, radius, beta)}
    networks = {name: solution.network() for name, solution in trained.items()}
    return Example(title, trial.X, trial.y, networks)
