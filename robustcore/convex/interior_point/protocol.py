"""What the engine and its programs say to each other; every tensor has the axis of `batch`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import torch

from .batch import Tensors, choose, choose_all, spread
from .cones import Scaling
from .pairs import Cone

WAYPOINT = (
    0.1  # a later iterate saves more steps where the optimum hardly moves, and costs elsewhere
)
_INSIDE = 0.99  # of beta: the longest z of a start


@dataclass(frozen=True)
class Iterate:
    """Everything that moves; also the type of a direction.

    `point` (B, 2, P, 1 + d) holds (t, u) of each block, `dual` (beta, z); `free` the variables of
    the program that lie in no cone; `slacks` and `multipliers` the pairs, in the order of the
    program and of its `cones`.
    """

    point: torch.Tensor
    dual: torch.Tensor
    free: Tensors
    slacks: Tensors
    multipliers: Tensors

    @property
    def u(self) -> torch.Tensor:
        """(B, 2, P, d): v, then w."""
        return self.point[..., 1:]

    @property
    def facets(self) -> torch.Tensor:
        """The multipliers of the facets, which every program has as its first pair."""
        return self.multipliers[0]

    def moved(self, step: Iterate, p: torch.Tensor, d: torch.Tensor) -> Iterate:
        """Primal parts by p, dual parts by d, both (B,)."""
        return Iterate(
            self.point + spread(p, self.point) * step.point,
            self.dual + spread(d, self.dual) * step.dual,
            _axpy(self.free, p, step.free),
            _axpy(self.slacks, p, step.slacks),
            _axpy(self.multipliers, d, step.multipliers),
        )

    @property
    def parts(self) -> Tensors:
        """Every tensor, in the order in which `mapped` changes them."""
        return (self.point, self.dual, *self.free, *self.slacks, *self.multipliers)

    def mapped(self, change: Callable[[torch.Tensor], torch.Tensor]) -> Iterate:
        """The same change to every tensor."""
        return Iterate(
            change(self.point),
            change(self.dual),
            *(tuple(map(change, g)) for g in (self.free, self.slacks, self.multipliers)),
        )

    def replaced(self, other: Iterate, where: torch.Tensor) -> Iterate:
        """With the programs named by the mask (B,) taken from another."""
        return Iterate(
            choose(where, other.point, self.point),
            choose(where, other.dual, self.dual),
            choose_all(where, other.free, self.free),
            choose_all(where, other.slacks, self.slacks),
            choose_all(where, other.multipliers, self.multipliers),
        )


@dataclass(frozen=True)
class Partial:
    """What a program's Newton system answers; t and z follow from it."""

    u: torch.Tensor
    free: Tensors
    slacks: Tensors
    multipliers: Tensors

    @property
    def facets(self) -> torch.Tensor:
        """As of an `Iterate`."""
        return self.multipliers[0]


def with_beta(at: Iterate, beta: float) -> Iterate:
    """The same point under another beta; z is shortened into the dual cones.

    The dual equation is then off by what was cut, as at a cold start.
    """
    z = at.dual[..., 1:]
    length = torch.linalg.vector_norm(z, dim=-1, keepdim=True)
    longest = _INSIDE * beta / length.clamp(min=torch.finfo(z.dtype).tiny)
    dual = torch.cat([torch.full_like(length, beta), z * longest.clamp(max=1.0)], -1)
    return replace(at, dual=dual)


def all_inside(cones: Sequence[Cone], points: Tensors) -> torch.Tensor:
    """Of which programs every point is strictly inside its cone, (B,)."""
    return torch.stack([c.inside(point) for c, point in zip(cones, points, strict=True)]).all(0)


def joined(iterates: Sequence[Iterate]) -> Iterate | None:
    """One batch of several, None where their shapes differ."""
    shapes = [[part.shape[1:] for part in at.parts] for at in iterates]
    if not all(shape == shapes[0] for shape in shapes):
        return None
    parts = zip(*(at.parts for at in iterates), strict=True)
    together = iter([torch.cat(part) for part in parts])
    return iterates[0].mapped(lambda _: next(together))


class Newton(Protocol):
    """One factorised Newton system."""

    def directions(self, cone: torch.Tensor, goals: Tensors) -> Partial:
        """For a right side `cone` of the blocks and `goals` of the complementarities."""


class Program(Protocol):
    """What the engine must know of a batch of programs."""

    beta: float
    one_length: bool  # whether primal and dual must take the same step
    bends: bool  # whether a full step leaves the dual equation unsolved: complementarity then waits

    @property
    def cones(self) -> Sequence[Cone]:
        """In which each of the pairs lies."""

    def subset(self, keep: torch.Tensor) -> Program:
        """Those programs of the batch that a mask (B,) names."""

    def start(self) -> Iterate:
        """A strictly feasible primal point, multipliers strictly inside their cones."""

    def resume(self, at: Iterate) -> tuple[Iterate, torch.Tensor]:
        """An iterate of neighbouring programs made one of these, and where it is feasible, (B,)."""

    def objective(self, u: torch.Tensor) -> torch.Tensor:
        """The value of each program at feasible blocks, (B,)."""

    def certificate(self, at: Iterate) -> tuple[torch.Tensor, Any]:
        """A lower bound of each optimum, (B,), and what proves them; indexed by program."""

    def stationarity(self, at: Iterate) -> torch.Tensor:
        """The gradient of the Lagrangian in u, without z; z equals it at the optimum."""

    def stationarity_step(self, at: Iterate, step: Partial) -> torch.Tensor:
        """Its change along a direction, to first order."""

    def longest(self, at: Iterate, step: Iterate) -> torch.Tensor:
        """The largest step (B,) at which what lies in no pair keeps its domain; inf if all do."""

    def newton(self, at: Iterate, scaling: Scaling, residual: torch.Tensor) -> Newton:
        """Factorise."""


@dataclass(frozen=True)
class Outcome:
    """What a run proved about one program.

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
        Until this program was done, with all others of its batch.
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


def _axpy(x: Tensors, a: torch.Tensor, dx: Tensors) -> Tensors:
    return tuple(value + spread(a, value) * change for value, change in zip(x, dx, strict=True))
