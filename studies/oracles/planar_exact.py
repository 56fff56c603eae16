"""The exact worst case of a planar network over boxes: every corner of every linear piece.

On a box the output is linear between the lines along which neurons switch, so that its minimum is
at a corner of the box, where a line meets an edge, or where two lines meet. In the plane these can
be listed, whatever the width; no constraint on activations is needed.
"""

from __future__ import annotations

import math

import numpy as np

from robustcore.balls import LpBall
from robustcore.errors import InputError
from robustcore.networks import TwoLayerReLU

_CHUNK = 4096  # candidates evaluated at a time
_PARALLEL = 1e-12


def worst_margins(net: TwoLayerReLU, X: np.ndarray, y: np.ndarray, ball: LpBall) -> np.ndarray:
    r"""The least of :math:`y_k\hat y(x_k+\delta)` over the box of each sample.

    Source: own (on [A] eqs. (2), (13))

    Parameters
    ----------
    net : TwoLayerReLU
        Of two inputs, any width.
    X : (n, 2) array
    y : (n,) array of -1 and +1
    ball : LpBall
        p = inf.

    Returns
    -------
    (n,) array
        Exact up to rounding.

    Raises
    ------
    InputError
        For another ball or more than two inputs.
    """
    if not math.isinf(ball.p) or X.shape[1] != 2:
        raise InputError(
            f"worst_margins lists the corners of planar boxes, got p={ball.p:g} and "
            f"{X.shape[1]} inputs; use bounds.exact."
        )
    u, b, alpha = (p.detach().double().numpy() for p in (net.u, net.b, net.alpha))
    return np.array(
        [_least(u, b, label * alpha, x, ball.radius) for x, label in zip(X, y, strict=True)]
    )


def robust_cost(net: TwoLayerReLU, margins: np.ndarray, beta: float) -> float:
    """The robust hinge cost of a network with the given worst margins.

    Source: [A] eq. (13)

    Parameters
    ----------
    net : TwoLayerReLU
    margins : (n,) array
        From `worst_margins`: the inner maximum is then exact.
    beta : float
    """
    hinge = np.maximum(1 - margins, 0).mean()
    return float(hinge + beta * float(net.penalty().detach()))  # (13)


def _least(u: np.ndarray, b: np.ndarray, alpha: np.ndarray, x: np.ndarray, radius: float) -> float:
    """The minimum of sum_j alpha_j (u_j z + b_j)_+ over the box around x."""
    centre = u @ x + b
    reach = radius * np.abs(u).sum(axis=1)
    on = centre >= reach
    bends = np.abs(centre) < reach
    slope, offset = alpha[on] @ u[on], alpha[on] @ centre[on]
    points = _candidates(u[bends], centre[bends], radius)
    least = math.inf
    for part in np.array_split(points, 1 + len(points) // _CHUNK):
        hidden = np.maximum(part @ u[bends].T + centre[bends], 0)
        least = min(least, float((hidden @ alpha[bends] + part @ slope).min(initial=math.inf)))
    return least + float(offset)


def _candidates(u: np.ndarray, centre: np.ndarray, radius: float) -> np.ndarray:
    """Corners, lines with edges, and lines with lines, as offsets from the middle of the box."""
    sides = np.array([-radius, radius])
    found = [np.stack(np.meshgrid(sides, sides), axis=-1).reshape(-1, 2)]
    for axis in (0, 1):  # u_0 z_0 + u_1 z_1 + c = 0 at z_axis = +-radius
        other = 1 - axis
        steep = np.abs(u[:, other]) > _PARALLEL
        height = -(centre[steep, None] + u[steep, axis, None] * sides) / u[steep, other, None]
        meets = np.empty((height.size, 2))
        meets[:, axis] = np.broadcast_to(sides, height.shape).ravel()
        meets[:, other] = height.ravel()
        found.append(meets)
    first, second = np.triu_indices(len(u), 1)
    determinant = u[first, 0] * u[second, 1] - u[first, 1] * u[second, 0]
    size = np.linalg.norm(u[first], axis=1) * np.linalg.norm(u[second], axis=1)
    cross = np.abs(determinant) > _PARALLEL * size
    i, j, det = first[cross], second[cross], determinant[cross]
    z0 = (u[i, 1] * centre[j] - u[j, 1] * centre[i]) / det
    z1 = (u[j, 0] * centre[i] - u[i, 0] * centre[j]) / det
    found.append(np.stack([z0, z1], axis=1))
    points = np.concatenate(found)
    return points[np.abs(points).max(axis=1) <= radius * (1 + 1e-12)]
