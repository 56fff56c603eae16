r"""Beyond Theorem 11: the same convex function on other sets, and better slopes.

With F(delta) the last row of the recursion, convex in delta and equal to the clean gap at 0, every
set with a simple description of its extreme points gives a bound in closed form.
"""

from __future__ import annotations

import copy
import math
from dataclasses import replace

import torch
from torch import nn

from ..balls import NORM, Cut, LpBall, Placed, check_set
from ..balls.filling import largest_gain
from ..doors import as_tensor, read_samples
from ..errors import InputError, check_finite
from .axis_gains import again_with_graph, axis_gains, filled, gains, most_gained, sweep
from .first_order import arub, gap_jacobian
from .recursion import Recursion, Vertices
from .rub import check_exponent, rub, worst_value

_NEAR = 1e-3  # of the radius: asked nearer to 0, secants would be rounding


def rub_polytope(
    net: nn.Module, x: torch.Tensor, y: torch.Tensor, vertices: torch.Tensor
) -> torch.Tensor:
    r"""RUB over any polytope of perturbations that is given by its vertices.

    Per-feature radii, one-hot swaps, a subset of the features, unions of such sets: what tabular
    data asks for.

    .. math:: \sup_{\delta\in\operatorname{conv}\{d_1,\dots,d_V\}} z_k - z_y
              \le \max_j F_k(d_j)

    Source: own (on [B] Theorem 11)

    Parameters
    ----------
    net : ReLUNetwork or nn.Sequential of supported layers
    x : (n, ...) tensor
    y : (n,) class labels
    vertices : (V, M) or (n, V, M) tensor
        Perturbations in raw input units, shared or one set a sample.

    Returns
    -------
    (n, K) tensor
        Upper bounds over the convex hull of the vertices, sound up to rounding. Differentiable.

    Raises
    ------
    InputError
        If the vertices are no finite numbers, have another shape, or are for other samples.
    """
    at = Recursion.around(net, x, y)
    M = at.maps[0].n_inputs
    vertices = as_tensor("vertices", vertices)
    if vertices.is_complex() or vertices.layout != torch.strided:
        kind = "complex" if vertices.is_complex() else "sparse"
        raise InputError(f"vertices must be a dense real tensor, got a {kind} one; convert it.")
    check_finite("vertices", vertices)
    if vertices.ndim not in (2, 3) or vertices.shape[-1] != M or vertices.shape[-2] == 0:
        raise InputError(f"vertices must be (V, {M}) or (n, V, {M}), got {tuple(vertices.shape)}.")
    if vertices.ndim == 3 and len(vertices) != len(at.z):
        raise InputError(f"vertices are for {len(vertices)} samples, x has {len(at.z)}; give all.")
    vertices = vertices.to(at.z)
    if len(at.maps) == 1:
        clean, _ = gap_jacobian(net, x, y)
        return clean + (vertices @ at.V.mT).amax(dim=1)
    return worst_value(at, at.maps[0].linear(vertices))


