"""A structured interior-point method for the convex training programs, with its own certificate.

`engine` runs any program that supplies its Newton directions; `standard` is (5) and (8) for the
hinge and the squared loss, `robust` the reduced (15); `system` holds the linear algebra that makes
(8) fast, `cones` the algebra of second-order cones.
"""

from .engine import Outcome, minimise
from .robust import RobustHinge
from .standard import StandardHinge, StandardSquared

__all__ = ["Outcome", "RobustHinge", "StandardHinge", "StandardSquared", "minimise"]
