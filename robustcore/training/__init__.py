"""One training loop, for a network or for a stack of networks. It knows no defense by name.

Beside it the certified descent that starts at the optimum of a convex program. It alone needs the
convex programs, and is loaded when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from .certified_cost import certified_cost
from .fitting import TrainingLoss, TrainingRecord, fit
from .schedules import Schedule, constant, falling, rising, warm_then_falling

if TYPE_CHECKING:
    from .certified import CertifiedNetwork, fit_certified

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


def __getattr__(name: str) -> Any:
    if name in ("CertifiedNetwork", "fit_certified"):
        return getattr(importlib.import_module(f"{__name__}.certified"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
