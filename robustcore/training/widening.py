"""One-hidden-layer networks made ready for descent: wider, and in the cheapest scaling.

Shape letters: n samples, d inputs, m neurons.
"""

from __future__ import annotations

import numpy as np
import torch

from ..networks import TwoLayerReLU

_EPSILON = 1e-12  # of Adam; costs are means of many samples


def balanced(net: TwoLayerReLU) -> TwoLayerReLU:
    r"""The same function with :math:`\|u_j\|_2=|\alpha_j|`, its silent neurons left out.

    Source: own (on [A] Theorem 1)
    """
    with torch.no_grad():
        rows = torch.cat([net.u, net.b[:, None]], dim=1).double()
        alpha = net.alpha.double()
        lengths = rows.norm(dim=1)
        alive = (lengths > 0) & (alpha != 0)
        rows, alpha, lengths = rows[alive], alpha[alive], lengths[alive]
        scale = (alpha.abs() / lengths).sqrt()
        rows, alpha = rows * scale[:, None], alpha / scale
    return TwoLayerReLU(rows[:, :-1], alpha, rows[:, -1] if net.has_bias else None)


def balanced_penalty(net: TwoLayerReLU) -> torch.Tensor:
    r"""The penalty of the balanced network, :math:`\sum_j\|u_j\|_2|\alpha_j|`, without a graph.

    Source: own (on [A] eq. (4))
    """
    rows = torch.cat([net.u, net.b[:, None]], dim=1).detach()
    return (rows.norm(dim=1) * net.alpha.detach().abs()).sum()


def widened(
    net: TwoLayerReLU, x: torch.Tensor, width: int, rng: np.random.Generator
) -> TwoLayerReLU:
    r"""With new neurons up to `width`, of output weight 0: the same function, for the same cost.

    .. math:: u = c\sum_k g_k(x_k-\bar x),\qquad g\sim N(0,I)

    With biases each new neuron switches at a sample drawn at random.

    Source: own
    """
    more = max(0, width - len(net.alpha))
    centred = x - x.mean(0)
    u = torch.from_numpy(rng.standard_normal((more, len(x)))).to(x) @ centred
    flat = u.norm(dim=1) == 0
    u[flat] = torch.from_numpy(rng.standard_normal((int(flat.sum()), x.shape[1]))).to(x)
    at = torch.from_numpy(rng.integers(len(x), size=more))
    b = -(u * x[at]).sum(1) if net.has_bias else x.new_zeros(more)
    usual = net.alpha.detach().abs().median() if len(net.alpha) else x.new_tensor(1.0)
    size = usual / torch.cat([u, b[:, None]], dim=1).norm(dim=1)
    u, b = u * size[:, None], b * size
    parts = [(net.u, u), (net.alpha, x.new_zeros(more)), (net.b, b)]
    u, alpha, b = (torch.cat([old.detach().to(x), new]) for old, new in parts)
    return TwoLayerReLU(u, alpha, b if net.has_bias else None)


def scaled_adam(net: TwoLayerReLU, rate: float) -> torch.optim.Adam:
    """Adam with each group of weights at a rate in its own units.

    Source: own
    """
    groups = []
    for part in (net.u, net.alpha, net.b) if net.has_bias else (net.u, net.alpha):
        used = part.detach()[part.detach() != 0]
        size = float(used.square().mean().sqrt()) if used.numel() else 1.0
        groups.append({"params": [part], "lr": rate * size})
    return torch.optim.Adam(groups, eps=_EPSILON)
