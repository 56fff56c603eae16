"""Figure 3 of paper A: where the convex loss is the loss of the network, and where that ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from .. import convex, patterns
from ..balls import LpBall
from ..convex import ConvexSolution
from ..networks import TwoLayerReLU
from .a4_hinge import Planar, planar
from .planar_exact import worst_margins

METHODS = ("Algorithm 1", "Algorithm 2")
WIDE = 0.3  # the left panel of Figure 3; the right one has the radius of training
_GRID = 61


def train(points: Planar, beta: float, n_patterns: int, seed: int) -> dict[str, ConvexSolution]:
    """Algorithms 1 and 2 as in Section VII-B.

    Source: [A] Section VII-C, Algorithms 1 and 2

    Parameters
    ----------
    points : Planar
    beta : float
    n_patterns : int
        P_s, or fewer where the data has not as many.
    seed : int
        Of the patterns.
    """
    rng = np.random.default_rng(seed)
    X, y, ball = points.X, points.y, points.ball
    clean = patterns.sample(X, n_patterns, rng, bias=True, at_most=True)
    perturbed = patterns.sample_perturbed(
        X, ball, n_patterns, rng, n_gates=10 * n_patterns, n_perturbations=4, bias=True,
        at_most=True,
    )  # fmt: skip
    return {
        "Algorithm 1": convex.train_standard(X, y, clean, beta),
        "Algorithm 2": convex.train_robust_hinge(X, y, perturbed, ball, beta),
    }


def window(radius: float) -> np.ndarray:
    """A grid of moves, (61 x 61, 2), over the box of a radius; its corners are among them.

    Source: own
    """
    side = np.linspace(-radius, radius, _GRID)
    return np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)


def difference(solution: ConvexSolution, points: Planar, k: int, moves: np.ndarray) -> np.ndarray:
    r"""What Figure 3 draws, at the moves of one training point.

    .. math:: \ell_{\mathrm{convex}}-\ell_{\mathrm{nonconvex}}
              = y_k\Bigl(\sum_j((x_k+\delta)^\top u_j)_+\alpha_j
              - \sum_i d_{ik}(x_k+\delta)^\top(v_i-w_i)\Bigr)

    Source: [A] Section VII-C, Figure 3

    Parameters
    ----------
    solution : ConvexSolution
        With a bias.
    points : Planar
    k : int
    moves : (m, 2) array

    Returns
    -------
    (m,) array

    Notes
    -----
    As in the paper the hinge's own (.)_+ is left out of both losses; with it, the difference can
    only shrink.
    """
    moved = points.X[k] + moves
    q = solution.patterns.active[k] @ (solution.v - solution.w)
    with torch.no_grad():
        score = solution.network()(torch.from_numpy(moved)).numpy()
    return points.y[k] * (score - moved @ q[:-1] - q[-1])


def flipped(solution: ConvexSolution, points: Planar, k: int, moves: np.ndarray) -> np.ndarray:
    r"""The same difference, from the neurons that have left their pattern and from nothing else.

    .. math:: \ell_{\mathrm{convex}}-\ell_{\mathrm{nonconvex}}
              = y_k\sum_{j\ \text{switched}} \alpha_j\,|z_j(x_k+\delta)|

    Source: own (on [A] Figure 3)

    Parameters
    ----------
    solution, points, k, moves
        As for `difference`.
    """
    net, on = solution.network(), solution.patterns.active[k]
    u, b, alpha = (p.detach().numpy() for p in (net.u, net.b, net.alpha))
    pattern = np.concatenate([on[solution.v.any(axis=1)], on[solution.w.any(axis=1)]])
    z = (points.X[k] + moves) @ u.T + b
    return points.y[k] * (np.abs(z) * ((z >= 0) != pattern)) @ alpha


def certificate_radius(
    net: TwoLayerReLU, X: np.ndarray, ball: LpBall, weakest: float = 1e-6
) -> np.ndarray:
    r"""How far each input can move before a neuron switches: the end of the certificate.

    .. math:: r_k = \min_j \frac{|x_k^\top u_j + b_j|}{\|u_j\|_q}

    Source: own (on [A] eq. (11))

    Parameters
    ----------
    net : TwoLayerReLU
    X : (n, d) array
    ball : LpBall
        Its exponent is used, its radius is not.
    weakest : float
        Neurons below this share of the strongest are left out: solvers leave some, so small that
        (11) holds for them within a tolerance only.

    Returns
    -------
    (n,) array
        In the units of X; infinite where nothing can switch. (11) says that none is below epsilon.
    """
    u, b, alpha = (p.detach().numpy() for p in (net.u, net.b, net.alpha))
    strength = np.abs(alpha) * np.hypot(np.linalg.norm(u, axis=1), b)
    strong = strength > weakest * strength.max(initial=0.0)
    u, b = u[strong], b[strong]
    reach = ball.with_radius(1.0).support(u)
    height = np.abs(X @ u.T + b)
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = np.where(reach > 0, height / reach, np.inf)
    return distance.min(axis=1, initial=np.inf)


def point_rows(solutions: dict[str, ConvexSolution], points: Planar) -> list[dict[str, Any]]:
    """Figure 3 for every training point: the difference inside the box, and in the wide window.

    Source: [A] Figure 3
    """
    rows = []
    inner, outer = window(points.ball.radius), window(WIDE)
    for method, solution in solutions.items():
        net = solution.network()
        reach = certificate_radius(net, points.X, points.ball)
        for k in range(len(points.y)):
            near = difference(solution, points, k, inner)
            far = difference(solution, points, k, outer)
            rows.append(
                {
                    "method": method,
                    "beta": solution.beta,
                    "point": k,
                    "certificate_radius": float(reach[k]),
                    "inside": float(np.abs(near).max()),
                    "above": float(far.max()),
                    "below": float(far.min()),
                    "exact_share": float((np.abs(far) < 1e-6).mean()),
                    "by_flips": float(np.abs(far - flipped(solution, points, k, outer)).max()),
                }
            )
    return rows


def beyond(
    solutions: dict[str, ConvexSolution], points: Planar, radii: Sequence[float]
) -> list[dict[str, Any]]:
    """The robust hinge loss that (15) names at other radii than its own, beside the true one.

    Source: [A] eqs. (10a), (15); the comparison is own

    Parameters
    ----------
    solutions : dict
        Of `train`.
    points : Planar
    radii : sequence of float

    Returns
    -------
    list of dict
        Means over the points, the penalty left out; "true" is exact, by `planar_exact`.
    """
    rows = []
    design = patterns.design_matrix(points.X, bias=True)
    for method, solution in solutions.items():
        q = solution.patterns.active @ (solution.v - solution.w)
        clean = points.y * (q * design).sum(axis=1)
        for radius in radii:
            ball = points.ball.with_radius(radius)
            linear = clean - ball.support(q[:, :2])
            true = worst_margins(solution.network(), points.X, points.y, ball)
            rows.append(
                {
                    "method": method,
                    "beta": solution.beta,
                    "radius": radius,
                    "convex": float(np.maximum(1 - linear, 0).mean()),
                    "true": float(np.maximum(1 - true, 0).mean()),
                    "too_low": int((linear > true + 1e-6).sum()),
                    "too_high": int((linear < true - 1e-6).sum()),
                    "points": len(true),
                }
            )
    return rows


def along_beta(
    points: Planar, betas: Sequence[float], n_patterns: int, seed: int
) -> list[dict[str, Any]]:
    """How well the solver met (11) and the optimum at each beta, down to the 1e-9 of Figure 3.

    Source: [A] Figure 3
    """
    rows = []
    for beta in betas:
        solution = train(points, beta, n_patterns, seed)["Algorithm 2"]
        mine = point_rows({"Algorithm 2": solution}, points)
        rows.append(
            {
                "beta": beta,
                "objective": solution.objective,
                "uncertified": solution.gap / solution.objective,
                "violation": solution.violation,
                "inside": max(row["inside"] for row in mine),
                "least_radius": min(row["certificate_radius"] for row in mine),
                "neurons": solution.n_neurons,
            }
        )
    return rows


def over_sets(n_sets: int, n: int, beta: float, n_patterns: int) -> list[dict[str, Any]]:
    """Figure 3 on further sets of points: the largest difference inside any box of each.

    Source: [A] Figure 3
    """
    rows = []
    for seed in range(n_sets):
        points = planar(seed, n)
        for method, solution in train(points, beta, n_patterns, seed).items():
            mine = point_rows({method: solution}, points)
            rows.append(
                {
                    "data_seed": seed,
                    "method": method,
                    "boxes": len(mine),
                    "inside": max(row["inside"] for row in mine),
                    "exact_boxes": sum(row["inside"] < 1e-6 for row in mine),
                    "least_radius": min(row["certificate_radius"] for row in mine),
                    "above": max(row["above"] for row in mine),
                    "below": min(row["below"] for row in mine),
                    "by_flips": max(row["by_flips"] for row in mine),
                }
            )
    return rows


def record(
    n: int = 20,
    data_seed: int = 3,
    seed: int = 0,
    n_patterns: int = 120,
    beta: float = 1e-3,
    betas: Sequence[float] = (1e-3, 1e-6, 1e-9),
    radii: Sequence[float] = (0.0, 0.04, 0.08, 0.12, 0.16, 0.2, 0.25, 0.3),
    n_sets: int = 1,
    point: int = 1,
) -> dict[str, list[dict[str, Any]]]:
    """The rows that the page shows; `point` is the one that it draws, all are recorded.

    Source: [A] Section VII-C, Figure 3
    """
    points = planar(data_seed, n)
    solutions = train(points, beta, n_patterns, seed)
    return {
        "a6_landscape.points": point_rows(solutions, points),
        "a6_landscape.beyond": beyond(solutions, points, radii),
        "a6_landscape.betas": along_beta(points, betas, n_patterns, seed),
        "a6_landscape.sets": over_sets(n_sets, n, beta, n_patterns),
    }
