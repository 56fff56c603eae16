"""The methods: each way to train and each bound, once, under the name that rows carry.

What certifies, which balls it is for, how it trains, and how pictures call and draw it, is read
from here: by :func:`robustcore.evaluation.certified`, by the pictures' style and by the studies. A
newcomer is a function in `bounds` or `defenses`, and one entry.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import torch

from . import bounds, defenses
from .balls import EXTREME_POINTS, NORM, SUPPORT, Cut, PerturbationSet
from .errors import InputError

_L1 = (1.0,)
_EXACT = (1.0, math.inf)
_ANY = (1.0, 2.0, math.inf)
_DOTTED = (0, (1, 1))
_DASH_DOT_DOT = (0, (4, 1, 1, 1, 1, 1))
_LONG = (0, (6, 2))


@dataclass(frozen=True)
class Method:
    """A method: how it bounds, how it trains, and how a picture shows it.

    Source: own

    Parameters
    ----------
    name : str
        As rows carry it.
    label : str
        As pictures and tables print it, without the norm of its ball.
    colour : str
        A word of `robustcore.plots.style.PALETTE`.
    dashes : str or tuple
        Matplotlib's.
    bound : callable (net, x, y, ball) -> (n, K), optional
        What it says of the worst gaps.
    sound : bool
        Whether that is an upper bound; else it is an estimate and certifies nothing.
    norms : tuple of float
        Each p whose balls `bound` and `defense` take.
    asks : tuple of str
        What `bound` asks of a set, in the words of :mod:`robustcore.balls`; a set that does not
        answer is refused.
    make : callable (ball, **options) -> Defense, optional
        How it trains.
    box : bool
        Whether `bound` must have a box: that of an `LpBall`, where the others look at the whole
        ball, or of a `Cut`.
    """

    name: str
    label: str
    colour: str
    dashes: Any = "-"
    bound: Callable[..., torch.Tensor] | None = None
    sound: bool = False
    norms: tuple[float, ...] = _ANY
    asks: tuple[str, ...] = (SUPPORT,)
    make: Callable[..., defenses.Defense] | None = None
    box: bool = False

    def takes(self, ball: PerturbationSet) -> bool:
        """Whether `bound` is for such a set."""
        if any(ball.lacks(question) is not None for question in self.asks):
            return False
        p = getattr(ball, "p", None)  # of a hull there is none
        if p is not None and self.norms != _ANY and p not in self.norms:
            return False
        return not self.box or ball.box is not None or isinstance(ball, Cut)


def _nominal(ball: PerturbationSet, **options: Any) -> defenses.Defense:
    """Clean training, whatever the ball."""
    return defenses.nominal(**options)


_ALL = (
    Method("nominal", "Nominal", "black", make=_nominal),
    Method("baseline", "Baseline", "yellow", _DOTTED, bounds.baseline, make=defenses.baseline),
    Method("fgsm", "FGSM", "sky", _DASH_DOT_DOT, make=defenses.fgsm),
    Method("fgm", "FGM", "sky", _DASH_DOT_DOT),
    Method("pgd", "PGD", "orange", "-.", make=defenses.pgd),
    Method("trades", "TRADES", "purple", "--", make=defenses.trades),
    Method("arub", "aRUB", "green", "--", bounds.arub, make=defenses.arub),
    Method("rub", "RUB", "blue", "-", bounds.rub, True, _L1, (EXTREME_POINTS,), defenses.rub),
    Method("rub_optimised", "RUB, best t", "green", "-", bounds.rub_optimised, True, _L1, (NORM,)),
    Method("rub_any", "RUB, any p", "blue", "-", bounds.rub_any, True, asks=(NORM,)),
    Method(
        *("rub_boxed", "RUB in a box", "blue", "-", bounds.rub_boxed, True, _L1, (NORM,)),
        make=defenses.rub_boxed,
        box=True,
    ),
    Method("tightest", "least of three", "sky", _LONG, bounds.tightest, True),
    Method("coap", "COAP", "orange", "--", bounds.coap, True, make=defenses.coap),
    Method("crown", "CROWN", "vermillion", "-.", bounds.crown, True, make=defenses.crown),
    Method(
        "crown_optimised", "CROWN, best slopes", "vermillion", "-", bounds.crown_optimised, True
    ),
    Method("ibp", "intervals", "purple", ":", bounds.ibp, True, make=defenses.ibp),
    Method("exact", "exact", "black", "-", bounds.exact, True, _EXACT, (NORM,)),
    Method("best", "least of three", "sky", _LONG, bounds.tightest, True),
)
METHODS = MappingProxyType({method.name: method for method in _ALL})


def defense(name: str, ball: PerturbationSet, **options: Any) -> defenses.Defense:
    """The defense of a method over a ball: `defense("rub", ball, top=8)`.

    Source: own

    Parameters
    ----------
    name : str
    ball : PerturbationSet
        "nominal" takes any and looks at none.
    **options
        Of the function in :mod:`robustcore.defenses`.

    Raises
    ------
    InputError
        For a name by which nothing is trained, or a ball that is not one of its own.
    """
    trained = {m.name: m.make for m in METHODS.values() if m.make}
    if name not in trained:
        raise InputError(f"no defense {name!r}; use one of {', '.join(trained)}.")
    return trained[name](ball, **options)


def certificate(name: str) -> Callable[..., torch.Tensor]:
    """The sound bound of a method.

    Source: own

    Raises
    ------
    InputError
        For a name that is unknown, or whose bound is an estimate and proves nothing.
    """
    sound = {m.name: m.bound for m in METHODS.values() if m.bound and m.sound}
    if name in METHODS and METHODS[name].bound and not METHODS[name].sound:
        raise InputError(f"{name} is an estimate and proves nothing; certify with 'rub'.")
    if name not in sound:
        raise InputError(f"method must be one of {', '.join(sound)}, got {name!r}.")
    return sound[name]
