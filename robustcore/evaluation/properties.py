"""Properties in VNN-LIB files: boxes on which one output must stay above all others.

The file says what would refute it: inputs in a box, and outputs among which another one is at
least the label's.

Shape letters: n boxes, d inputs, K outputs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ..attacks import apgd
from ..balls import PerturbationSet, Radii
from ..errors import InputError
from .escalation import Escalation, certify_within
from .vnnlib_words import declared, linear, parsed

_MOST = 10_000  # ways to refute a property; more is a mistake


@dataclass(frozen=True)
class Asked:
    """What a property asks: on each box around a sample its label must win.

    Source: own

    Parameters
    ----------
    x : (n, ...) tensor
        The middles, of the shape that the file declares, its first axis of length 1 left out.
    y : (n,) tensor of int64
    ball : Radii
        p = inf, half the widths; rounded so that no point of a box is outside.
    n_classes : int
        K.
    """

    x: torch.Tensor
    y: torch.Tensor
    ball: Radii
    n_classes: int

    def decide(
        self,
        net: nn.Module,
        seconds: float,
        in_turn: Sequence[str] | None = None,
        ball: PerturbationSet | None = None,
        observe: Callable[[int, float], None] | None = None,
    ) -> Escalation:
        """Which boxes hold and which are refuted, within a time.

        Source: own; asked of :func:`robustcore.evaluation.certify_within`

        Parameters
        ----------
        net : module, in the precision of x
        seconds : float
        in_turn : sequence of str, optional
            Its own methods by default.
        ball : PerturbationSet, optional
            Around the middles, in place of the boxes.
        observe : callable (decided, seconds), optional
            As for :func:`robustcore.evaluation.certify_within`.

        Returns
        -------
        Escalation
            `broken` where a point of the box itself turns the decision, not one of the rounding
            around it; a box without room for that stays open.
        """
        given: dict[str, Any] = {"observe": observe}
        given |= {} if in_turn is None else {"in_turn": in_turn}
        if ball is not None:
            return certify_within(net, self.x, self.y, ball, seconds, **given)
        found = certify_within(net, self.x, self.y, self.ball, seconds, attack=_attack, **given)
        narrow = (self.ball.radii < _rounding(self.x, self.ball)).any(dim=1)
        unsure = (found.broken & narrow).tolist()
        by = ["" if open_ else name for name, open_ in zip(found.by, unsure, strict=True)]
        return replace(found, broken=found.broken & ~narrow, by=by)


def _rounding(x: torch.Tensor, ball: Radii) -> torch.Tensor:
    """What rounding the middle adds to each side of a box, and more: (n, d)."""
    return 4 * torch.finfo(x.dtype).eps * (x.flatten(1).double().abs() + ball.radii)


def _attack(net: nn.Module, x: torch.Tensor, y: torch.Tensor, ball: Radii) -> torch.Tensor:
    """Points of the box itself."""
    inside = (ball.radii - _rounding(x, ball)).clamp(min=0)
    return apgd(net, x, y, Radii(math.inf, inside))


def read_vnnlib(path: str | Path, dtype: torch.dtype = torch.float64) -> Asked:
    """The samples, labels and set that a VNN-LIB property asks a classifier about.

    Source: own

    Parameters
    ----------
    path : str or Path
        Version 2 of the format, or version 1.
    dtype : torch.dtype
        Of x: the network's precision.

    Returns
    -------
    Asked
        The property holds if `certified(net, x, y, ball)` is true everywhere.

    Raises
    ------
    MissingExtraError
        Without the extra `vnnlib`.
    DataError
        If the file cannot be read.
    InputError
        If it asks something else: an input without an end, outputs against numbers, two
        comparisons at once, some classes only.
    """
    query, ways = parsed(path)
    shape, outputs = declared(query, path)
    if math.prod(len(one) for one in ways) > _MOST:
        raise InputError(f"{path} has more than {_MOST} ways to be refuted; split it.")
    found: dict[bytes, _Box] = {}
    for way in product(*ways):
        box = _Box(np.full(math.prod(shape), -np.inf), np.full(math.prod(shape), np.inf))
        for comparison in (one for several in way for one in several):
            box.add(*linear(comparison, path), path)
        key = box.low.tobytes() + box.high.tobytes()
        found.setdefault(key, box).over |= box.only(path)
    return _asked(list(found.values()), shape, outputs, dtype, path)


@dataclass
class _Box:
    """A box, and the pairs (label, other) of outputs that refute the property there."""

    low: np.ndarray
    high: np.ndarray
    over: set[tuple[int, int]] = field(default_factory=set)

    def add(self, terms: dict[tuple[str, int], float], rest: float, path: Any) -> None:
        """One more condition: the sum of the terms plus the rest is at most 0."""
        kinds = {kind for kind, _ in terms}
        if kinds == {"input"} and len(terms) == 1:
            (((_, m), a),) = terms.items()
            end = -rest / a
            if a > 0:
                self.high[m] = min(self.high[m], np.nextafter(end, np.inf))
            else:
                self.low[m] = max(self.low[m], np.nextafter(end, -np.inf))
        elif kinds == {"output"} and len(terms) == 2 and sum(terms.values()) == rest == 0:
            (_, label), (_, other) = sorted(terms, key=lambda one: -terms[one])
            self.over.add((label, other))
        else:
            raise InputError(
                f"{path} asks for something else than boxes of inputs and one output above the "
                "others; only such properties are read."
            )

    def only(self, path: Any) -> set[tuple[int, int]]:
        """Its one pair; several at once refute a property that no gap says."""
        if len(self.over) != 1:
            raise InputError(
                f"{path} is refuted by {len(self.over)} comparisons of outputs at once; only "
                "single ones are read."
            )
        return set(self.over)


def _asked(
    boxes: list[_Box], shape: tuple[int, ...], outputs: int, dtype: torch.dtype, path: Any
) -> Asked:
    """Boxes as samples, labels and one set; refuses what is none, or is about some classes."""
    low, high = (np.stack([getattr(box, end) for box in boxes]) for end in ("low", "high"))
    for where, end in ((low, "lower"), (high, "upper")):
        if np.isinf(where).any():
            m = int(np.argwhere(np.isinf(where))[0, 1])
            raise InputError(f"{path} gives input {m} no {end} end; boxes need both.")
    if (low > high).any():
        raise InputError(f"{path} has an empty box; nothing is asked.")
    labels = []
    for box in boxes:
        label, *several = {one for one, _ in box.over}
        others = {other for _, other in box.over}
        if several or others != set(range(outputs)) - {label}:
            raise InputError(
                f"{path} compares {len(box.over)} pairs of {outputs} outputs on a box; one label "
                "against all others is read."
            )
        labels.append(label)
    x = torch.from_numpy((low + high) / 2).to(dtype)
    radii = torch.maximum(torch.from_numpy(high) - x.double(), x.double() - torch.from_numpy(low))
    radii = torch.nextafter(radii, torch.full_like(radii, torch.inf))
    sample = shape[1:] if len(shape) > 1 and shape[0] == 1 else shape
    return Asked(x.view(len(x), *sample), torch.tensor(labels), Radii(math.inf, radii), outputs)
