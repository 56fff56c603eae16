"""Two-layer networks of the plane, corner by corner: where losses and gaps are largest, exactly."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from robustcore.balls import LpBall
from robustcore.losses import cross_entropy, gaps
from robustcore.networks import ReLUNetwork, affine_layers

_FIRST = torch.tensor([0])  # the true class of every sample here


def critical_points(net: ReLUNetwork, x: torch.Tensor, ball: LpBall) -> torch.Tensor:
    """Every corner of every linear piece of the first layer's ReLUs on a ball in the plane.

    Source: own

    Parameters
    ----------
    net : ReLUNetwork with M = 2 inputs
    x : (2,) tensor, float64
    ball : LpBall, p = 1 or inf

    Returns
    -------
    (v, 2) tensor
        Points x + delta. A function that is convex on each piece, such as a gap or the
        cross-entropy of a network with one hidden layer, has its maximum over the ball at one of
        them.
    """
    W, b = affine_layers(net)[0]
    corners = torch.from_numpy(ball.vertices(2))
    edges = torch.tensor([[1.0, 1], [1, -1]] if ball.p == 1 else [[1.0, 0], [0, 1]]).to(x)
    normals = torch.cat([W, edges, edges])  # lines normal' delta = level
    level = torch.cat([-(W @ x + b), x.new_full((2,), ball.radius), x.new_full((2,), -ball.radius)])
    i, j = torch.triu_indices(len(level), len(level), offset=1)
    pairs, right = torch.stack([normals[i], normals[j]], 1), torch.stack([level[i], level[j]], 1)
    meet = torch.linalg.det(pairs).abs() > 1e-12
    delta = torch.linalg.solve(pairs[meet], right[meet])
    inside = ball.contains(delta, tol=1e-9)
    return x + torch.cat([corners, delta[inside]])


def random_network(n_classes: int, width: int, generator: torch.Generator) -> ReLUNetwork:
    """A network 2-width-K with Glorot weights, doubled, and standard normal biases.

    Source: own
    """
    net = ReLUNetwork((2, width, n_classes), generator, dtype=torch.float64).requires_grad_(False)
    for layer in net.layers:
        layer.weight.mul_(2)  # type: ignore[operator, union-attr]
        layer.bias.normal_(generator=generator)  # type: ignore[operator, union-attr]
    return net


def radius_rows(
    n_networks: int = 40,
    classes: Sequence[int] = (3, 5, 10),
    width: int = 6,
    radii: Sequence[float] = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0),
    seed: int = 0,
) -> list[dict[str, Any]]:
    """What Lemma 1 gives away with the cross-entropy, over the L1 radius.

    Source: [B] Lemma 1

    Returns
    -------
    list of dict
        For each K and radius: mean and largest (6) - (5) in nats over the networks.
    """
    generator = torch.Generator().manual_seed(seed)
    nets = {K: [random_network(K, width, generator) for _ in range(n_networks)] for K in classes}
    rows = []
    for K, radius in itertools.product(classes, radii):
        given = [_loosened(net, LpBall(1, radius)) for net in nets[K]]
        found = {"mean": float(np.mean(given)), "largest": max(given)}
        rows.append({"K": K, "radius": radius, **found})
    return rows


def _loosened(net: ReLUNetwork, ball: LpBall) -> float:
    z = net(critical_points(net, torch.zeros(2).double(), ball))
    y = torch.zeros(len(z), dtype=torch.long)
    worst = gaps(z, y).amax(dim=0, keepdim=True)
    return float(cross_entropy(worst, _FIRST) - cross_entropy(z, y).max())


@dataclass(frozen=True)
class PlanarSlack:
    """A network of the plane on which Lemma 1 gives something away, for a picture.

    Source: own
    """

    ball: LpBall
    side: torch.Tensor  # (r,) coordinates of the grid, inputs
    loss: torch.Tensor  # (r, r) cross-entropy at (side[j], side[i]), nats
    worst_gap: torch.Tensor  # (K - 1, 2), where each gap is largest
    worst_loss: torch.Tensor  # (2,), where the loss is largest
    left: float  # (5)
    right: float  # (6)


def planar_slack(
    n_networks: int = 30, width: int = 6, radius: float = 1.0, seed: int = 0
) -> PlanarSlack:
    """The three-class network, of several random ones, on which (6) - (5) is largest.

    Source: [B] Lemma 1
    """
    generator, ball = torch.Generator().manual_seed(seed), LpBall(1, radius)
    nets = [random_network(3, width, generator) for _ in range(n_networks)]
    given = [_loosened(net, ball) for net in nets]
    net = nets[given.index(max(given))]
    points = critical_points(net, torch.zeros(2).double(), ball)
    z = net(points)
    y = torch.zeros(len(z), dtype=torch.long)
    side = torch.linspace(-1.1 * radius, 1.1 * radius, 121, dtype=torch.float64)
    grid = torch.cartesian_prod(side, side).flip(1)
    labels = torch.zeros(len(grid), dtype=torch.long)
    left = cross_entropy(z, y).max()
    return PlanarSlack(
        ball=ball,
        side=side,
        loss=cross_entropy(net(grid), labels).reshape(len(side), len(side)),
        worst_gap=points[gaps(z, y)[:, 1:].argmax(dim=0)],
        worst_loss=points[cross_entropy(z, y).argmax()],
        left=float(left),
        right=float(left) + _loosened(net, ball),
    )
