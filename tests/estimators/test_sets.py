"""What is certified for any set, and in the units of a table that a pipeline scales, is so."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_iris, make_blobs
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler
from torch import nn

from robustcore import evaluation
from robustcore.balls import Cut, Hull, LpBall, PerturbationSet, Radii, Sum, Swaps
from robustcore.errors import InputError
from robustcore.estimators import (
    CertifiedMLPClassifier,
    RobustConvexClassifier,
    RobustConvexRegressor,
    in_raw_units,
)
from robustcore.networks import Scaler

CONVEX = RobustConvexClassifier(n_patterns=6, random_state=0)
DEEP = CertifiedMLPClassifier((10,), n_updates=120, learning_rate=0.02, random_state=0)
UNITS = np.array([1.0, 500.0, 1e-3, 1.0, 1.0])
# as large as turns some rows of the table and not all
SETS: dict[str, object] = {
    "number": 1.5e-3,
    "vector": [1.0, 500.0, 1e-3, 0.0, 0.0],
    "l2": Radii(2, [2.0, 900.0, 2e-3, 0.1, 0.1]),
    "hull": Hull([[2.0, 0.0, 0.0, 0.0, 0.0], [0.0, -900.0, 1e-3, 0.0, 0.0]]),
    "sum": Sum([Radii(np.inf, [0.8, 400.0, 8e-4, 0.0, 0.0]), Swaps([[3, 4]])]),
    "cut": Cut(
        Radii(1, [3.0, 1500.0, 3e-3, 0.0, 0.0]), ([-20, -9e3, -0.02, -1, -1], [12, 9e3, 1, 2, 2])
    ),
}
SCALERS = {
    "standard": StandardScaler(),
    "spread alone": StandardScaler(with_mean=False),
    "mean alone": Pipeline([("m", StandardScaler(with_std=False)), ("s", MaxAbsScaler())]),
    "range": MinMaxScaler((-1, 3)),
    "largest": MaxAbsScaler(),
    "quartiles": RobustScaler(),
}


@pytest.fixture(scope="module")
def table() -> tuple[pd.DataFrame, np.ndarray]:
    """Three numbers in units of their own, and a category in two one-hot columns."""
    X, y = make_blobs(60, 3, centers=3, random_state=1, cluster_std=2.5)
    kind = np.random.default_rng(0).integers(2, size=60)
    X = np.column_stack([X, kind, 1 - kind]) * UNITS
    return pd.DataFrame(X, columns=["age", "income", "dose", "own", "rent"]), y


def _points(given: object, model: object, X: pd.DataFrame) -> list[pd.DataFrame]:
    """Random points of the sets around rows, maximisers in random directions."""
    ball = given
    if not isinstance(ball, PerturbationSet):
        ball = LpBall(np.inf, ball) if np.ndim(ball) == 0 else Radii(np.inf, ball)
    there, rng = ball.around(torch.tensor(X.to_numpy())), np.random.default_rng(0)
    deltas = [there.sample(X.shape, rng) for _ in range(20)]
    deltas += [there.maximiser(rng.normal(size=X.shape) / UNITS) for _ in range(80)]
    return [X + delta for delta in deltas]


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("model", [CONVEX, DEEP], ids=["convex", "deep"])
def test_no_certified_row_of_a_scaled_table_is_turned(
    model: CONVEX, name: str, table: tuple[pd.DataFrame, np.ndarray]
) -> None:
    """Random search and attack in raw units; what answers is the pipeline itself."""
    X, y = table
    pipeline = make_pipeline(StandardScaler(), clone(model).set_params(norm="linf", radius=0.05))
    raw = in_raw_units(pipeline.fit(X, y))
    proved = raw.certify(X, y, SETS[name])
    assert proved.any()
    assert not proved.all()
    worst = pd.DataFrame(raw.worst_inputs(X, y, SETS[name]), columns=X.columns)
    turned, right = 0, pipeline.predict(X) == y
    for moved in [*_points(SETS[name], raw, X), worst]:
        wrong = pipeline.predict(moved) != y
        turned += int((wrong & right).sum())
        assert not (wrong & proved).any()
    assert turned > 0
    reach = raw.certified_radius(X, y, SETS[name])
    assert ((reach == reach.max()) == proved).all()


@pytest.mark.parametrize("name", SCALERS)
def test_a_pipeline_in_raw_units_is_the_same_network_with_a_scaler(
    name: str, table: tuple[pd.DataFrame, np.ndarray]
) -> None:
    X, y = table
    scaler = SCALERS[name]
    steps = [clone(s) for _, s in scaler.steps] if isinstance(scaler, Pipeline) else [scaler]
    pipeline = make_pipeline(*steps, clone(CONVEX)).fit(X, y)
    raw, model = in_raw_units(pipeline), pipeline[-1]
    np.testing.assert_allclose(raw.decision_function(X), pipeline.decision_function(X), atol=1e-9)
    zero = pd.DataFrame(np.zeros((1, 5)), columns=X.columns)
    mean_over_std, one = pipeline[:-1].transform(zero)[0], np.ones((1, 5))
    one = pipeline[:-1].transform(pd.DataFrame(one, columns=X.columns))[0]
    std = 1 / (one - mean_over_std)
    folded = nn.Sequential(
        Scaler(torch.tensor(-mean_over_std * std), torch.tensor(std)), model.network_
    )
    x, ball = torch.tensor(X.to_numpy()), Radii(np.inf, [1.0, 500.0, 1e-3, 0, 0])
    wanted = evaluation.certified(folded, x, torch.tensor(y), ball).numpy()
    assert raw.certify(X, y, ball).tolist() == wanted.tolist()
    assert 0 < wanted.sum() < len(y)


def test_a_scaler_of_a_float32_table_is_folded_in_float64(
    table: tuple[pd.DataFrame, np.ndarray],
) -> None:
    X, y = table
    for scaler in (MinMaxScaler(), StandardScaler(), RobustScaler(), MaxAbsScaler()):
        pipeline = make_pipeline(scaler, clone(CONVEX)).fit(X.astype(np.float32) + 5, y)
        raw = in_raw_units(pipeline)
        wanted = pipeline.decision_function(X + 5)
        np.testing.assert_allclose(raw.decision_function(X + 5), wanted, rtol=0, atol=1e-10)


def test_the_set_trained_against_is_taken_to_raw_units(
    table: tuple[pd.DataFrame, np.ndarray],
) -> None:
    X, y = table
    for norm in ("linf", "l2", "l1"):
        for radius in (0.3, [0.3, 0.1, 0.0, 0.2, 0.2], Radii(2, [0.3] * 5, 0.5)):
            model = clone(DEEP).set_params(norm=norm, radius=radius, n_updates=60)
            pipeline = make_pipeline(MinMaxScaler(), StandardScaler(), model).fit(X, y)
            there, inner = pipeline[:-1].transform(X), pipeline[-1]
            raw = in_raw_units(pipeline)
            assert raw.certify(X, y).tolist() == inner.certify(there, y).tolist()
            assert inner.radius is radius
    model = clone(DEEP).set_params(radius=Hull([[0.1] * 5]), n_updates=60)
    raw = in_raw_units(make_pipeline(StandardScaler(), model).fit(X, y))
    with pytest.raises(InputError, match="not known in these units; give radius"):
        raw.certify(X, y)
    assert raw.certify(X, y, Swaps([[3, 4]])).any()


def test_a_vector_of_radii_is_the_set_of_them() -> None:
    X, y = load_iris(return_X_y=True)
    radii = [0.3, 0.0, 0.1, 0.0]
    for model in (CONVEX, DEEP):
        fitted = clone(model).set_params(norm="linf", radius=0.05).fit(X, y)
        ball = Radii(np.inf, radii)
        wanted = fitted.certify(X, y, radius=ball)
        for given in (radii, tuple(radii), np.array(radii), torch.tensor(radii).double()):
            assert (fitted.certify(X, y, radius=given) == wanted).all()
        assert fitted.certify(X, y, 0.0).sum() > wanted.sum() > fitted.certify(X, y, 0.3).sum()
        assert (fitted.certified_radius(X, y, largest=radii) == 1).tolist() == wanted.tolist()


@pytest.mark.parametrize("given", [[0.2, 0.5, 0.0], Radii(2, [0.2, 0.5, 0.0]), Hull([[1.0, 0, 0]])])
def test_the_regressors_interval_holds_on_any_set(given: object) -> None:
    rng = np.random.default_rng(3)
    X = rng.normal(size=(40, 3)) * [1.0, 3.0, 1.0]
    y = np.abs(X[:, 0]) - X[:, 1]
    model = RobustConvexRegressor(beta=1e-2, n_patterns=6, random_state=0)
    pipeline = make_pipeline(StandardScaler(), model).fit(X, y)
    raw = in_raw_units(pipeline)
    (low, high), errors = raw.interval(X, given), raw.certify(X, y, given)
    ball = given if isinstance(given, PerturbationSet) else Radii(np.inf, given)
    spans = []
    for _ in range(60):
        there = pipeline.predict(X + ball.maximiser(rng.normal(size=X.shape)))
        assert ((there >= low - 1e-9) & (there <= high + 1e-9)).all()
        assert (np.abs(there - y) <= errors + 1e-9).all()
        spans.append(there)
    assert (np.ptp(spans, axis=0) > 0.3 * (high - low)).mean() > 0.5  # and it is no empty one


@pytest.mark.parametrize(
    "given",
    [
        [0.3, 0.1, 0.0, 0.2],
        Sum([Radii(1, [0.3, 0.3, 0.0, 0.0])]),
        Radii(1, [0.2] * 4),
        LpBall(2, 0.1),
    ],
)
def test_a_deep_network_is_trained_on_a_set(given: object) -> None:
    X, y = load_iris(return_X_y=True)
    model = clone(DEEP).set_params(radius=given, norm="linf", n_updates=200).fit(X, y)
    plain = clone(model).set_params(radius=0.0).fit(X, y)
    assert model.certify(X, y).mean() > 0.7
    assert model.certify(X, y).sum() >= plain.certify(X, y, given).sum()


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        (clone(CONVEX).set_params(radius=[0.1] * 4), "trains against one radius for all features"),
        (clone(CONVEX).set_params(radius=LpBall(3, 0.1)), "p = 1, 2 or inf"),
        (
            clone(DEEP).set_params(radius=np.full((150, 4), 0.1)),
            "a set for each of certain samples",
        ),
    ],
)
def test_a_set_on_which_it_does_not_train_is_one_sentence(model: CONVEX, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        model.fit(*load_iris(return_X_y=True))


def test_a_step_that_is_no_scaling_is_one_sentence() -> None:
    X, y = load_iris(return_X_y=True)
    for step, sentence in (
        (SimpleImputer(), "the step SimpleImputer before the model is no scaling"),
        (MinMaxScaler(clip=True), "a MinMaxScaler that clips is no scaling"),
    ):
        with pytest.raises(InputError, match=sentence):
            in_raw_units(make_pipeline(step, CONVEX).fit(X, y))
    with pytest.raises(InputError, match="takes a Pipeline that ends with an estimator"):
        in_raw_units(CONVEX)


@pytest.mark.parametrize(
    ("radius", "sentence"),
    [
        ([0.1, 0.0], "made for other samples"),
        ([[1, 2], [3]], "radii must be"),
        ([-0.1, 0, 0, 0], "least of the radii"),
        ("8/255", "write 8 / 255"),
        ({"a": 1}, "radius must be a number"),
    ],
)
def test_what_is_no_radius_is_one_sentence(radius: object, sentence: str) -> None:
    X, y = load_iris(return_X_y=True)
    with pytest.raises(InputError, match=sentence):
        clone(CONVEX).fit(X, y).certify(X, y, radius=radius)
