"""Where a property is refuted: in one of several ways, each some comparisons of outputs at once.

A property of outputs holds on a set if each of its ways is impossible there: one comparison of it,
or their minimum, is proved to fail everywhere.

Shape letters: n samples, K outputs, R comparisons, W ways.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from ..errors import InputError
from .certificates import every


@dataclass(frozen=True)
class Comparison:
    r"""A linear comparison of outputs, :math:`c^\top z \ge d`, or `>` where it is strict.

    Source: own

    Parameters
    ----------
    coefficients : tuple of K floats
        c.
    threshold : float
        d.
    strict : bool
        What is proved to fail fails with either sign; a point that refutes must hold this one.
    """

    coefficients: tuple[float, ...]
    threshold: float
    strict: bool

    def holds(self, z: np.ndarray) -> bool:
        """Whether outputs, (K,) in float64, satisfy it."""
        apart = math.fsum([*(z * np.array(self.coefficients)).tolist(), -self.threshold])
        return apart > 0 if self.strict else apart >= 0

    @property
    def gap(self) -> tuple[int, int] | None:
        """(k, y) where it says that output k is at least output y, and nothing more."""
        there = {k: a for k, a in enumerate(self.coefficients) if a}
        if len(there) != 2 or sum(there.values()) != 0.0 or self.threshold != 0:
            return None
        low, high = sorted(there, key=lambda k: there[k])
        return high, low


Way = tuple[Comparison, ...]
Unsafe = tuple[Way, ...]


def label_of(unsafe: Unsafe, n_classes: int) -> int:
    """The label that is refuted by each other output on top, and by nothing else; -1 without one.

    Source: own
    """
    gaps = [way[0].gap if len(way) == 1 else None for way in unsafe]
    labels = {None if one is None else one[1] for one in gaps}
    others = {one[0] for one in gaps if one is not None}
    label = labels.pop()
    if labels or label is None or others != set(range(n_classes)) - {label}:
        return -1
    return label


def refutes(unsafe: Unsafe, z: np.ndarray) -> bool:
    """Whether outputs, (K,) in float64, satisfy every comparison of some way.

    Source: own
    """
    return any(all(one.holds(z) for one in way) for way in unsafe)


def rows_of(unsafe: Unsafe) -> list[Comparison]:
    """The comparisons of all ways, one after another.

    Source: own
    """
    return [one for way in unsafe for one in way]


def some_of_each(unsafe: Unsafe, below: torch.Tensor) -> torch.Tensor:
    """Where each way has a comparison that fails: (n, 1 + R) booleans -> (n,).

    Source: own
    """
    parts = below[:, 1:].split([len(way) for way in unsafe], dim=1)
    return torch.stack([one.any(dim=1) for one in parts]).all(dim=0)


class Compared(nn.Module):
    r"""The outputs 0 and :math:`c^\top z - d` of each comparison.

    Its thresholds are rounded so that no comparison holds less often.

    Source: own

    Parameters
    ----------
    net : module (n, ...) -> (n, K), (n, 1) or (n,)
    unsafe : tuple of ways
    outputs : int
        Of the network; a single one stands for the last of two.
    like : tensor
        Of the precision and the device that it computes in.

    Raises
    ------
    InputError
        If that precision does not hold a coefficient.
    """

    weight: torch.Tensor
    bias: torch.Tensor

    def __init__(self, net: nn.Module, unsafe: Unsafe, outputs: int, like: torch.Tensor) -> None:
        super().__init__()
        self.net = net
        told = rows_of(unsafe)
        exact = torch.tensor([c.coefficients for c in told], dtype=torch.float64)
        weight = exact[:, -outputs:].to(like)
        if bool((weight.to(exact) != exact[:, -outputs:]).any()):
            raise InputError(
                f"the property has coefficients that {like.dtype} does not hold; ask it of "
                "net.double()."
            )
        bias = torch.tensor([-c.threshold for c in told], dtype=torch.float64)
        self.register_buffer("weight", torch.cat([0 * weight[:1], weight]))
        self.register_buffer("bias", torch.cat([torch.zeros(1).to(like), _above(bias, like)]))
        self.train(net.training)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(n, ...) -> (n, 1 + R)."""
        z = self.net(x)
        return functional.linear(z.reshape(z.shape[0], -1), self.weight, self.bias)


class Least(nn.Module):
    r"""The outputs 0 and, of each way, the least of its :math:`c^\top z - d`.

    .. math:: \min(a, b) = a - [a - b]^+

    Source: own
    """

    def __init__(self, compared: Compared, unsafe: Unsafe) -> None:
        super().__init__()
        self.compared, self.sizes = compared, [len(way) for way in unsafe]
        self.train(compared.training)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(n, ...) -> (n, 1 + W)."""
        a = self.compared(x)
        found, at = [a[:, :1]], 1
        for size in self.sizes:
            least = a[:, at : at + 1]
            for i in range(at + 1, at + size):
                least = least - torch.relu(least - a[:, i : i + 1])
            found.append(least)
            at += size
        return torch.cat(found, dim=1)


@dataclass(frozen=True)
class Question:
    """Networks whose output of a label must stay above the others, where it is proved and attacked.

    Source: own

    Parameters
    ----------
    provers : sequence of (module, callable)
        Each proves by itself; the callable says of which gaps enough is proved.
    attacked : sequence of modules
        Each refuted only where another output reaches the label's.
    """

    provers: Sequence[tuple[nn.Module, Callable[[torch.Tensor], torch.Tensor]]]
    attacked: Sequence[nn.Module]

    @classmethod
    def of(
        cls, net: nn.Module, unsafe: Unsafe, label: int, outputs: int, like: torch.Tensor
    ) -> Question:
        """A classifier's own for a label; else that of the comparisons, for the label 0."""
        if label >= 0:
            return cls([(net, every)], [net])
        compared = Compared(net, unsafe, outputs, like)
        each = (compared, partial(some_of_each, unsafe))
        if all(len(way) == 1 for way in unsafe):
            return cls([each], [compared])
        least = Least(compared, unsafe)
        alone = [Least(Compared(net, (way,), outputs, like), (way,)) for way in unsafe]
        return cls([each, (least, every)], [least, *(alone if len(unsafe) > 1 else ())])


def _above(value: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """Numbers of a precision that are not below what a file wrote for these."""
    infinity = torch.full_like(value, math.inf)
    value = torch.where(value == 0, value, torch.nextafter(value, infinity))
    rounded = value.to(like)
    up = torch.nextafter(rounded, infinity.to(like))
    return torch.where(rounded.to(value) < value, up, rounded)
