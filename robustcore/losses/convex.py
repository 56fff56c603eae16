r"""Paper A's convex losses: each is an object that says once all that training asks of it.

A new loss is one class here and one name in `CONVEX`: g in numbers, in cvxpy, and its conjugate.
Our own solver wants a program of its own beside that (`robustcore.convex.interior_point`); a loss
that has none goes to the general ones.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import numpy as np
import torch

from ..errors import InputError
from .convex_form import ConvexLoss, OfLabels, OfResiduals


class Hinge(OfLabels):
    r"""Mean hinge loss :math:`\frac1n \sum_k (1 - y_k \hat y_k)_+`, labels -1 and +1.

    Source: [A] eq. (13)
    """

    name, steepest = "hinge", 1.0

    def total(self, hurt: Any) -> Any:
        """(13)."""
        return (1 + hurt).clip(min=0).mean()

    def program(self, cp: Any, hurt: Any) -> Any:
        """(13)."""
        return cp.sum(cp.pos(1 + hurt)) / hurt.size

    def dual_value(
        self, theta: np.ndarray, y: np.ndarray, scale: float, push: np.ndarray | None = None
    ) -> float:
        """Linear in s."""
        return -scale * self.conjugate(theta, y)

    def _of_g(self, slope: np.ndarray) -> np.ndarray:
        return -slope


class Logistic(OfLabels):
    r"""Mean logistic loss :math:`\frac1n\sum_k \log(1+e^{-y_k\hat y_k})`, labels -1 and +1.

    Source: own (the smooth companion of [A] eq. (13); Theorem 1 holds for any convex loss)
    """

    name, steepest = "logistic", 1.0

    def total(self, hurt: Any) -> Any:
        """Not softplus: torch's is the identity from 20 on, off by 2e-9 there."""
        if isinstance(hurt, torch.Tensor):
            return torch.logaddexp(torch.zeros_like(hurt), hurt).mean()
        return np.logaddexp(0.0, hurt).mean()

    def program(self, cp: Any, hurt: Any) -> Any:
        """With exponential cones."""
        return cp.sum(cp.logistic(hurt)) / hurt.size

    def _of_g(self, slope: np.ndarray) -> np.ndarray:
        p = np.clip(slope, 0.0, 1.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(p > 0, p * np.log(p), 0) + np.where(p < 1, (1 - p) * np.log1p(-p), 0)


class SquaredHinge(OfLabels):
    r"""Mean of half the squared hinge, :math:`\frac1{2n}\sum_k(1-y_k\hat y_k)_+^2`, labels -1, +1.

    Source: own (the hinge of [A] eq. (13), squared and halved as eq. (16) is)
    """

    name = "squared_hinge"

    def total(self, hurt: Any) -> Any:
        """Smooth, and 0 from the margin 1 on."""
        short = (1 + hurt).clip(min=0)
        return 0.5 * (short * short).mean()

    def program(self, cp: Any, hurt: Any) -> Any:
        """With one quadratic."""
        return 0.5 * cp.sum_squares(cp.pos(1 + hurt)) / hurt.size

    def dual_value(
        self, theta: np.ndarray, y: np.ndarray, scale: float, push: np.ndarray | None = None
    ) -> float:
        """A parabola in s."""
        slope = -theta * y * len(y)
        inner, square = float(slope.mean()), float((slope * slope).mean())
        s = min(scale, max(0.0, inner / square)) if square else 0.0
        return s * inner - 0.5 * s * s * square

    def _of_g(self, slope: np.ndarray) -> np.ndarray:
        return 0.5 * slope**2 - slope


class Squared(OfResiduals):
    r"""Half the *sum* of squares :math:`\frac12\|\hat y - y\|_2^2`: no 1/n, as printed.

    Source: [A] eq. (16)
    """

    name = "squared"

    def total(self, hurt: Any) -> Any:
        """(16)."""
        return 0.5 * (hurt * hurt).sum()

    def program(self, cp: Any, hurt: Any) -> Any:
        """(16)."""
        return 0.5 * cp.sum_squares(hurt)

    def dual_value(
        self, theta: np.ndarray, y: np.ndarray, scale: float, push: np.ndarray | None = None
    ) -> float:
        """A parabola in s."""
        push = theta if push is None else push
        inner, square = -float(theta @ y), float(push @ push)
        s = min(scale, max(0.0, inner / square)) if square else 0.0
        return s * inner - 0.5 * s * s * square

    def _of_g(self, slope: np.ndarray) -> np.ndarray:
        return 0.5 * slope**2


class Huber(Squared):
    r"""Sum of :math:`\frac12r_k^2` up to :math:`|r_k|=1`, then :math:`|r_k|-\frac12`: for outliers.

    Source: own (the companion of [A] eq. (16) with slopes of at most 1); Huber (1964)
    """

    name, steepest = "huber", 1.0

    def total(self, hurt: Any) -> Any:
        """The kink of the slope is at 1, in the units of y."""
        small = hurt.clip(max=1)
        return (small * (hurt - 0.5 * small)).sum()

    def program(self, cp: Any, hurt: Any) -> Any:
        """cvxpy's is twice as large."""
        return 0.5 * cp.sum(cp.huber(hurt, 1.0))


hinge, squared, logistic = Hinge(), Squared(), Logistic()
squared_hinge, huber = SquaredHinge(), Huber()
_ALL = (hinge, squared, logistic, squared_hinge, huber)
CONVEX = MappingProxyType({loss.name: loss for loss in _ALL})


def named(name: str) -> ConvexLoss:
    """The convex loss of a name: the door through which every call goes.

    Source: own

    Raises
    ------
    InputError
        For an unknown name.
    """
    if name not in CONVEX:
        raise InputError(f"loss must be one of {', '.join(CONVEX)}, got {name!r}.")
    return CONVEX[name]
