"""The splits and matrices that were published with paper B, faults included.

Derived from the repository kimvc7/Robustness: MIT licence, copyright 2021 Kimberly Villalobos
Carballo and Xavier Boix.
"""

from __future__ import annotations

import functools
import io

import numpy as np

from .catalogue import UciEntry
from .records import mean_and_deviation
from .samples import sample_bytes
from .splits import Rows

_PARTS = ("train", "val", "test")
_LEAKED = "label"
_COLUMNS_USED = {"parkinsons": 21}  # x22 was left out
_INFINITE = ("cnae-9",)  # where a feature without spread divides by zero instead of becoming 0
_CLASS_COLUMN = {"arrhythmia": 199}  # x200 was taken for the diagnosis


@functools.cache
def _all_splits() -> dict[str, np.ndarray]:
    raw = sample_bytes("uci_published_splits.npz.xz")
    with np.load(io.BytesIO(raw)) as arrays:
        return {key: arrays[key].astype(np.int64) for key in arrays.files}


@functools.cache
def _all_imputed() -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Row, column and value of each cell that the published matrices fill in, by data set."""
    text = sample_bytes("uci_published_imputed.csv.xz").decode()
    cells: dict[str, list[tuple[int, int, float]]] = {}
    for line in text.splitlines()[1:]:
        name, row, column, value = line.split(",")
        cells.setdefault(name, []).append((int(row), int(column[1:]) - 1, float(value)))
    return {
        name: (
            np.array([r for r, _, _ in found]),
            np.array([c for _, c, _ in found]),
            np.array([v for _, _, v in found]),
        )
        for name, found in cells.items()
    }


def published_rows(entry: UciEntry) -> Rows:
    """Row numbers of the split published with the paper.

    Source: [B] Section 6.1 (80/20, the last quarter of the 80 for validation)

    Returns
    -------
    three int arrays
        Train, validation, test, in published order. Exact for 41 sets. For the five sets whose
        `split_exact` is "test" the test rows are exact and so is the union of the other two; which
        of those is which was not published and is filled in file order, class by class.
    """
    splits = _all_splits()
    train, validation, test = (splits[f"{entry.name}__{part}"] for part in _PARTS)
    return train, validation, test


def fill_missing(entry: UciEntry, x: np.ndarray) -> np.ndarray:
    """Put the published value into every missing cell.

    Source: own (the values are those of the matrices published with [B])
    """
    if entry.name not in _all_imputed():
        return x
    rows, columns, values = _all_imputed()[entry.name]
    filled = x.copy()
    filled[rows, columns] = values
    return filled


def as_published(
    entry: UciEntry, x: np.ndarray, y: np.ndarray, rows: Rows
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...], tuple[str, ...]]:
    """The matrix that the published experiments fed to the networks.

    Source: own (audit of the data published with [B])

    Parameters
    ----------
    x : (n, d) array
    y : (n,) array
    rows : three int arrays
        The published split; mean and deviation are those of train and validation together.

    Returns
    -------
    (x, y, feature_names, class_names)
        x (n, d + 1): every feature standardised, and as the last column, "label", the standardised
        class itself.

    Notes
    -----
    Missing cells get the published values. A feature without spread over the fitted rows becomes
    0 in every row; in cnae-9 alone a test row that differs there becomes infinite (77 cells), as
    published. parkinsons uses x1..x21; arrhythmia takes the value of x200 for the class and keeps
    x200 among the features. How the published file numbers those 31 values is not recorded; here
    the value is its own number, as in the other sets whose labels are numbers with gaps.
    """
    x = fill_missing(entry, x)
    names = tuple(f"x{j + 1}" for j in range(x.shape[1]))
    used = _COLUMNS_USED.get(entry.name, x.shape[1])
    if entry.name in _CLASS_COLUMN:
        codes = x[:, _CLASS_COLUMN[entry.name]]
        values, y = np.unique(codes, return_inverse=True)
        classes = tuple(f"{v:g}" for v in values)
    else:
        codes, classes = np.array(entry.paper_codes, dtype=np.float64)[y], entry.class_labels
    x = np.concatenate([x[:, :used], codes[:, None]], axis=1)
    fitted = np.concatenate(rows[:2])
    mean, std = mean_and_deviation(x[fitted])
    with np.errstate(divide="ignore", invalid="ignore"):
        scaled = (x - mean) / std
    if entry.name not in _INFINITE:
        scaled[:, std == 0] = 0.0
    scaled[np.isnan(scaled)] = 0.0  # 0 / 0
    return scaled, y, (*names[:used], _LEAKED), classes
