"""What the candidates of one cell do on validation and test rows, under every attack.

Shape letters: S candidates, n rows, M features, R radii. Networks are judged in one stack, as S n
rows of one network.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from robustcore import LpBall, attacks, defenses, evaluation
from robustcore.attacks.objectives import margin
from robustcore.losses import cross_entropy
from robustcore.networks import RowsOf, Stack

from .tables import Table

if TYPE_CHECKING:
    from .cells import Settings

NORMS = {"L1": 1.0, "L2": 2.0, "Linf": math.inf}
_CERTIFIED_ROWS = {True: 200, False: 100}  # up to and above 100 features
_NARROW = 100


def judge(stack: Stack, data: Table, settings: Settings, seed: int) -> dict[str, Any]:
    """Counts of correct rows: clean, under each attack at each radius, and proved.

    Source: [B] Sections 6.1, 6.2

    Returns
    -------
    dict
        "validation" and "test": {"clean": (S,), "FGM-L1": (R, S), ..., "strong-Linf": (R, S)},
        "same": (S,) rows of the most frequent answer on clean test rows, "above": for L1 and Linf
        (R, S) test rows where the aRUB loss is at least the loss under published PGD, "certified":
        for L1 and Linf and each radius [candidate, proved rows, rows].
    """
    stack.requires_grad_(False)
    scale = math.sqrt(data.n_features)
    run = partial(_under_attack, stack, settings=settings, scale=scale)
    validation = run(data.validation_x, data.validation_y, seed=2 * seed)
    test = run(data.test_x, data.test_y, seed=2 * seed + 1)
    answers = stack(data.test_x).argmax(dim=-1)
    same = torch.stack([torch.bincount(a, minlength=1).max() for a in answers])
    return {
        "validation": validation.counts,
        "test": test.counts,
        "same": same.tolist(),
        "above": _above(stack, data, settings, scale, test.losses),
        "certified": _certified(stack, data, settings, scale, validation.counts),
    }


@dataclass(frozen=True)
class _Found:
    counts: dict[str, Any]
    losses: dict[tuple[str, float], torch.Tensor]  # under published PGD, (S, n)


def _under_attack(
    stack: Stack, x: torch.Tensor, y: torch.Tensor, settings: Settings, scale: float, seed: int
) -> _Found:
    rows, S = RowsOf(stack), len(stack)
    every_x, every_y = x.repeat(S, 1), y.repeat(S)
    generator = torch.Generator(x.device).manual_seed(seed)
    with torch.no_grad():
        clean = (margin(rows(every_x), every_y) < 0).view(S, -1)
    counts: dict[str, Any] = {"clean": clean.sum(dim=1).tolist()}
    losses, standing = {}, {}
    for name, p in NORMS.items():
        held = clean.clone()  # by every attack in a ball that this one contains
        for epsilon in settings.test_radii:
            ball = LpBall(p, epsilon * (1.0 if math.isinf(p) else scale))
            for method in ("fgm", "pgd"):
                point = attacks.as_published(
                    rows, every_x, every_y, ball, method, generator=generator
                )
                mask, loss = _at(rows, point, every_y, S)
                counts.setdefault(f"{method.upper()}-{name}", []).append(mask.sum(dim=1).tolist())
                held &= mask
            losses[name, epsilon] = loss  # of PGD
            point = attacks.apgd(
                rows, every_x, every_y, ball, settings.attack_steps, losses=(margin,)
            )
            held &= _at(rows, point, every_y, S)[0]
            standing[name, epsilon] = held.clone()
    for epsilon in settings.test_radii:  # the L2 ball contains the two others
        standing["L2", epsilon] &= standing["L1", epsilon] & standing["Linf", epsilon]
    for (name, _), held in standing.items():
        counts.setdefault(f"strong-{name}", []).append(held.sum(dim=1).tolist())
    return _Found(counts, losses)


@torch.no_grad()
def _at(
    rows: RowsOf, point: torch.Tensor, y: torch.Tensor, S: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Which rows are right at the attacked points, and the loss there: (S, n) each."""
    z = rows(point)
    return (margin(z, y) < 0).view(S, -1), cross_entropy(z, y).view(S, -1)


@torch.no_grad()
def _above(
    stack: Stack,
    data: Table,
    settings: Settings,
    scale: float,
    losses: dict[tuple[str, float], torch.Tensor],
) -> dict[str, list[list[int]]]:
    """How often the aRUB loss is at least the attacked loss: [B] Table 1."""
    found: dict[str, list[list[int]]] = {}
    for name in ("L1", "Linf"):
        for epsilon in settings.test_radii:
            ball = LpBall(NORMS[name], epsilon * (scale if name == "L1" else 1.0))
            bound = defenses.arub(ball).of_each(stack, data.test_x, data.test_y)
            above = (bound >= losses[name, epsilon]).sum(dim=1)
            found.setdefault(name, []).append(above.tolist())
    return found


def _certified(
    stack: Stack, data: Table, settings: Settings, scale: float, validation: dict[str, Any]
) -> dict[str, list[list[int]]]:
    """Rows that the tightest bound proves, for the candidate that validation rows choose."""
    networks = stack.unstack()
    n = _CERTIFIED_ROWS[data.n_features <= _NARROW]
    x, y = data.test_x[:n], data.test_y[:n]
    found: dict[str, list[list[int]]] = {}
    for name in ("L1", "Linf"):
        for epsilon in settings.certified_radii:
            strong = validation[f"strong-{name}"][settings.test_radii.index(epsilon)]
            best = max(range(len(networks)), key=lambda i: (strong[i], validation["clean"][i]))
            ball = LpBall(NORMS[name], epsilon * (scale if name == "L1" else 1.0))
            proved = evaluation.certified(networks[best], x, y, ball)
            found.setdefault(name, []).append([best, int(proved.sum()), len(x)])
    return found
