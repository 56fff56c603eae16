"""The estimators keep scikit-learn's contract, and what they certify is so."""

from __future__ import annotations

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import make_blobs
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from robustcore.errors import InputError
from robustcore.estimators import (
    CertifiedMLPClassifier,
    RobustConvexClassifier,
    RobustConvexRegressor,
)

SMALL = {"n_patterns": 6, "random_state": 0}
CLASSIFIERS = [
    RobustConvexClassifier(radius=0.05, **SMALL),
    RobustConvexClassifier(radius=0.05, norm="l1", **SMALL),
    CertifiedMLPClassifier((10,), n_updates=120, learning_rate=0.02, random_state=0),
    CertifiedMLPClassifier((10,), norm="linf", n_updates=120, learning_rate=0.02, random_state=0),
]


@parametrize_with_checks(
    [
        RobustConvexClassifier(n_patterns=6),
        RobustConvexClassifier(radius=0.01, n_patterns=6),
        RobustConvexRegressor(n_patterns=6),
        CertifiedMLPClassifier((10,), radius=0.01, n_updates=150, learning_rate=0.02),
    ]
)
def test_scikit_learns_own_checks(estimator, check) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the checks fit noise, and say so themselves
        check(estimator)


@pytest.fixture(params=[2, 3], ids=["two classes", "three"])
def frame(request: pytest.FixtureRequest) -> tuple[pd.DataFrame, np.ndarray]:
    X, y = make_blobs(60, 3, centers=request.param, random_state=1, cluster_std=1.5)
    names = np.array(["ash", "birch", "cedar"])
    return pd.DataFrame(X, columns=["a", "b", "c"]), names[y]


@pytest.mark.parametrize("model", CLASSIFIERS, ids=lambda m: f"{type(m).__name__}-{m.norm}")
def test_a_certified_answer_stands_in_the_ball(model, frame) -> None:
    """Naive twin: the corners of the ball, random points of it, and the points that APGD finds."""
    X, y = frame
    model, rng = clone(model).fit(X, y), np.random.default_rng(0)
    radius = 0.4
    proved, kept = model.certify(X, y, radius), model.certify(X, radius=radius)
    assert proved.any()
    assert (proved == (kept & (model.predict(X) == y))).all()
    d = X.shape[1]
    corners = {
        "l1": np.vstack([np.eye(d), -np.eye(d)]),
        "linf": np.array(np.meshgrid(*[(-1.0, 1.0)] * d)).reshape(d, -1).T,
    }[model.norm]
    tries = np.vstack([corners, corners[rng.integers(len(corners), size=50)] * rng.random((50, 1))])
    for delta in radius * tries:
        moved = X + delta
        assert (model.predict(moved)[proved] == y[proved]).all()
    worst = pd.DataFrame(model.worst_inputs(X, y, radius), columns=X.columns)
    assert (model.predict(worst)[proved] == y[proved]).all()
    reach = model.certified_radius(X, y, largest=radius)
    assert ((reach == radius) == proved).all()


def test_a_point_beyond_the_certified_radius_may_turn(frame) -> None:
    """The certificate is not empty: on a line the exact distance is known."""
    X, y = np.array([[-1.0], [1.0]]), np.array([0, 1])
    model = RobustConvexClassifier(radius=0.5, beta=1e-3, random_state=0).fit(X, y)
    assert model.certify(X, y, radius=0.99).all()
    assert not model.certify(X, y, radius=1.01).any()


def test_the_regressors_interval_holds_every_prediction() -> None:
    rng = np.random.default_rng(3)
    X = rng.normal(size=(40, 2))
    y = np.abs(X[:, 0]) - X[:, 1]
    for norm in ("linf", "l2", "l1"):
        model = RobustConvexRegressor(radius=0.1, norm=norm, beta=1e-2, **SMALL).fit(X, y)
        low, high = model.interval(X, radius=0.3)
        errors = model.certify(X, y, radius=0.3)
        q = {"linf": np.inf, "l2": 2, "l1": 1}[norm]
        for _ in range(60):
            delta = rng.normal(size=X.shape)
            delta *= 0.3 / np.linalg.norm(delta, q, axis=1, keepdims=True)
            there = model.predict(X + delta)
            assert (there >= low - 1e-9).all()
            assert (there <= high + 1e-9).all()
            assert (np.abs(there - y) <= errors + 1e-9).all()
        net, dual = model.network_, {"linf": 1, "l2": 2, "l1": np.inf}[norm]
        slopes = np.linalg.norm(net.u.detach().numpy(), dual, axis=1) @ np.abs(
            net.alpha.detach().numpy()
        )
        assert (high - low <= 2 * 0.3 * slopes + 1e-9).all()  # no wider than Lipschitz's


def test_in_a_pipeline_and_a_grid(frame) -> None:
    X, y = frame
    pipe = make_pipeline(StandardScaler(), RobustConvexClassifier(**SMALL))
    search = GridSearchCV(pipe, {"robustconvexclassifier__radius": [0.0, 0.05]}, cv=2).fit(X, y)
    assert search.score(X, y) > 0.8
    again = pickle.loads(pickle.dumps(search.best_estimator_))
    assert (again.predict(X) == search.predict(X)).all()
    inner = again[-1]
    assert inner.certify(again[0].transform(X), y, radius=0.01).any()


def test_the_same_seed_gives_the_same_model(frame) -> None:
    X, y = frame
    for model in CLASSIFIERS:
        one, two = clone(model).fit(X, y), clone(model).fit(X, y)
        assert np.array_equal(one.decision_function(X), two.decision_function(X))


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        (RobustConvexClassifier(norm="l7"), "norm must be one of l1, l2, linf, got 'l7'"),
        (CertifiedMLPClassifier(hidden_layer_sizes=(0,)), "hidden_layer_sizes must be positive"),
        (CertifiedMLPClassifier(defense="magic"), "no defense 'magic'"),
        (RobustConvexClassifier(radius=-1), "radius"),
    ],
)
def test_a_bad_parameter_is_one_sentence(model, sentence, frame) -> None:
    with pytest.raises(InputError, match=sentence):
        model.fit(*frame)


def test_a_label_that_was_not_fitted_is_named(frame) -> None:
    X, y = frame
    model = clone(CLASSIFIERS[0]).fit(X, y)
    with pytest.raises(InputError, match="were not fitted: \\['yew'\\]"):
        model.certify(X, np.array(["yew"] * len(X)))
