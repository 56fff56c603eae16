"""RUB in two passes against one graph over all vertices: the same loss, the same gradient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from .timing import Step

Rows = list[dict[str, Any]]
_SAME = ("RUB", "RUB, one graph", "RUB, as printed")


def gradient_rows(shapes: Sequence[str] = ("uci",), epsilon: float = 0.1, seed: int = 0) -> Rows:
    """Loss and gradient of a RUB step in two passes against one graph over all vertices, float64.

    Source: own (on [B] Theorem 11, eq. (27))

    Returns
    -------
    list of dict
        For each shape and twin: `loss` and `gradient`, the largest distance to the two passes.
    """
    rows = []
    for shape in shapes:
        steps = {m: Step.of(shape, epsilon, m, "cpu", seed) for m in _SAME}
        found = {m: _loss_and_gradient(step) for m, step in steps.items()}
        loss, gradient = found["RUB"]
        rows += [
            {
                "shape": shape,
                "method": method,
                "loss": abs(found[method][0] - loss),
                "gradient": float((found[method][1] - gradient).abs().max()),
            }
            for method in _SAME[1:]
        ]
    return rows


def _loss_and_gradient(step: Step) -> tuple[float, torch.Tensor]:
    net = step.net.double()
    loss = step.loss(net, step.x.double(), step.y)
    return loss.item(), torch.cat(
        [g.flatten() for g in torch.autograd.grad(loss, list(net.parameters()))]
    )


def record(
    shapes: Sequence[str] = ("uci", "mnist"), epsilon: float = 0.1, seed: int = 0
) -> dict[str, Rows]:
    """The record `b7_speed.gradient`.

    Source: own (on [B] Theorem 11, eq. (27))
    """
    return {"b7_speed.gradient": gradient_rows(shapes, epsilon, seed)}
