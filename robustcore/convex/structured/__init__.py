"""A structured interior-point method for the convex training programs, with its own certificate.

`solver.solve` runs it; `system` holds the Newton system that makes it fast, `blocks` the two
losses, `cones` the algebra of second-order cones.
"""

from .solver import Outcome, solve

__all__ = ["Outcome", "solve"]
