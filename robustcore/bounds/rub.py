r"""RUB: a provable bound over the L1 ball, at any depth, in closed form.

Shape letters: n samples, M inputs, K classes, r_l neurons in layer l, v vertices of a chunk.

The cross-polytope has 2M vertices :math:`x \pm \rho e_m`. Along the line from x to each of them the
recursion of Theorem 11 carries two functions a neuron: u, a convex upper bound of the
pre-activation, and l, a concave lower bound. A convex function on a polytope peaks at a vertex, so
the largest value of the last u over the 2M vertices bounds the gap on the whole ball.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from ..balls import LpBall
from ..errors import InputError
from ..networks import AffineLayers, affine_layers
from .inputs import last_layer_gaps, read_network

_ROWS = 1024  # rows of the sweep held at once: enough for the matrix product, small in memory


def rub(
    net: nn.Module,
    x: torch.Tensor,
    y: torch.Tensor,
    ball: LpBall,
    t: str | Sequence[torch.Tensor] = "nominal",
    chunk: int | None = None,
) -> torch.Tensor:
    r"""Robust upper bound of every gap over the L1 ball.

    .. math:: \sup_{\|\delta\|_1\le\rho} (e_k-e_y)^\top z^L(x+\delta)
              \;\le\; \max_{m\in[M]}\,\max_{a\in\{\rho,-\rho\}} g^L_{k,m}(x, t, a)

    Source: [B] Theorem 7, Theorem 11, eqs. (24), (27), (35)

    Parameters
    ----------
    net : ReLUNetwork or nn.Sequential of supported layers
    x : (n, ...) tensor
        The bound is computed in its precision, whatever that of `net`.
    y : (n,) class labels
    ball : LpBall
        p must be 1. The box is not used.
    t : "nominal" or sequence of (n, r_l) tensors, l = 1..L-1
        Slopes in [0, 1] of the concave parts. "nominal" is the paper's choice
        t = [sign(z^l(x))]_+; every t in [0, 1] gives a sound bound.
    chunk : int, optional
        Rows (samples times vertices) of one step of the sweep; memory grows with it.

    Returns
    -------
    (n, K) tensor
        Upper bounds, sound in exact arithmetic. In float32 rounding can undershoot by about 1e-5:
        certify with a float64 `x`. Differentiable in the parameters.

    Raises
    ------
    InputError
        If the ball is not L1, or `t` has the wrong shapes or leaves [0, 1].

    Notes
    -----
    Two passes. The first sweeps all 2M vertices without a graph and keeps the worst vertex of each
    (sample, class); the second evaluates those again with a graph. Value and gradient are those of
    one graph over all vertices, at a fraction of its time and memory.
    """
    if ball.p != 1:
        raise InputError(f"RUB needs an L1 ball, got p={ball.p:g}; use arub, or LpBall(1, ...).")
    layers, x = read_network(net, x, y)
    V, c = last_layer_gaps(layers, y)
    W, b = layers[0]
    z = x @ W.T + b
    if len(layers) == 1:  # affine in x: the support function is exact
        return torch.einsum("nkm,nm->nk", V, x) + c + ball.support(V)
    slopes = nominal_slopes(net, x) if isinstance(t, str) else list(t)
    _check_slopes(t, slopes, layers, x.shape[0])
    with torch.no_grad():
        worst = _worst_vertices(layers, z, slopes, V, c, ball.radius, chunk or _ROWS)
    M = x.shape[1]
    signs = 1 - 2 * (worst >= M).to(W)
    steps = W.T[worst % M] * (ball.radius * signs)[..., None]
    upper, lower = _propagate(layers, z[:, None] + steps, slopes)  # (n, K, r)
    bound = _last_layer(V, c, upper, lower, slopes[-1])
    return bound.diagonal(dim1=1, dim2=2)  # the vertex found for class k answers for class k


def nominal_slopes(net: nn.Module, x: torch.Tensor) -> list[torch.Tensor]:
    """t^l = 1 where z^l(x) > 0, else 0: the slopes at which RUB meets the linear approximation.

    Source: [B] eq. (21)

    Parameters
    ----------
    net : ReLUNetwork or nn.Sequential of supported layers
    x : (n, M) tensor

    Returns
    -------
    list of (n, r_l) tensors, l = 1..L-1
    """
    slopes, h = [], x.flatten(1)
    for W, b in affine_layers(net)[:-1]:
        z = h @ W.to(h).T + b.to(h)
        slopes.append((z > 0).to(z))  # (21)
        h = z.clamp(min=0)
    return slopes


def _check_slopes(
    t: str | Sequence[torch.Tensor], slopes: list[torch.Tensor], layers: AffineLayers, n: int
) -> None:
    if isinstance(t, str) and t != "nominal":
        raise InputError(f"t must be 'nominal' or a sequence of tensors, got {t!r}.")
    wanted = [(n, W.shape[0]) for W, _ in layers[:-1]]
    got = [tuple(s.shape) for s in slopes]
    if got != wanted:
        raise InputError(f"t must have the shapes {wanted}, one for each hidden layer, got {got}.")
    if any(bool(((s < 0) | (s > 1)).any()) for s in slopes):
        raise InputError("every slope t must lie in [0, 1]; outside, the bound is not sound.")


def _worst_vertices(
    layers: AffineLayers,
    z: torch.Tensor,
    slopes: list[torch.Tensor],
    V: torch.Tensor,
    c: torch.Tensor,
    radius: float,
    rows: int,
) -> torch.Tensor:
    """For each (sample, class) the index of the vertex with the largest bound, in 0..2M-1.

    Index m < M stands for x + radius e_m, index M + m for x - radius e_m.
    """
    steps = torch.cat([layers[0][0].T, -layers[0][0].T]) * radius  # (2M, r_1)
    best = torch.full_like(c, -torch.inf)
    where = torch.zeros_like(c, dtype=torch.long)
    width = max(1, rows // max(1, z.shape[0]))
    for start in range(0, steps.shape[0], width):
        upper, lower = _propagate(layers, z[:, None] + steps[start : start + width], slopes)
        value, vertex = _last_layer(V, c, upper, lower, slopes[-1]).max(dim=1)
        better = value > best
        best = torch.where(better, value, best)
        where = torch.where(better, vertex + start, where)
    return where


def _propagate(
    layers: AffineLayers, first: torch.Tensor, slopes: list[torch.Tensor]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Theorem 11's recursion up to z^{L-1}, in centre/radius form: (n, v, r_1) -> (n, v, r_{L-1}).

    With u = g(a, +1) and l = -g(a, -1) the two brackets of the theorem are p = [u]_+ and q = t l;
    then [W]_+ p - [-W]_+ q = W mid + |W| rad, which halves the matrix products.
    """
    upper = lower = first  # g^1: both are the affine pre-activation itself
    for (W, b), t in zip(layers[1:-1], slopes[:-1], strict=True):
        mid, rad = _middle(upper, lower, t)
        centre, spread = mid @ W.T + b, rad @ W.abs().T
        upper, lower = centre + spread, centre - spread  # (35), 2 <= l <= L-1
    return upper, lower


def _middle(
    upper: torch.Tensor, lower: torch.Tensor, t: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Centre and radius of p = [u]_+ and q = t l; the radius is never negative."""
    p, q = upper.clamp(min=0), t[:, None] * lower
    return (p + q) / 2, (p - q) / 2


def _last_layer(
    V: torch.Tensor, c: torch.Tensor, upper: torch.Tensor, lower: torch.Tensor, t: torch.Tensor
) -> torch.Tensor:
    """g^L for every vertex and class: (n, v, K)."""
    mid, rad = _middle(upper, lower, t)
    return mid @ V.mT + rad @ V.abs().mT + c[:, None]  # (35), l = L
