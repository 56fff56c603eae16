"""What a property asks of a network on boxes of inputs, and how that is decided.

Shape letters: n boxes, d inputs, K outputs.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from .. import methods
from ..attacks import apgd, check_inside, evaluating
from ..balls import SUPPORT, PerturbationSet, Radii, check_set
from ..bounds.faithful import own_precision
from ..doors import answer, read_samples, two_logits
from ..errors import InputError
from .escalation import IN_TURN, Escalation, Search
from .unsafe import Question, Unsafe, refutes

_PATHS = 4  # of an attack on comparisons


@dataclass(frozen=True)
class Asked:
    """What a property asks: on each box around a sample no way to refute it is possible.

    Source: own

    Parameters
    ----------
    x : (n, ...) tensor
        The middles, of the shape that the file declares, its first axis of length 1 left out.
    y : (n,) tensor of int64
        The label that must win on a box; -1 where the property is about something else.
    ball : Radii
        p = inf, half the widths; rounded so that no point of a box is outside.
    n_classes : int
        K.
    unsafe : tuple of n tuples
        Of each box the ways to refute the property there, each a tuple of comparisons of outputs
        that hold at once.
    """

    x: torch.Tensor
    y: torch.Tensor
    ball: Radii
    n_classes: int
    unsafe: tuple[Unsafe, ...]

    def decide(
        self,
        net: nn.Module,
        seconds: float,
        in_turn: Sequence[str] | None = None,
        ball: PerturbationSet | None = None,
        observe: Callable[[int, float], None] | None = None,
    ) -> Escalation:
        """Which boxes hold and which are refuted, within a time.

        Source: own; in the order of :func:`robustcore.evaluation.certify_within`

        Parameters
        ----------
        net : module, in any precision
        seconds : float
        in_turn : sequence of str, optional
            Its own methods by default.
        ball : PerturbationSet, optional
            Around the middles, in place of the boxes.
        observe : callable (decided, seconds), optional
            As for :func:`robustcore.evaluation.certify_within`, of the boxes asked together.

        Returns
        -------
        Escalation
            `proved` is about the set around the middles as they are in x. `broken` where a point
            of the box itself, in the network's own precision, satisfies all comparisons of some
            way, not one of the rounding around it; a box without room for that stays open.
        """
        if not seconds > 0:
            raise InputError(
                f"seconds must be positive, got {seconds}; it is the time to decide in."
            )
        over = self.ball if ball is None else ball
        check_set(over, "decide", SUPPORT)
        taken = []
        for name in IN_TURN if in_turn is None else in_turn:
            methods.certificate(name)  # refuses what is unknown or proves nothing
            taken += [name] if methods.METHODS[name].takes(over) else []
        start = time.perf_counter()
        outputs = self._outputs_of(net)
        by = [""] * len(self.x)
        for rows in self._alike():
            part = _Part(self, net, outputs, rows, ball)
            found = part.decide(taken, start + seconds, observe)
            for i, name in zip(rows.tolist(), found, strict=True):
                by[i] = name
        broken = torch.tensor([name in ("clean", "attack") for name in by])
        proved = torch.tensor([name in taken for name in by])
        return Escalation(proved, broken, by, time.perf_counter() - start)

    def _alike(self) -> Iterator[torch.Tensor]:
        """Rows that one network answers: all with a label, and those refuted in the same ways."""
        kinds = [() if y >= 0 else ways for y, ways in zip(self.y, self.unsafe, strict=True)]
        for kind in dict.fromkeys(kinds):
            yield torch.tensor([i for i, one in enumerate(kinds) if one == kind])

    def _outputs_of(self, net: nn.Module) -> int:
        """How many it has: those that the property is about, or one for two."""
        x = read_samples(net, self.x[:1])
        with evaluating(net), torch.no_grad():
            there = answer(net, x.to(own_precision(net, x))).numel()
        if there != self.n_classes and (there, self.n_classes) != (1, 2):
            raise InputError(
                f"the property is about {self.n_classes} outputs, the network has {there}."
            )
        return there


class _Part:
    """Boxes that are asked of one network, in double precision; points in the network's own."""

    def __init__(
        self,
        asked: Asked,
        net: nn.Module,
        outputs: int,
        rows: torch.Tensor,
        ball: PerturbationSet | None,
    ) -> None:
        self.unsafe = [asked.unsafe[i] for i in rows.tolist()]
        self.net, self.x, self.y = net, asked.x[rows], asked.y[rows].clamp(min=0)
        self.own = self.x.to(own_precision(net, self.x))
        label = int(asked.y[rows[0]])
        self.question = Question.of(net, self.unsafe[0], label, outputs, self.own)
        self.two = outputs < asked.n_classes
        if ball is None:
            boxes = asked.ball.at(rows)
            lost = _rounding(self.own, boxes)
            self.ball: PerturbationSet = boxes
            self.sure: PerturbationSet = Radii(math.inf, (boxes.radii - lost).clamp(min=0))
            self.narrow = (boxes.radii < lost).any(dim=1)
        else:
            self.ball = self.sure = ball.at(rows)
            self.narrow = torch.zeros(len(rows), dtype=torch.bool)

    def decide(
        self, in_turn: Sequence[str], end: float, observe: Callable[[int, float], None] | None
    ) -> list[str]:
        """What decided each box, "" where it is open."""
        by = [""] * len(self.x)
        searches = [
            Search(
                *(one, self.x, self.y, self.ball, "likely", time.perf_counter, end, observe),
                by=by,
                enough=enough,
            )
            for one, enough in self.question.provers
        ]
        everywhere = torch.arange(len(self.x))
        searches[0].decide(everywhere, self._refuted(everywhere, self.own), "clean")
        for name in in_turn:
            for search in searches:
                search.prove(name)
            if name == in_turn[0]:
                for one in self.question.attacked:
                    for rows in searches[0].parts():
                        searches[0].decide(rows, self._attacked(one, rows), "attack")
        return by

    def _attacked(self, net: nn.Module, rows: torch.Tensor) -> torch.Tensor:
        x, within = self.own[rows], self.sure.at(rows)
        several: dict[str, Any] = {}
        if net is not self.net:  # piecewise, and less like what attacks are made for
            generator = torch.Generator(x.device).manual_seed(0)
            several = {"restarts": _PATHS, "generator": generator}
        points = apgd(net, x, self.y[rows], within, **several)
        check_inside(points, x, within)
        return self._refuted(rows, points)

    def _refuted(self, rows: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
        """Where the network's answer at a point that is surely of the box refutes the property."""
        with evaluating(self.net), torch.no_grad():
            z = answer(self.net, points).reshape(len(points), -1).double()
        z = two_logits(z) if self.two else z
        there = zip(rows.tolist(), z.cpu().numpy(), strict=True)
        return ~self.narrow[rows] & torch.tensor([refutes(self.unsafe[i], one) for i, one in there])


def _rounding(x: torch.Tensor, ball: Radii) -> torch.Tensor:
    """What rounding the middle adds to each side of a box, and more: (n, d)."""
    return 4 * torch.finfo(x.dtype).eps * (x.flatten(1).double().abs() + ball.radii)
