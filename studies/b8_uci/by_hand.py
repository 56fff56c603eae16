"""A network with one input on which a published attack is stronger in the smaller ball."""

from __future__ import annotations

import math

import torch

from robustcore import LpBall, attacks
from robustcore.networks import ReLUNetwork


def bump() -> ReLUNetwork:
    r"""Two classes whose gap rises from -1 to 1 on [0, 1] and falls back on [1, 2].

    .. math:: z_2 - z_1 = 2[x]_+ - 4[x - 1]_+ + 2[x - 2]_+ - 1

    Source: own
    """
    net = ReLUNetwork([1, 3, 2]).double().requires_grad_(False)
    first, last = (m for m in net.modules() if isinstance(m, torch.nn.Linear))
    first.weight.copy_(torch.ones(3, 1))
    first.bias.copy_(torch.tensor([0.0, -1.0, -2.0]))
    last.weight.copy_(torch.tensor([[0.0, 0.0, 0.0], [2.0, -4.0, 2.0]]))
    last.bias.copy_(torch.tensor([0.0, -1.0]))
    return net


def withstands(net: ReLUNetwork, x: float, radius: float, method: str = "fgm") -> bool:
    """Whether the network still says class 1 at the end of a published attack from x.

    Source: own (on [B] Section 6.1, Attacks)
    """
    point, y = torch.tensor([[x]], dtype=torch.float64), torch.tensor([0])
    ball = LpBall(math.inf, radius)
    found = attacks.as_published(net, point, y, ball, method, generator=torch.Generator())
    return bool(net(found).argmax(dim=1) == y)
