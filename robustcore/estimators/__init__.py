"""Estimators for scikit-learn: train against an attack, predict, and prove, in five lines.

They go into a Pipeline and a GridSearchCV, take pandas frames and labels of any kind, and every
radius is in the units of the X that the estimator itself is given: after a StandardScaler, in
standard deviations of each feature. `in_raw_units(pipeline)` is the model in those of the table.
"""

from .convex import RobustConvexClassifier, RobustConvexRegressor
from .layered import CertifiedMLPClassifier
from .scaled import in_raw_units

__all__ = [
    "CertifiedMLPClassifier",
    "RobustConvexClassifier",
    "RobustConvexRegressor",
    "in_raw_units",
]
