"""Cutting the rows of one table into train, validation and test."""

from __future__ import annotations

import numpy as np

from ..errors import InputError

Rows = tuple[np.ndarray, np.ndarray, np.ndarray]


def random_rows(
    y: np.ndarray, split: str | None, rng: np.random.Generator | None, name: str
) -> Rows:
    """Row numbers of a random 60/20/20 split, or of no split at all.

    Source: own ([B] Section 6.1 uses 60/20/20)

    Parameters
    ----------
    y : (n,) array
        Class numbers.
    split : str, optional
        "random" or None: stratified by `rng`; "none": every row in train, in source order.
    rng : numpy Generator, optional
        Needed for a random split.
    name : str
        The data set, for the message.

    Returns
    -------
    three int arrays
        Disjoint, together all rows. Within each class the cuts are at 60 % and 80 %, rounded to
        whole rows, so the parts keep the class shares to within a row for each class; a class of
        one or two rows may be missing from a part. The rows of a part are in random order.

    Raises
    ------
    InputError
        For a random split without `rng`, or an unknown split.
    """
    nothing = np.zeros(0, dtype=np.int64)
    if split == "none":
        return np.arange(len(y)), nothing, nothing
    if split not in (None, "random"):
        raise InputError(
            f"split must be 'random', 'none' or, for uci sets, 'published', got {split!r}."
        )
    if rng is None:
        raise InputError(
            f"a random split of {name} needs rng=np.random.default_rng(seed); "
            "or pass split='published' (uci sets) or split='none'."
        )
    order = rng.permutation(len(y))
    part = np.empty(len(y), dtype=np.int64)  # of each row in `order`
    for label in np.unique(y):
        members = np.flatnonzero(y[order] == label)
        cuts = np.rint(np.array([0.6, 0.8]) * len(members)).astype(int)
        for number, rows in enumerate(np.split(members, cuts)):
            part[rows] = number
    return order[part == 0], order[part == 1], order[part == 2]
