r"""What convex losses of scalar outputs share: one form, for labels and for regression.

What hurts is :math:`h_k = -y_k\hat y_k` for labels -1 and +1, and :math:`h_k = |\hat y_k - y_k|`
for regression. A loss is a convex function g of it that does not fall as h grows: the mean of g for
labels, the sum for regression, as paper A prints them. All else follows from that form. If a ball
can move output k by up to :math:`t_k`, the worst loss is that of :math:`h_k + t_k`; the conjugate
of the loss is that of g.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
import torch
from scipy.optimize import minimize_scalar

from ..errors import check_signs


class ConvexLoss(ABC):
    """A convex loss of scalar outputs.

    Source: own (on [A] eqs. (2), (6))

    Attributes
    ----------
    name : str
        By which it is asked for.
    weight : float
        What a program is multiplied by for a general solver; multipliers are divided by it. Solvers
        stop at an absolute gap near 1e-9 or at cones as tight as that. A mean over n samples has
        gradients of 1/n, and comes out more accurate if it is weighed up.
    steepest : float
        The largest slope of g: beyond it the conjugate is infinite.
    """

    name: ClassVar[str]
    weight: ClassVar[float]
    steepest: ClassVar[float] = math.inf

    def __call__(self, score: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """The loss as a scalar tensor with a graph: (n,), (n,) -> ()."""
        return self.total(self.hurt(score, y))

    def __repr__(self) -> str:
        return self.name

    def value(self, score: np.ndarray, y: np.ndarray, reach: np.ndarray | float = 0.0) -> float:
        """The loss where output k may move by up to reach_k in the direction that hurts.

        Source: [A] eqs. (13), (15), (16), (17)
        """
        return float(self.total(self.hurt(score, y) + reach))

    def dual_value(
        self, theta: np.ndarray, y: np.ndarray, scale: float, push: np.ndarray | None = None
    ) -> float:
        r"""The best :math:`-\ell^*(s\theta)` over 0 <= s <= scale, for a theta of its domain.

        Source: [A] eq. (6)
        """

        def conjugate(s: float) -> float:
            return self.conjugate(s * theta, y, None if push is None else s * push)

        best = minimize_scalar(conjugate, bounds=(0.0, scale), method="bounded")
        return -min(conjugate(scale), float(best.fun))

    @abstractmethod
    def check(self, y: np.ndarray) -> None:
        """Refuse targets that do not fit the loss."""

    @abstractmethod
    def hurt(self, score: Any, y: Any) -> Any:
        """h of each sample, numpy or torch: (..., n), (n,) -> (..., n)."""

    @abstractmethod
    def total(self, hurt: Any) -> Any:
        """The mean or the sum of g, numpy or torch: (n,) -> ()."""

    @abstractmethod
    def towards_hurt(self, score: np.ndarray, y: np.ndarray) -> np.ndarray:
        """The sign of the direction in which each output hurts more: (n,)."""

    @abstractmethod
    def sides(self, cp: Any, score: Any, y: np.ndarray) -> tuple[Any, ...]:
        """Affine expressions of cvxpy, of which h is the largest."""

    @abstractmethod
    def program(self, cp: Any, hurt: Any) -> Any:
        """`total` as cvxpy writes it; even in `hurt` where there are two sides."""

    @abstractmethod
    def into_domain(
        self, theta: np.ndarray, y: np.ndarray, push: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        r"""The nearest multipliers at which the conjugate is finite: theta, and the push on h.

        `push` (n,) is what the multipliers of h sum up to, at least :math:`|\theta|`, and equal to
        it where none is given. A ball pulls with it: :math:`\|\pi_k\| \le` radius times push.
        """

    @abstractmethod
    def conjugate(self, theta: np.ndarray, y: np.ndarray, push: np.ndarray | None = None) -> float:
        r""":math:`\ell^*` at multipliers of its domain.

        .. math:: \sup_{\hat y,\ t\ge0}\ \theta^\top\hat y + \text{push}^\top t - \ell(\hat y, t)

        with :math:`\ell(\hat y, t)` the loss where output k may move by :math:`t_k`.

        Source: [A] eq. (6)
        """

    @abstractmethod
    def _of_g(self, slope: np.ndarray) -> np.ndarray:
        """The conjugate of g at slopes between 0 and `steepest`."""


class OfLabels(ConvexLoss):
    """The mean of g(-y score), labels -1 and +1.

    Source: own (on [A] eq. (13))
    """

    weight = 100.0

    def check(self, y: np.ndarray) -> None:
        """-1 and +1, and both of them."""
        check_signs(y)

    def hurt(self, score: Any, y: Any) -> Any:
        """-y score."""
        return -(y * score)

    def towards_hurt(self, score: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Away from the label."""
        return -y

    def sides(self, cp: Any, score: Any, y: np.ndarray) -> tuple[Any, ...]:
        """h itself is affine."""
        return (-cp.multiply(y, score),)

    def into_domain(
        self, theta: np.ndarray, y: np.ndarray, push: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """With one side, the push is |theta|."""
        theta = -y * np.clip(-theta * y * len(y), 0.0, self.steepest) / len(y)
        return theta, np.abs(theta)

    def conjugate(self, theta: np.ndarray, y: np.ndarray, push: np.ndarray | None = None) -> float:
        """The mean over the slopes -n y theta."""
        return float(self._of_g(-theta * y * len(y)).mean())


class OfResiduals(ConvexLoss):
    """The sum of g(|score - y|), any targets; g is even, as `program` has it.

    Source: own (on [A] eq. (16))
    """

    weight = 1.0

    def check(self, y: np.ndarray) -> None:
        """Any finite targets will do."""

    def hurt(self, score: Any, y: Any) -> Any:
        """|score - y|."""
        return abs(score - y)

    def towards_hurt(self, score: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Away from the target."""
        return np.where(score >= y, 1.0, -1.0)

    def sides(self, cp: Any, score: Any, y: np.ndarray) -> tuple[Any, ...]:
        """The residual and its negative."""
        return score - y, y - score

    def into_domain(
        self, theta: np.ndarray, y: np.ndarray, push: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Both shrink where the push is steeper than g."""
        push = np.abs(theta) if push is None else np.maximum(push, np.abs(theta))
        shrink = np.minimum(1.0, self.steepest / np.maximum(push, np.finfo(float).tiny))
        return shrink * theta, shrink * push

    def conjugate(self, theta: np.ndarray, y: np.ndarray, push: np.ndarray | None = None) -> float:
        """The sum over the slopes push, and theta times y."""
        return float(theta @ y) + float(self._of_g(np.abs(theta) if push is None else push).sum())
