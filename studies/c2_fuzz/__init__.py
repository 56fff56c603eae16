r"""Random networks of every accepted and nearly accepted kind, certified and then searched.

Each network is certified by every method, or refused in one sentence, over a ball or another set of
perturbations. Its own forward pass then looks at x, at the points that make the set, at gradient
steps, at points of an attack and at random ones: no certified sample may be misclassified at any of
them.
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
from robustcore.balls import EXTREME_POINTS, Cut, LpBall, PerturbationSet
from robustcore.errors import RobustcoreError

from .. import engine
from .kinds import KINDS, SAMPLES, M
from .sets import SETS

VERSION = 2  # of the rows; raise it when they would change
# every sound bound of the library, each by one of its names
METHODS = tuple({m.bound: m.name for m in methods.METHODS.values() if m.bound and m.sound}.values())
POINTS = 40
_DEAR = ("rub_optimised", "crown_optimised", "exact")  # for every tenth network
_EVERY = 10
_FEWER = 5  # of networks for a set that is neither the L1 nor the Linf ball


def fuzz(networks: int = 20, seed: int = 0, kinds: int = 0) -> list[dict[str, Any]]:
    """A row for each kind and set: how many networks were refused, certified, and wrong.

    Source: own

    Parameters
    ----------
    networks : int
        Of each kind, for each of L1 and Linf; a fifth as many for each other set. Every tenth is
        also asked about the ball cut with its box.
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
    return [{"kind": kind, "set": name} for kind, name in itertools.product(some, SETS)]


def of_a_kind(kind: str, set: str, networks: int, seed: int) -> dict[str, Any]:
    """What `fuzz` counts for one kind and set; its random numbers are its own.

    Source: own
    """
    places = list(KINDS).index(kind), list(SETS).index(set)
    networks = networks if set in ("L1", "Linf") else math.ceil(networks / _FEWER)
    sentences: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    for i in range(networks):
        drawn = np.random.SeedSequence([seed, *places, i])  # no two networks alike
        torch.manual_seed(int(drawn.generate_state(1)[0]))
        full = (i + places[1]) % _EVERY == 0  # in another place for each set
        asked = [m for m in METHODS if full or m not in _DEAR]
        _one(KINDS[kind](), kind, set, asked, sentences, counts, full)
    return {
        "networks": networks,
        **{name: counts[name] for name in ("refused", "samples", "certified", "wrong")},
        "sentences": "; ".join(sorted(sentences)),
    }


def _one(
    net: nn.Module,
    kind: str,
    name: str,
    asked: list[str],
    sentences: Counter[str],
    counts: Counter[str],
    cut: bool,
) -> None:
    """Ask every method on the set, and if so on its cut with the box; then look at points."""
    own = next(net.parameters()).dtype
    x = (1e6 * ("far away" in kind) + torch.rand(SAMPLES, M)).to(own)
    box = (0.0, 1.0) if "far away" not in kind else (1e6 - 1, 1e6 + 2)
    x, given = SETS[name](x, box)
    try:
        z = net(x)
    except RuntimeError:  # it runs in no precision: certified it must not be
        z = torch.full((SAMPLES, 3), math.nan)
    y = _answers(z)
    y[::3] = torch.randint(max(2, z.shape[1]), (len(y[::3]),))  # and wrong labels
    searched: torch.Tensor | None = None
    refused = False
    sets = (given, Cut(given)) if cut and isinstance(given, LpBall) else (given,)
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
            searched = _misclassified(net, x, y, given)
        boxed = method == "rub_boxed" or there is not given
        counts["wrong"] += int((proved & searched[int(boxed)]).sum())
    counts["refused"] += int(refused)


def _answers(z: torch.Tensor) -> torch.Tensor:
    return (z[:, 0] > 0).long() if z.shape[1] == 1 else z.argmax(dim=1)


def _misclassified(
    net: nn.Module, x: torch.Tensor, y: torch.Tensor, given: PerturbationSet
) -> torch.Tensor:
    """Which samples the network itself gets wrong in the set, and in its cut with the box."""
    wide = x.double()
    whole = LpBall(given.p, given.radius) if isinstance(given, LpBall) else given.around(wide)
    steps = [torch.zeros(1, SAMPLES, M).double()]
    if isinstance(whole, LpBall) and whole.p != 2:
        steps.append(torch.from_numpy(whole.vertices(M))[:, None].expand(-1, SAMPLES, -1))
    elif whole.lacks(EXTREME_POINTS) is None:
        points = whole.extreme_points(M).double()
        steps.append(points.expand(SAMPLES, *points.shape[-2:]).transpose(0, 1))
    draw = np.random.default_rng(int(torch.randint(2**31, ())))
    steps.append(torch.from_numpy(whole.sample((POINTS, SAMPLES, M), draw)))
    leaf = x.clone().requires_grad_()
    z = net(leaf)
    for k in range(z.shape[1]):
        (slope,) = torch.autograd.grad(z[:, k].sum(), leaf, retain_graph=True)
        steps += [whole.maximiser(sign * slope.double())[None] for sign in (1.0, -1.0)]
    attack = attacks.pgd if isinstance(given, LpBall) else attacks.apgd
    for there in (whole, given):
        steps.append((attack(net, x, y, there, steps=10).double() - wide)[None])
    box = given.box or (-math.inf, math.inf)
    found = []
    with torch.no_grad():
        for low, high in ((-math.inf, math.inf), box):
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
