"""The proof of paper B's Theorem 11: Lemma 12 and the chain (38) to (40), every side by itself.

The slopes of a network with layers 1..L are listed from the first hidden layer: `s[l - 2]` and
`t[l - 2]` are the paper's s_l and t_l.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import torch

from robustcore import bounds
from robustcore.balls import LpBall
from robustcore.networks import AffineLayers, ReLUNetwork, affine_layers

from ..b4_split.proofs import binary
from ..oracles.sup_inf import random_network

Rows = list[dict[str, Any]]
Pair = tuple[torch.Tensor, torch.Tensor]
_SIZES = {2: (2, 5, 2), 3: (2, 4, 4, 2), 4: (2, 3, 3, 3, 2)}  # by the number of layers L


def recursion_pair(
    layers: AffineLayers, x: torch.Tensor, step: torch.Tensor, t: list[torch.Tensor], last: int
) -> Pair:
    """g^l(+1) and g^l(-1) at one perturbation, for l = `last` < L, as Theorem 11 prints them.

    Source: [B] Theorem 11
    """
    W, b = layers[0]
    g = {r: r * (W @ step + W @ x + b) for r in (1, -1)}
    for l in range(2, last + 1):
        W, b = layers[l - 1]
        g = {
            r: (r * W).clamp(min=0) @ g[1].clamp(min=0)
            + (-r * W).clamp(min=0) @ (t[l - 2] * g[-1])
            + r * b
            for r in (1, -1)
        }
    return g[1], g[-1]


def lemma_12_sides(
    layers: AffineLayers, above: Pair, below: Pair, l: int, t_l: torch.Tensor
) -> tuple[float, float]:
    """(36) by trying every binary s_l, and (37), for given p_{l+1}, q_{l+1} and g^{l-1}.

    Source: [B] Lemma 12, eqs. (36), (37)

    Parameters
    ----------
    above : pair of (r_l,) tensors
        p_{l+1}, q_{l+1}; not negative.
    below : pair of (r_{l-1},) tensors
        g^{l-1}(+1), g^{l-1}(-1).
    """
    (p, q), (g_plus, g_minus) = above, below
    W, b = layers[l - 1]
    plus, minus = W.clamp(min=0), (-W).clamp(min=0)
    p_l, q_l = plus.T @ p + minus.T @ q, (minus.T @ p + plus.T @ q) * t_l  # before s_l
    states = torch.from_numpy(binary(len(p_l)))
    left = ((states * p_l) @ g_plus).max() + q_l @ g_minus  # (36)
    kept, slid = g_plus.clamp(min=0), t_l * g_minus
    up, down = plus @ kept + minus @ slid + b, minus @ kept + plus @ slid - b  # g^l(+1), g^l(-1)
    return float(left), float(p @ up + q @ down - (p - q) @ b)  # (37)


def lemma_12_rows(n_networks: int = 30, seed: int = 0) -> Rows:
    """(36) against (37) at every layer and vertex of random networks.

    Source: [B] Lemma 12, eqs. (36), (37)

    Returns
    -------
    list of dict
        For L = 3 and 4: number of `cases`, largest `distance` of the two sides, and the `spread`,
        how far (36) lies on average above its value at s_l = 1.
    """
    rows = []
    for L in (3, 4):
        generator = torch.Generator().manual_seed(seed)
        found: list[tuple[float, float, float]] = []
        for _ in range(n_networks):
            net = random_network(_SIZES[L], generator)
            layers, x = affine_layers(net), torch.randn(2, generator=generator).double()
            t = [torch.rand(r, generator=generator).double() for r in _SIZES[L][1:-1]]
            for l, m, a in itertools.product(range(2, L), range(2), (1.0, -1.0)):
                step = a * torch.eye(2, dtype=x.dtype)[m]
                r = _SIZES[L][l]
                above = torch.rand(2, r, generator=generator).double()
                below = recursion_pair(layers, x, step, t, l - 1)
                sides = lemma_12_sides(layers, (above[0], above[1]), below, l, t[l - 2])
                found.append((*sides, _at_one(layers[l - 1][0], above, below, t[l - 2])))
        rows.append(
            {
                "L": L,
                "cases": len(found),
                "distance": max(abs(left - right) for left, right, _ in found),
                "spread": float(np.mean([left - one for left, _, one in found])),
            }
        )
    return rows


def _at_one(W: torch.Tensor, above: torch.Tensor, below: Pair, t: torch.Tensor) -> float:
    plus, minus = W.clamp(min=0), (-W).clamp(min=0)
    p, q = plus.T @ above[0] + minus.T @ above[1], minus.T @ above[0] + plus.T @ above[1]
    return float(p @ below[0] + (q * t) @ below[1])


def chain_values(
    net: ReLUNetwork, x: torch.Tensor, ball: LpBall, t: list[torch.Tensor]
) -> dict[str, float]:
    """The links from the worst gap to RUB at given slopes t, for class 1 against 0.

    Source: [B] Theorem 11, eqs. (35), (38)-(40)

    Returns
    -------
    dict
        "(38)" exact; "(39)" sup-inf; "(40)" the supremum over all s at this t, by trying every
        binary s; "(35)" RUB at this t.
    """
    y = torch.tensor([0])
    states = torch.from_numpy(binary(sum(v.shape[1] for v in t)))
    s = list(states.split([v.shape[1] for v in t], dim=1))
    many = len(states)
    objective = bounds.split(
        net, x.expand(many, -1), y.expand(many), ball, s, [v.expand(many, -1) for v in t]
    )
    return {
        "(38)": float(bounds.exact(net, x, y, ball, attained=True)[0, 1]),
        "(39)": float(bounds.sup_inf(net, x, y, ball)[0, 1]),
        "(40)": float(objective[:, 1].max()),
        "(35)": float(bounds.rub(net, x, y, ball, t=t)[0, 1]),
    }


def chain_rows(n_networks: int = 30, seed: int = 0) -> Rows:
    """Each link of the proof of Theorem 11 at nominal and at random slopes.

    Source: [B] Theorem 11, eqs. (35), (38)-(40)

    Returns
    -------
    list of dict
        For L = 2, 3, 4: the largest violation of (38) <= (39) and of (39) <= (40), and the largest
        distance of (40) at fixed t to the maximum over vertices in (35).
    """
    rng = np.random.default_rng(seed)
    rows = []
    for L, sizes in _SIZES.items():
        generator = torch.Generator().manual_seed(seed)
        found = []
        for number in range(n_networks):
            net = random_network(sizes, generator)
            x = torch.randn(1, 2, generator=generator).double()
            t = [torch.rand(1, r, generator=generator).double() for r in sizes[1:-1]]
            if number % 2:
                t = bounds.nominal_slopes(net, x)
            found.append(chain_values(net, x, LpBall(1, float(rng.uniform(0.3, 3))), t))
        rows.append(
            {
                "L": L,
                "networks": n_networks,
                "(38) - (39), at most": max(f["(38)"] - f["(39)"] for f in found),
                "(39) - (40), at most": max(f["(39)"] - f["(40)"] for f in found),
                "(40) to (35), at most": max(abs(f["(40)"] - f["(35)"]) for f in found),
            }
        )
    return rows


def record(n_networks: int = 60, seed: int = 0) -> dict[str, Rows]:
    """The records `b5_rub.lemma_12` and `b5_rub.chain`.

    Source: [B] Lemma 12, Theorem 11, eqs. (35)-(40)
    """
    return {
        "b5_rub.lemma_12": lemma_12_rows(n_networks, seed),
        "b5_rub.chain": chain_rows(n_networks, seed),
    }
