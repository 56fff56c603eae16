"""The one door: `load`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..errors import InputError
from .bundled import SKLEARN_SETS, load_sklearn
from .catalogue import IMAGE_SETS, ImageSet, uci_sets
from .images import DOWNSAMPLINGS, Arrays, load_cifar10, load_idx_set
from .records import Dataset, Part
from .samples import IMAGE_SAMPLES, SAMPLE_CLASSES, read_sample, sample_key
from .uci import load_uci

_VALIDATION_IMAGES = 1000  # [B] holds out the first 1000 training images


def available() -> tuple[str, ...]:
    """Every name that `load` knows.

    Source: own
    """
    uci = (f"uci/{name}" for name in uci_sets())
    sklearn = (f"sklearn/{name}" for name in SKLEARN_SETS)
    return (*IMAGE_SETS, *IMAGE_SAMPLES, *uci, *sklearn)


def load(
    name: str,
    *,
    scale: str = "unit",
    dtype: str = "float64",
    classes: tuple[int, ...] | None = None,
    downsample: str | None = None,
    split: str | None = None,
    rng: np.random.Generator | None = None,
    as_published: bool = False,
) -> Dataset:
    """Load a data set by name: from the user's folder, the cache, the network or the package.

    Source: [A] Section V; [B] Section 6.1

    Parameters
    ----------
    name : str
        "mnist", "fashion-mnist", "cifar10"; "uci/NAME" for the 46 tables of paper B; the samples
        inside the package, "mnist-sample", "fashion-mnist-sample" (the first 3000 training and
        1000 test images) and "cifar10-7x7" (classes 1, 7, 2, 8: the first 1000 training images of
        each and all test images, 7 x 7 x 3); "sklearn/iris", "sklearn/wine",
        "sklearn/breast-cancer", "sklearn/digits". `available()` lists them.
    scale : str
        Images only. "unit": pixel / 255, in 0..1, as `dtype`. "byte": uint8, in 0..255.
    dtype : str
        "float64" or "float32". CIFAR-10 in float64 takes 1.5 GB.
    classes : tuple of int, optional
        Keep these classes and number them 0, 1, ... in this order.
    downsample : str, optional
        "stride" (every fifth pixel) or "block" (means of 7 x 7 blocks, rounded to whole bytes), for
        "cifar10" and "cifar10-7x7"; "cifar10-7x7" takes "stride" unless told otherwise.
    split : str, optional
        Images: None (the source's train and test, no validation) or "published" (as paper B: the
        first 1000 training images are validation). Tables: None or "random" (60/20/20, stratified,
        drawn by `rng`), "none" (every row in train, in source order) and, for uci, "published".
    rng : numpy Generator, optional
        Draws the random split of a table; with another split it is refused.
    as_published : bool
        uci only: the matrices of the published experiments, standardised and imputed, with the
        class label leaked as the last column. For the audit; see `uci_published.as_published`.

    Returns
    -------
    Dataset
        Parts train, validation and test, each with x (n, d) and y (n,). Missing values are NaN.

    Raises
    ------
    InputError
        For an unknown name or an option that the set does not have.
    DataError
        If the files are nowhere and cannot be downloaded.
    CorruptDataError
        If a file is not what its authors published.
    """
    if dtype not in ("float32", "float64"):
        raise InputError(f"dtype must be 'float32' or 'float64', got {dtype!r}.")
    is_image = name in IMAGE_SETS or name in IMAGE_SAMPLES
    if is_image:
        if rng is not None or as_published:
            raise InputError(f"{name} is an image set: it takes neither rng nor as_published.")
        classes = _held_classes(name, classes)
        data = _load_images(name, downsample, split)
    else:
        if downsample is not None or scale != "unit":
            raise InputError(f"{name} is a table: it takes neither scale nor downsample.")
        data = _load_table(name, split, rng, as_published)
    if classes is not None:
        data = data.only_classes(tuple(classes))
    return _scaled(data, scale, dtype) if is_image else _cast(data, dtype)


def _held_classes(name: str, classes: tuple[int, ...] | None) -> tuple[int, ...] | None:
    """The 7 x 7 sample holds four of the ten classes, under their CIFAR-10 numbers."""
    if name != "cifar10-7x7":
        return classes
    if classes is not None and not set(classes) <= set(SAMPLE_CLASSES):
        raise InputError(
            f"{name} holds the classes {SAMPLE_CLASSES} of CIFAR-10, got {tuple(classes)}; "
            "load('cifar10', downsample=...) has all ten."
        )
    return SAMPLE_CLASSES if classes is None else classes


def _load_table(
    name: str, split: str | None, rng: np.random.Generator | None, as_published: bool
) -> Dataset:
    if rng is not None and (split not in (None, "random") or as_published):
        raise InputError(f"rng draws the random split only, got split={split!r}; leave one out.")
    family, _, short = name.partition("/")
    if family == "uci":
        return load_uci(short, split, rng, as_published)
    if family == "sklearn" and not as_published:
        return load_sklearn(short, split, rng)
    raise InputError(f"no data set is called {name!r}; robustcore.datasets.available() lists all.")


def _load_images(name: str, downsample: str | None, split: str | None) -> Dataset:
    """An image set in bytes, flattened channel first."""
    if split not in (None, "published"):
        raise InputError(f"split must be None or 'published' for {name}, got {split!r}.")
    images = IMAGE_SAMPLES.get(name) or IMAGE_SETS[name]
    arrays, route = _sample(name, downsample) if name in IMAGE_SAMPLES else _full(name, downsample)
    train_x, train_y, test_x, test_y = arrays
    held = _VALIDATION_IMAGES if split == "published" else 0
    shape = train_x.shape[1:]
    flat = train_x.reshape(len(train_x), -1)
    return Dataset(
        name=name,
        train=Part(flat[held:], train_y[held:]),
        validation=Part(flat[:held], train_y[:held]),
        test=Part(test_x.reshape(len(test_x), -1), test_y),
        feature_names=tuple(f"c{c}r{i}k{j}" for c, i, j in np.ndindex(*shape)),
        class_names=images.class_names,
        units="bytes 0..255",
        citation=images.citation,
        licence=images.licence,
        source=route,
        image_shape=shape,
        box=(0.0, 255.0),
    )


def _sample(name: str, downsample: str | None) -> tuple[Arrays, str]:
    found = read_sample(sample_key(name, downsample))
    return (found["train_x"], found["train_y"], found["test_x"], found["test_y"]), "package"


def _full(name: str, downsample: str | None) -> tuple[Arrays, str]:
    images: ImageSet = IMAGE_SETS[name]
    if downsample is not None and (name != "cifar10" or downsample not in DOWNSAMPLINGS):
        raise InputError(
            f"downsample must be None or, for cifar10, 'stride' or 'block'; got {downsample!r} "
            f"for {name}."
        )
    arrays, route = load_cifar10(images) if name == "cifar10" else load_idx_set(images)
    if downsample is None:
        return arrays, route
    smaller = DOWNSAMPLINGS[downsample]
    train_x, train_y, test_x, test_y = arrays
    return (smaller(train_x), train_y, smaller(test_x), test_y), route


def _scaled(data: Dataset, scale: str, dtype: str) -> Dataset:
    """Bytes as they are, or as fractions of 255."""
    if scale == "byte":
        return data
    if scale != "unit":
        raise InputError(f"scale must be 'unit' (0..1) or 'byte' (0..255), got {scale!r}.")
    train, validation, test = (
        Part(np.divide(p.x, 255, dtype=np.dtype(dtype)), p.y) for p in data.parts
    )
    return replace(
        data, train=train, validation=validation, test=test, units="pixel / 255", box=(0.0, 1.0)
    )


def _cast(data: Dataset, dtype: str) -> Dataset:
    train, validation, test = (Part(p.x.astype(dtype, copy=False), p.y) for p in data.parts)
    return replace(data, train=train, validation=validation, test=test)
