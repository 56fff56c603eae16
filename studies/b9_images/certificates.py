"""Certificates over L1 balls of rising radius, on the images that no attack turned."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from robustcore import LpBall, bounds, evaluation
from robustcore.networks import ReLUNetwork

from .printed import certified_radii

_TOP = 4  # vertices by which the sweep is spared where it would fail
_ROWS = 100  # images certified at once


def certify(
    net: ReLUNetwork,
    x: torch.Tensor,
    y: torch.Tensor,
    balls: Sequence[LpBall],
    standing: Sequence[torch.Tensor],
    data: str | None = None,
) -> dict[str, list[int]]:
    """Images proved by RUB alone, as the paper does it, and by the tightest bound here.

    Source: [B] Section 6.3, Tables 7-9

    Parameters
    ----------
    net : ReLUNetwork
    x, y : (n, M) and (n,) tensors
    balls : sequence of LpBall
        p = 1, radii rising.
    standing : sequence of (n,) booleans
        Images that withstand every attack in each ball: no others can be proved.
    data : str, optional
        Its printed radii are certified, and no others; without it all are.

    Returns
    -------
    dict
        "rub" and "tightest" (RUB, CROWN, or RUB cut with the box): one count a radius.

    Notes
    -----
    In float64. From the largest radius down: an image that is proved in a ball is proved in every
    smaller one (RUB is monotone in the radius), so that few are swept twice; an image for which
    RUB is positive at one of its best first-order vertices is spared the sweep.
    """
    wanted = [ball.radius for ball in balls] if data is None else certified_radii(data)
    found: dict[str, list[int]] = {"rub": [], "tightest": []}
    proved = torch.zeros_like(y, dtype=torch.bool)
    tightest = proved
    for ball, withstands in reversed(list(zip(balls, standing, strict=True))):
        if ball.radius not in wanted:
            continue
        proved = proved | _refined(net, x, y, ball, withstands & ~proved)
        tightest = tightest | proved
        for method in ("rub_boxed", "crown") if ball.box is not None else ("crown",):
            tightest = _more(net, x, y, ball, tightest, withstands, method)
        found["rub"].insert(0, int(proved.sum()))
        found["tightest"].insert(0, int(tightest.sum()))
    return found


def _refined(
    net: ReLUNetwork, x: torch.Tensor, y: torch.Tensor, ball: LpBall, open_: torch.Tensor
) -> torch.Tensor:
    """Which of the open images RUB proves: (n,) booleans."""
    for rows in _batches(open_):
        with torch.no_grad():
            few = bounds.rub_top(net, x[rows], y[rows], ball, top=_TOP)
        others = torch.nn.functional.one_hot(y[rows], few.shape[1]) == 0
        open_[rows] = ~((few > 1e-4) & others).any(dim=1)
    return _more(net, x, y, ball, torch.zeros_like(open_), open_, "rub")


def _more(
    net: ReLUNetwork,
    x: torch.Tensor,
    y: torch.Tensor,
    ball: LpBall,
    proved: torch.Tensor,
    standing: torch.Tensor,
    method: str,
) -> torch.Tensor:
    """`proved`, and what another method proves of the images that stand."""
    proved = proved.clone()
    for rows in _batches(standing & ~proved):
        proved[rows] = evaluation.certified(net, x[rows], y[rows], ball, method)
    return proved


def _batches(wanted: torch.Tensor) -> Iterator[torch.Tensor]:
    """The numbers of the images wanted, some at a time."""
    rows = wanted.nonzero()[:, 0]
    return (part for part in rows.split(_ROWS) if len(part))
