"""What a certificate means, image by image: how far it goes, and the least change that was found.

Shape letters: n images, M pixels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from robustcore import LpBall, attacks, evaluation
from robustcore.networks import ReLUNetwork


@dataclass(frozen=True)
class Followed:
    """One image between its certificate and an attack.

    Source: own

    Parameters
    ----------
    image, moved : (M,) tensors
        The image, and the nearest one found that the network gets wrong; the same where none was.
    label, answer : int
        The true class, and what the network says of `moved`.
    certified : float
        An L1 radius on which the network is proved right.
    broken : float
        The L1 length of the change found; infinite where none was.
    """

    image: torch.Tensor
    moved: torch.Tensor
    label: int
    answer: int
    certified: float
    broken: float

    @property
    def spent(self) -> torch.Tensor:
        """How much each pixel is changed, the largest first."""
        return (self.moved - self.image).abs().sort(descending=True).values

    def proved_at(self, radius: float) -> bool:
        """Whether the certificate reaches a radius, which lies on the grid of the search."""
        return self.certified >= radius * (1 - 1e-9)

    def pixels(self, share: float = 0.9) -> int:
        """The fewest pixels that make up so large a share of the change."""
        total = self.spent.cumsum(0)
        return int((total < share * total[-1]).sum()) + 1 if total[-1] > 0 else 0


def two_pixels() -> tuple[ReLUNetwork, torch.Tensor, torch.Tensor]:
    """The gap [x_1]_+ + [x_2]_+ - 4 at x = (1/2, 1/2), label 0.

    Source: own
    """
    eye, zero = torch.eye(2, dtype=torch.float64), torch.zeros(2, dtype=torch.float64)
    last = torch.tensor([[0.0, 0.0], [1.0, 1.0]], dtype=torch.float64)
    shift = torch.tensor([0.0, -4.0], dtype=torch.float64)
    net = ReLUNetwork.from_arrays([(eye, zero), (last, shift)]).requires_grad_(False)
    return net, torch.full((1, 2), 0.5, dtype=torch.float64), torch.tensor([0])


def followed(
    net: ReLUNetwork,
    x: torch.Tensor,
    y: torch.Tensor,
    largest: LpBall,
    halvings: int = 6,
    attack_steps: int = 40,
) -> list[Followed]:
    """The certified radius of each image, and the shortest change found that turns it.

    Source: own (on [B] Section 6.3, Security Guarantees)

    Parameters
    ----------
    net : ReLUNetwork
    x, y : (n, M) and (n,) tensors
        Images that the network gets right.
    largest : LpBall
        p = 1; the largest radius that is asked about, and the box if pixels have one. Proofs are
        sought on a grid of its shares by powers of 1/2.
    halvings : int
        Of both searches.
    attack_steps : int
        Gradient steps of APGD at each radius.

    Notes
    -----
    The certificate is a proof up to its radius; the change is only the shortest that was found.
    Between the two nothing is known.
    """
    method = "rub_boxed" if largest.box is not None else "rub"
    proved = evaluation.certified_radius(net, x, y, largest, method, tolerance=2.0**-halvings)
    moved, length = x.clone(), torch.full((len(x),), math.inf)
    low = torch.zeros(len(x))
    tried = torch.full((len(x),), largest.radius)
    for _ in range(halvings + 1):
        for i, radius in enumerate(tried.tolist()):
            here, label = x[i : i + 1], y[i : i + 1]
            point = attacks.apgd(net, here, label, largest.with_radius(radius), attack_steps)
            if int(net(point).argmax()) == int(label):
                low[i] = radius
            else:
                moved[i], length[i] = point[0], (point - here).abs().sum()
        known = torch.where(length.isinf(), largest.radius, length)
        tried = torch.minimum((low + known) / 2, known)
    answers = net(moved).argmax(dim=1)
    return [
        Followed(*parts)
        for parts in zip(
            *(x, moved, y.tolist(), answers.tolist(), proved.tolist(), length.tolist()), strict=True
        )
    ]


def told_apart(
    net: ReLUNetwork, x: torch.Tensor, y: torch.Tensor, radius: float, largest: LpBall
) -> list[Followed]:
    """The first image that is certified at a radius, and the first right one that is not.

    Source: own

    Parameters
    ----------
    net, x, y, largest
        As for `followed`; images that the network gets wrong are passed over.
    radius : float
    """
    right = evaluation.correct(net, x, y).nonzero()[:, 0]
    method = "rub_boxed" if largest.box is not None else "rub"
    proved = evaluation.certified(net, x[right], y[right], largest.with_radius(radius), method)
    rows = [right[mask.nonzero()[:1, 0]] for mask in (proved, ~proved)]
    return followed(net, x[torch.cat(rows)], y[torch.cat(rows)], largest)
