"""Attacks: perturbed inputs of large loss, over any Lp ball with or without a box.

An attack answers with inputs, never with a claim: the loss it finds is a lower bound of the
adversarial loss [B] (2). Whatever is returned lies inside the ball and the box to the last bit of
the inputs' precision: a perturbed coordinate is rounded towards the clean one.
"""

from .auto import apgd
from .batch import check_inside, evaluating
from .gradient import fgm, margin, pgd

__all__ = ["apgd", "check_inside", "evaluating", "fgm", "margin", "pgd"]
