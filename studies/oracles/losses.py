"""Paper A's losses a second time, as their formulas are printed and without a closed form."""

from __future__ import annotations

import numpy as np


def listed(loss: str, scores: np.ndarray, y: np.ndarray) -> float:
    """The loss at the worst of the listed outputs, each sample by itself: (c, n), (n,).

    Source: [A] eqs. (2), (13), (16)
    """
    worst = of_each(loss, scores, y).max(axis=0)
    return float(worst.sum() if loss in ("squared", "huber") else worst.mean())


def of_each(loss: str, scores: np.ndarray, y: np.ndarray) -> np.ndarray:
    """What each output costs, before the mean or the sum.

    Source: [A] eqs. (13), (16)
    """
    if loss == "squared":
        return 0.5 * np.square(scores - y)
    if loss == "hinge":
        return np.maximum(1 - y * scores, 0)
    if loss == "logistic":
        return np.logaddexp(0, -y * scores)
    if loss == "squared_hinge":
        return 0.5 * np.square(np.maximum(1 - y * scores, 0))
    if loss == "huber":
        size = np.abs(scores - y)
        return np.where(size <= 1, 0.5 * size**2, size - 0.5)
    raise ValueError(f"no formula of {loss!r} is written down here")
