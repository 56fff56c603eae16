"""The sup-inf form of paper B in the letters of Definition 10, and what (21) makes of it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import torch

from robustcore import bounds
from robustcore.balls import LpBall
from robustcore.networks import ReLUNetwork, affine_layers


def random_network(sizes: Sequence[int], generator: torch.Generator) -> ReLUNetwork:
    """Glorot weights, and biases of standard deviation 1/2.

    Source: own
    """
    net = ReLUNetwork(sizes, generator, dtype=torch.float64).requires_grad_(False)
    for layer in net.layers:
        layer.bias.normal_(generator=generator).mul_(0.5)  # type: ignore[operator, union-attr]
    return net


def definition_10(
    net: ReLUNetwork, x: torch.Tensor, k: int, y: int, ball: LpBall, s: list, t: list
) -> float:
    """(34) for one sample and class, in the letters and the order of Definition 10 as corrected.

    Source: [B] Definition 10, eq. (34)

    Parameters
    ----------
    s, t : lists of (r_l,) tensors, the paper's s_2..s_L and t_2..t_L
    """
    W = {l: W for l, (W, _) in enumerate(affine_layers(net), start=1)}
    b = {l: b for l, (_, b) in enumerate(affine_layers(net), start=1)}
    L, c = len(W), torch.zeros(net.n_classes, dtype=x.dtype)
    c[k] += 1
    c[y] -= 1
    slope = {l: (s[l - 2], t[l - 2]) for l in range(2, L + 1)}
    p, q = {}, {}
    p[L] = (W[L].T @ c).clamp(min=0) * slope[L][0]
    q[L] = (-W[L].T @ c).clamp(min=0) * slope[L][1]
    for l in range(L - 1, 1, -1):
        plus, minus = W[l].clamp(min=0).T, (-W[l]).clamp(min=0).T
        p[l] = (plus @ p[l + 1] + minus @ q[l + 1]) * slope[l][0]
        q[l] = (minus @ p[l + 1] + plus @ q[l + 1]) * slope[l][1]
    row = (p[2] - q[2]) @ W[1]
    biases = sum(float((p[l + 1] - q[l + 1]) @ b[l]) for l in range(1, L))
    return float(ball.support(row)) + float(row @ x) + biases + float(c @ b[L])


def reduction_rows(n_networks: int = 30, seed: int = 0) -> list[dict[str, Any]]:
    """Nominal s = t against aRUB, and random s, t against Definition 10, for each depth.

    Source: [B] Corollary 9, Definition 10, eqs. (21), (22)

    Returns
    -------
    list of dict
        Largest differences over balls with p = 1, 4/3, 2 and inf, all classes; and whether
        [(W^2)'c]_+, which Definition 10 prints for p_L, has a product at all.
    """
    generator = torch.Generator().manual_seed(seed)
    rows = []
    for depth in (2, 3, 4):
        to_arub, to_literal = 0.0, 0.0
        for number in range(n_networks):
            net = random_network((3, *[5] * (depth - 1), 3), generator)
            x, y = torch.randn(2, 3, generator=generator).double(), torch.tensor([0, 2])
            ball = LpBall((1, 4 / 3, 2, math.inf)[number % 4], 0.8)
            nominal = bounds.split(net, x, y, ball) - bounds.arub(net, x, y, ball)
            s, t = (
                [torch.rand(2, 5, generator=generator).double() for _ in range(depth - 1)]
                for _ in range(2)
            )
            found = bounds.split(net, x, y, ball, s, t)
            for i, k in itertools.product(range(2), range(3)):
                own = [v[i] for v in s], [v[i] for v in t]
                literal = definition_10(net, x[i], k, int(y[i]), ball, *own)
                to_literal = max(to_literal, abs(float(found[i, k]) - literal))
            to_arub = max(to_arub, float(nominal.abs().max()))
        rows.append(
            {
                "L": depth,
                "networks": n_networks,
                "aRUB": to_arub,
                "literal": to_literal,
                "printed_fits": affine_layers(net)[1][0].shape[0] == net.n_classes,
            }
        )
    return rows
