"""Activation patterns of one hidden ReLU layer: the matrices D_i of paper A, as columns of bits.

A gate a in R^d' switches sample k on when x_k a >= 0. Its pattern is the column [X a >= 0], the
diagonal of the paper's D_i. The convention is pinned here: ">=", so a zero row of X is always
active. `bias=True` everywhere means that a column of ones is appended to X.

Shape letters: n samples, d inputs, d' = d + 1 with a bias and d without, P patterns.
"""

from .cells import count, count_bound, enumerate_all
from .feasibility import robust_feasible, robust_interior
from .guarantees import failure_level, mean_violation_bound, sample_size, violation_level
from .interior import widest_point
from .record import Patterns, design_matrix, of
from .robust_sampling import clear, sample_robust
from .sampling import sample, sample_perturbed

enumerate = enumerate_all

__all__ = [
    "Patterns",
    "clear",
    "count",
    "count_bound",
    "design_matrix",
    "enumerate",
    "enumerate_all",
    "failure_level",
    "mean_violation_bound",
    "of",
    "robust_feasible",
    "robust_interior",
    "sample",
    "sample_perturbed",
    "sample_robust",
    "sample_size",
    "violation_level",
    "widest_point",
]
