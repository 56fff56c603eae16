"""An interior-point method for the convex training programs, with its own certificate.

`engine` runs any program that supplies its Newton directions (`protocol` says what that takes);
`standard` and `smooth` are (5) and (8), `robust` and `robust_losses` the reduced (15) and (18) and
their logistic sibling, `lengths` what a ball makes them pay for; `gated` has fixed gates and
several outputs. `system`, `robust_system` and `gated_system` hold the linear algebra that makes
them fast, `cones` and `pairs` that of cones.
"""

from types import MappingProxyType

from .engine import minimise
from .gated import GatedHinge, GatedLogistic, GatedSquared
from .protocol import Outcome
from .robust_losses import RobustHinge, RobustLogistic, RobustSquared
from .smooth import StandardLogistic, StandardSquared
from .standard import StandardHinge

_STANDARD = (StandardHinge, StandardSquared, StandardLogistic)
_ROBUST = (RobustHinge, RobustSquared, RobustLogistic)
_GATED = (GatedHinge, GatedSquared, GatedLogistic)
# a loss that is not here has no program of ours
STANDARD = MappingProxyType({program.loss.name: program for program in _STANDARD})
ROBUST = MappingProxyType({program.loss.name: program for program in _ROBUST})
GATED = MappingProxyType({program.loss.name: program for program in _GATED})

__all__ = [
    "GATED",
    "ROBUST",
    "STANDARD",
    "GatedHinge",
    "GatedLogistic",
    "GatedSquared",
    "Outcome",
    "RobustHinge",
    "RobustLogistic",
    "RobustSquared",
    "StandardHinge",
    "StandardLogistic",
    "StandardSquared",
    "minimise",
]
