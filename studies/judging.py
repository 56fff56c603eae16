"""What a stack of networks does under the attacks of [B] and under strong ones, ball by ball.

Shape letters: S networks, n rows, M features. The networks are attacked together, as S n rows of
one network.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from robustcore import LpBall, attacks
from robustcore.attacks.objectives import margin
from robustcore.losses import cross_entropy
from robustcore.networks import RowsOf, Stack

Balls = Mapping[str, Sequence[LpBall]]  # by the name of their norm, radii rising
_ROUNDING = 1 + 1e-9


@dataclass(frozen=True)
class Judged:
    """Who withstands what.

    Source: own

    Parameters
    ----------
    clean : (S, n) booleans
    published : {"FGM-L1": [(S, n) booleans, one a ball], "PGD-L1": ...}
    strong : {"L1": [(S, n) booleans, one a ball], ...}
        Right on the clean row, at the end of every published path and of APGD on the margin, in
        this ball and in every ball of the list that this one contains.
    losses : {"L1": [(S, n), one a ball], ...}
        Cross-entropy at the end of published PGD.
    """

    clean: torch.Tensor
    published: dict[str, list[torch.Tensor]]
    strong: dict[str, list[torch.Tensor]]
    losses: dict[str, list[torch.Tensor]]

    def counts(self) -> dict[str, Any]:
        """Rows that stand: "clean" (S,), the others one list (S,) a ball."""
        found: dict[str, Any] = {"clean": self.clean.sum(dim=1).tolist()}
        named = {**self.published, **{f"strong-{k}": v for k, v in self.strong.items()}}
        for name, masks in named.items():
            found[name] = [mask.sum(dim=1).tolist() for mask in masks]
        return found


def under_attack(
    stack: Stack, x: torch.Tensor, y: torch.Tensor, balls: Balls, steps: int, seed: int
) -> Judged:
    """Attack every network of a stack on the same rows in every ball.

    Source: [B] Section 6.1; own (the strong attack)

    Parameters
    ----------
    stack : Stack
    x : (n, M) tensor
    y : (n,) class labels
    balls : {name: balls of one norm, radii rising}
        p is 1, 2 or inf.
    steps : int
        Gradient steps of APGD, which climbs the margin.
    seed : int
        Of the random starts of published PGD.
    """
    rows, S = RowsOf(stack), len(stack)
    every_x, every_y = x.repeat(S, 1), y.repeat(S)
    generator = torch.Generator(x.device).manual_seed(seed)
    clean = _at(rows, every_x, every_y, S)[0]
    judged = Judged(clean, {}, {name: [] for name in balls}, {name: [] for name in balls})
    for name, same_norm in balls.items():
        for ball in same_norm:
            held = clean.clone()
            for method in ("fgm", "pgd"):
                point = attacks.as_published(
                    rows, every_x, every_y, ball, method, generator=generator
                )
                mask, loss = _at(rows, point, every_y, S)
                judged.published.setdefault(f"{method.upper()}-{name}", []).append(mask)
                held &= mask
            judged.losses[name].append(loss)  # of PGD, the last
            point = attacks.apgd(rows, every_x, every_y, ball, steps, losses=(margin,))
            judged.strong[name].append(held & _at(rows, point, every_y, S)[0])
    _share(judged, balls, x.shape[1])
    return judged


def contains(outer: LpBall, inner: LpBall, M: int) -> bool:
    r"""Whether one ball lies in another, in M dimensions.

    .. math:: \|\delta\|_q \le M^{\max(0,\,1/q-1/p)}\,\|\delta\|_p

    Source: own
    """
    p, q = (0.0 if math.isinf(b.p) else 1 / b.p for b in (inner, outer))
    return inner.radius * M ** max(0.0, q - p) <= outer.radius * _ROUNDING


def _share(judged: Judged, balls: Balls, M: int) -> None:
    """What falls in a ball falls in every ball that contains it."""
    fallen = [
        (ball, mask)
        for name, same_norm in balls.items()
        for ball, mask in zip(same_norm, [m.clone() for m in judged.strong[name]], strict=True)
    ]
    for name, same_norm in balls.items():
        for outer, mask in zip(same_norm, judged.strong[name], strict=True):
            for inner, standing in fallen:
                if contains(outer, inner, M):
                    mask &= standing


@torch.no_grad()
def _at(
    rows: RowsOf, point: torch.Tensor, y: torch.Tensor, S: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Which rows are right at some points, and the loss there: (S, n) each."""
    z = rows(point)
    return (margin(z, y) < 0).view(S, -1), cross_entropy(z, y).view(S, -1)
