"""What the estimators share: sets by the name of a norm, and the doors to certificates.

Shape letters: n samples, d features, K classes.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import nn

from .. import attacks, evaluation
from ..balls import LpBall, PerturbationSet, Radii
from ..errors import InputError, missing_extra

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
    from sklearn.preprocessing import LabelEncoder
    from sklearn.utils import check_random_state
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError as error:
    raise missing_extra("the estimators need scikit-learn 1.6 or newer", "estimators") from error

__all__ = [
    "Certifying",
    "CertifyingClassifier",
    "RegressorMixin",
    "check_is_fitted",
    "draw",
    "set_of",
    "validate_data",
]

NORMS = {"l1": 1.0, "l2": 2.0, "linf": math.inf}


def set_of(norm: Any, radius: Any) -> PerturbationSet:
    """What `radius` says: a number or a vector in the norm of that name, or a set itself.

    Source: own

    Raises
    ------
    InputError
        For another name, or a radius that is neither a set nor made of numbers >= 0.
    """
    if isinstance(radius, PerturbationSet):
        return radius
    if norm not in NORMS:
        raise InputError(f"norm must be one of {', '.join(NORMS)}, got {norm!r}.")
    if getattr(radius, "ndim", isinstance(radius, list | tuple)):
        return Radii(NORMS[norm], radius)
    return LpBall(NORMS[norm], radius)


def draw(random_state: Any) -> int:
    """A seed for generators of other kinds, from what scikit-learn calls a random state.

    Source: own
    """
    return int(check_random_state(random_state).randint(np.iinfo(np.int32).max))


class Certifying(BaseEstimator):
    """A fitted network with the set that it was trained against.

    A subclass sets `network_` when it is fitted, and has the parameters `norm` and `radius`.
    """

    norm: str
    radius: Any
    network_: nn.Module

    def _set(self, radius: Any) -> PerturbationSet:
        if radius is None and self.radius is None:  # see `in_raw_units`
            raise InputError("the set trained against is not known in these units; give radius.")
        return set_of(self.norm, self.radius if radius is None else radius)

    def _samples(self, X: Any) -> torch.Tensor:
        """X of the shape that was fitted, in float64."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=np.float64)
        return torch.tensor(X, device=next(self.network_.parameters()).device)

    def _outputs(self, X: Any) -> np.ndarray:
        x = self._samples(X)
        with torch.no_grad():
            return self.network_(x).numpy(force=True)


class CertifyingClassifier(ClassifierMixin, Certifying):
    """A classifier that can prove its decisions.

    Source: own
    """

    classes_: np.ndarray

    def _read(self, X: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
        """X in float64, y as 0..K-1; `classes_` are the labels."""
        X, y = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(y)
        encoder = LabelEncoder().fit(y)
        self.classes_ = encoder.classes_
        if len(self.classes_) < 2:
            raise InputError(f"y has one class only, {self.classes_[0]!r}; two are needed.")
        return X, encoder.transform(y)

    def decision_function(self, X: Any) -> np.ndarray:
        """Logits: (n,) for two classes, positive for the second of `classes_`; else (n, K)."""
        z = self._outputs(X)
        return z[:, 1] - z[:, 0] if z.ndim == 2 and z.shape[1] == 2 else z

    def predict(self, X: Any) -> np.ndarray:
        """Labels, (n,)."""
        z = self.decision_function(X)
        return self.classes_[(z > 0).astype(int) if z.ndim == 1 else z.argmax(axis=1)]

    def certify(
        self, X: Any, y: Any = None, radius: Any = None, method: str = "best"
    ) -> np.ndarray:
        """Which decisions are proved for every point of the set around a sample.

        Source: own (on [B] Section 6.3)

        Parameters
        ----------
        X : (n, d) array or frame
        y : (n,) labels, optional
            Proved to be the answer on the whole set. Without them, proved is that the answer
            does not change there.
        radius : float, (d,) array, or set of perturbations; optional
            In the units of X; that of the training by default. A number is the radius of a ball in
            `norm`, an array has one for each feature (:class:`robustcore.balls.Radii`), and a set
            (`LpBall`, `Radii`, `Hull`, `Swaps`, `Sum`, `Cut`) is taken as it is.
        method : str
            As for :func:`robustcore.evaluation.certified`.

        Returns
        -------
        (n,) array of booleans
            False says that no proof was found, not that there is none.
        """
        x, classes = self._samples(X), self._classes(X, y)
        return evaluation.certified(self.network_, x, classes, self._set(radius), method).numpy(
            force=True
        )

    def certified_radius(
        self, X: Any, y: Any = None, largest: Any = None, method: str = "best"
    ) -> np.ndarray:
        """For each sample a radius on which the answer is proved, up to `largest`: (n,) array.

        Source: own

        Parameters
        ----------
        X, y, method
            As for `certify`.
        largest : float, (d,) array, or set of perturbations; optional
            Up to which is asked, as `radius` of `certify`. The answer is in the units of X for a
            number or an `LpBall`, and scales any other set: 1 is an array of radii itself.
        """
        x, classes = self._samples(X), self._classes(X, y)
        ball = self._set(largest)
        return evaluation.certified_radius(self.network_, x, classes, ball, method).numpy(
            force=True
        )

    def worst_inputs(self, X: Any, y: Any = None, radius: Any = None) -> np.ndarray:
        """The worst points that APGD finds in the sets around samples: (n, d) array.

        Source: own

        Parameters
        ----------
        X, y, radius
            As for `certify`.
        """
        x, classes = self._samples(X), self._classes(X, y)
        return attacks.apgd(self.network_, x, classes, self._set(radius)).numpy(force=True)

    def _classes(self, X: Any, y: Any) -> torch.Tensor:
        labels = self.predict(X) if y is None else np.asarray(y)
        unknown = sorted(set(np.unique(labels).tolist()) - set(self.classes_.tolist()))
        if unknown:
            raise InputError(f"y has labels that were not fitted: {unknown[:3]}.")
        return torch.as_tensor(np.searchsorted(self.classes_, labels))
