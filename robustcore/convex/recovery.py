"""From the convex program back to the network, and what that network costs."""

from __future__ import annotations

import numpy as np
import torch

from ..balls import LpBall
from ..errors import InputError
from ..losses import named
from ..networks import TwoLayerReLU

_MOST_EVALUATIONS = 5_000_000


def recover(v: np.ndarray, w: np.ndarray, bias: bool = False) -> TwoLayerReLU:
    r"""The network that a feasible point of (5), (8) or (15) stands for.

    .. math:: u = v_i/\sqrt{\|v_i\|_2},\ \alpha = \sqrt{\|v_i\|_2};\qquad
              u = w_i/\sqrt{\|w_i\|_2},\ \alpha = -\sqrt{\|w_i\|_2}

    Source: [A] eq. (7)

    Parameters
    ----------
    v, w : (P, d') arrays
        Zero rows give no neuron.
    bias : bool
        Whether the last column belongs to the appended column of ones; it becomes the network's b.

    Returns
    -------
    TwoLayerReLU
        In float64; the neurons of v first, then those of w.
    """
    rows = np.concatenate([v, w])
    lengths = np.linalg.norm(rows, axis=1)
    signs = np.repeat([1.0, -1.0], [len(v), len(w)])
    alive = lengths > 0
    root = np.sqrt(lengths[alive])
    u = torch.from_numpy(rows[alive] / root[:, None])  # (7)
    alpha = torch.from_numpy(signs[alive] * root)  # (7)
    return TwoLayerReLU(u[:, :-1], alpha, u[:, -1]) if bias else TwoLayerReLU(u, alpha)


def training_cost(
    net: TwoLayerReLU, X: np.ndarray, y: np.ndarray, beta: float, loss: str = "hinge"
) -> float:
    r"""The non-convex objective at a network.

    .. math:: \ell(\hat y, y) + \tfrac\beta2\sum_j \|u_j\|_2^2 + \alpha_j^2

    Source: [A] eq. (4)

    Parameters
    ----------
    net : TwoLayerReLU
    X : (n, d) array
    y : (n,) array
    beta : float
    loss : str
        As for `train_standard`.

    Returns
    -------
    float
        Exact. The biases of the network count in the penalty, as the column of ones does in (4).
    """
    with torch.no_grad():
        score = net(torch.as_tensor(X, dtype=net.u.dtype))
        value = named(loss)(score, torch.as_tensor(y, dtype=net.u.dtype))
        return float(value + beta * net.penalty())  # (4)


def vertex_cost(
    net: TwoLayerReLU,
    X: np.ndarray,
    y: np.ndarray,
    ball: LpBall,
    beta: float,
    loss: str = "hinge",
    perturb_bias: bool = False,
) -> float:
    r"""The robust cost with the inner maximum taken over the vertices of the ball.

    .. math:: \sum_k \max_{\delta\in\mathrm{vert}(U)} \ell_k(\hat y(x_k+\delta), y_k)
              + \tfrac\beta2\sum_j \|u_j\|_2^2 + \alpha_j^2

    Source: [A] eqs. (2), (13), (16)

    Parameters
    ----------
    net : TwoLayerReLU
    X : (n, d) array
    y : (n,) array
    ball : LpBall
        With p = inf or 1, and few dimensions: every vertex is evaluated.
    beta : float
    loss : str
    perturb_bias : bool
        Perturb the column of ones as well; the network must have biases.

    Returns
    -------
    float
        Exact for a network whose neurons keep their activation on the whole ball, which (11)
        guarantees; a lower bound of (2) for any other.
    """
    kind, inputs = named(loss), torch.as_tensor(X, dtype=net.u.dtype)
    n, d = inputs.shape
    corners = torch.as_tensor(ball.vertices(d + perturb_bias), dtype=net.u.dtype)
    if len(corners) * n > _MOST_EVALUATIONS:
        raise InputError(
            f"{len(corners)} vertices times {n} samples are too many; at most {_MOST_EVALUATIONS} "
            "network outputs are evaluated."
        )
    target = torch.as_tensor(y, dtype=net.u.dtype)
    with torch.no_grad():
        hidden = (inputs[None] + corners[:, None, :d]) @ net.u.T + net.b
        if perturb_bias:
            hidden = hidden + corners[:, None, d:] * net.b
        score = hidden.clamp(min=0) @ net.alpha  # (m, n)
        at = kind.hurt(score, target).argmax(0)
        worst = torch.take_along_dim(score, at[None], 0)[0]
        return float(kind(worst, target) + beta * net.penalty())  # (2)
