"""Certificates within a time: cheap bounds for all samples, dear ones for those still open."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import nn

from .. import attacks, bounds, methods
from ..balls import SUPPORT, Cut, LpBall, PerturbationSet, check_set
from ..doors import class_labels, read_batch
from ..errors import InputError, SolverError, TooLargeError
from ..networks import layered
from .accuracy import Accuracy, Attack, correct, withstands
from .certificates import every, proved_by

IN_TURN = ("best", "rub_optimised", "crown_optimised", "exact")
BATCH = 50  # samples between two looks at the clock, at most
_GROWTH = 4  # times as many as in the part before, at most: the first one is a single sample
_LEAST = 0.1  # seconds for an integer program, whatever is left
_MARGIN = 1e-9


@dataclass(frozen=True)
class Escalation:
    """What became of each sample, and what decided it.

    Source: own

    Parameters
    ----------
    proved : (n,) tensor of booleans
        Right on the whole set of perturbations.
    broken : (n,) tensor of booleans
        Wrong on the clean input, or at a point that an attack found.
    by : list of str
        For each sample the method that decided it: a name of `robustcore.methods`, "clean" or
        "attack"; "" where it is open.
    seconds : float
        Wall time taken.
    """

    proved: torch.Tensor
    broken: torch.Tensor
    by: list[str]
    seconds: float

    @property
    def open(self) -> torch.Tensor:
        """Samples of which nothing is known: (n,) booleans."""
        return ~(self.proved | self.broken)

    @property
    def accuracy(self) -> Accuracy:
        """The certified accuracy, a lower bound of the robust one."""
        return Accuracy.of(self.proved)

    def counts(self) -> dict[str, int]:
        """How many samples each method decided."""
        return {name: self.by.count(name) for name in dict.fromkeys(self.by)}


def certify_within(
    net: nn.Module,
    x: torch.Tensor,
    y: torch.Tensor,
    ball: PerturbationSet,
    seconds: float,
    in_turn: Sequence[str] = IN_TURN,
    attack: Attack | None = attacks.apgd,
    rounding: str = "likely",
    clock: Callable[[], float] = time.perf_counter,
    observe: Callable[[int, float], None] | None = None,
) -> Escalation:
    """Certify as many samples as a time allows: each method is asked of those still open.

    Source: own

    Parameters
    ----------
    net : ReLUNetwork or nn.Sequential of supported layers
    x : (n, ...) tensor
    y : (n,) class labels
    ball : PerturbationSet
        Of a ball with a box, methods that can prove something on the part inside (`Cut`) are asked
        of that.
    seconds : float
        Samples are asked in parts: of each method one alone at first, then as many as the pace of
        the part before lets hope to end in time, and none where that is not even one. The part
        under way is ended, and the pace of a method is not known before its first sample: it is
        late by about what that takes, seconds over a large network, and where the first search for
        slopes of a process loads torch's optimisers. The programs of "exact", a sample at a time,
        share what is left. Reading the network and its answers at `x` come first, whatever they
        take.
    in_turn : sequence of str
        Methods as for :func:`certified`, cheap ones first; one that does not take this set is
        passed over. After the first, the attack.
    attack : callable (net, x, y, ball) -> (n, ...) tensor, optional
        What it turns needs no proof; None spares it.
    rounding : "likely", "proved" or "none"
        As for :func:`certified`.
    clock : callable
        Seconds, rising.
    observe : callable (decided, seconds), optional
        Called before each part with how many samples are decided, and the time that is left.

    Returns
    -------
    Escalation

    Raises
    ------
    InputError
        For an unknown method, or time that is not positive.
    """
    check_set(ball, "certify_within", SUPPORT)
    if not seconds > 0:
        raise InputError(f"seconds must be positive, got {seconds}; it is the time to certify in.")
    for name in in_turn:
        methods.certificate(name)  # refuses what is unknown or proves nothing
    x, y = read_batch(net, x, y)
    found = Search(net, x, y, ball, rounding, clock, clock() + seconds, observe)
    found.decide(torch.arange(len(x)), ~correct(net, x, y), "clean")
    for name in (n for n in in_turn if methods.METHODS[n].takes(ball)):
        found.prove(name)
        if attack is not None and "attack" not in found.asked:
            found.attack(attack)
    broken = torch.tensor([name in ("clean", "attack") for name in found.by], device=x.device)
    proved = torch.tensor([name in in_turn for name in found.by], device=x.device)
    return Escalation(proved, broken, found.by, clock() + seconds - found.end)


@dataclass
class Search:
    """What is known so far, and until when it may go on.

    Source: own
    """

    net: nn.Module
    x: torch.Tensor
    y: torch.Tensor
    ball: PerturbationSet
    rounding: str
    clock: Callable[[], float]
    end: float
    observe: Callable[[int, float], None] | None = None
    by: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    enough: Callable[[torch.Tensor], torch.Tensor] = every

    def __post_init__(self) -> None:
        self.by = self.by or [""] * len(self.x)

    def decide(self, rows: torch.Tensor, decided: torch.Tensor, name: str) -> None:
        """Write down what decided some of the rows."""
        for i in rows[decided.to(rows.device)].tolist():
            self.by[i] = name

    def parts(self) -> Iterator[torch.Tensor]:
        """Rows that are still open, as many at a time as are likely to end in time."""
        rows, size = torch.tensor([i for i, name in enumerate(self.by) if not name]).long(), 1
        begun, least = self.clock(), 0.0
        while len(rows) and size and begun + least < self.end:
            some, rows = rows[:size], rows[size:]
            self.tell(begun)
            yield some
            begun, before = self.clock(), begun
            took = max(begun - before, 1e-9)
            least = min(least, took) if least else took  # a small part may cost as much as a large
            size = min(_GROWTH * len(some), BATCH, int(len(some) * (self.end - begun) / took))

    def each(self) -> Iterator[torch.Tensor]:
        """Rows that are still open, each alone, while there is time."""
        for i in [i for i, name in enumerate(self.by) if not name]:
            if (now := self.clock()) < self.end:
                self.tell(now)
                yield torch.tensor([i])

    def tell(self, now: float) -> None:
        """Who watches learns how many rows are decided, and the seconds left."""
        if self.observe is not None:
            self.observe(len(self.by) - self.by.count(""), self.end - now)

    def prove(self, name: str) -> None:
        """Ask one bound of all that are open; one without an end, or too large, proves nothing."""
        bound = methods.certificate(name)
        outputs = layered(self.net, self.x.shape[1:]).maps[-1].n_outputs
        y, there = class_labels(self.y, outputs), inside(self.ball, name)
        for rows in self.each() if name == "exact" else self.parts():
            if name == "exact":
                left = (self.end - self.clock()) / max(1, outputs - 1)
                bound = functools.partial(bounds.exact, time_limit=max(_LEAST, left))
            given = self.x[rows].double(), y[rows], there.at(rows)
            try:
                with torch.no_grad():
                    proved = proved_by(bound, self.net, *given, _MARGIN, self.rounding, self.enough)
            except (SolverError, TooLargeError):
                continue
            self.decide(rows, proved, name)

    def attack(self, attack: Attack) -> None:
        """What an attack turns is not asked any more."""
        self.asked.append("attack")
        for rows in self.parts():
            stands = withstands(self.net, self.x[rows], self.y[rows], self.ball.at(rows), attack)
            self.decide(rows, ~stands, "attack")


def inside(ball: PerturbationSet, name: str) -> PerturbationSet:
    """The part of a ball in its box, for a method that would look at the whole ball.

    Source: own
    """
    if not isinstance(ball, LpBall) or ball.box is None:
        return ball
    return Cut(ball) if methods.METHODS[name].takes(Cut(ball)) else ball