def rub_boxed(net: nn.Module, x: torch.Tensor, y: torch.Tensor, ball: LpBall | Cut) -> torch.Tensor:
    r"""RUB over the L1 ball cut with the box of valid inputs.

    With :math:`D_m^s = [F(s\rho e_m) - F(0)]_+` and the room that the box leaves in direction s,
    convexity gives :math:`F(0) + \max\{\sum w D : 0\le w_m^s\le room_m^s/\rho,\ \sum w\le1\}`:
    fill the largest gains first, one sort.

    Source: own (on [B] Theorem 11)

    Parameters
    ----------
    net : ReLUNetwork or nn.Sequential of supported layers
    x : (n, ...) tensor
        Inside the box, or outside by the rounding of a float32: the box then reaches to x.
    y : (n,) class labels
    ball : LpBall or Cut
        p = 1, with a box; or the `balls.Cut` of such a ball, whose range is the box.

    Returns
    -------
    (n, K) tensor
        Upper bounds over the cut ball, sound up to rounding and never above `rub`. Differentiable
        in the parameters, as `rub` is, by a second look at the vertices that are filled.

    Raises
    ------
    InputError
        If the ball is not L1, has no box, or an input lies outside of it.
    """
    check_set(ball, "rub_boxed", NORM)
    check_exponent(ball)
    if isinstance(ball, LpBall) and ball.box is None:
        raise InputError(f"a box is needed, {ball!r} has none; use rub, or LpBall(..., box=...).")
    x = read_samples(net, x)
    placed = Placed.at(Cut(ball) if isinstance(ball, LpBall) else ball, x, "rub_boxed")
    at = Recursion.around(net, x, y)
    if len(at.maps) == 1:
        return arub(net, x, y, placed.there)  # affine in x: the first order is exact
    every = Vertices(at.maps[0], ball.radius)
    with torch.no_grad():
        found, clean = gains(at, every)
        order, share = filled(found, placed)
        value = clean + (share * found.gather(1, order)).sum(dim=1)
    return again_with_graph(at, every, order, share) if torch.is_grad_enabled() else value


def rub_any(net: nn.Module, x: torch.Tensor, y: torch.Tensor, ball: LpBall | Cut) -> torch.Tensor:
    r"""RUB for an Lp ball of any p: the paper's open question, answered by convexity.

    For any :math:`\lambda>0` with :math:`\sum\lambda_m=1`, writing
    :math:`\delta=\sum\lambda_m(\delta_m/\lambda_m)e_m` and
    :math:`D_m=\max_\pm F(\pm(\rho/\lambda_m)e_m)-F(0)`,

    .. math:: \sup_{\|\delta\|_p\le\rho}F(\delta)\le F(0)+\|(\lambda_mD_m)_m\|_q .

    Here :math:`\lambda_m=1/M`. In a ball cut with a box, where :math:`\delta_m` reaches no further
    than :math:`\rho_m^\pm` up and down, F is asked at :math:`\pm M\rho_m^\pm e_m` instead. With
    the gains :math:`G_m^\pm=[F(\pm M\rho_m^\pm e_m)-F(0)]_+/M` convexity gives

    .. math:: F(\delta)-F(0) \le \sum_m g_m\min\Bigl(\frac{|\delta_m|}{\rho},\,r_m\Bigr),\qquad
              g_m = \max_\pm \frac{\rho\,G_m^\pm}{\rho_m^\pm},\quad
              r_m = \max_\pm \frac{G_m^\pm}{g_m},

    whose largest value on the ball is that of a linear function on a ball cut with a box.

    Source: own (on [B] Theorem 11 and Section 7)

    Parameters
    ----------
    net : ReLUNetwork or nn.Sequential of supported layers
    x : (n, ...) tensor
    y : (n,) class labels
    ball : LpBall or Cut
        Any p; for p = 1 `rub` itself, or over a cut ball `rub_boxed`, is tighter and is what is
        returned. The box of an `LpBall` is not used.

    Returns
    -------
    (n, K) tensor
        Upper bounds of the worst gaps, sound up to rounding; over a cut ball never above those on
        the whole one. No graph: for certification.
    """
    check_set(ball, "rub_any", NORM)
    if ball.p == 1:
        return (rub if isinstance(ball, LpBall) else rub_boxed)(net, x, y, ball)
    x = read_samples(net, x)
    placed, M = Placed.at(ball, x, "rub_any"), math.prod(x.shape[1:])
    with torch.no_grad():
        if isinstance(placed.there, LpBall):
            found, clean = axis_gains(net, x, y, ball.radius * M)
            largest = torch.maximum(found[:, :M], found[:, M:]).clamp(min=0) / M
            return clean + torch.linalg.vector_norm(largest, placed.there.dual_exponent, dim=1)
        asked = placed.shares.clamp(min=_NEAR)
        found, clean = axis_gains(net, x, y, ball.radius * M * asked)
        rates = found.mT.clamp(min=0) / (M * asked)[:, None].to(found)  # (n, K, 2M)
        most = rates * placed.shares[:, None].to(found)
        rate, most = (torch.maximum(one[..., :M], one[..., M:]) for one in (rates, most))
        room = torch.where(rate > 0, most / rate, 0.0).clamp(max=1.0)
        return clean + largest_gain(rate, room, ball.p)


