"""One training loop, for a network or for a stack of networks. It knows no defense by name."""

from .fitting import TrainingLoss, TrainingRecord, fit
from .schedules import Schedule, constant, falling, rising, warm_then_falling

__all__ = [
    "Schedule",
    "TrainingLoss",
    "TrainingRecord",
    "constant",
    "falling",
    "fit",
    "rising",
    "warm_then_falling",
]
