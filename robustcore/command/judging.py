"""How the command certifies and attacks rows: one bound, bounds within a time, an attack."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from .. import attacks, evaluation, methods
from ..balls import PerturbationSet
from ..doors import answer, two_logits
from ..errors import InputError
from ..evaluation.escalation import inside
from . import progress
from .findings import Judged
from .reading import Rows

_BATCH = 250  # rows between two steps of the progress


def certify(
    net: nn.Module,
    data: Rows,
    ball: PerturbationSet,
    method: str = "best",
    seconds: float | None = None,
    steps: int | None = None,
    worst: bool = False,
) -> Judged:
    """Certify every row; a terminal shows how far it is.

    Source: own (on [B] Section 6.3)

    Parameters
    ----------
    net : module
    data : Rows
    ball : set of perturbations
    method : str
        Of :func:`robustcore.evaluation.certified`.
    seconds : float, optional
        With it :func:`robustcore.evaluation.certify_within` asks, with `method` alone if it is not
        "best"; no smaller radius is searched.
    steps : int, optional
        Of the attacks, 100 by default.
    worst : bool
        Whether the rows that are not proved are attacked; that takes its time beyond `seconds`.
    """
    x, predicted, right = _read(net, data)
    over, steps = inside(ball, method), 100 if steps is None else steps
    if seconds is None:
        proved, radius = _bounded(net, x, data.y, over, method)
        by, taken = [method if one else "" for one in proved.tolist()], None
    else:
        found = _within(net, x, data.y, ball, method, seconds, steps)  # which cuts it itself
        proved, radius, by, taken = found.proved, None, list(found.by), found.seconds
    withstands = points = None
    if worst:
        rows = (~proved).nonzero()[:, 0]
        points = torch.full_like(x, torch.nan)
        withstands = proved.clone()
        if len(rows):
            points[rows] = _attacked(net, x, data.y, ball, rows, steps)
            withstands[rows] = right[rows] & evaluation.correct(net, points[rows], data.y[rows])
        # what another path of the attack turned is open here: each row shows its own point
        by = ["" if n == "attack" and s else n for n, s in zip(by, withstands, strict=True)]
        points = points.flatten(1)
    judged = (proved, radius, by, withstands, points, taken)
    return Judged(over, data, predicted, right, method, *judged)


def attack(net: nn.Module, data: Rows, ball: PerturbationSet, steps: int = 100) -> Judged:
    """Attack every row; a terminal shows how far it is.

    Source: own

    Parameters
    ----------
    net : module
    data : Rows
    ball : set of perturbations
    steps : int
        Of APGD, as for :func:`robustcore.attacks.strongest`.
    """
    x, predicted, right = _read(net, data)
    points = _attacked(net, x, data.y, ball, torch.arange(len(x)), steps)
    withstands = right & evaluation.correct(net, points, data.y)
    return Judged(ball, data, predicted, right, withstands=withstands, worst=points.flatten(1))


def check_takes(method: str, ball: PerturbationSet) -> None:
    """Refuse a bound that is not for a set: within a time it would be passed over in silence.

    Source: own
    """
    methods.certificate(method)
    if not methods.METHODS[method].takes(ball):
        others = [m.name for m in methods.METHODS.values() if m.sound and m.takes(ball)]
        raise InputError(
            f"--method {method} is not for {ball!r} and would prove nothing; take one of "
            f"{', '.join(others)}."
        )


def _read(net: nn.Module, data: Rows) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The samples in the network's precision, what it says of them, and where that is right."""
    x = data.x.to(next((p.dtype for p in net.parameters()), torch.float64))
    try:
        with torch.no_grad():
            z = two_logits(answer(net, x))
    except InputError as error:
        if data.shape is not None:
            raise
        raise InputError(
            f"{str(error).rstrip('.')}; if it takes images, give their --shape, as in 1,28,28."
        ) from error
    if data.classes is not None and len(data.classes) != z.shape[1]:
        raise InputError(
            f"--classes names {len(data.classes)} labels and the network tells {z.shape[1]} apart; "
            "name each once, in the order of its outputs."
        )
    return x, z.argmax(dim=1), evaluation.correct(net, x, data.y)


def _bounded(
    net: nn.Module, x: torch.Tensor, y: torch.Tensor, ball: PerturbationSet, method: str
) -> tuple[torch.Tensor, torch.Tensor]:
    """What one bound proves, and up to which radius."""
    proved, radii = torch.zeros(len(x), dtype=torch.bool), torch.zeros(len(x), dtype=torch.float64)
    for part in _progress(torch.arange(len(x)), "certify"):
        rows, labels, here = x[part], y[part], ball.at(part)
        if here.radius > 0:
            radii[part] = evaluation.certified_radius(net, rows, labels, here, method)
            proved[part] = radii[part] == here.radius
        else:
            proved[part] = evaluation.certified(net, rows, labels, here, method)
    return proved, radii


def _within(
    net: nn.Module,
    x: torch.Tensor,
    y: torch.Tensor,
    ball: PerturbationSet,
    method: str,
    seconds: float,
    steps: int,
) -> evaluation.Escalation:
    """What bounds in turn prove, and an attack turns, within a time."""
    given: dict[str, Any] = {"attack": functools.partial(attacks.apgd, steps=steps)}
    if method != "best":
        check_takes(method, inside(ball, method))
        given["in_turn"] = (method,)
    with progress.shown("decide", len(x), ending=True) as show:
        return evaluation.certify_within(net, x, y, ball, seconds, observe=show, **given)


def _attacked(
    net: nn.Module,
    x: torch.Tensor,
    y: torch.Tensor,
    ball: PerturbationSet,
    rows: torch.Tensor,
    steps: int,
) -> torch.Tensor:
    """The worst points found of some rows."""
    found = torch.empty_like(x[rows])
    for part in _progress(torch.arange(len(rows)), "attack"):
        some = rows[part]
        here = ball.at(some)
        point = attacks.strongest(net, x[some], y[some], here, steps=steps)
        attacks.check_inside(point, x[some], here)
        found[part] = point.detach()
    return found


def _progress(rows: torch.Tensor, what: str) -> Iterator[torch.Tensor]:
    """Rows some at a time; of few nothing is shown."""
    parts = [part for part in rows.split(_BATCH) if len(part)]
    if len(parts) < 2:
        yield from parts
        return
    with progress.shown(what, len(rows)) as show:
        for i, part in enumerate(parts):
            show(i * _BATCH, 0.0)
            yield part
