r"""Beyond Theorem 11: the same convex function on other sets, and better slopes.

With F(delta) the last row of the recursion, convex in delta and equal to the clean gap at 0, every
set with a simple description of its extreme points gives a bound in closed form.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import nn

from ..balls import LpBall, as_ball
from ..doors import read_samples
from ..errors import InputError, check_finite
from .first_order import arub, gap_jacobian
from .recursion import Recursion, Vertices
from .rub import check_l1, rub, worst_value


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
    """
    at = Recursion.around(net, x, y)
    M = at.maps[0].n_inputs
    check_finite("vertices", vertices)
    if vertices.ndim not in (2, 3) or vertices.shape[-1] != M or vertices.shape[-2] == 0:
        raise InputError(f"vertices must be (V, {M}) or (n, V, {M}), got {tuple(vertices.shape)}.")
    vertices = vertices.to(at.z)
    if len(at.maps) == 1:
        clean, _ = gap_jacobian(net, x, y)
        return clean + (vertices @ at.V.mT).amax(dim=1)
    return worst_value(at, at.maps[0].linear(vertices))


def rub_boxed(net: nn.Module, x: torch.Tensor, y: torch.Tensor, ball: LpBall) -> torch.Tensor:
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
    ball : LpBall
        p = 1, with a box.

    Returns
    -------
    (n, K) tensor
        Upper bounds over the cut ball, sound up to rounding and never above `rub`. No graph: for
        certification.

    Raises
    ------
    InputError
        If the ball is not L1, has no box, or an input lies outside of it.
    """
    check_l1(ball)
    if ball.box is None:
        raise InputError(f"a box is needed, {ball!r} has none; use rub, or LpBall(..., box=...).")
    low, high = ball.box
    x = read_samples(net, x)
    if bool(((x.float() < low) | (x.float() > high)).any()):  # a float32 pixel at the edge is in it
        raise InputError(f"x must lie in the box ({low:g}, {high:g}) of {ball!r}.")
    with torch.no_grad():
        flat = x.flatten(1)
        gains, clean = _axis_gains(net, x, y, ball.radius)  # (n, 2M, K)
        room = torch.cat([high - flat, flat - low], 1).clamp(min=0) / max(ball.radius, 1e-300)
        gains, order = gains.clamp(min=0).sort(dim=1, descending=True)
        room = room[..., None].expand_as(gains).gather(1, order).clamp(max=1.0)
        before = room.cumsum(dim=1) - room
        share = torch.minimum(room, (1 - before).clamp(min=0))
        return clean + (share * gains).sum(dim=1)


def rub_any(net: nn.Module, x: torch.Tensor, y: torch.Tensor, ball: LpBall) -> torch.Tensor:
    r"""RUB for an Lp ball of any p: the paper's open question, answered by convexity.

    For any :math:`\lambda>0` with :math:`\sum\lambda_m=1`, writing
    :math:`\delta=\sum\lambda_m(\delta_m/\lambda_m)e_m` and
    :math:`D_m=\max_\pm F(\pm(\rho/\lambda_m)e_m)-F(0)`,

    .. math:: \sup_{\|\delta\|_p\le\rho}F(\delta)\le F(0)+\|(\lambda_mD_m)_m\|_q .

    Here :math:`\lambda_m=1/M`.

    Source: own (on [B] Theorem 11 and Section 7)

    Parameters
    ----------
    net : ReLUNetwork or nn.Sequential of supported layers
    x : (n, ...) tensor
    y : (n,) class labels
    ball : LpBall
        Any p; for p = 1 `rub` itself is tighter and is what is returned. The box is not used.

    Returns
    -------
    (n, K) tensor
        Upper bounds of the worst gaps, sound up to rounding. No graph: for certification.
    """
    ball = as_ball(ball, "rub_any")
    if ball.p == 1:
        return rub(net, x, y, ball)
    with torch.no_grad():
        x = read_samples(net, x)
        M = math.prod(x.shape[1:])
        gains, clean = _axis_gains(net, x, y, ball.radius * M)
        largest = torch.maximum(gains[:, :M], gains[:, M:]).clamp(min=0) / M
        return clean + torch.linalg.vector_norm(largest, ball.dual_exponent, dim=1)


def rub_optimised(
    net: nn.Module,
    x: torch.Tensor,
    y: torch.Tensor,
    ball: LpBall,
    steps: int = 40,
    vertices: int = 24,
    learning_rate: float = 0.1,
) -> torch.Tensor:
    r"""RUB with slopes t chosen for each sample and class: the infimum of Theorem 11, approached.

    Adam on t in [0, 1], over the vertices with the largest linearised gaps; the answer is a full
    sweep at the best t found, or the nominal bound where that is smaller.

    Source: own (on [B] eq. (35))

    Parameters
    ----------
    net : ReLUNetwork or nn.Sequential of supported layers
    x : (n, ...) tensor
    y : (n,) class labels
    ball : LpBall
        p must be 1. The box is not used.
    steps : int
        Updates of t.
    vertices : int
        Vertices of each (sample, class) that an update looks at.
    learning_rate : float

    Returns
    -------
    (n, K) tensor
        Upper bounds of the worst gaps, sound up to rounding, never above `rub`. No graph: for
        certification.
    """
    check_l1(ball)
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
        every = Vertices(at.maps[0], ball.radius)
        pairs = at.each_class()
        _, slopes = gap_jacobian(net, x, y)
        scores = torch.cat([slopes, -slopes], -1).flatten(0, 1)
        few = every.at(scores.topk(min(vertices, len(every)), dim=-1).indices)
        nominal = _largest(pairs, every)
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
        return torch.minimum(nominal, _largest(frozen, every)).reshape(at.c.shape)


def _largest(at: Recursion, every: Vertices) -> torch.Tensor:
    """The largest value over all vertices, a few at a time."""
    best = torch.full_like(at.c, -torch.inf)
    for _, values in _sweep(at, every):
        torch.maximum(best, values.amax(dim=1), out=best)
    return best


def _sweep(at: Recursion, every: Vertices) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Some vertices, and the values there, (n, v, K): to be copied out, for `in_blocks`' reason."""
    index = torch.arange(len(every), device=at.c.device)
    for some in index.split(at.width()):
        yield some, at.values(every.at(some))


def _axis_gains(
    net: nn.Module, x: torch.Tensor, y: torch.Tensor, length: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """F(+-length e_m) - F(0) for all axes, (n, 2M, K), and F(0), (n, K)."""
    at = Recursion.around(net, x, y)
    if len(at.maps) == 1:
        clean, rows = gap_jacobian(net, x, y)
        return length * torch.cat([rows, -rows], dim=-1).mT, clean
    clean = at.values(at.z.new_zeros(1, at.z.shape[1]))[:, 0]
    every = Vertices(at.maps[0], length)
    gains = clean.new_empty(len(clean), len(every), clean.shape[1])
    for some, values in _sweep(at, every):
        gains[:, some] = values
    return gains.sub_(clean[:, None]), clean
