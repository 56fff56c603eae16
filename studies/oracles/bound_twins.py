"""Paper B's bounds against their naive twins, over many random networks.

The twins are written to be read beside the paper, not to be fast: loops over vertices, signs and
classes, one sample at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from robustcore import bounds
from robustcore.balls import LpBall
from robustcore.losses import gaps
from robustcore.networks import ReLUNetwork, affine_layers


def theorem_11_literal(
    net: ReLUNetwork, x: torch.Tensor, k: int, y: int, radius: float, t: list[torch.Tensor]
) -> float:
    """Theorem 11 as printed (with the corrected indices): g for every m, a and r, then the maximum.

    Source: [B] Theorem 11, eq. (35)

    Parameters
    ----------
    net : ReLUNetwork
    x : (M,) tensor
    k, y : int
        Classes of c = e_k - e_y.
    radius : float
    t : list of (r_l,) tensors, l = 1..L-1
    """
    layers = affine_layers(net)
    (W1, b1), (WL, bL) = layers[0], layers[-1]
    c_row, c_bias = WL[k] - WL[y], bL[k] - bL[y]
    worst = -torch.inf
    for m in range(x.numel()):
        for a in (radius, -radius):
            g = {r: r * (a * W1[:, m] + W1 @ x + b1) for r in (1, -1)}
            for (W, b), slope in zip(layers[1:-1], t[:-1], strict=True):
                g = {
                    r: (r * W).clamp(min=0) @ g[1].clamp(min=0)
                    + (-r * W).clamp(min=0) @ (slope * g[-1])
                    + r * b
                    for r in (1, -1)
                }
            last = c_row.clamp(min=0) @ g[1].clamp(min=0)
            last = last + (-c_row).clamp(min=0) @ (t[-1] * g[-1]) + c_bias
            worst = max(worst, float(last))
    return worst


def first_order_by_autograd(
    net: ReLUNetwork, x: torch.Tensor, k: int, y: int, ball: LpBall
) -> float:
    """The linearised gap with its gradient from automatic differentiation, one sample.

    Source: [B] eq. (9)
    """
    x = x.clone().requires_grad_()
    z = net(x[None])[0]
    gap = z[k] - z[y]
    (gradient,) = torch.autograd.grad(gap, x)
    return float(gap.detach() + ball.support(gradient))


@dataclass(frozen=True)
class Instance:
    """A random network with a random batch: float64, biases of random sign.

    Source: own
    """

    net: ReLUNetwork
    x: torch.Tensor
    y: torch.Tensor
    radius: float
    depth: int


def random_instances(n: int, seed: int, samples: int = 2) -> Iterator[Instance]:
    """Networks of 2, 3 and 4 layers with 2 to 5 inputs, in turn.

    Source: own
    """
    rng = np.random.default_rng(seed)
    generator = torch.Generator().manual_seed(seed)
    for i in range(n):
        depth = 2 + i % 3
        sizes = [int(s) for s in rng.integers(2, 6, size=depth)] + [3]
        net = ReLUNetwork(sizes, generator, dtype=torch.float64).requires_grad_(False)
        for layer in net.layers:
            layer.bias.normal_(generator=generator)  # type: ignore[operator, union-attr]
        x = torch.randn(samples, sizes[0], generator=generator, dtype=torch.float64)
        y = torch.randint(0, 3, (samples,), generator=generator)
        yield Instance(net, x, y, float(rng.uniform(0.05, 2.0)), depth)


def compare(instance: Instance, draws: int, rng: np.random.Generator) -> dict[str, float]:
    """One instance: distances to the twins, and by how much each inequality holds or fails.

    Source: own

    Returns
    -------
    dict
        `rub_twin`, `arub_twin`: largest distance to the naive form. `exact_above_rub`,
        `arub_above_rub`, `attack_above_exact`: largest violation (negative where the inequality
        is strict everywhere).
    """
    net, x, y = instance.net, instance.x, instance.y
    ball = LpBall(1, instance.radius)
    rub, arub = bounds.rub(net, x, y, ball), bounds.arub(net, x, y, ball)
    exact = bounds.exact(net, x, y, ball, attained=True)
    slopes = bounds.nominal_slopes(net, x)
    attacked = torch.full_like(exact, -torch.inf)
    twin_rub, twin_arub = torch.zeros_like(rub), torch.zeros_like(arub)
    for i in range(len(y)):
        t = [s[i] for s in slopes]
        for k in range(rub.shape[1]):
            label = int(y[i])
            twin_rub[i, k] = theorem_11_literal(net, x[i], k, label, ball.radius, t)
            twin_arub[i, k] = first_order_by_autograd(net, x[i], k, label, ball)
        delta = torch.from_numpy(ball.sample((draws, x.shape[1]), rng))
        delta = torch.cat([delta, torch.from_numpy(ball.vertices(x.shape[1]))])
        attacked[i] = gaps(net(x[i] + delta), y[i].expand(len(delta))).amax(dim=0)
    return {
        "rub_twin": float((rub - twin_rub).abs().max()),
        "arub_twin": float((arub - twin_arub).abs().max()),
        "exact_above_rub": float((exact - rub).max()),
        "arub_above_rub": float((arub - rub).max()),
        "attack_above_exact": float((attacked - exact).max()),
    }


def record(instances: int = 300, seed: int = 0, draws: int = 200) -> dict[str, list[dict]]:
    """Run the campaign and keep, for each depth, the largest value of each comparison.

    Source: own

    Returns
    -------
    dict
        One record, `b_twins`: a row a depth with the number of instances and of gaps compared.
    """
    rng = np.random.default_rng(seed)
    found: dict[int, list[dict[str, float]]] = {}
    for instance in random_instances(instances, seed):
        found.setdefault(instance.depth, []).append(compare(instance, draws, rng))
    rows = [
        {"depth": depth, "instances": len(results), "gaps": 2 * 3 * len(results)}
        | {key: max(r[key] for r in results) for key in results[0]}
        for depth, results in sorted(found.items())
    ]
    return {"b_twins": rows}
