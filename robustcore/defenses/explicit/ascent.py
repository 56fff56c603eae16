"""The loss at the points that projected gradient ascent finds.

Shape letters: S networks, n samples, M inputs, K classes, k = K - 1 wrong classes, r_l the width of
layer l.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from .first_order import Layers, Passed, clean_loss, nominal


@dataclass(frozen=True)
class Ascent:
    """Projected gradient ascent in the L-infinity ball, cut with the box, or in the L2 ball.

    Source: [B] Section 6.1 (PGD-Lp); [A] eq. (3)

    Parameters
    ----------
    p : 2 or inf
    steps : int
        0 is the fast gradient point alone, whether or not it is worse than x.
    size : float
        Length of a step over the radius.
    box : (float, float), optional
        For p = inf.
    """

    p: float
    steps: int = 0
    size: float = 0.0
    box: tuple[float, float] | None = None

    @staticmethod
    def covers(p: float, box: tuple[float, float] | None) -> bool:
        """Whether the projection has a closed form here."""
        return math.isinf(p) or (p == 2 and box is None)

    def direction(self, gradient: torch.Tensor) -> torch.Tensor:
        """The steepest direction of unit norm."""
        if math.isinf(self.p):
            return gradient.sign()
        return torch.nn.functional.normalize(gradient, dim=-1, eps=0.0).nan_to_num(0.0)

    def inside(self, delta: torch.Tensor, x: torch.Tensor, radius: torch.Tensor) -> torch.Tensor:
        """The nearest perturbation in the ball and the box."""
        if math.isinf(self.p):
            delta = torch.minimum(torch.maximum(delta, -radius), radius)
            return delta if self.box is None else (x + delta).clamp(*self.box) - x
        norm = torch.linalg.vector_norm(delta, dim=-1, keepdim=True)
        return torch.where(norm > radius, delta * (radius / norm), delta)


def attacked(
    layers: Layers, x: torch.Tensor, y: torch.Tensor, radius: torch.Tensor, attack: Ascent
) -> torch.Tensor:
    """The loss at the worst of x, the fast gradient point and all iterates of PGD: (S, n).

    Source: [B] Section 6.1 (PGD-Lp, FGM-Lp)
    """
    return nominal(layers, _worst_point(layers, x, y, radius[..., None], attack), y)


@torch.no_grad()
def _worst_point(
    layers: Layers,
    x: torch.Tensor,
    y: torch.Tensor,
    radius: torch.Tensor,
    attack: Ascent,
) -> torch.Tensor:
    """x + delta of largest loss: (S, n, M). `radius` is (S, 1, 1)."""
    passed = Passed.through(layers, x.expand(len(radius), *x.shape[-2:]))
    gradient = passed.loss_gradient(y)
    fast = attack.inside(radius * attack.direction(gradient), x, radius)
    if attack.steps == 0:
        return x + fast
    best, best_delta = clean_loss(passed.logits, y), torch.zeros_like(fast)
    value = clean_loss(Passed.through(layers, x + fast).logits, y)
    best_delta = torch.where((value > best)[..., None], fast, best_delta)
    best = torch.maximum(value, best)
    delta = torch.zeros_like(fast)
    for step in range(attack.steps):
        delta = delta + attack.size * radius * attack.direction(gradient)
        delta = attack.inside(delta, x, radius)
        passed = Passed.through(layers, x + delta)
        value = clean_loss(passed.logits, y)
        best_delta = torch.where((value > best)[..., None], delta, best_delta)
        best = torch.maximum(value, best)
        if step < attack.steps - 1:
            gradient = passed.loss_gradient(y)
    return x + best_delta
