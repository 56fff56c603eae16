r"""The losses of a stack of dense networks in explicit form, with one radius a network.

Gradients in the input are products of masked weight matrices, written out: no graph is kept of an
attack or of a sweep over vertices, and none is differentiated twice. Each loss equals, to rounding,
what the bound or the attack of the same name gives for the networks one by one.
"""

from .ascent import Ascent, attacked
from .boxed import rub_boxed
from .first_order import Layers, Passed, arub, baseline, nominal
from .vertices import rub

__all__ = [
    "Ascent",
    "Layers",
    "Passed",
    "arub",
    "attacked",
    "baseline",
    "nominal",
    "rub",
    "rub_boxed",
]
