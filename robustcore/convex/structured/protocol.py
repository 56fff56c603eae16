"""What the engine and its programs say to each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import torch

from .cones import Scaling

Tensors = tuple[torch.Tensor, ...]
WAYPOINT = (
    0.1  # a later iterate saves more steps where the optimum hardly moves, and costs elsewhere
)
_INSIDE = 0.99  # of beta: the longest z of a start


@dataclass(frozen=True)
class Iterate:
    """Everything that moves; also the type of a direction.

    `point` (2, P, 1 + d) holds (t, u) of each block, `dual` (beta, z); `free` the variables of the
    program that lie in no cone; `slacks` and `multipliers` the non-negative pairs, in the order of
    the program.
    """

    point: torch.Tensor
    dual: torch.Tensor
    free: Tensors
    slacks: Tensors
    multipliers: Tensors

    @property
    def u(self) -> torch.Tensor:
        """(2, P, d): v, then w."""
        return self.point[..., 1:]

    def moved(self, step: Iterate, p: float, d: float) -> Iterate:
        """Primal parts by p, dual parts by d."""
        return Iterate(
            self.point + p * step.point,
            self.dual + d * step.dual,
            _axpy(self.free, p, step.free),
            _axpy(self.slacks, p, step.slacks),
            _axpy(self.multipliers, d, step.multipliers),
        )


@dataclass(frozen=True)
class Partial:
    """What a program's Newton system answers; t and z follow from it."""

    u: torch.Tensor
    free: Tensors
    slacks: Tensors
    multipliers: Tensors


def with_beta(at: Iterate, beta: float) -> Iterate:
    """The same point under another beta; z is shortened into the dual cones.

    The dual equation is then off by what was cut, as at a cold start.
    """
    z = at.dual[..., 1:]
    length = torch.linalg.vector_norm(z, dim=-1, keepdim=True)
    longest = _INSIDE * beta / length.clamp(min=torch.finfo(z.dtype).tiny)
    dual = torch.cat([torch.full_like(length, beta), z * longest.clamp(max=1.0)], -1)
    return replace(at, dual=dual)


def all_positive(tensors: Tensors) -> bool:
    """Whether every entry is."""
    return all(bool((tensor > 0).all()) for tensor in tensors)


class Newton(Protocol):
    """One factorised Newton system."""

    def directions(self, cone: torch.Tensor, goals: Tensors) -> Partial:
        """For a right side `cone` of the blocks and `goals` of the complementarities."""


class Program(Protocol):
    """What the engine must know of a program."""

    beta: float
    one_length: bool  # whether primal and dual must take the same step

    def start(self) -> Iterate:
        """A strictly feasible primal point, positive multipliers."""

    def resume(self, at: Iterate) -> Iterate | None:
        """An iterate of a neighbouring program, made one of this; None if it is not feasible."""

    def objective(self, u: torch.Tensor) -> float:
        """The program's value at feasible blocks."""

    def certificate(self, at: Iterate) -> tuple[float, Any]:
        """A lower bound of the optimum, and what proves it."""

    def stationarity(self, at: Iterate) -> torch.Tensor:
        """The gradient of the Lagrangian in u, without z; z equals it at the optimum."""

    def stationarity_step(self, at: Iterate, step: Partial) -> torch.Tensor:
        """Its change along a direction, to first order."""

    def longest(self, at: Iterate, step: Iterate) -> float:
        """The largest step at which what lies in no pair keeps its domain; inf if all do."""

    def newton(self, at: Iterate, scaling: Scaling, residual: torch.Tensor) -> Newton:
        """Factorise."""


@dataclass(frozen=True)
class Outcome:
    """What a run proved.

    Source: own

    Attributes
    ----------
    u : (2, P, d)
        The best feasible point found, v then w, in the program's units.
    objective, lower_bound : float
        Its value, and the best lower bound.
    proof : object
        The multipliers behind the lower bound, as the program names them.
    status : str
        One sentence: how the run ended.
    iterations : int
    seconds : float
    history : list of (objective, lower bound, seconds)
    waypoint : Iterate or None
        From which neighbouring programs may start: the first iterate within `WAYPOINT` of the
        optimum, relative to the objective.
    """

    u: torch.Tensor
    objective: float
    lower_bound: float
    proof: Any
    status: str
    iterations: int
    seconds: float
    history: list[tuple[float, float, float]] = field(default_factory=list)
    waypoint: Iterate | None = None

    @property
    def gap(self) -> float:
        """objective - lower_bound: the optimum lies in between."""
        return self.objective - self.lower_bound

    @property
    def optimal(self) -> bool:
        """Whether the tolerance was reached."""
        return self.status.startswith("optimal")


def _axpy(x: Sequence[torch.Tensor], a: float, dx: Sequence[torch.Tensor]) -> Tensors:
    return tuple(value + a * change for value, change in zip(x, dx, strict=True))
