"""Euclidean projection onto an Lp ball cut with a box, batched over all axes but the last.

The multiplier `lam` of the norm separates the coordinates: each is shrunk towards zero and then
clipped to its interval, and the norm of the result falls as `lam` grows. As 0 is in every interval
it is always feasible, so a multiplier exists and bisection finds it.
"""

from __future__ import annotations

import math

import torch

_BISECTIONS = {torch.float64: 60, torch.float32: 32}  # halvings down to rounding


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
        In closed form for p = inf, and for p = 1, 2 without a box; else by bisection to rounding.
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
        return torch.where(outside[..., None], _in_closed_form(delta, p, radius), delta)
    few = torch.zeros_like(delta[..., :1])
    enough = _enough_shrinkage(delta, p, radius)
    for _ in range(_BISECTIONS.get(delta.dtype, 60)):
        mid = (few + enough) / 2
        too_long = (_norm(_shrink(delta, mid, p).clamp(low, high), p) > radius)[..., None]
        few, enough = torch.where(too_long, mid, few), torch.where(too_long, enough, mid)
    shrunk = _shrink(delta, enough, p).clamp(low, high)
    # what bisection leaves is rounding: a last scaling keeps the promise to be inside
    excess = (_norm(shrunk, p) / radius).clamp(min=1.0)[..., None]
    return torch.where(outside[..., None], shrunk / excess, clipped)


def _norm(delta: torch.Tensor, p: float) -> torch.Tensor:
    return torch.linalg.vector_norm(delta, p, dim=-1)


def _in_closed_form(delta: torch.Tensor, p: float, radius: float) -> torch.Tensor:
    """Points outside the ball, p = 1 or 2, no box: soft-thresholding or scaling."""
    if p == 2:
        return delta * (radius / _norm(delta, p))[..., None]
    size = delta.abs()
    falling = size.sort(dim=-1, descending=True).values
    counts = torch.arange(1, delta.shape[-1] + 1, device=delta.device, dtype=delta.dtype)
    thresholds = (falling.cumsum(dim=-1) - radius) / counts
    kept = (falling > thresholds).sum(dim=-1, keepdim=True).clamp(min=1)
    return torch.sign(delta) * (size - thresholds.gather(-1, kept - 1)).clamp(min=0)


def _enough_shrinkage(delta: torch.Tensor, p: float, radius: float) -> torch.Tensor:
    """A multiplier at which every coordinate is inside the ball whatever its sign."""
    largest = delta.abs().amax(dim=-1, keepdim=True)
    if p == 1:
        return largest
    # shrunk to |t| <= radius / d^(1/p) everywhere: lam >= largest / (p t^(p-1))
    t = radius / delta.shape[-1] ** (1 / p)
    return largest / (p * t ** (p - 1))


def _shrink(delta: torch.Tensor, lam: torch.Tensor, p: float) -> torch.Tensor:
    """Solve t + lam p t^(p-1) = |delta| coordinatewise: the proximal map of lam |.|^p."""
    size = delta.abs()
    if p == 1:
        return torch.sign(delta) * (size - lam).clamp(min=0)
    if p == 2:
        return delta / (1 + 2 * lam)
    low, high = torch.zeros_like(size), size.clone()
    for _ in range(_BISECTIONS.get(delta.dtype, 60)):
        mid = (low + high) / 2
        above = mid + lam * p * mid ** (p - 1) > size
        low, high = torch.where(above, low, mid), torch.where(above, mid, high)
    return torch.sign(delta) * (low + high) / 2