def rub_optimised(
    net: nn.Module,
    x: torch.Tensor,
    y: torch.Tensor,
    ball: LpBall | Cut,
    steps: int = 40,
    vertices: int = 24,
    learning_rate: float = 0.1,
) -> torch.Tensor:
    r"""RUB with slopes t chosen for each sample and class: the infimum of Theorem 11, approached.

    Adam on t in [0, 1], over the vertices with the largest linearised gaps; the answer is a full
    sweep at the best t found, or the nominal bound where that is smaller. Over a ball cut with a
    box the search is the same, and both sweeps are filled up as for `rub_boxed`.

    Source: own (on [B] eq. (35))

    Parameters
    ----------
    net : ReLUNetwork or nn.Sequential of supported layers
    x : (n, ...) tensor
    y : (n,) class labels
    ball : LpBall or Cut
        p must be 1. The box of an `LpBall` is not used.
    steps : int
        Updates of t.
    vertices : int
        Vertices of each (sample, class) that an update looks at.
    learning_rate : float

    Returns
    -------
    (n, K) tensor
        Upper bounds of the worst gaps, sound up to rounding, never above `rub`, or over a cut ball
        `rub_boxed`. No graph: for certification.
    """
    check_set(ball, "rub_optimised", NORM)
    check_exponent(ball)
    if torch.is_inference_mode_enabled():  # the search for t needs gradients: leave it, with copies
        with torch.inference_mode(False):
            return rub_optimised(
                copy.deepcopy(net),
                copy.deepcopy(x),
                copy.deepcopy(y),
                ball,
                steps,
                vertices,
                learning_rate,
            )
    with torch.no_grad():
        at = Recursion.around(net, x, y)
        if len(at.maps) == 1:
            return arub(net, x, y, ball)
        placed = Placed.at(ball, read_samples(net, x), "rub_optimised")
        every = Vertices(at.maps[0], ball.radius)
        pairs = at.each_class()
        _, slopes = gap_jacobian(net, x, y)
        scores = torch.cat([slopes, -slopes], -1).flatten(0, 1)
        few = every.at(scores.topk(min(vertices, len(every)), dim=-1).indices)
        nominal = _largest(pairs, every, placed)
    free = [t.clone().requires_grad_() for t in pairs.slopes]
    optimiser = torch.optim.Adam(free, lr=learning_rate)
    frozen = replace(pairs, slopes=free)
    with torch.enable_grad():
        for _ in range(steps):
            total = frozen.values(few).amax(dim=1).sum()
            for t, slope in zip(free, torch.autograd.grad(total, free), strict=True):
                t.grad = slope  # and none for the parameters of the network
            optimiser.step()
            with torch.no_grad():
                for t, allowed in zip(free, pairs.nearest_slopes(free), strict=True):
                    t.copy_(allowed)
    with torch.no_grad():
        return torch.minimum(nominal, _largest(frozen, every, placed)).reshape(at.c.shape)


def _largest(at: Recursion, every: Vertices, placed: Placed) -> torch.Tensor:
    """The largest value on the L1 ball, whole or cut, with one class an entry: (n K, 1)."""
    if not placed.whole:
        found, clean = gains(at, every)  # (n K, 2M, 1)
        n = len(placed.up)
        by_class = found.view(n, len(found) // max(1, n), len(every)).mT
        return clean + most_gained(by_class, placed).reshape(-1, 1)
    best = torch.full_like(at.c, -torch.inf)
    for _, values in sweep(at, every):
        torch.maximum(best, values.amax(dim=1), out=best)
    return best
