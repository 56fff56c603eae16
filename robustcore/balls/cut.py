r"""Balls cut with the box of valid inputs, for what asks a set for its support function.

The support function of an intersection is the least sum of two, over all ways to share a row out:
:math:`\sigma_{U\cap B}(c) = \min_a \rho\|a\|_q + \sigma_B(c-a)`. Every share a gives a bound, so
that rounding in the search for the best one costs no proof; a = c is the ball without its box.

Shape letters: n samples, d features, r rows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from ..errors import InputError
from ..projections import onto_ball
from .filling import best_steps, largest_gain
from .lp import LpBall
from .questions import EXTREME_POINTS, NORM, PROJECTION, PerturbationSet, answers_in_kind
from .radii import Radii
from .ranges import Pair, read_range, rounded_down, spread

_AT_ONCE = 2**22  # numbers of shared rows, each with the room of every sample


@dataclass(frozen=True, eq=False)
class Cut(PerturbationSet):
    r"""The set :math:`\{\delta \in U : low \le x+\delta \le high\}`, U a ball.

    Bounds that ask for a support function prove their answer on this set alone, where an `LpBall`
    with a box has them look at the whole ball. What it holds depends on the sample: bounds and
    attacks place it, `around(x)`, and until then it answers as the ball without its box.

    Source: own (on [B] eq. (23), Section 6.1)

    Parameters
    ----------
    ball : LpBall or Radii
        U, of any p.
    valid : (float, float) or ((d,), (d,)) tensors or arrays, optional
        Least and largest value of every input, or of each; the box of `ball` if it has one.

    Raises
    ------
    InputError
        For another set, or an empty range; when placed, for samples outside of the range.

    Notes
    -----
    With the room :math:`r_m\le1` along the sign of :math:`c_m`, in units of the radii,
    :math:`\sigma(c) = \min_{\mu\ge0}\ \rho\|a\|_q + \rho\sum_m r_m(|c_m|-a_m)` where
    :math:`a_m = \min(|c_m|, \mu r_m^{p-1})`: for p = 1 a fractional knapsack, for p = inf
    :math:`a = 0`, and one sort. `radius` scales the ball and leaves the range.

    CROWN and COAP lay their lines by the intervals of neurons, so that a single gap may come out
    above that on the whole ball, though most come out below; intervals themselves never do.

    Attacks keep to an `LpBall` with a box already, and for p = 1 search it better than this set:
    over it they go from point to point. `rub` looks at the whole L1 ball; `rub_boxed` is RUB on the
    cut one, `rub_any` for any p, and `exact` knows the cut of an L1 or Linf ball.
    """

    ball: LpBall | Radii
    valid: Any = None
    rooms: Pair | None = field(default=None, repr=False)  # (n, d) up and down, once placed
    radius: float = field(init=False, repr=False)
    box = None  # what holds x + delta in the range is the set itself
    solid = False
    holds_its_points = False

    def __post_init__(self) -> None:
        ball = self.ball
        if not isinstance(ball, LpBall | Radii):
            raise InputError(f"a Cut needs LpBall(p, radius) or Radii, got {ball!r}.")
        valid = read_range(ball.box if self.valid is None else self.valid)
        whole = LpBall(ball.p, ball.radius) if isinstance(ball, LpBall) else ball
        for name, value in (("ball", whole), ("valid", valid), ("radius", ball.radius)):
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        low, high = (f"{end:g}" if end.ndim == 0 else f"{len(end)} ends" for end in self.valid)
        return f"Cut({self.ball!r}, ({low}, {high}))"

    @property
    def p(self) -> float:
        """The exponent of the ball."""
        return self.ball.p

    @property
    def per_sample(self) -> bool:
        """Once it is placed, or the ball is."""
        return self.rooms is not None or self.ball.per_sample

    def lacks(self, question: str) -> str | None:
        """An L1 step must know the box; only the cross-polytope has few extreme points."""
        if question == PROJECTION and self.ball.p == 1:
            return "does without; fgm, apgd and strongest do too, LpBall(1, ..., box=...) has it"
        if question == EXTREME_POINTS and (self.ball.p != 1 or self.ball.per_sample):
            return "has too many of; take crown, or over the cut of an LpBall rub_any"
        if question == NORM and not isinstance(self.ball, LpBall):
            return "does not have; take crown, or the Cut of an LpBall"
        return None

    def moves(self, d: int) -> torch.Tensor:
        """Those that the ball moves."""
        return self.ball.moves(d)

    def leaps(self, d: int) -> torch.Tensor:
        """Those that leap in the ball."""
        return self.ball.leaps(d)

    def land(self, delta: torch.Tensor) -> torch.Tensor:
        """As in the ball; the whole number before, where the next one is out of the range."""
        landed = self.ball.land(delta)
        if self.rooms is None:
            return landed
        up, down = (spread(room, delta) for room in self.rooms)
        beyond = self.leaps(delta.shape[-1]).to(delta.device) & ((landed > up) | (-landed > down))
        return torch.where(beyond, delta.trunc(), landed)

    def with_radius(self, radius: float) -> Cut:
        """Another ball in the same range, not placed."""
        return replace(self, ball=self.ball.with_radius(radius), rooms=None)

    def scaled(self, times: float) -> Cut:
        """Another ball with the same room."""
        return replace(self, ball=self.ball.with_radius(times * self.radius))

    def around(self, x: torch.Tensor) -> Cut:
        """With the room that the range leaves each sample; a float32 at its edge is in it."""
        low, high = (end.to(x.device) for end in self.valid)
        if max(low.numel(), high.numel()) not in (1, x.shape[1]):
            raise InputError(f"{self!r} is for other samples than {tuple(x.shape)}.")
        x = x.detach()
        near = x.float()
        if bool(((near < low.float()) | (near > high.float())).any()):
            raise InputError(f"x must lie in the range of {self!r}; clip or rescale it first.")
        x = x.double()
        ball = self.ball if isinstance(self.ball, LpBall) else self.ball.around(x)
        rooms = (high - x).clamp(min=0), (x - low).clamp(min=0)
        return replace(self, ball=ball, rooms=rooms)

    def at(self, rows: torch.Tensor) -> Cut:
        """The part of some of the samples."""
        ball = self.ball if isinstance(self.ball, LpBall) else self.ball.at(rows)
        if self.rooms is None:
            return replace(self, ball=ball)
        up, down = (room[rows.to(room.device)] for room in self.rooms)
        return replace(self, ball=ball, rooms=(up, down))

    def sizes(self) -> Cut:
        """With the larger room on both sides."""
        if self.rooms is None:
            return self
        larger = torch.maximum(*self.rooms)
        return replace(self, rooms=(larger, larger))

    @answers_in_kind
    def support(self, c: Any) -> Any:
        r"""The largest :math:`c^\top\delta`: never above that of the ball, its own at the least.

        Source: own (on [B] eq. (23))

        Parameters
        ----------
        c : (n, ..., d)

        Returns
        -------
        (n, ...)
            Exact up to rounding. The gradient in c is the maximiser; there is no second one.
        """
        if self.rooms is None:
            return self.ball.support(c)
        with torch.no_grad():
            size, room = self._in_units(c)
            value = self.radius * largest_gain(size, room, self.ball.p)
            if not c.requires_grad:
                return value
            best = self._signed(c, size, room)
        return value + ((c - c.detach()) * best).sum(dim=-1)

    def of_rows(self, W: torch.Tensor) -> torch.Tensor:
        """(r, d) -> (n, r), some rows at a time."""
        if self.rooms is None:
            return self.ball.of_rows(W)
        if math.isinf(self.ball.p):
            up, down = (torch.minimum(room.to(W), self._reach(W)) for room in self.rooms)
            return up @ W.clamp(min=0).mT - down @ W.clamp(max=0).mT
        n, d = self.rooms[0].shape
        several = W.split(max(1, _AT_ONCE // max(1, n * d)))
        return torch.cat([self.support(some.expand(n, *some.shape)) for some in several], dim=1)

    @answers_in_kind
    def maximiser(self, c: Any) -> Any:
        """A point at which c'delta is the support: (n, ..., d) -> (n, ..., d).

        Source: own (on [B] Section 4)
        """
        if self.rooms is None:
            return self.ball.maximiser(c)
        with torch.no_grad():
            return self._signed(c, *self._in_units(c))

    @answers_in_kind
    def norm(self, delta: Any) -> Any:
        """That of the ball; inf where the range is left by more than rounding."""
        if self.rooms is None:
            return self.ball.norm(delta)
        widths = spread(self.rooms[0] + self.rooms[1], delta)
        inside = self._inside(delta, 4 * torch.finfo(delta.dtype).eps * widths)
        return torch.where(inside, self.ball.norm(delta), math.inf)

    def excess(self, delta: torch.Tensor, rounding: torch.Tensor) -> torch.Tensor:
        """As for every set; the range may be left by a rounding."""
        beyond = self.ball.excess(delta, rounding)
        return torch.where(self._inside(delta, rounding), beyond, math.inf)

    @answers_in_kind
    def project(self, delta: Any, x: Any = None) -> Any:
        """The nearest point, over `Radii` in units of the radii; of x it knows by its place."""
        if self.lacks(PROJECTION):
            raise self._declined("project", PROJECTION)
        if self.rooms is None:
            raise InputError(f"{self!r} depends on the samples; ask Cut.around(x).")
        up, down = (rounded_down(room, delta) for room in self.rooms)
        unit = self._unit(delta)
        scaled = [torch.where(unit > 0, one / unit, 0.0) for one in (delta, -down, up)]
        return (unit * onto_ball(scaled[0], self.ball.p, self.radius, *scaled[1:])).clamp(-down, up)

    def extreme_points(self, d: int) -> torch.Tensor:
        """Those of the L1 ball, whose hull holds more than the set: RUB looks at the whole ball."""
        if self.lacks(EXTREME_POINTS):
            raise self._declined("extreme_points", EXTREME_POINTS)
        return self.ball.extreme_points(d)

    def sample(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        """Points of the ball, clipped to the range: inside, but not uniform."""
        drawn = self.ball.sample(shape, rng)
        if self.rooms is None:
            return drawn
        up, down = (room.cpu().numpy() for room in self.rooms)
        return np.clip(drawn, -down, up)

    def _unit(self, c: torch.Tensor) -> torch.Tensor:
        """The radii of the features, with the axes of c; 1 of an Lp ball."""
        if isinstance(self.ball, LpBall):
            return c.new_ones(())
        radii = self.ball.radii
        return radii.to(c) if radii.ndim == 1 else spread(radii, c)

    def _reach(self, W: torch.Tensor) -> torch.Tensor:
        """How far a coordinate goes on its own: (d,), (n, 1), (n, d) or ()."""
        if isinstance(self.ball, LpBall):
            return W.new_full((), self.radius)
        return self.radius * self.ball.radii.to(W)

    def _in_units(self, c: torch.Tensor) -> Pair:
        """|c| times the radii, and the room along its sign over them, at most 1."""
        assert self.rooms is not None
        up, down = (spread(room, c) for room in self.rooms)
        unit = self._unit(c)
        whole = (self.radius * unit).clamp(min=torch.finfo(c.dtype).tiny)
        return c.abs() * unit, (torch.where(c > 0, up, down) / whole).clamp(max=1.0)

    def _signed(self, c: torch.Tensor, size: torch.Tensor, room: torch.Tensor) -> torch.Tensor:
        """The maximiser, rounded towards the sample where it meets the range."""
        assert self.rooms is not None
        up, down = (rounded_down(one, c) for one in self.rooms)
        best = self.radius * torch.sign(c) * self._unit(c) * best_steps(size, room, self.ball.p)
        return best.clamp(-down, up)

    def _inside(self, delta: torch.Tensor, slack: torch.Tensor) -> torch.Tensor:
        """Whether x + delta is in the range: (n, ..., d) -> (n, ...)."""
        if self.rooms is None:
            return torch.ones_like(delta[..., 0], dtype=torch.bool)
        up, down = (spread(room, delta) for room in self.rooms)
        return ((delta <= up + slack) & (-delta <= down + slack)).all(dim=-1)
