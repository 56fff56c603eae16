"""Convex training and certified bounds for robust ReLU networks, as two papers have them.

`import robustcore as rc` loads nothing yet. Every submodule and class is loaded when it is first
used, so that `rc.bounds` works where cvxpy is not installed, `rc.plots` may come without Matplotlib
until a picture is wanted, and a command can say a word before it loads torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

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
    from .balls import LpBall
    from .errors import RobustcoreError
    from .networks import ReLUNetwork, TwoLayerReLU

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
_CLASSES = {
    "LpBall": "balls",
    "ReLUNetwork": "networks",
    "RobustcoreError": "errors",
    "TwoLayerReLU": "networks",
}


def __getattr__(name: str) -> Any:
    if name in _SUBMODULES:
        return importlib.import_module(f"{__name__}.{name}")
    if name in _CLASSES:
        return getattr(importlib.import_module(f"{__name__}.{_CLASSES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
