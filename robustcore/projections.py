"""Euclidean projection onto an Lp ball cut with a box, batched over all axes but the last.

The multiplier `lam` of the norm separates the coordinates: each is shrunk towards zero and then
clipped to its interval, and the norm of the result falls as `lam` grows. As 0 is in every interval
it is always feasible, so a multiplier exists. For p = 1 and 2 it is found piece by piece, for other
p by Newton's method in logarithms: a few sweeps over the coordinates.
"""

from __future__ import annotations

import math

import torch

_SWEEPS = 80  # at most; a dozen is usual
_NEWTON = 6  # sweeps before every other one halves the bracket


def onto_ball(
    delta: torch.Tensor, p: float, radius: float, low: torch.Tensor, high: torch.Tensor
) -> torch.Tensor:
    r"""The nearest point with :math:`\|\delta\|_p\le\rho` and :math:`low\le\delta\le high`.

    Source: own (on [A] eq. (3))

    Parameters
    ----------
    delta : (..., d) tensor
    p : float
        1 <= p <= inf.
    radius : float
    low, high : tensors that broadcast to (..., d)
        low <= 0 <= high; infinite where there is no box.

    Returns
    -------
    (..., d) tensor
        In closed form for p = inf, and for p = 1, 2 without a box; else by a search that ends at
        rounding.
    """
    clipped = delta.clamp(low, high)
    if math.isinf(p):
        return clipped.clamp(-radius, radius)
    if radius == 0:
        return torch.zeros_like(delta)
    outside = _norm(clipped, p) > radius
    if not bool(outside.any()):
        return clipped
    if p in (1, 2) and bool(torch.isinf(low).all() & torch.isinf(high).all()):
        shrunk = _in_closed_form(delta, p, radius)
    elif p == 1:
        shrunk = _thresholded(delta, radius, torch.where(delta > 0, high, -low))
    elif p == 2:
        shrunk = _scaled(delta, radius, torch.where(delta > 0, high, -low))
    else:
        room = torch.where(delta > 0, high, -low)
        shrunk = torch.zeros_like(delta)
        shrunk[outside] = _between(delta[outside], p, radius, room[outside])
    # what a search leaves is rounding: clipping and a last scaling keep the promise to be inside
    shrunk = shrunk.clamp(low, high)
    excess = (_norm(shrunk, p) / radius).clamp(min=1.0)[..., None]
    return torch.where(outside[..., None], shrunk / excess, clipped)


def _norm(delta: torch.Tensor, p: float) -> torch.Tensor:
    """The p-norm; powers of numbers of size 1 neither overflow nor vanish."""
    if p == 1:
        return delta.abs().sum(dim=-1)
    largest = delta.abs().amax(dim=-1, keepdim=True)
    unit = delta / torch.where(largest > 0, largest, torch.ones_like(largest))
    return largest[..., 0] * torch.linalg.vector_norm(unit, p, dim=-1)


def _in_closed_form(delta: torch.Tensor, p: float, radius: float) -> torch.Tensor:
    """Points outside the ball, p = 1 or 2, no box: soft-thresholding or scaling."""
    if p == 2:
        return delta * (radius / _norm(delta, p).clamp(min=radius))[..., None]
    below = _below_largest(delta)
    rising = below.sort(dim=-1).values
    counts = torch.arange(1, delta.shape[-1] + 1, device=delta.device, dtype=delta.dtype)
    levels = (rising.cumsum(dim=-1) + radius) / counts
    kept = (rising < levels).sum(dim=-1, keepdim=True).clamp(min=1)
    return torch.sign(delta) * (levels.gather(-1, kept - 1) - below).clamp(min=0)


def _below_largest(delta: torch.Tensor) -> torch.Tensor:
    """How far each |delta_j| lies below the largest: what is left of a difference of thresholds
    when a small ball is far away."""
    size = delta.abs()
    return size.amax(dim=-1, keepdim=True) - size


def _thresholded(delta: torch.Tensor, radius: float, room: torch.Tensor) -> torch.Tensor:
    """Points outside the L1 ball, with a box: min([|delta| - lam]_+, room) of norm rho.

    The norm is piecewise linear in the level max |delta| - lam. Newton's method finds the piece; a
    bracket guards it, because the pieces are neither convex nor concave.
    """
    below = _below_largest(delta)
    small = torch.zeros_like(below[..., :1])
    large = delta.abs().amax(dim=-1, keepdim=True)
    level, tolerance = large, 8 * torch.finfo(delta.dtype).eps * radius
    for sweep in range(_SWEEPS):
        left = level - below
        excess = torch.minimum(left.clamp(min=0), room).sum(dim=-1, keepdim=True) - radius
        small, large = torch.where(excess < 0, level, small), torch.where(excess < 0, large, level)
        slope = ((left > 0) & (left < room)).sum(dim=-1, keepdim=True)
        newton, mid = level - excess / slope, small + (large - small) / 2
        guarded = (newton > small) & (newton < large)
        if sweep >= _NEWTON and sweep % 2:
            guarded = torch.zeros_like(guarded)
        following = torch.where(guarded, newton, mid)
        following = torch.where(excess.abs() <= tolerance, level, following)
        if bool(((following == level) | (following == small) | (following == large)).all()):
            break
        level = following
    return torch.sign(delta) * torch.minimum((level - below).clamp(min=0), room)


