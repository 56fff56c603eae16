"""Properties in VNN-LIB files: what the outputs of a network must not do on boxes of inputs.

The file says what would refute it: inputs in a box, and outputs of which some comparisons hold. Of
a classifier that is mostly another output on top of the label's.

Shape letters: n boxes, d inputs, K outputs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..balls import Radii
from ..errors import InputError
from .asking import Asked
from .unsafe import Comparison, Way, label_of
from .vnnlib_words import declared, linear, parsed

_MOST = 10_000  # ways to refute a property; more is a mistake


def read_vnnlib(path: str | Path, dtype: torch.dtype = torch.float64) -> Asked:
    """The samples, the set, and what a VNN-LIB property asks of the outputs there.

    Source: own

    Parameters
    ----------
    path : str or Path
        Version 2 of the format, or version 1: ends of inputs and linear comparisons of outputs,
        in conjunctions and disjunctions.
    dtype : torch.dtype
        Of x. In double precision x is the middle; in a lower one it is rounded and the box around
        it larger.

    Returns
    -------
    Asked
        The property holds if `decide` proves all its boxes; where each has a label, if
        `certified(net, x, y, ball)` is true everywhere.

    Raises
    ------
    MissingExtraError
        Without the extra `vnnlib`.
    DataError
        If the file cannot be read.
    InputError
        If it asks something else: an input without an end, inputs compared with each other or with
        outputs, nothing of the outputs.

    Notes
    -----
    A strict comparison counts as the other where it is to be proved impossible, and as itself where
    a point is to satisfy it.
    """
    query, ways = parsed(path)
    shape, outputs = declared(query, path)
    if math.prod(len(one) for one in ways) > _MOST:
        raise InputError(f"{path} has more than {_MOST} ways to be refuted; split it.")
    found: dict[bytes, _Box] = {}
    for way in product(*ways):
        box = _Box(np.full(math.prod(shape), -np.inf), np.full(math.prod(shape), np.inf))
        told = [linear(one, path) for several in way for one in several]
        refuting = [one for one in (box.add(*one, outputs, path) for one in told) if one]
        if not refuting:
            raise InputError(
                f"{path} is refuted by 0 comparisons of outputs somewhere; it must name one."
            )
        box = found.setdefault(box.low.tobytes() + box.high.tobytes(), box)
        box.ways[tuple(dict.fromkeys(refuting))] = None
    return _asked(list(found.values()), shape, outputs, dtype, path)


@dataclass
class _Box:
    """A box, and the ways to refute the property there, each once."""

    low: np.ndarray
    high: np.ndarray
    ways: dict[Way, None] = field(default_factory=dict)

    def add(
        self,
        terms: dict[tuple[str, int], float],
        rest: float,
        strict: bool,
        outputs: int,
        path: Any,
    ) -> Comparison | None:
        """One more condition, the sum of the terms plus the rest at most 0: an end, or what it says
        of outputs."""
        kinds = {kind for kind, _ in terms}
        if kinds == {"output"}:
            return Comparison(
                tuple(-terms.get(("output", k), 0.0) for k in range(outputs)), rest, strict
            )
        if kinds != {"input"} or len(terms) > 1:
            raise InputError(
                f"{path} asks for something else than boxes of inputs and linear comparisons of "
                "outputs; only such properties are read."
            )
        (((_, m), a),) = terms.items()
        end = -rest / a
        if a > 0:
            self.high[m] = min(self.high[m], np.nextafter(end, np.inf))
        else:
            self.low[m] = max(self.low[m], np.nextafter(end, -np.inf))
        return None


def _asked(
    boxes: list[_Box], shape: tuple[int, ...], outputs: int, dtype: torch.dtype, path: Any
) -> Asked:
    """Boxes as samples, labels and one set; refuses what is none."""
    low, high = (np.stack([getattr(box, end) for box in boxes]) for end in ("low", "high"))
    for where, end in ((low, "lower"), (high, "upper")):
        if np.isinf(where).any():
            m = int(np.argwhere(np.isinf(where))[0, 1])
            raise InputError(f"{path} gives input {m} no {end} end; boxes need both.")
    if (low > high).any():
        raise InputError(f"{path} has an empty box; nothing is asked.")
    x = torch.from_numpy((low + high) / 2).to(dtype)
    radii = torch.maximum(torch.from_numpy(high) - x.double(), x.double() - torch.from_numpy(low))
    radii = torch.nextafter(radii, torch.full_like(radii, torch.inf))
    sample = shape[1:] if len(shape) > 1 and shape[0] == 1 else shape
    unsafe = tuple(tuple(box.ways) for box in boxes)
    y = torch.tensor([label_of(ways, outputs) for ways in unsafe])
    return Asked(x.view(len(x), *sample), y, Radii(math.inf, radii), outputs, unsafe)
