"""A structured interior-point method for the convex training programs, with its own certificate.

`engine` runs any program that supplies its Newton directions (`protocol` says what that takes);
`standard` is (5) and (8), `robust` the reduced (15) and (18), each for its losses; `system` and
`robust_system` hold the linear algebra that makes them fast, `cones` that of second-order cones.
"""

from .engine import minimise
from .protocol import Outcome
from .robust import RobustHinge, RobustLogistic, RobustSquared
from .standard import StandardHinge, StandardLogistic, StandardSquared

__all__ = [
    "Outcome",
    "RobustHinge",
    "RobustLogistic",
    "RobustSquared",
    "StandardHinge",
    "StandardLogistic",
    "StandardSquared",
    "minimise",
]
