"""The tables that come with scikit-learn: always at hand, no download."""

from __future__ import annotations

import numpy as np

from ..errors import InputError, missing_extra
from .records import Dataset, Part
from .splits import random_rows

SKLEARN_SETS = ("iris", "wine", "breast-cancer", "digits")
"""Names after "sklearn/"."""


def load_sklearn(name: str, split: str | None, rng: np.random.Generator | None) -> Dataset:
    """A table bundled with scikit-learn; see `robustcore.datasets.load`.

    Source: own

    Raises
    ------
    InputError
        For another name.
    MissingExtraError
        If scikit-learn is not installed.
    """
    if name not in SKLEARN_SETS:
        raise InputError(f"no scikit-learn set is called {name!r}; there are {SKLEARN_SETS}.")
    try:
        from sklearn import datasets
    except ImportError as missing:
        raise missing_extra(f"sklearn/{name} needs scikit-learn", "data") from missing
    bunch = getattr(datasets, f"load_{name.replace('-', '_')}")()
    x, y = np.asarray(bunch.data, dtype=np.float64), np.asarray(bunch.target, dtype=np.int64)
    train, validation, test = (Part(x[r], y[r]) for r in random_rows(y, split, rng, name))
    return Dataset(
        name=f"sklearn/{name}",
        train=train,
        validation=validation,
        test=test,
        feature_names=tuple(str(v) for v in bunch.feature_names),
        class_names=tuple(str(v) for v in bunch.target_names),
        units="as in the source",
        citation=f"{name} as bundled with scikit-learn; UCI Machine Learning Repository, "
        "D. Dua and C. Graff, University of California, Irvine",
        licence="CC BY 4.0 (the UCI repository's general terms)",
        source="scikit-learn",
    )
