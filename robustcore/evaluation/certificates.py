"""Certified accuracy: which samples a sound bound proves correct on the whole ball."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from .. import bounds
from ..balls import LpBall
from ..errors import InputError, check_length, check_nonnegative
from .accuracy import Accuracy

_BATCH = 500  # samples certified at once: CROWN holds (n, r, M) numbers

_CERTIFICATES: dict[str, Callable[..., torch.Tensor]] = {
    "rub": bounds.rub,
    "rub_optimised": bounds.rub_optimised,
    "rub_any": bounds.rub_any,
    "rub_boxed": bounds.rub_boxed,
    "coap": bounds.coap,
    "crown": bounds.crown,
    "ibp": bounds.ibp,
    "exact": bounds.exact,
    "best": bounds.tightest,
}


def certified_accuracy(
    net: nn.Module,
    x: torch.Tensor,
    y: torch.Tensor,
    ball: LpBall,
    method: str = "best",
    margin: float = 1e-9,
) -> Accuracy:
    """Share of samples that are proved correct on the whole ball.

    Source: [B] Section 6.3, Tables 7-9

    Parameters
    ----------
    net : ReLUNetwork or nn.Sequential of supported layers
    x : (n, ...) tensor
    y : (n,) class labels
    ball : LpBall
        Only "rub_boxed" uses the box; the other proofs are for the ball, which is larger.
    method : str
        A bound of :mod:`robustcore.bounds` by its name: "rub", "rub_optimised", "rub_any",
        "rub_boxed", "coap", "crown", "ibp", "exact"; or "best", the least of RUB, CROWN and
        intervals, :func:`robustcore.bounds.tightest`.
    margin : float
        In units of the logits: certified where every gap bound is at most -margin.

    Returns
    -------
    Accuracy
        A lower bound of the robust accuracy.

    Notes
    -----
    Sound: the bounds are computed in float64 on the network's own weights, and the margin is far
    above their rounding (about 1e-13 of the largest logit). The statement is about the network in
    exact arithmetic; a float32 forward pass can differ by its own rounding.
    """
    return Accuracy.of(certified(net, x, y, ball, method, margin))


def certified(
    net: nn.Module,
    x: torch.Tensor,
    y: torch.Tensor,
    ball: LpBall,
    method: str = "best",
    margin: float = 1e-9,
) -> torch.Tensor:
    """Which samples are proved correct on the whole ball: (n,) booleans.

    Source: [B] Section 6.3

    Parameters
    ----------
    net, x, y, ball, method, margin
        As for :func:`certified_accuracy`.

    Returns
    -------
    (n,) tensor of booleans

    Raises
    ------
    InputError
        For an unknown method, an estimate that proves nothing, or a ball it does not cover.
    """
    if method in ("arub", "baseline"):
        raise InputError(f"{method} is an estimate and proves nothing; certify with 'rub'.")
    if method not in _CERTIFICATES:
        raise InputError(f"method must be one of {', '.join(_CERTIFICATES)}, got {method!r}.")
    check_nonnegative("margin", margin)
    bound = _CERTIFICATES[method]
    check_length("y", y, len(x), "x")
    with torch.no_grad():
        parts = zip(x.split(_BATCH), y.split(_BATCH), strict=True)
        gap_bound = torch.cat([bound(net, part.double(), labels, ball) for part, labels in parts])
    others = torch.arange(gap_bound.shape[1], device=y.device) != y[:, None]
    return ((gap_bound <= -margin) | ~others).all(dim=1)
