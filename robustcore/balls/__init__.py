"""Sets of perturbations: the Lp ball that both papers share, and what tabular data asks for.

The support function of a ball is radius times the dual norm. It is the one lemma that joins the
papers: paper A uses it in (11), (15) and (18), paper B in (7), (9) and (20).
"""

from . import polytopes as polytopes
from .lp import LpBall, check_ball

__all__ = ["LpBall", "check_ball"]
