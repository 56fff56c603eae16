"""Convex training and certified bounds for robust ReLU networks, as two papers have them.

`import robustcore as rc` loads what needs only torch. Every submodule is loaded when it is first
used, so that `rc.bounds` works where cvxpy is not installed and `rc.plots` may come without
Matplotlib until a picture is wanted.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from .balls import LpBall
from .errors import RobustcoreError
from .networks import ReLUNetwork, TwoLayerReLU

if TYPE_CHECKING:
    from . import (
        attacks,
        balls,
        bounds,
        claims,
        command,
        convex,
        datasets,
        defenses,
        errors,
        estimators,
        evaluation,
        losses,
        methods,
        networks,
        patterns,
        plots,
        records,
        training,
    )

__version__ = "0.1.0"

__all__ = [
    "LpBall",
    "ReLUNetwork",
    "RobustcoreError",
    "TwoLayerReLU",
    "attacks",
    "balls",
    "bounds",
    "claims",
    "command",
    "convex",
    "datasets",
    "defenses",
    "errors",
    "estimators",
    "evaluation",
    "losses",
    "methods",
    "networks",
    "patterns",
    "plots",
    "records",
    "training",
]

_SUBMODULES = frozenset(name for name in __all__ if name.islower())


def __getattr__(name: str) -> Any:
    if name in _SUBMODULES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
