"""The losses of both papers, with the factors that each paper puts in front.

Paper A's are objects: each says once its value, what a ball can make of it, its program and its
conjugate. Paper B's take logits and class labels and give one number for each sample.
"""

from .convex import CONVEX, hinge, huber, logistic, named, squared, squared_hinge
from .convex_form import ConvexLoss, OfLabels, OfResiduals
from .per_sample import (
    PerSampleLoss,
    adversarial_loss_bound,
    cross_entropy,
    gaps,
    multiclass_hinge,
    zero_one,
)

__all__ = [
    "CONVEX",
    "ConvexLoss",
    "OfLabels",
    "OfResiduals",
    "PerSampleLoss",
    "adversarial_loss_bound",
    "cross_entropy",
    "gaps",
    "hinge",
    "huber",
    "logistic",
    "multiclass_hinge",
    "named",
    "squared",
    "squared_hinge",
    "zero_one",
]
