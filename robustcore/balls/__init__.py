"""Sets of perturbations: the Lp ball that both papers share, and what tabular data asks for.

The support function of a ball is radius times the dual norm. It is the one lemma that joins the
papers: paper A uses it in (11), (15) and (18), paper B in (7), (9) and (20).
"""

from . import polytopes as polytopes
from .cut import Cut
from .hull import Hull, Swaps
from .lp import LpBall, as_ball
from .placed import Placed
from .questions import (
    EXTREME_POINTS,
    MAXIMISER,
    NORM,
    PROJECTION,
    SUPPORT,
    PerturbationSet,
    check_set,
    posed,
)
from .radii import Radii
from .sums import Sum

__all__ = [
    "EXTREME_POINTS",
    "MAXIMISER",
    "NORM",
    "PROJECTION",
    "SUPPORT",
    "Cut",
    "Hull",
    "LpBall",
    "PerturbationSet",
    "Placed",
    "Radii",
    "Sum",
    "Swaps",
    "as_ball",
    "check_set",
    "posed",
]
