"""What a loaded data set is: three parts, each with inputs and labels, and where they came from."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..errors import InputError


@dataclass(frozen=True)
class Part:
    """Some rows of a data set.

    Source: own

    Parameters
    ----------
    x : (n, d) array
        Inputs, one row each. Images are flattened channel first; missing values are NaN.
    y : (n,) int64 array
        Class numbers 0..K-1.
    """

    x: np.ndarray
    y: np.ndarray

    def __len__(self) -> int:
        return len(self.y)

    @property
    def signs(self) -> np.ndarray:
        """Labels of a two-class set as paper A writes them: class 0 is -1, class 1 is +1.

        Source: [A] eq. (13)

        Returns
        -------
        (n,) float64 array

        Raises
        ------
        InputError
            If a label is neither 0 nor 1.
        """
        if self.y.size and self.y.max() > 1:
            raise InputError(
                f"signs need two classes, got labels up to {self.y.max()}; "
                "pass classes=(a, b) to load."
            )
        return 2.0 * self.y - 1.0

    def take(self, rows: np.ndarray) -> Part:
        """The rows with these numbers (or this mask), in this order."""
        return Part(self.x[rows], self.y[rows])


@dataclass(frozen=True)
class Dataset:
    """A data set, cut into parts, with its names, units and origin.

    Source: own

    Parameters
    ----------
    name : str
        As given to `load`.
    train, validation, test : Part
        A part that the split does not have is empty: shape (0, d).
    feature_names, class_names : tuple of str
        One for each column of x, one for each class number.
    units : str
        What one unit of x is; every radius is in these units.
    citation, licence : str
    source : str
        The route: "folder", "cache", "download", "package" or "scikit-learn".
    image_shape : (channels, height, width), optional
        Of one row, for images: `part.x.reshape(-1, *data.image_shape)`.
    box : (float, float), optional
        The valid range of a feature, for images; pass it to `LpBall`.
    """

    name: str
    train: Part
    validation: Part
    test: Part
    feature_names: tuple[str, ...]
    class_names: tuple[str, ...]
    units: str
    citation: str
    licence: str
    source: str
    image_shape: tuple[int, int, int] | None = None
    box: tuple[float, float] | None = None

    def __repr__(self) -> str:
        sizes = "/".join(str(len(p)) for p in self.parts)
        return (
            f"Dataset({self.name!r}, {sizes} rows x {self.n_features}, "
            f"{self.n_classes} classes, {self.units}, from {self.source})"
        )

    @property
    def parts(self) -> tuple[Part, Part, Part]:
        """The train, validation and test parts, in this order."""
        return self.train, self.validation, self.test

    @property
    def n_features(self) -> int:
        """Columns of x: d in [A], M in [B]."""
        return len(self.feature_names)

    @property
    def n_classes(self) -> int:
        """Number of classes K."""
        return len(self.class_names)

    def only_classes(self, classes: tuple[int, ...]) -> Dataset:
        """Keep the rows of these classes and number them 0, 1, ... in the order given.

        Source: own

        Raises
        ------
        InputError
            For fewer than two classes, a repeated one, or one that the set does not have.
        """
        known = set(range(self.n_classes))
        if len(classes) < 2 or len(set(classes)) != len(classes) or not set(classes) <= known:
            raise InputError(
                f"classes must be two or more different ones of 0..{self.n_classes - 1} "
                f"in {self.name}, got {tuple(classes)}."
            )
        number = np.full(self.n_classes, -1)
        number[list(classes)] = np.arange(len(classes))
        kept = [p.take(number[p.y] >= 0) for p in self.parts]
        train, validation, test = (Part(p.x, number[p.y]) for p in kept)
        names = tuple(self.class_names[c] for c in classes)
        return replace(self, train=train, validation=validation, test=test, class_names=names)

    def without_feature(self, column: int) -> Dataset:
        """The same rows without one column; -1 takes the leaked label off a published matrix.

        Source: own
        """
        kept = np.delete(np.arange(self.n_features), column)
        train, validation, test = (Part(p.x[:, kept], p.y) for p in self.parts)
        names = tuple(self.feature_names[j] for j in kept)
        return replace(self, train=train, validation=validation, test=test, feature_names=names)

    def standardised(self) -> Dataset:
        """Centre and scale each feature by the training and validation rows; missing becomes 0.

        .. math:: x_{km} \\leftarrow (x_{km} - \\mathrm{mean}_m) / \\mathrm{std}_m

        Source: own ([B] Section 6.1 standardises; its published code uses the same rows)

        Returns
        -------
        Dataset
            In units of the n - 1 standard deviation. A feature without spread is only centred, a
            missing value becomes 0, the mean. Exact; no test row enters the mean or the deviation.
        """
        fitted = np.concatenate([self.train.x, self.validation.x]).astype(np.float64)
        if len(fitted) < 2:
            raise InputError(f"standardising needs two rows to fit on, {self.name} has fewer.")
        mean, std = mean_and_deviation(fitted)
        scale = np.where(std > 0, std, 1.0)
        train, validation, test = (
            Part(np.nan_to_num((p.x - mean) / scale, nan=0.0), p.y) for p in self.parts
        )
        units = f"standard deviations ({self.units})"
        return replace(self, train=train, validation=validation, test=test, units=units, box=None)


def mean_and_deviation(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and n - 1 standard deviation of the observed values of each column.

    A constant column gets its exact value and an exact 0, not the rounding of a sum; a column
    without any observed value gets 0 and 0.

    Source: own
    """
    seen = np.isfinite(x)
    count = seen.sum(axis=0)
    low = np.where(seen, x, np.inf).min(axis=0)
    constant = low == np.where(seen, x, -np.inf).max(axis=0)
    mean = np.where(seen, x, 0.0).sum(axis=0) / np.maximum(count, 1)
    mean = np.where(constant, low, mean)
    squares = np.where(seen, x - mean, 0.0) ** 2
    std = np.sqrt(squares.sum(axis=0) / np.maximum(count - 1, 1))
    return mean, np.where(constant, 0.0, std)
