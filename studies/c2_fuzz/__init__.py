r"""Random networks of every accepted and nearly accepted kind, certified and then searched.

Each network is certified by every method, or refused in one sentence. Its own forward pass then
looks at x, at the vertices or corners of the ball, at gradient steps, at points of an attack and at
random ones: no certified sample may be misclassified at any of them.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from robustcore import attacks, evaluation, methods
from robustcore.balls import Cut, LpBall
from robustcore.errors import RobustcoreError

from .. import engine
from .kinds import KINDS, M

VERSION = 1  # of the rows; raise it when they would change
# every sound bound of the library, each by one of its names
METHODS = tuple({m.bound: m.name for m in methods.METHODS.values() if m.bound and m.sound}.values())
SAMPLES, POINTS = 6, 40
_DEAR = ("rub_optimised", "crown_optimised", "exact")  # for every tenth network
_EVERY = 10


def fuzz(networks: int = 20, seed: int = 0, kinds: int = 0) -> list[dict[str, Any]]:
    """A row for each kind and norm: how many networks were refused, certified, and wrong.

    Source: own

    Parameters
    ----------
    networks : int
        Of each kind, for each of L1 and Linf. Every tenth is also asked about the ball cut with its
        box.
    seed : int
    kinds : int
        Only the first so many kinds; 0 for all.

    Returns
    -------
    list of dict
        `refused`, `sentences`, `samples` that were asked about and `certified`, over all methods,
        and `wrong`: those of them that some point misclassifies.
    """
    return [{**cell, **of_a_kind(**cell, networks=networks, seed=seed)} for cell in _cells(kinds)]


def _cells(kinds: int) -> list[dict[str, str]]:
    some = list(KINDS)[: kinds or None]
    return [{"kind": kind, "p": p} for kind, p in itertools.product(some, ("1", "inf"))]


def of_a_kind(kind: str, p: str, networks: int, seed: int) -> dict[str, Any]:
    """What `fuzz` counts for one kind and norm; its random numbers are its own.

    Source: own
    """
    number, norm = list(KINDS).index(kind), float(p)
    sentences: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    for i in range(networks):
        drawn = np.random.SeedSequence([seed, number, int(norm == 1), i])  # no two networks alike
        torch.manual_seed(int(drawn.generate_state(1)[0]))
        asked = [m for m in METHODS if i % _EVERY == 0 or m not in _DEAR]
        _one(KINDS[kind](), kind, norm, asked, sentences, counts, i % _EVERY == 0)
    return {
        "networks": networks,
        **{name: counts[name] for name in ("refused", "samples", "certified", "wrong")},
        "sentences": "; ".join(sorted(sentences)),
    }


def _one(
    net: nn.Module,
    kind: str,
    p: float,
    asked: list[str],
    sentences: Counter[str],
    counts: Counter[str],
    cut: bool,
) -> None:
    """Ask every method on the ball, and if so on its cut with the box; then look at points."""
    own = next(net.parameters()).dtype
    x = (1e6 * ("far away" in kind) + torch.rand(SAMPLES, M)).to(own)
    box = (0.0, 1.0) if "far away" not in kind else (1e6 - 1, 1e6 + 2)
    ball = LpBall(p, 10 ** float(torch.empty(()).uniform_(-3, 0)), box=box)
    try:
        z = net(x)
    except RuntimeError:  # it runs in no precision: certified it must not be
        z = torch.full((SAMPLES, 3), math.nan)
    y = _answers(z)
    y[::3] = torch.randint(max(2, z.shape[1]), (len(y[::3]),))  # and wrong labels
    searched: torch.Tensor | None = None
    refused = False
    sets = (ball, Cut(ball)) if cut else (ball,)
    for method, there in itertools.product(asked, sets):
        if not methods.METHODS[method].takes(there):
            continue
        try:
            proved = evaluation.certified(net, x, y, there, method)
        except RobustcoreError as error:
            refused = True
            sentences[str(error)] += 1
            continue
        counts["samples"] += len(proved)
        counts["certified"] += int(proved.sum())
        if searched is None:
            searched = _misclassified(net, x, y, ball)
        boxed = method == "rub_boxed" or there is not ball
        counts["wrong"] += int((proved & searched[int(boxed)]).sum())
    counts["refused"] += int(refused)


def _answers(z: torch.Tensor) -> torch.Tensor:
    return (z[:, 0] > 0).long() if z.shape[1] == 1 else z.argmax(dim=1)


def _misclassified(net: nn.Module, x: torch.Tensor, y: torch.Tensor, ball: LpBall) -> torch.Tensor:
    """Which samples the network itself gets wrong in the ball, and in its cut with the box."""
    wide = x.double()
    steps = [torch.zeros(1, SAMPLES, M).double()]
    steps.append(torch.from_numpy(ball.vertices(M))[:, None].expand(-1, SAMPLES, -1))
    towards = torch.randn(POINTS, SAMPLES, M, dtype=torch.float64)
    inside = towards * torch.rand(POINTS, 1, 1).double()
    steps.append(LpBall(ball.p, ball.radius).project(inside * ball.radius))
    leaf = x.clone().requires_grad_()
    z = net(leaf)
    for k in range(z.shape[1]):
        (slope,) = torch.autograd.grad(z[:, k].sum(), leaf, retain_graph=True)
        steps += [ball.maximiser(sign * slope.double())[None] for sign in (1.0, -1.0)]
    for box in (None, ball.box):
        attacked = attacks.pgd(net, x, y, LpBall(ball.p, ball.radius, box), steps=10)
        steps.append((attacked.double() - wide)[None])
    found = []
    with torch.no_grad():
        for low, high in ((-math.inf, math.inf), ball.box or (-math.inf, math.inf)):
            points = (wide + torch.cat(steps)).clamp(low, high).to(x)
            z = net(points.flatten(0, 1)).double()
            z = torch.cat([0 * z, z], dim=1) if z.shape[1] == 1 else z
            labels = y.repeat(len(points))
            true = z.gather(1, labels[:, None])
            others = z.scatter(1, labels[:, None], -math.inf).amax(dim=1, keepdim=True)
            found.append(~(true > others).view(len(points), SAMPLES).all(dim=0))
    return torch.stack(found)


def record(networks: int = 400, seed: int = 0) -> dict[str, list[dict[str, Any]]]:
    """The rows behind the statement that no certificate was false; each is kept until all are done.

    Source: own
    """

    def rows(cells: Sequence[Mapping[str, Any]], device: str) -> list[dict[str, Any]]:
        return [of_a_kind(**cell, networks=networks, seed=seed) for cell in cells]

    settings = {"networks": networks, "seed": seed}
    sweep = engine.Sweep("c2_fuzz", VERSION, _cells(0), rows, settings=settings)
    found = engine.complete(sweep).rows
    engine.forget(sweep)
    return {"c2_fuzz.networks": found}
