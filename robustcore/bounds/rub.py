r"""RUB: a provable bound over the L1 ball, at any depth, in closed form.

The cross-polytope has 2M vertices :math:`x \pm \rho e_m`. A convex function on a polytope peaks at
a vertex, so the largest value of Theorem 11's g over them bounds the gap on the whole ball.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from ..balls import EXTREME_POINTS, Cut, LpBall, PerturbationSet, Radii, as_ball, check_set
from ..doors import as_tensor
from ..errors import InputError
from .first_order import arub, gap_jacobian
from .recursion import Recursion, Vertices


def rub(
    net: nn.Module,
    x: torch.Tensor,
    y: torch.Tensor,
    ball: PerturbationSet,
    t: str | Sequence[torch.Tensor] = "nominal",
    chunk: int | None = None,
) -> torch.Tensor:
    r"""Robust upper bound of every gap over the L1 ball.

    .. math:: \sup_{\|\delta\|_1\le\rho} (e_k-e_y)^\top z^L(x+\delta)
              \;\le\; \max_{m\in[M]}\,\max_{a\in\{\rho,-\rho\}} g^L_{k,m}(x, t, a)

    Source: [B] Theorem 7, Theorem 11, eqs. (24), (27), (35); Lemma 13, Appendix C

    Parameters
    ----------
    net : ReLUNetwork or nn.Sequential of supported layers
    x : (n, ...) tensor
        The bound is computed in its precision, whatever that of `net`.
    y : (n,) class labels
    ball : PerturbationSet
        An L1 ball, or another set that lists its extreme points: `Radii(1, ...)`, `Hull`, `Swaps`.
        The box is not used.
    t : "nominal" or sequence of (n, r_l) tensors, l = 1..L-1
        Slopes in [0, 1] of the concave parts. "nominal" is the paper's choice
        t = [sign(z^l(x))]_+; every t in [0, 1] gives a sound bound. Beside a max pool, (n, s_l, k).
    chunk : int, optional
        Rows (samples times vertices) of one step of the sweep; memory grows with it. By default
        1024 on a CPU and 65536 on a GPU.

    Returns
    -------
    (n, K) tensor
        Upper bounds, sound in exact arithmetic. In float32 rounding can undershoot by about 1e-5:
        certify with a float64 `x`. Differentiable in the parameters.

    Raises
    ------
    InputError
        If the set has too many extreme points, as all balls but L1, or `t` has the wrong shapes or
        leaves [0, 1].

    Notes
    -----
    Two passes. The first sweeps all 2M vertices without a graph and keeps the worst vertex of each
    (sample, class); the second evaluates those again with a graph. Value and gradient are those of
    one graph over all vertices, at a fraction of its time and memory.

    Convolutions and average pools are affine. A max pool enters by
    :math:`\sum_{i\in I} t_i z_i \le \max_{i\in I}[z_i]_+ \le \max_{i\in I}[u_i]_+` for slopes
    t >= 0 with a sum of at most 1 over each window I; "nominal" puts 1 on the largest neuron at x.
    """
    if isinstance(ball, LpBall):
        check_l1(ball)
    check_set(ball, "rub", EXTREME_POINTS)
    at = Recursion.around(net, x, y, t)
    if len(at.maps) == 1:
        return arub(net, x, y, ball)  # affine in x: the first order is exact
    ball = ball.around(as_tensor("x", x).flatten(1))
    if isinstance(ball, LpBall):
        return worst_value(at, Vertices(at.maps[0], ball.radius), chunk)
    if isinstance(ball, Radii):
        return worst_value(at, Vertices(at.maps[0], ball.radius * ball.radii), chunk)
    points = ball.extreme_points(at.maps[0].n_inputs)
    return worst_value(at, at.maps[0].linear(points.to(at.z)), chunk)


def worst_value(
    at: Recursion, steps: Vertices | torch.Tensor, chunk: int | None = None
) -> torch.Tensor:
    """The largest value over steps W^1 delta, with a graph: (V, r_1) or (n, V, r_1) -> (n, K).

    Source: [B] Theorem 7, Theorem 11
    """
    with torch.no_grad():
        worst = at.worst(steps, chunk)
    if isinstance(steps, Vertices):
        chosen = steps.at(worst)  # (n, K, r_1)
    elif steps.ndim == 2:
        chosen = steps[worst]
    else:
        chosen = steps.gather(1, worst[..., None].expand(-1, -1, steps.shape[-1]))
    # the vertex found for class k answers for class k
    return at.values(chosen).diagonal(dim1=1, dim2=2)


def rub_top(
    net: nn.Module, x: torch.Tensor, y: torch.Tensor, ball: LpBall, top: int = 8
) -> torch.Tensor:
    """Theorem 11 at the few vertices where the first order is largest: for training only.

    Source: own (on [B] Theorem 11)

    Parameters
    ----------
    net, x, y, ball
        As for `rub`.
    top : int
        Vertices of each (sample, class), the largest slopes of the linearised gap.

    Returns
    -------
    (n, K) tensor
        At most `rub`, and equal to it once the worst vertex is among the chosen: not a bound of
        the worst gap. Certify with `rub`. Differentiable in the parameters.
    """
    check_l1(ball)
    at = Recursion.around(net, x, y)
    if len(at.maps) == 1:
        return arub(net, x, y, ball)
    n, K = at.c.shape
    vertices = Vertices(at.maps[0], ball.radius)
    pairs = at.each_class()
    with torch.no_grad():
        _, slopes = gap_jacobian(net, x, y)
        M = slopes.shape[-1]
        largest = slopes.abs().topk(min(top, M), dim=-1).indices
        signs = slopes.gather(-1, largest) < 0
        index = (largest + M * signs).reshape(n * K, signs.shape[-1])
        worst = pairs.worst(vertices.at(index))
        chosen = index.gather(1, worst)
    return pairs.values(vertices.at(chosen)).reshape(n, K)


def check_l1(given: PerturbationSet) -> LpBall:
    """The ball itself if it is L1; all others are refused by name.

    Source: own
    """
    ball = as_ball(given, "RUB")
    check_exponent(ball)
    return ball


def check_exponent(ball: LpBall | Cut) -> None:
    """Refuse a ball, whole or cut, that is not L1.

    Source: own
    """
    if ball.p != 1:
        raise InputError(f"RUB needs an L1 ball, got p={ball.p:g}; use arub, or LpBall(1, ...).")
