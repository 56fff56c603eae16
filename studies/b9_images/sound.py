"""Certificates against attacks: no image that an attack turns may be certified."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from robustcore import LpBall
from robustcore.networks import ReLUNetwork

from .certificates import certify
from .printed import certified_radii


def crossings(
    net: ReLUNetwork,
    x: torch.Tensor,
    y: torch.Tensor,
    balls: Sequence[LpBall],
    standing: Sequence[torch.Tensor],
    data: str,
) -> tuple[int, int]:
    """How many (image, radius) an attack has turned, and how many of those a bound certifies.

    The sweep certifies only what stands, so that its rows cannot show a false certificate; here the
    fallen images alone are certified. The second number is 0, or a certificate is false.

    Source: own (on [B] Section 6.3, Tables 7-9)

    Parameters
    ----------
    net, x, y, balls, standing, data
        As for `certificates.certify`.
    """
    fallen = certified = 0
    for ball, stands in zip(balls, standing, strict=True):
        if ball.radius in certified_radii(data):
            found = certify(net, x, y, [ball], [~stands], data)
            fallen += int((~stands).sum())
            certified += found["tightest"][0]  # never less than by RUB
    return fallen, certified
