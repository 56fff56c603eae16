"""Paper A's networks as estimators: one hidden layer, trained to a certified optimum.

Shape letters: n samples, d features, m neurons, K classes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from .. import bounds, patterns
from ..balls import LpBall
from ..convex import ConvexSolution, train_robust, train_standard
from ..errors import InputError
from ..networks import ReLUNetwork, TwoLayerReLU
from .certifying import (
    Certifying,
    CertifyingClassifier,
    RegressorMixin,
    draw,
    set_of,
    validate_data,
)


def _solve(
    X: np.ndarray,
    y: np.ndarray,
    ball: LpBall,
    n_patterns: int,
    beta: float,
    loss: str,
    seed: int,
) -> ConvexSolution:
    """One convex program over sampled patterns, the all-active one among them.

    That one is a linear model, so that a program never has fewer answers than a linear model has.
    """
    rng, everywhere = np.random.default_rng(seed), np.append(np.zeros(X.shape[1]), 1.0)[:, None]
    linear = patterns.of(X, everywhere, bias=True)
    if ball.radius == 0:
        drawn = patterns.sample(X, n_patterns, rng, bias=True, at_most=True, max_draws=2000)
        return train_standard(X, y, linear.union(drawn), beta, loss)
    drawn = patterns.sample_robust(X, ball, n_patterns, rng, bias=True, at_most=True)
    return train_robust(X, y, linear.union(drawn), ball, beta, loss)


def _ball(model: Certifying) -> LpBall:
    """The ball that a model trains against."""
    ball = set_of(model.norm, model.radius)
    if not isinstance(ball, LpBall):
        raise InputError(
            f"a {type(model).__name__} trains against one radius for all features, got {ball!r}; "
            "train against a number, and certify(radius=...) takes the set."
        )
    return ball


class RobustConvexClassifier(CertifyingClassifier):
    """One hidden ReLU layer, trained by one convex program a class against every point of a ball.

    Source: [A] eqs. (8), (10), Algorithms 1 and 2; own (several classes, one against the rest)

    Parameters
    ----------
    radius : float, or LpBall
        Of the ball trained against, in the units of X; 0 trains on the points themselves. Other
        sets are for `certify` alone.
    norm : "linf", "l2" or "l1"
    n_patterns : int
        Activation patterns sampled, P_s; a network has at most twice as many neurons.
    beta : float
        Weight decay.
    loss : "hinge", "logistic" or "squared_hinge"
    random_state : int, RandomState or None

    Attributes
    ----------
    classes_ : (K,) array
    network_ : torch module
        What predicts, and what is certified. One output for two classes, K for more.
    solutions_ : list of ConvexSolution
        One for two classes, K for more: each with its objective, which is the exact robust cost on
        the samples, and its certified gap.

    Examples
    --------
    >>> import numpy as np
    >>> X, y = np.array([[0.0], [1.0], [3.0], [4.0]]), ["no", "no", "yes", "yes"]
    >>> model = RobustConvexClassifier(radius=0.5, random_state=0).fit(X, y)
    >>> model.predict([[0.2], [3.8]]).tolist(), model.certify(X, y, radius=0.9).tolist()
    (['no', 'yes'], [True, True, True, True])
    """

    def __init__(
        self,
        radius: Any = 0.0,
        norm: str = "linf",
        n_patterns: int = 24,
        beta: float = 1e-3,
        loss: str = "hinge",
        random_state: Any = None,
    ) -> None:
        self.radius = radius
        self.norm = norm
        self.n_patterns = n_patterns
        self.beta = beta
        self.loss = loss
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> RobustConvexClassifier:
        """Train on (n, d) samples and (n,) labels.

        Raises
        ------
        InputError
            For one class, or parameters that the programs do not take.
        SolverError
            If no solver ends.
        """
        X, labels = self._read(X, y)
        ball, seed = _ball(self), draw(self.random_state)
        n_classes = len(self.classes_)
        sides = [2.0 * (labels == k) - 1 for k in range(n_classes)]
        self.solutions_ = [
            _solve(X, side, ball, self.n_patterns, self.beta, self.loss, seed)
            for side in (sides[1:] if n_classes == 2 else sides)
        ]
        nets = [solution.network() for solution in self.solutions_]
        self.network_ = nets[0] if n_classes == 2 else side_by_side(nets)
        return self


class RobustConvexRegressor(RegressorMixin, Certifying):
    """One hidden ReLU layer, trained by a convex program on its worst squared or Huber error.

    Source: [A] eqs. (17), (18), Theorem 5

    Parameters
    ----------
    radius, norm, n_patterns, beta, random_state
        As for `RobustConvexClassifier`.
    loss : "squared" or "huber"

    Attributes
    ----------
    network_ : torch module
    solution_ : ConvexSolution
        With its objective, which is the exact robust cost on the samples, and its certified gap.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.linspace(-1, 1, 9)[:, None]
    >>> model = RobustConvexRegressor(beta=1e-4, random_state=0).fit(X, np.abs(X[:, 0]))
    >>> low, high = model.interval([[0.5]], radius=0.1)
    >>> low.round(3).tolist(), high.round(3).tolist()
    ([0.4], [0.6])
    """

    def __init__(
        self,
        radius: Any = 0.0,
        norm: str = "linf",
        n_patterns: int = 24,
        beta: float = 1e-3,
        loss: str = "squared",
        random_state: Any = None,
    ) -> None:
        self.radius = radius
        self.norm = norm
        self.n_patterns = n_patterns
        self.beta = beta
        self.loss = loss
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> RobustConvexRegressor:
        """Train on (n, d) samples and (n,) numbers.

        Raises
        ------
        InputError
            For parameters that the program does not take.
        SolverError
            If no solver ends.
        """
        X, y = validate_data(self, X, y, dtype=np.float64, y_numeric=True)
        ball, seed = _ball(self), draw(self.random_state)
        y = np.asarray(y, dtype=np.float64)
        self.solution_ = _solve(X, y, ball, self.n_patterns, self.beta, self.loss, seed)
        self.network_ = self.solution_.network()
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Numbers, (n,)."""
        return self._outputs(X)

    def interval(self, X: Any, radius: Any = None) -> tuple[np.ndarray, np.ndarray]:
        """What the prediction is proved to stay between on the whole set.

        Source: own (on [B] Theorem 11 and CROWN)

        Parameters
        ----------
        X : (n, d) array or frame
        radius : float, (d,) array, or set of perturbations; optional
            As for `RobustConvexClassifier.certify`.

        Returns
        -------
        low, high : (n,) arrays
        """
        x, ball = self._samples(X), self._set(radius)
        with torch.no_grad():
            ends = [
                # one output z is read as the logits (0, z): the gaps are z and -z
                bounds.tightest(self.network_, x, torch.full((len(x),), side), ball)[:, 1 - side]
                for side in (1, 0)
            ]
        return -ends[0].numpy(force=True), ends[1].numpy(force=True)

    def certify(self, X: Any, y: Any, radius: Any = None) -> np.ndarray:
        """An upper bound of the error on the whole set around each sample: (n,) array.

        Source: own

        Parameters
        ----------
        X : (n, d) array or frame
        y : (n,) numbers
        radius : float, (d,) array, or set of perturbations; optional
            As for `interval`.
        """
        (low, high), y = self.interval(X, radius), np.asarray(y, dtype=np.float64)
        return np.maximum(high - y, y - low)


def side_by_side(nets: list[TwoLayerReLU]) -> ReLUNetwork:
    """Networks with one output as one network with K: block by block.

    Source: own
    """
    pairs = [net.as_affine() for net in nets]
    u = torch.cat([hidden.weight for hidden, _ in pairs]).detach()
    b = torch.cat([hidden.bias for hidden, _ in pairs]).detach()
    alpha = torch.block_diag(*(last.weight for _, last in pairs)).detach()
    return ReLUNetwork.from_arrays([(u, b), (alpha, torch.zeros(len(nets), dtype=u.dtype))])
