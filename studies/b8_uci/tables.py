"""One of the 46 tables as the networks see it: split, filled in, standardised."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from robustcore.datasets import load
from robustcore.datasets.records import mean_and_deviation
from robustcore.datasets.uci import load_table, split_rows
from robustcore.datasets.uci_published import fill_missing


@dataclass(frozen=True)
class Table:
    """Rows of the three parts in float32; validation and test are what is attacked.

    Source: own

    Parameters
    ----------
    infinite : (int, int)
        Validation and test rows with an infinite cell, which are not among the rows here and count
        as errors of every method.
    majority : (int, int)
        Validation and test rows of the class that is most frequent in training.
    """

    train_x: torch.Tensor
    train_y: torch.Tensor
    validation_x: torch.Tensor
    validation_y: torch.Tensor
    test_x: torch.Tensor
    test_y: torch.Tensor
    n_classes: int
    infinite: tuple[int, int]
    majority: tuple[int, int]

    @property
    def n_features(self) -> int:
        """M."""
        return self.train_x.shape[1]

    def to(self, device: str) -> Table:
        """The same rows on another device."""
        moved: dict[str, Any] = {
            k: v.to(device) for k, v in vars(self).items() if isinstance(v, torch.Tensor)
        }
        return replace(self, **moved)


def table(name: str, data: str, split: int, n_validation: int, n_test: int) -> Table:
    """A table by name; split 0 is the published one.

    Source: [B] Section 6.1

    Parameters
    ----------
    name : str
        Without "uci/".
    data : "clean" or "published"
        "published" are the authors' matrices, with the label as the last feature.
    split : int
        The seed of a random split, or 0.
    n_validation, n_test : int
        At most so many rows are kept of these parts, drawn at random.
    """
    if data == "published":
        found = load(f"uci/{name}", split="published", as_published=True)
        parts, K = [(p.x, p.y) for p in found.parts], found.n_classes
    else:
        parts, K = _clean(name, split)
    rng = np.random.default_rng([46, split])
    train, *attacked = parts
    (validation, lost_v, most_v), (test, lost_t, most_t) = (
        _some(part, n, train[1], rng)
        for part, n in zip(attacked, (n_validation, n_test), strict=True)
    )
    tensors = [
        torch.as_tensor(x, dtype=torch.float32 if x.ndim == 2 else torch.int64)
        for part in (train, validation, test)
        for x in part
    ]
    x, labels, x_v, labels_v, x_t, labels_t = tensors
    lost, most = (lost_v, lost_t), (most_v, most_t)
    return Table(x, labels, x_v, labels_v, x_t, labels_t, K, lost, most)


def _clean(name: str, split: int) -> tuple[list[tuple[np.ndarray, np.ndarray]], int]:
    """Missing cells filled as published, features standardised by the training rows."""
    entry, x, y, _ = load_table(name)
    x = fill_missing(entry, x)
    rng = np.random.default_rng(split) if split else None
    parts = split_rows(entry, y, "random" if split else "published", rng)
    mean, std = mean_and_deviation(x[parts[0]])
    x = (x - mean) / np.where(std > 0, std, 1.0)
    return [(x[r], y[r]) for r in parts], len(entry.class_labels)


def _some(
    part: tuple[np.ndarray, np.ndarray], most: int, train_y: np.ndarray, rng: np.random.Generator
) -> tuple[tuple[np.ndarray, np.ndarray], int, int]:
    """Some finite rows of a part; how many drawn rows are not finite, and of the majority class."""
    x, y = part
    drawn = rng.permutation(len(y))[:most]
    x, y = x[drawn], y[drawn]
    finite = np.isfinite(x).all(axis=1)
    majority = np.bincount(train_y).argmax()
    return (x[finite], y[finite]), int((~finite).sum()), int((y == majority).sum())
