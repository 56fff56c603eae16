"""The threat model of both papers: the ball, its support, and how balls contain each other.

Shapes: n inputs, M features (d in paper A), K classes. Radii are in the units of the inputs.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch

from robustcore.balls import LpBall
from robustcore.datasets import Part, load

INF = math.inf
PRINTED_RADII = (
    (0.001, 0.003, 0.010, 0.100, 0.300, 0.500, 1.00, 5.00),
    (0.01, 0.06, 0.28, 2.80, 8.40, 14.00, 28.00, 140.00),
)
"""[B] Tables 3 and 4 (M = 784): radii of the Linf attacks, and of the L1 attacks in the same
columns."""


# -- the support function, checked ------------------------------------------------------------


def support_rows(
    d: int = 6, n_vectors: int = 50, n_samples: int = 20_000, radius: float = 0.7, seed: int = 0
) -> list[dict[str, Any]]:
    """The closed form of the support function against vertices, random points and its maximiser.

    Source: [B] eq. (23); [A] eq. (27)

    Parameters
    ----------
    d : int
        Dimension, small enough to list the 2^d vertices of the Linf ball.
    n_vectors, n_samples : int
        Vectors c, and points of the ball tried for each.
    radius : float
    seed : int

    Returns
    -------
    list of dict
        For each p: the largest relative error against the vertices (None if there are none), the
        largest ratio that a random point reached (at most 1), and the largest relative error at
        the maximiser.
    """
    rng = np.random.default_rng(seed)
    c = rng.normal(size=(n_vectors, d))
    rows = []
    for p in (1.0, 1.5, 2.0, INF):
        ball = LpBall(p, radius)
        closed = ball.support(c)
        best_sample = (ball.sample((n_samples, d), rng) @ c.T).max(axis=0)
        attained = (ball.maximiser(c) * c).sum(axis=1)
        by_vertices = None
        if p in (1.0, INF):
            listed = (ball.vertices(d) @ c.T).max(axis=0)
            by_vertices = float(np.abs(listed / closed - 1).max())
        rows.append(
            {
                "p": str(p),
                "vertex_error": by_vertices,
                "best_sample_ratio": float((best_sample / closed).max()),
                "maximiser_error": float(np.abs(attained / closed - 1).max()),
                "maximiser_inside": bool(ball.contains(ball.maximiser(c)).all()),
            }
        )
    return rows


def minimiser_rows(
    d: int = 6, n_vectors: int = 50, radius: float = 0.7, seed: int = 0
) -> list[dict[str, Any]]:
    r"""The inner minimum of [A] eq. (27) by listing vertices, and the values at two minimisers.

    .. math:: \min_{\|\delta\|_\infty\le\epsilon} e\,\delta^\top v = -\epsilon\|v\|_1,
              \qquad e = \pm 1

    Source: [A] Appendix D, eq. (27)

    Returns
    -------
    list of dict
        For each vector and sign e: the minimum over the vertices, the value at the printed point
        eps sgn(e v), and the value at its negative.
    """
    rng = np.random.default_rng(seed)
    ball = LpBall(INF, radius)
    vertices = ball.vertices(d)
    rows = []
    for number, v in enumerate(rng.normal(size=(n_vectors, d))):
        for e in (1.0, -1.0):
            printed = ball.maximiser(e * v)  # eps sgn(e v), as (27) is resolved in print
            rows.append(
                {
                    "vector": number,
                    "e": e,
                    "minimum": float((e * vertices @ v).min()),
                    "at_printed": float(e * printed @ v),
                    "at_negative": float(-e * printed @ v),
                }
            )
    return rows


# -- balls inside balls -----------------------------------------------------------------------


def longest(p: float, inside: LpBall, d: int, n_starts: int, rng: np.random.Generator) -> float:
    """The largest p-norm found in a ball by climbing from random starts.

    Source: own

    Parameters
    ----------
    p : float
    inside : LpBall
        The set over which the norm is maximised.
    d : int
    n_starts : int
    rng : numpy Generator

    Returns
    -------
    float
        Each step goes to the point of the ball that is best for the norm's linearisation, which
        never descends; its fixed points are local maxima. For the pairs used here, one of p and
        the ball's exponent being 2, a start in general position reaches the maximum over sign
        vectors, and only the best of many starts the one over coordinate axes.
    """
    dual = LpBall(LpBall(p, 1.0).dual_exponent, 1.0)  # its support function is the p-norm
    x = inside.sample((n_starts, d), rng)
    for _ in range(10):
        x = inside.maximiser(dual.maximiser(x))
    return float(LpBall(p, 1.0).norm(x).max())


def sphere_rows(
    dimensions: Sequence[int] = (2, 10, 147, 784, 3072),
    radius: float = 0.1,
    n_directions: int = 400,
    seed: int = 0,
) -> list[dict[str, Any]]:
    r"""What Linf(rho) and L1(sqrt(M) rho) have in common, and what they do not.

    Source: [B] Section 6.1

    Parameters
    ----------
    dimensions : ints
        Values of M; 784 and 3072 are the papers' images, 147 is [A]'s.
    radius : float
        rho.
    n_directions : int
        Random directions, for the reach.
    seed : int

    Returns
    -------
    list of dict
        For each M and ball, all divided by rho: the radius of the largest L2 ball inside
        (`inside`), of the smallest L2 ball around (`around`), both found by climbing; the median
        distance from the centre to the boundary in a uniformly random direction (`reach`); and
        `log10_volume`, of the volume over (2 rho)^M.
    """
    rng = np.random.default_rng(seed)
    rows = []
    for d in dimensions:
        directions = rng.normal(size=(n_directions, d))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        balls = {"Linf": LpBall(INF, radius), "L1 scaled": LpBall(1, math.sqrt(d) * radius)}
        for name, ball in balls.items():
            largest = longest(ball.p, LpBall(2, 1.0), d, n_directions, rng)
            log_volume = 0.0
            if ball.p == 1:  # (2 s)^M / M!, over (2 rho)^M
                log_volume = (0.5 * d * math.log(d) - math.lgamma(d + 1)) / math.log(10)
            rows.append(
                {
                    "M": d,
                    "ball": name,
                    "inside": ball.radius / largest / radius,
                    "around": longest(2, ball, d, n_directions, rng) / radius,
                    "reach": float(np.median(ball.radius / ball.norm(directions))) / radius,
                    "log10_volume": log_volume,
                }
            )
    return rows


def scaling_rows(d: int = 784) -> list[dict[str, Any]]:
    """The radii of the L1 attacks against sqrt(M) times those of the Linf attacks, by column.

    Source: [B] Tables 3, 4
    """
    return [
        {"linf": linf, "printed": l1, "computed": round(math.sqrt(d) * linf, 2)}
        for linf, l1 in zip(*PRINTED_RADII, strict=True)
    ]


# -- a classifier that needs no training ------------------------------------------------------


def nearest_mean(train: Part, n_classes: int) -> torch.nn.Linear:
    r"""The linear classifier that picks the class whose mean image is nearest.

    .. math:: z_k(x) = \mu_k^\top x - \tfrac12\|\mu_k\|_2^2

    Source: own

    Returns
    -------
    Linear (M, K), float64
        Its scores differ from minus half the squared distances by the same number for each class.
    """
    means = np.stack([train.x[train.y == k].mean(axis=0) for k in range(n_classes)])
    net = torch.nn.Linear(*means.shape[::-1]).double()
    with torch.no_grad():
        net.weight.copy_(torch.from_numpy(means))
        net.bias.copy_(torch.from_numpy(-0.5 * (means**2).sum(axis=1)))
    return net


def linear_rows(
    net: torch.nn.Linear, part: Part, balls: Iterable[LpBall], unit: float = 1.0
) -> list[dict[str, Any]]:
    """The exact adversarial accuracy of a linear classifier, by the support function alone.

    Source: [B] eq. (23)

    Parameters
    ----------
    net : Linear
    part : Part
    balls : LpBalls
        Without box: the box is not used.
    unit : float
        Divides the printed radius.

    Returns
    -------
    list of dict
        For each ball the share of the rows for which no perturbation changes the class.
    """
    x, y = torch.as_tensor(part.x, dtype=torch.float64), torch.as_tensor(part.y)
    with torch.no_grad():
        z = net(x)
        gaps = z - z.gather(1, y[:, None])
        between = net.weight[None, :, :] - net.weight[y][:, None, :]  # (n, K, M)
        own = torch.nn.functional.one_hot(y, z.shape[1]).bool()
        rows = []
        for ball in balls:
            worst = (gaps + ball.support(between)).masked_fill(own, -INF)  # (23) for each class
            safe = (worst <= 0).all(dim=1).double().mean()
            rows.append({"p": str(ball.p), "radius": ball.radius * unit, "accuracy": float(safe)})
    return rows


def record(
    seed: int = 0,
    d: int = 6,
    n_vectors: int = 50,
    n_samples: int = 20_000,
    n_directions: int = 400,
    radius: float = 0.1,
) -> dict[str, list[dict[str, Any]]]:
    """The rows behind the claims of the page.

    Source: own
    """
    data = load("mnist-sample")
    net = nearest_mean(data.train, data.n_classes)
    root = math.sqrt(data.n_features)
    balls = [LpBall(INF, radius), LpBall(1, root * radius), LpBall(2, radius)]
    return {
        "00_threat_model.support": support_rows(d, n_vectors, n_samples, seed=seed),
        "00_threat_model.minimiser": minimiser_rows(d, n_vectors, seed=seed),
        "00_threat_model.spheres": sphere_rows(radius=radius, n_directions=n_directions, seed=seed),
        "00_threat_model.radii": scaling_rows(),
        "00_threat_model.linear": linear_rows(net, data.test, [LpBall(2, 0.0), *balls]),
    }
