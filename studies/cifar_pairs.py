"""Pairs of CIFAR-10 classes at 7 x 7 x 3, the task of paper A's Table I."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from robustcore import datasets


@dataclass(frozen=True)
class Pair:
    """A binary image task with labels -1 and +1.

    Source: own
    """

    X: np.ndarray
    y: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray


def cifar_pair(classes: Sequence[int], n: int, downsample: str = "stride") -> Pair:
    """The first `n` training and all 2000 test images of two classes of CIFAR-10 at 7 x 7 x 3.

    Source: [A] Section VII-D

    Parameters
    ----------
    classes : (int, int)
        The second is the label +1.
    n : int
    downsample : str
        "stride" or "block".
    """
    data = datasets.load("cifar10-7x7", classes=tuple(classes), downsample=downsample)
    y, y_test = (2.0 * part.y - 1.0 for part in (data.train, data.test))
    return Pair(data.train.x[:n], y[:n], data.test.x, y_test)
