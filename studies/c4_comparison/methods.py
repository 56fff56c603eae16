"""Every way to train of both papers on one-hidden-layer networks, in equal time."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from robustcore import attacks, bounds, convex, evaluation, methods, patterns, training
from robustcore.balls import LpBall
from robustcore.networks import TwoLayerReLU
from robustcore.training.certified import fit_certified

from .tasks import NORMS, Task

RATES = ((0.1, 0.03), (0.03, 0.01))  # each descent has both, half the time each
STEP_RATES = (1e-2, 1e-3)  # of Adam, for paper B's losses
_PATTERNS = 36
_ROBUST_PATTERNS = 6
_PGD = 10
_ENDLESS = 1_000_000
_clock = time.process_time  # all run on one thread, beside whatever else the machine does

DESCENTS = ("gd_std", "gd_fgsm", "gd_pgd", "certified_random", "bridge", "bridge_linear")
CONVEX = ("algorithm_1", "algorithm_2", "robust_patterns", "linear")
BOUNDED = ("baseline", "arub", "rub", "coap", "ibp", "crown")  # paper B's, and its peers
METHODS = (*CONVEX, *DESCENTS, *BOUNDED)
_STARTS = {"bridge": "robust_patterns", "bridge_linear": "linear"}


def for_norm(method: str, p: str) -> bool:
    """Whether a method can train against a ball of this norm.

    Source: own
    """
    return method not in BOUNDED or NORMS[p] in methods.METHODS[method].norms


def trained(
    method: str, task: Task, p: str, width: int, seconds: float, seed: int
) -> tuple[TwoLayerReLU, dict[str, Any]]:
    """One network in so much time, settings chosen on held-out rows, and how long it took.

    Source: own (on [A] Algorithms 1, 2, eqs. (3), (15); [B] eqs. (7), (9), (27))

    Parameters
    ----------
    method : str
        Of `METHODS`.
    task : Task
    p : str
        "inf", "1" or "2".
    width : int
    seconds : float
        Of the processor, for everything but the measuring; a convex program takes what it takes.
    seed : int
    """
    began = _clock()
    rng = np.random.default_rng(seed)
    about: dict[str, Any] = {}
    if method in CONVEX:
        solution = solved(method, task, p, rng)
        net = solution.network()
        about = {"objective": solution.objective, "gap": solution.gap}
    else:
        start = None
        if method in _STARTS:
            start = solved(_STARTS[method], task, p, rng)
            about = {"objective": start.objective, "gap": start.gap}
        left = max(0.2 * seconds, seconds - (_clock() - began))
        tried = candidates(method, task, p, width, left, seed, start)
        net = max(tried, key=lambda one: held_out(one, task, p))
    return net, {**about, "seconds": round(_clock() - began, 2)}


def solved(method: str, task: Task, p: str, rng: np.random.Generator) -> convex.ConvexSolution:
    """A convex program: as the papers sample, over robust patterns, or one linear pattern.

    Source: [A] Algorithms 1 and 2, eq. (15)
    """
    ball, X = task.ball(p), task.X
    if method == "algorithm_1":
        cells = patterns.sample(X, _PATTERNS, rng, bias=task.bias)
        return convex.train_standard(X, task.y, cells, task.beta)
    if method == "algorithm_2":
        cells = patterns.sample_perturbed(
            *(X, ball, _PATTERNS, rng),
            n_gates=10 * _PATTERNS,
            n_perturbations=4,
            bias=task.bias,
            at_most=True,
        )
    elif method == "robust_patterns":
        cells = patterns.sample_robust(X, ball, _ROBUST_PATTERNS, rng, bias=task.bias, at_most=True)
    else:
        gate = np.ones(X.shape[1] + task.bias)
        gate[: X.shape[1] * task.bias] = 0.0  # with a bias, the constant gate
        cells = patterns.of(X, gate, bias=task.bias)
    return convex.train_robust_hinge(X, task.y, cells, ball, task.beta)


def candidates(
    method: str,
    task: Task,
    p: str,
    width: int,
    seconds: float,
    seed: int,
    start: convex.ConvexSolution | None,
) -> list[TwoLayerReLU]:
    """The networks of each setting of a method, the time shared equally.

    Source: own
    """
    generator = torch.Generator().manual_seed(seed)
    first = TwoLayerReLU.initialise(task.X.shape[1], width, generator, bias=task.bias)
    if method in BOUNDED:
        return [
            fitted(method, task, p, first, rate, seconds / len(STEP_RATES), seed)
            for rate in STEP_RATES
        ]
    return [
        fit_certified(
            *(task.X, task.y, task.ball(p), task.beta),
            width=width,
            steps=_ENDLESS,
            rng=np.random.default_rng(seed),
            start=first if start is None else start,
            bound=bound_of(method),
            rates=rates,
            seconds=seconds / len(RATES),
            clock=_clock,
        ).network
        for rates in RATES
    ]


def bound_of(method: str) -> Callable[..., torch.Tensor]:
    """What a descent takes for the worst gap: clean, attacked, or the least of the sound bounds.

    Source: [A] eq. (3)
    """
    steps = {"gd_std": 0, "gd_fgsm": 1, "gd_pgd": _PGD}.get(method)
    if steps is None:
        return bounds.tightest

    def gaps(net: TwoLayerReLU, x: torch.Tensor, y: torch.Tensor, ball: LpBall) -> torch.Tensor:
        moved = x
        if steps == 1:
            moved = attacks.fgm(net, x, y, ball, loss=attacks.margin)
        elif steps:
            moved = attacks.pgd(
                net, x, y, ball, steps=steps, random_start=False, loss=attacks.margin
            )
        rise = net(moved.detach())
        own = torch.where(y == 1, rise, torch.zeros_like(rise))
        return torch.stack([-own, rise - own], dim=1)

    return gaps


def fitted(
    method: str,
    task: Task,
    p: str,
    first: TwoLayerReLU,
    rate: float,
    seconds: float,
    seed: int,
) -> TwoLayerReLU:
    """Adam on a loss of paper B, cross-entropy and weight decay, until the time is up.

    Source: [B] eqs. (7), (10), (27)
    """
    net = TwoLayerReLU(*(w.detach().clone() for w in (first.u, first.alpha, first.b)))
    defense = methods.defense(method, task.ball(p))
    x, y = torch.from_numpy(task.X), (torch.from_numpy(task.y) > 0).long()
    parameters = [net.u, net.alpha, net.b] if task.bias else [net.u, net.alpha]
    adam = torch.optim.Adam(parameters, lr=rate)
    generator = torch.Generator().manual_seed(seed)
    began = _clock()
    while _clock() - began < seconds:
        for rows in torch.randperm(len(x), generator=generator).split(64):
            adam.zero_grad(set_to_none=True)
            (defense(net, x[rows], y[rows]) + task.beta * net.penalty()).backward()
            adam.step()
    net.has_bias = task.bias
    return net


def held_out(net: TwoLayerReLU, task: Task, p: str) -> tuple[float, float]:
    """Accuracy on held-out rows under PGD, then clean: by which settings are chosen.

    Source: own
    """
    if not len(net.alpha):
        return 0.0, 0.0
    x, y = torch.from_numpy(task.X_held), (torch.from_numpy(task.y_held) > 0).long()
    moved = attacks.pgd(net, x, y, task.ball(p), steps=_PGD, loss=attacks.margin)
    return _accuracy(net, moved, y), _accuracy(net, x, y)


def _accuracy(net: TwoLayerReLU, x: torch.Tensor, y: torch.Tensor) -> float:
    return float(evaluation.correct(net, x, y).double().mean())


def measured(net: TwoLayerReLU, task: Task, p: str, attack_steps: int) -> Mapping[str, float]:
    """Training costs from below and above, and the three accuracies on test rows.

    Source: own (on [A] Table I; [B] Tables 3 to 9)

    Returns
    -------
    dict
        `clean_cost` <= `attacked_cost` <= `certified_cost`, and clean_accuracy >=
        attacked_accuracy >= certified_accuracy.
    """
    ball, net = task.ball(p), net.requires_grad_(False)
    given = (task.X, task.y, ball, task.beta)
    clean = convex.training_cost(net, task.X, task.y, task.beta)
    if not len(net.alpha):
        none = dict.fromkeys(("clean_accuracy", "attacked_accuracy", "certified_accuracy"), 0.0)
        return {"clean_cost": clean, "attacked_cost": clean, "certified_cost": clean, **none}
    x, y = (torch.from_numpy(a) for a in (task.X, task.y))
    struck = attacks.strongest(net, x, (y > 0).long(), ball, steps=attack_steps,
                               stop_when_wrong=False)  # fmt: skip
    x_test, y_test = torch.from_numpy(task.X_test), (torch.from_numpy(task.y_test) > 0).long()
    moved = attacks.strongest(net, x_test, y_test, ball, steps=attack_steps)
    return {
        "clean_cost": clean,
        "attacked_cost": convex.training_cost(net, struck.numpy(), task.y, task.beta),
        "certified_cost": training.certified_cost(net, *given),
        "clean_accuracy": _accuracy(net, x_test, y_test),
        "attacked_accuracy": _accuracy(net, moved, y_test),
        "certified_accuracy": float(
            evaluation.certified(net, x_test, y_test, ball).double().mean()
        ),
    }