def _scaled(delta: torch.Tensor, radius: float, room: torch.Tensor) -> torch.Tensor:
    """Points outside the L2 ball, with a box: min(s |delta|, room) of norm rho.

    From the scale without a box, at which too few coordinates are clipped, s climbs to the
    answer: given the clipped ones, the scale of the others has a closed form.
    """
    largest = delta.abs().amax(dim=-1, keepdim=True)
    size = delta.abs() / torch.where(largest > 0, largest, torch.ones_like(largest))
    room = room / radius
    tolerance = 8 * torch.finfo(delta.dtype).eps
    scale = 1 / torch.linalg.vector_norm(size, dim=-1, keepdim=True).clamp(min=1)
    for _ in range(_SWEEPS):
        free = scale * size < room
        left = 1 - torch.where(free, torch.zeros_like(room), room).square().sum(-1, keepdim=True)
        length = torch.where(free, size, torch.zeros_like(size)).norm(dim=-1, keepdim=True)
        larger = torch.where(length > 0, left.clamp(min=0).sqrt() / length, scale)
        if bool((larger <= scale * (1 + tolerance)).all()):
            break
        scale = torch.maximum(scale, larger)
    return torch.sign(delta) * radius * torch.minimum(scale * size, room)


def _between(delta: torch.Tensor, p: float, radius: float, room: torch.Tensor) -> torch.Tensor:
    r"""Points outside the ball of another p: min(t, room) of norm rho, t + c t^(p-1) = |delta|.

    Both searches are Newton's method in logarithms: log t is a concave function of log c, the root
    of a convex one that is reached from above without a guard; a bracket guards log c. In units of
    the largest coordinate t >= |delta| - c and c t^(p-1) <= 1, which are its two ends.
    """
    info = torch.finfo(torch.float64)
    largest = delta.abs().amax(dim=-1, keepdim=True).double()
    size = (delta.abs().double() / largest).clamp(min=info.tiny)
    room, goal, spread = room.double() / largest, radius / largest, delta.shape[-1] ** (1 / p)
    beyond = _norm(torch.minimum(size, room), p)[..., None] - goal
    small = (beyond / spread).clamp(min=info.tiny).log()
    large = torch.maximum((1 - p) * (goal / spread).log(), small)
    share = (goal / _norm(size, p)[..., None]).clamp(max=1 - info.eps)  # t a multiple of |delta|
    price = ((1 - share).log() + (1 - p) * share.log()).clamp(small, large)
    log_size, log_room, log_goal = size.log(), room.log(), goal.log()
    rounding = 4 * info.eps * (1 + log_size.abs())
    log_t, step = log_size, 2 * (large - small)
    for _ in range(_SWEEPS):
        most = torch.minimum(log_size, (log_size - price) / (p - 1))
        log_t = torch.minimum(log_t, most)
        for _ in range(_SWEEPS):
            t, paid = log_t.exp(), ((p - 1) * log_t + price).exp()
            ahead = (t + paid).log() - log_size
            log_t = torch.minimum(log_t - ahead * (t + paid) / (t + (p - 1) * paid), most)
            if bool((ahead.abs() <= rounding).all()):
                break
        log_kept = p * torch.minimum(log_t, log_room)
        excess = log_kept.logsumexp(dim=-1, keepdim=True) / p - log_goal
        small, large = torch.where(excess > 0, price, small), torch.where(excess > 0, large, price)
        falls = -paid / (t + (p - 1) * paid)  # of log t over log c
        slope = (log_kept.softmax(dim=-1) * falls * (log_t < log_room)).sum(dim=-1, keepdim=True)
        newton, mid = price - excess / slope, small + (large - small) / 2
        guarded = (newton > small) & (newton < large) & ((newton - price).abs() <= step / 2)
        following = torch.where(guarded, newton, mid)
        following = torch.where(excess.abs() <= 32 * info.eps * (1 + price.abs()), price, following)
        if bool(((following == price) | (following == small) | (following == large)).all()):
            break
        step = (following - price).abs()
        log_t, price = log_t + falls * (following - price), following
    return torch.sign(delta) * (largest * torch.minimum(log_t, log_room).exp()).to(delta)
