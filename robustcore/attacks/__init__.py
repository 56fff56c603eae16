"""Attacks: perturbed inputs of large loss, over any Lp ball with or without a box.

An attack answers with inputs, never with a claim: the loss it finds is a lower bound of the
adversarial loss [B] (2). Whatever is returned lies inside the ball and the box to the last bit of
the inputs' precision: a perturbed coordinate is rounded towards the clean one.
"""

from .auto import apgd
from .batch import check_inside, evaluating, landed
from .gradient import fgm, pgd
from .objectives import dlr, margin, relative_cross_entropy, towards
from .published import as_published, by_foolbox
from .strongest import strongest

__all__ = [
    "apgd",
    "as_published",
    "by_foolbox",
    "check_inside",
    "dlr",
    "evaluating",
    "fgm",
    "landed",
    "margin",
    "pgd",
    "relative_cross_entropy",
    "strongest",
    "towards",
]
