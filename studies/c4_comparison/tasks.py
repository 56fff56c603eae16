"""Binary tasks on which every method of both papers can run: data, radius, weight decay."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from robustcore import datasets
from robustcore.balls import LpBall
from robustcore.errors import InputError

from ..cifar_pairs import cifar_pair

NORMS = MappingProxyType({"inf": math.inf, "1": 1.0, "2": 2.0})


@dataclass(frozen=True)
class Task:
    """Training, validation and test rows of two classes, labels -1 and +1.

    Source: own

    Attributes
    ----------
    X, y, X_held, y_held, X_test, y_test : arrays
    radius : float
        Of the Linf ball, in the units of X.
    beta : float
    bias : bool
        Whether the networks have biases.
    """

    X: np.ndarray
    y: np.ndarray
    X_held: np.ndarray
    y_held: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray
    radius: float
    beta: float
    bias: bool

    def ball(self, p: str) -> LpBall:
        """The ball of a norm with the Linf radius' size: times d for L1, times its root for L2.

        Source: own

        Notes
        -----
        A quarter of that for L1 and half for L2: the Linf ball's own reach is far too much there.
        """
        d = self.X.shape[1]
        shares = {"inf": 1.0, "2": 0.5 * math.sqrt(d), "1": 0.25 * d}
        if p not in shares:
            raise InputError(f"p must be one of {', '.join(shares)}, got {p!r}.")
        return LpBall(NORMS[p], shares[p] * self.radius)


# name: (Linf radius in standard deviations, weight decay)
TABLES: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "sklearn/breast-cancer": (0.3, 1e-3),
        "uci/banknote-authentication": (0.2, 1e-3),
        "uci/ionosphere": (0.2, 1e-3),
        "uci/connectionist-bench-sonar": (0.2, 1e-3),
    }
)
IMAGES: Mapping[str, tuple[float, float]] = MappingProxyType(
    {"bird-ship": (10 / 255, 1e-4), "mnist-3-8": (0.1, 1e-4)}
)


def task(name: str, n: int, n_held: int, n_test: int, seed: int) -> Task:
    """A task by its name: tables standardised by their training rows, pixels in 0..1.

    Source: own (on [A] Section VII-D)

    Parameters
    ----------
    name : str
        Of `IMAGES` or `TABLES`.
    n, n_held, n_test : int
        Rows at most. Of images the first ones train; a table is split by `seed`.
    seed : int
    """
    if name in TABLES:
        data = datasets.load(name, split="random", rng=np.random.default_rng(seed))
        middle, spread = data.train.x.mean(0), data.train.x.std(0)
        spread[spread == 0] = 1.0
        parts = [
            ((part.x - middle) / spread, 2.0 * part.y - 1.0)
            for part in (data.train, data.validation, data.test)
        ]
        radius, beta = TABLES[name]
        bias = True
    elif name in IMAGES:
        X, y, X_test, y_test = _images(name, n + n_held)
        parts = [(X[:n], y[:n]), (X[n:], y[n:]), (X_test, y_test)]
        radius, beta = IMAGES[name]
        bias = False
    else:
        raise InputError(f"no task {name!r}; there are {', '.join((*IMAGES, *TABLES))}.")
    rows = [(X[:k], y[:k]) for (X, y), k in zip(parts, (n, n_held, n_test), strict=True)]
    return Task(*rows[0], *rows[1], *rows[2], radius, beta, bias)


def _images(name: str, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    if name == "bird-ship":
        pair = cifar_pair((2, 8), n)
        return pair.X, pair.y, pair.X_test, pair.y_test
    data = datasets.load("mnist", classes=(3, 8))
    parts = []
    for part in (data.train, data.test):  # means of 2 x 2 pixels
        small = part.x.reshape(-1, 14, 2, 14, 2).mean((2, 4)).reshape(len(part.x), -1)
        parts += [small, 2.0 * part.y - 1.0]
    return parts[0][:n], parts[1][:n], parts[2], parts[3]
