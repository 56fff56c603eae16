"""RUB with every vertex in one graph, as the formula reads: what the two passes are held to."""

from __future__ import annotations

import torch

from robustcore import bounds
from robustcore.balls import LpBall
from robustcore.losses import adversarial_loss_bound
from robustcore.networks import affine_layers


def rub_one_graph(
    net: torch.nn.Module, x: torch.Tensor, y: torch.Tensor, ball: LpBall, printed: bool = False
) -> torch.Tensor:
    """RUB with every vertex in one graph: the twin that the two passes are held to.

    Source: [B] Theorem 11, eqs. (27), (35)

    Parameters
    ----------
    net : ReLUNetwork
    x : (n, M) tensor
    y : (n,) class labels
    ball : LpBall
    printed : bool
        The four products a layer that Theorem 11 prints; else two, of centre and radius.

    Returns
    -------
    () tensor
        The loss of a training step, all 2M vertices of each sample in its graph.
    """
    (W, b), *hidden, (W_last, b_last) = affine_layers(net)
    t = bounds.nominal_slopes(net, x)
    product = _four_products if printed else _two_products
    up = (x @ W.T + b)[:, None] + torch.cat([W.T, -W.T]) * ball.radius
    down = -up  # g(+1) and g(-1)
    for (W, b), slope in zip(hidden, t[:-1], strict=True):
        change, back = product(W, up, down, slope)
        up, down = change + b, back - b
    V, c = W_last - W_last[y][:, None], b_last - b_last[y][:, None]
    value = product(V, up, down, t[-1])[0] + c[:, None]
    return adversarial_loss_bound(value.amax(dim=1), y).mean()


def _four_products(
    W: torch.Tensor, up: torch.Tensor, down: torch.Tensor, t: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    p, q = up.clamp(min=0), t[:, None] * down
    plus, minus = W.clamp(min=0).mT, (-W).clamp(min=0).mT
    return p @ plus + q @ minus, p @ minus + q @ plus


def _two_products(
    W: torch.Tensor, up: torch.Tensor, down: torch.Tensor, t: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    p, q = up.clamp(min=0), t[:, None] * down
    centre, spread = (p - q) / 2 @ W.mT, (p + q) / 2 @ W.abs().mT
    return spread + centre, spread - centre
