"""Paper A: training a one-hidden-layer network by convex programs, each with its certificate.

cvxpy is loaded when a program is solved, not when this package is imported.
"""

from .batch import train_batch
from .dual import cell_supremum, certify
from .files import load_solution, save_solution
from .gated import GatedSolution, train_gated
from .global_bound import gate_supremum_bound, global_lower_bound
from .growing import GrownSolution, Round, train_grown
from .pruning import prune
from .recovery import recover, training_cost, vertex_cost
from .robust import train_robust, worst_perturbation
from .robust_hinge import train_robust_hinge
from .robust_logistic import train_robust_logistic
from .robust_squared import train_robust_squared
from .solving import ConvexSolution, mosek_licensed
from .standard import train_standard

__all__ = [
    "ConvexSolution",
    "GatedSolution",
    "GrownSolution",
    "Round",
    "cell_supremum",
    "certify",
    "gate_supremum_bound",
    "global_lower_bound",
    "load_solution",
    "mosek_licensed",
    "prune",
    "recover",
    "save_solution",
    "train_batch",
    "train_gated",
    "train_grown",
    "train_robust",
    "train_robust_hinge",
    "train_robust_logistic",
    "train_robust_squared",
    "train_standard",
    "training_cost",
    "vertex_cost",
    "worst_perturbation",
]
