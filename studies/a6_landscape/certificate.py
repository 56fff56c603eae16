"""The two losses of Figure 3 of paper A around one point, and the radius up to which they agree."""

from __future__ import annotations

import numpy as np
import torch

from robustcore.balls import LpBall
from robustcore.convex import ConvexSolution
from robustcore.networks import TwoLayerReLU

from ..planar_boxes import Planar

_GRID = 41


def window(radius: float) -> np.ndarray:
    """A grid of moves, (41 x 41, 2), over the box of a radius; its corners are among them.

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
