"""One training loop, for a network or for a stack of networks. It knows no defense by name.

Beside it the certified descent that starts at the optimum of a convex program.
"""

from .certified import CertifiedNetwork, fit_certified
from .certified_cost import certified_cost
from .fitting import TrainingLoss, TrainingRecord, fit
from .schedules import Schedule, constant, falling, rising, warm_then_falling

__all__ = [
    "CertifiedNetwork",
    "Schedule",
    "TrainingLoss",
    "TrainingRecord",
    "certified_cost",
    "constant",
    "falling",
    "fit",
    "fit_certified",
    "rising",
    "warm_then_falling",
]
