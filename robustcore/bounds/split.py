r"""The sup-inf form of paper B's Theorems 5 and 8: the gap written with p, q, s and t.

Shape letters: n samples, M inputs, K classes, H = L - 1 hidden layers, r_l neurons in layer l.

Every network is a difference of two nondecreasing convex functions of each layer. s picks a slope
of the convex part, t one of the concave part, in [0, 1] for each neuron; both are listed from the
first hidden layer to the last, so that `s[l - 1]` is the paper's s_{l+1}.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from ..balls import SUPPORT, LpBall, PerturbationSet, as_ball, posed
from ..errors import InputError
from ..networks import AffineLayers
from .inputs import last_layer_gaps, read_network
from .nested import exchanged_value, nested_value

_MAX_STATES = 12  # binary entries of s that are enumerated: 2^12 leaves
Slopes = str | Sequence[torch.Tensor]


def split(
    net: nn.Module,
    x: torch.Tensor,
    y: torch.Tensor,
    ball: PerturbationSet,
    s: Slopes = "nominal",
    t: Slopes = "nominal",
) -> torch.Tensor:
    r"""The objective of Corollary 9 at given slopes.

    .. math:: \rho\,\|(p_2-q_2)^\top W^1\|_q + (p_2-q_2)^\top W^1x
              + \sum_{l=1}^{L-1}(p_{l+1}-q_{l+1})^\top b^l + c_k^\top b^L

    Source: [B] Corollary 6, Corollary 9, Definition 10, eqs. (20), (34)

    Parameters
    ----------
    net : ReLUNetwork or nn.Sequential of supported layers
    x : (n, ...) tensor
    y : (n,) class labels
    ball : PerturbationSet
        A ball of any p, or another set. The box is not used.
    s, t : "nominal" or sequence of (n, r_l) or (n, K, r_l) tensors, l = 1..L-1
        Slopes in [0, 1]. "nominal" is [sign(z^l(x))]_+ of (21).

    Returns
    -------
    (n, K) tensor
        At one (s, t) neither an upper nor a lower bound of the worst gap. With both nominal it is
        aRUB, (22). Differentiable.

    Raises
    ------
    InputError
        If slopes have the wrong shapes or leave [0, 1].

    Notes
    -----
    Definition 10 is used with W^L in p_L and q_L (printed W^2) and for 2 <= l <= L-1 (printed from
    1, where s_1 does not exist).
    """
    layers, x, y = read_network(net, x, y)
    ball = posed(ball, x, "split", SUPPORT)
    V, total = last_layer_gaps(layers, y)
    chosen = [_slopes(name, value, x, layers, V) for name, value in (("s", s), ("t", t))]
    p, q = V.clamp(min=0), (-V).clamp(min=0)
    if len(layers) > 1:
        p, q = p * chosen[0][-1], q * chosen[1][-1]  # p_L, q_L
    hidden = zip(layers[1:-1], chosen[0][:-1], chosen[1][:-1], strict=True)
    for (W, b), s_l, t_l in reversed(list(hidden)):
        total = total + (p - q) @ b
        up, down = W.clamp(min=0), (-W).clamp(min=0)
        p, q = (p @ up + q @ down) * s_l, (p @ down + q @ up) * t_l  # p_l, q_l of (30)
    row = p - q
    if len(layers) > 1:
        W, b = layers[0]
        total, row = total + row @ b, row @ W
    return total + torch.einsum("nkm,nm->nk", row, x) + ball.support(row)  # (34)


def sup_inf(net: nn.Module, x: torch.Tensor, y: torch.Tensor, ball: LpBall) -> torch.Tensor:
    r"""The right-hand side of Theorem 8, solved to optimality on a small network.

    .. math:: \sup_{s_L}\inf_{t_L}\cdots\sup_{s_2}\inf_{t_2}\;
              \sup_{\delta\in U}(p_2-q_2)^\top z^1(x+\delta) + \cdots

    Source: [B] Theorem 5, Theorem 8, Corollary 9, eqs. (13), (20), (30), (34)

    Parameters
    ----------
    net : ReLUNetwork or nn.Sequential of supported layers
    x : (n, ...) tensor
    y : (n,) class labels
    ball : LpBall
        p = 1, or p = inf with few inputs. The box is not used.

    Returns
    -------
    (n, K) tensor, float64
        Upper bounds of the worst gap. Exact for L <= 2. For L >= 3 it is the maximum over the
        layer-wise convex hulls, in general above the worst gap: [B] prints an equality.

    Raises
    ------
    InputError
        If more than 12 hidden neurons would have to be enumerated.
    SolverError
        If a linear program fails, or its value is not proved to 1e-7, absolute plus relative.

    Notes
    -----
    The value of each program is that of slopes in [0, 1], with the rounding of its sums: an upper
    bound whatever the solver answered. Its multipliers prove that no slopes are better.

    Each innermost value is convex in s, so the supremum is at a binary s, which is enumerated; for
    fixed binary s the infima are one linear program, in the products q = t * (...) themselves. Cost
    2^(number of hidden neurons).
    """
    return _optimise(net, x, y, ball, nested=True)


def inf_sup(net: nn.Module, x: torch.Tensor, y: torch.Tensor, ball: LpBall) -> torch.Tensor:
    r"""The sup-inf form of a two-layer network with sup and inf exchanged: RUB at the best t.

    .. math:: \inf_{0\le t\le1}\;\sup_{0\le s\le1}\;\sup_{\delta\in U}
              (p-q)^\top z^1(x+\delta) + c_k^\top b^2

    Source: [B] Theorem 7, eqs. (24)-(26)

    Parameters
    ----------
    net : ReLUNetwork or nn.Sequential with at most one hidden layer
    x : (n, ...) tensor
    y : (n,) class labels
    ball : LpBall
        p = 1, or p = inf with few inputs. The box is not used.

    Returns
    -------
    (n, K) tensor, float64
        Upper bounds of the worst gap, at least :func:`sup_inf`, at most RUB. Proved as there.

    Raises
    ------
    InputError
        For a deeper network, where t of one layer multiplies t of the next.
    SolverError
        As for :func:`sup_inf`.
    """
    return _optimise(net, x, y, ball, nested=False)


def _slopes(
    name: str,
    value: Slopes,
    x: torch.Tensor,
    layers: AffineLayers,
    V: torch.Tensor,
) -> list[torch.Tensor]:
    if isinstance(value, str) and value != "nominal":
        raise InputError(f"{name} must be 'nominal' or a sequence of tensors, got {value!r}.")
    slopes = _nominal(layers, x) if isinstance(value, str) else list(value)
    n, K = V.shape[:2]
    widths = [W.shape[0] for W, _ in layers[:-1]]
    got = [tuple(v.shape) for v in slopes]
    fits = len(got) == len(widths) and all(
        shape in ((n, r), (n, K, r)) for shape, r in zip(got, widths, strict=True)
    )
    if not fits:
        raise InputError(
            f"{name} must hold one (n, r) or (n, K, r) tensor for each hidden layer, with n = {n}, "
            f"K = {K} and r in {widths}, got {got}."
        )
    if any(bool(((v < 0) | (v > 1)).any()) for v in slopes):
        raise InputError(f"every slope {name} must lie in [0, 1].")
    return [v[:, None] if v.ndim == 2 else v for v in slopes]


def _nominal(layers: AffineLayers, x: torch.Tensor) -> list[torch.Tensor]:
    """1 where a pre-activation is positive at x, else 0."""
    slopes, h = [], x
    for W, b in layers[:-1]:
        z = h @ W.T + b
        slopes.append((z > 0).to(z))  # (21)
        h = z.clamp(min=0)
    return slopes


def _optimise(
    net: nn.Module, x: torch.Tensor, y: torch.Tensor, ball: LpBall, nested: bool
) -> torch.Tensor:
    ball = as_ball(ball, "the sup-inf form")
    with torch.no_grad():
        layers, x, y = read_network(net, x, y, torch.float64)
        V, c = last_layer_gaps(layers, y)
    if len(layers) == 1:
        return torch.einsum("nkm,nm->nk", V, x) + c + ball.support(V)
    if not nested and len(layers) > 2:
        raise InputError(
            f"inf_sup is convex in t for two layers only, the network has {len(layers)}."
        )
    neurons = sum(W.shape[0] for W, _ in layers[:-1])
    if nested and neurons > _MAX_STATES:
        raise InputError(
            f"sup_inf enumerates at most {_MAX_STATES} hidden neurons, the network has {neurons}."
        )
    arrays = [(W.detach().cpu().numpy(), b.detach().cpu().numpy()) for W, b in layers[:-1]]
    result = torch.zeros_like(c)
    for i, k in itertools.product(range(c.shape[0]), range(c.shape[1])):
        if k == int(y[i]):
            continue
        vertices = x[i].cpu().numpy() + ball.vertices(x.shape[1])
        row = V[i, k].cpu().numpy()
        W, b = arrays[0]
        first = vertices @ W.T + b, np.abs(vertices) @ np.abs(W).T + np.abs(b)  # z^1 at each
        value = nested_value(arrays, row, *first) if nested else exchanged_value(row, *first)
        result[i, k] = value + float(c[i, k])
    return result
