"""A pipeline that scales before its model, as that model in raw units."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler
from torch import nn

from ..balls import LpBall, Radii
from ..errors import InputError
from ..networks import Scaler
from .certifying import Certifying, check_is_fitted, set_of


def in_raw_units(pipeline: Any) -> Any:
    """The fitted model of a pipeline with the scaling before it folded into its network.

    It predicts what the pipeline predicts, and `certify`, `certified_radius`, `worst_inputs` and
    `interval` take X and every radius in the units of the table.

    Source: own

    Parameters
    ----------
    pipeline : sklearn.pipeline.Pipeline
        Of StandardScaler, MinMaxScaler, MaxAbsScaler or RobustScaler, one or several, that do not
        clip, and one of this module's estimators, fitted.

    Returns
    -------
    Certifying
        A copy of the model; the pipeline stays what it is. Its radius by default is the set that
        the model was trained against, which the scaling makes a radius for each feature.

    Raises
    ------
    InputError
        For a step that is not such a scaling, or another model.

    Notes
    -----
    Folded in float64, as scikit-learn scales a float64 table: the two agree up to rounding, for
    which a certificate leaves room. A float32 table is scaled in float32 by scikit-learn, and in
    float64 here.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.pipeline import make_pipeline
    >>> from robustcore.estimators import RobustConvexClassifier
    >>> X, y = np.array([[0.0], [100.0], [300.0], [400.0]]), [0, 0, 1, 1]
    >>> model = RobustConvexClassifier(radius=0.3, random_state=0)
    >>> pipeline = make_pipeline(StandardScaler(), model).fit(X, y)
    >>> in_raw_units(pipeline).certify(X, y, radius=90).tolist()
    [True, True, True, True]
    """
    if not isinstance(pipeline, Pipeline) or not isinstance(pipeline.steps[-1][1], Certifying):
        raise InputError(
            "in_raw_units takes a Pipeline that ends with an estimator of robustcore, got "
            f"{type(pipeline).__name__}; a model without one is in raw units already."
        )
    *before, model = (step for _, step in pipeline.steps if step not in (None, "passthrough"))
    check_is_fitted(model)
    if not before:
        return copy.copy(model)
    mean, std = np.zeros(model.n_features_in_), np.ones(model.n_features_in_)
    for step in before:
        m, s = _scaling(step)
        mean, std = mean + std * m, std * s
    raw = copy.copy(model)
    scaler = Scaler(torch.as_tensor(mean), torch.as_tensor(std))
    raw.network_ = nn.Sequential(scaler.to(next(model.network_.parameters())), model.network_)
    raw.radius = _in_raw_units(set_of(model.norm, model.radius), std)
    vars(raw).pop("feature_names_in_", None)
    if hasattr(before[0], "feature_names_in_"):
        raw.feature_names_in_ = before[0].feature_names_in_
    return raw


def _scaling(step: Any) -> tuple[Any, Any]:
    """What a step takes away and divides by, as its transform does."""
    if getattr(step, "clip", False):
        raise InputError(f"a {type(step).__name__} that clips is no scaling; set clip=False.")
    check_is_fitted(step)
    if type(step) is StandardScaler:
        return step.mean_ if step.with_mean else 0.0, step.scale_ if step.with_std else 1.0
    if type(step) is RobustScaler:
        centre = step.center_ if step.with_centering else 0.0
        return centre, step.scale_ if step.with_scaling else 1.0
    if type(step) is MinMaxScaler:
        times = np.asarray(step.scale_, dtype=np.float64)  # of a float32 table it is float32
        return -step.min_ / times, 1 / times
    if type(step) is MaxAbsScaler:
        return 0.0, step.scale_
    raise InputError(
        f"the step {type(step).__name__} before the model is no scaling that is read; use "
        "StandardScaler, MinMaxScaler, MaxAbsScaler or RobustScaler, or certify the model itself "
        "on what the steps give."
    )


def _in_raw_units(trained: Any, std: np.ndarray) -> Any:
    """The set trained against, before the scaling; None of one for which nothing scales it."""
    spread = torch.as_tensor(std)
    if isinstance(trained, Radii):
        return replace(trained, radii=trained.radii * spread)
    if isinstance(trained, LpBall) and trained.box is None:
        return Radii(trained.p, spread, trained.radius)
    return None
