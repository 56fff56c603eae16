"""What the candidates of one cell do on validation and test rows, under every attack.

Shape letters: S candidates, R radii.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch

from robustcore import LpBall, defenses, evaluation
from robustcore.networks import Stack
from studies.judging import under_attack

from .tables import Table

if TYPE_CHECKING:
    from .cells import Settings

NORMS = {"L1": 1.0, "L2": 2.0, "Linf": math.inf}
CERTIFIED = ("L1", "Linf")
_CERTIFIED_ROWS = 100


def judge(stack: Stack, data: Table, settings: Settings, seed: int) -> dict[str, Any]:
    """Counts of correct rows: clean, under each attack at each radius, and proved.

    Source: [B] Sections 6.1, 6.2

    Returns
    -------
    dict
        "validation" and "test": {"clean": (S,), "FGM-L1": (R, S), ..., "strong-Linf": (R, S)},
        "same": (S,) rows of the most frequent answer on clean test rows, "above": for L1 and Linf
        (R, S) test rows where the aRUB loss is at least the loss under published PGD, "means":
        (R, S) 1 where it is so for their means, "certified": for L1 and Linf and each radius
        [candidate, proved rows, rows].
    """
    stack.requires_grad_(False)
    scale = math.sqrt(data.n_features)
    balls = {
        name: [LpBall(p, e * (1.0 if math.isinf(p) else scale)) for e in settings.test_radii]
        for name, p in NORMS.items()
    }
    steps = settings.attack_steps
    validation = under_attack(
        stack, data.validation_x, data.validation_y, balls, steps, 2 * seed
    ).counts()
    test = under_attack(stack, data.test_x, data.test_y, balls, steps, 2 * seed + 1)
    answers = stack(data.test_x).argmax(dim=-1)
    same = torch.stack([torch.bincount(a, minlength=1).max() for a in answers])
    compared = {name: _above(stack, data, balls[name], test.losses[name]) for name in CERTIFIED}
    return {
        "validation": validation,
        "test": test.counts(),
        "same": same.tolist(),
        "above": {name: rows for name, (rows, _) in compared.items()},
        "means": {name: means for name, (_, means) in compared.items()},
        "certified": {
            name: _certified(stack, data, settings, balls[name], validation, f"strong-{name}")
            for name in CERTIFIED
        },
    }


@torch.no_grad()
def _above(
    stack: Stack, data: Table, balls: list[LpBall], losses: list[torch.Tensor]
) -> tuple[list[list[int]], list[list[int]]]:
    """Where the aRUB loss is at least the attacked loss, by rows and by means: [B] Table 1."""
    bounds = (defenses.arub(ball).of_each(stack, data.test_x, data.test_y) for ball in balls)
    pairs = list(zip(bounds, losses, strict=True))
    rows = [(bound >= loss).sum(dim=1).tolist() for bound, loss in pairs]
    return rows, [(b.mean(dim=1) >= loss.mean(dim=1)).int().tolist() for b, loss in pairs]


def _certified(
    stack: Stack,
    data: Table,
    settings: Settings,
    balls: list[LpBall],
    validation: dict[str, Any],
    attack: str,
) -> list[list[int]]:
    """Rows that the tightest bound proves, for the candidate that validation rows choose."""
    networks = stack.unstack()
    x, y = data.test_x[:_CERTIFIED_ROWS], data.test_y[:_CERTIFIED_ROWS]
    found = []
    for epsilon in settings.certified_radii:
        at = settings.test_radii.index(epsilon)
        strong, clean = validation[attack][at], validation["clean"]
        ranked = list(zip(strong, clean, strict=True))
        best = ranked.index(max(ranked))
        proved = evaluation.certified(networks[best], x, y, balls[at])
        found.append([best, int(proved.sum()), len(x)])
    return found
