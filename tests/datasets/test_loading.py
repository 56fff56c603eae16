"""The one door: names, options, refusals, and the records that come out."""

import sys

import numpy as np
import pytest

from robustcore.datasets import Dataset, Part, available, load
from robustcore.datasets.records import mean_and_deviation
from robustcore.errors import DataError, InputError, MissingExtraError


def toy(x, y, n_train):
    parts = Part(x[:n_train], y[:n_train]), Part(x[:0], y[:0]), Part(x[n_train:], y[n_train:])
    names = tuple(f"x{j}" for j in range(x.shape[1]))
    return Dataset("toy", *parts, names, ("a", "b", "c"), "cm", "cited", "free", "package")


def test_every_set_is_listed_once():
    names = available()
    assert len(set(names)) == len(names) == 3 + 3 + 46 + 4
    assert {"mnist", "cifar10-7x7", "uci/iris", "sklearn/iris"} <= set(names)


def test_units_and_boxes_follow_the_scale():
    unit, byte = load("mnist-sample"), load("mnist-sample", scale="byte")
    assert (unit.units, unit.box, byte.units, byte.box) == (
        "pixel / 255", (0.0, 1.0), "bytes 0..255", (0.0, 255.0)
    )  # fmt: skip
    assert (unit.train.x.dtype, byte.train.x.dtype) == (np.float64, np.uint8)
    np.testing.assert_array_equal(unit.test.x, byte.test.x / 255)
    small = load("mnist-sample", dtype="float32").test.x
    assert small.dtype == np.float32
    np.testing.assert_allclose(small, unit.test.x, rtol=1e-7)


def test_paper_b_holds_out_the_first_thousand_images():
    whole, held = load("mnist-sample"), load("mnist-sample", split="published")
    np.testing.assert_array_equal(held.validation.x, whole.train.x[:1000])
    np.testing.assert_array_equal(held.train.x, whole.train.x[1000:])
    assert len(whole.validation) == 0
    np.testing.assert_array_equal(held.test.y, whole.test.y)


@pytest.mark.parametrize("name", ["iris", "wine", "breast-cancer", "digits"])
def test_scikit_learn_sets_need_no_file(name, cache):
    data = load(f"sklearn/{name}", rng=np.random.default_rng(0))
    assert data.source == "scikit-learn"
    assert data.train.x.shape == (len(data.train), data.n_features)
    assert not cache.exists()


def test_without_scikit_learn_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(MissingExtraError, match=r"sklearn/iris .*pip install '\.\[data\]'"):
        load("sklearn/iris", split="none")


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("nist", {}, "no data set is called 'nist'"),
        ("uci/irises", {"split": "none"}, "no UCI set is called 'irises'"),
        ("sklearn/housing", {"split": "none"}, "no scikit-learn set is called 'housing'"),
        ("mnist-sample", {"scale": "percent"}, "scale must be 'unit'"),
        ("mnist-sample", {"dtype": "int8"}, "dtype must be"),
        ("mnist-sample", {"split": "random"}, "split must be None or 'published'"),
        ("mnist-sample", {"rng": np.random.default_rng(0)}, "neither rng nor as_published"),
        ("mnist-sample", {"as_published": True}, "neither rng nor as_published"),
        ("mnist-sample", {"classes": (1,)}, "two or more different"),
        ("mnist-sample", {"classes": (1, 1)}, "two or more different"),
        ("mnist-sample", {"classes": (1, 10)}, r"of 0\.\.9 in mnist-sample"),
        ("mnist", {"downsample": "stride"}, "downsample must be None or, for cifar10"),
        ("uci/iris", {"scale": "byte", "split": "none"}, "neither scale nor downsample"),
        ("uci/iris", {"split": "half", "rng": np.random.default_rng(0)}, "leave one out"),
        ("uci/iris", {"split": "half"}, "split must be 'random', 'none'"),
        ("uci/iris", {"split": "published", "rng": np.random.default_rng(0)}, "leave one out"),
        ("uci/iris", {"split": "none", "as_published": True}, "published split only"),
        ("sklearn/iris", {"split": "published"}, "for uci sets, 'published'"),
    ],
)
def test_what_cannot_be_meant_is_refused(name, options, message):
    with pytest.raises(InputError, match=message):
        load(name, **options)


def test_a_missing_full_set_says_how_to_get_it(cache, monkeypatch):
    def offline(file, target):
        raise ConnectionError("no route to host")

    monkeypatch.setattr("robustcore.datasets.files.download", offline)
    for name, address in (
        ("mnist", "https://ossci-datasets"),
        ("cifar10", "https://www.cs.toronto.edu"),
        ("uci/spambase", "https://archive.ics.uci.edu"),
    ):
        options = {"split": "none"} if name.startswith("uci") else {}
        with pytest.raises(DataError, match=rf"{name} needs .*{address}.*ROBUSTCORE_DATA=FOLDER"):
            load(name, **options)


def test_full_sets_load_where_they_are(full_data):
    data = load("mnist", dtype="float32")
    assert (len(data.train), len(data.test), data.source) == (60_000, 10_000, "folder")


def test_classes_are_renumbered_in_the_order_given():
    x = np.arange(6.0)[:, None]
    data = toy(x, np.array([0, 1, 2, 0, 1, 2]), 4).only_classes((2, 0))
    assert data.class_names == ("c", "a")
    np.testing.assert_array_equal(data.train.y, [1, 0, 1])
    np.testing.assert_array_equal(data.train.x[:, 0], [0, 2, 3])
    np.testing.assert_array_equal(data.test.signs, [-1])


def test_signs_need_two_classes():
    with pytest.raises(InputError, match=r"classes=\(a, b\)"):
        toy(np.zeros((3, 1)), np.array([0, 1, 2]), 3).train.signs  # noqa: B018


def test_standardising_uses_no_test_row_and_fills_missing_with_the_mean():
    x = np.array([[1.0, 5.0, 2.0], [3.0, 5.0, np.nan], [8.0, 7.0, np.nan]])
    data = toy(x, np.array([0, 1, 0]), 2).standardised()
    root = np.sqrt(2)
    np.testing.assert_allclose(data.train.x, [[-1 / root, 0, 0], [1 / root, 0, 0]])
    np.testing.assert_allclose(data.test.x, [[6 / root, 2, 0]])  # no spread: only centred
    assert data.units == "standard deviations (cm)"


def test_a_constant_column_has_exactly_no_spread():
    x = np.full((1000, 1), 0.1)  # its naive mean and deviation are not 0.1 and 0
    mean, std = mean_and_deviation(x)
    assert (mean[0], std[0]) == (0.1, 0.0)
    assert x.std(ddof=1) > 0


def test_deviations_are_those_of_numpy_on_the_observed_cells():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(50, 4))
    x[rng.random(x.shape) < 0.2] = np.nan
    mean, std = mean_and_deviation(x)
    np.testing.assert_allclose(mean, np.nanmean(x, axis=0), rtol=1e-12)
    np.testing.assert_allclose(std, np.nanstd(x, axis=0, ddof=1), rtol=1e-12)


def test_the_record_says_what_it_is():
    data = toy(np.zeros((3, 2)), np.array([0, 1, 2]), 2)
    assert repr(data) == "Dataset('toy', 2/0/1 rows x 2, 3 classes, cm, from package)"
    assert data.without_feature(-1).feature_names == ("x0",)
