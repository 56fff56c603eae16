r"""Defenses: what a training step minimises, as small callables (network, x, y) -> loss.

Each is the mean over the batch of a loss of one sample: of the clean inputs, of attacked inputs, or
of an upper bound (or estimate) of the worst gaps put through Lemma 1. All are differentiable in the
parameters of the network, and finite at any radius: the cross-entropy is a log-sum-exp.

The cost of a step rises in the order nominal, fgsm, baseline, ibp, arub, pgd, coap, crown, rub.
"""

from .attacked import fgsm, nominal, pgd
from .bounded import coap, crown, ibp, rub
from .boxed import rub_boxed
from .defense import Defense
from .first_order import arub, baseline
from .trades import trades

__all__ = [
    "Defense",
    "arub",
    "baseline",
    "coap",
    "crown",
    "fgsm",
    "ibp",
    "nominal",
    "pgd",
    "rub",
    "rub_boxed",
    "trades",
]
