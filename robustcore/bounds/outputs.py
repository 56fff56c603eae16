"""The outputs of a network themselves on a ball, as a regression asks for them."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from ..balls import PerturbationSet
from ..doors import read_samples
from .tightest import tightest


class _Signed(nn.Module):
    """0, every output and every output's negative: the gaps to the first are what is asked for."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net
        self.train(net.training)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(n, ...) -> (n, 1 + 2K)."""
        z = self.net(x).reshape(x.shape[0], -1)
        return torch.cat([0 * z[:, :1], z, -z], dim=1)


def outputs(
    net: nn.Module,
    x: torch.Tensor,
    ball: PerturbationSet,
    bound: Callable[..., torch.Tensor] = tightest,
) -> tuple[torch.Tensor, torch.Tensor]:
    r"""Between which values each output of a network stays on a ball.

    .. math:: \underline{z}_k \;\le\; z_k(x+\delta) \;\le\; \overline{z}_k,
              \qquad \|\delta\|_p\le\rho

    The network with the outputs 0, z and -z has z and -z as its gaps to the first: every bound of
    gaps answers.

    Source: own (on [B] eq. (12))

    Parameters
    ----------
    net : module that :func:`robustcore.networks.layered` reads
        (n, K), (n, 1) or (n,) outputs: predictions, or logits. One that ends with a Softmax is
        refused, as its outputs are not what is bounded.
    x : (n, ...) tensor
        The bounds are computed in its precision, whatever that of `net`.
    ball : PerturbationSet
        As `bound` takes it.
    bound : callable (net, x, y, ball) -> (n, K)
        A sound one of this folder: `tightest`, `rub`, `crown`, `coap`, `ibp`, `exact`.

    Returns
    -------
    (n, K) tensor, (n, K) tensor
        Lower and upper bounds, sound up to rounding; estimates if `bound` is one. Differentiable
        where `bound` is.
    """
    x = read_samples(net, x)
    gaps = bound(_Signed(net), x, x.new_zeros(len(x), dtype=torch.long), ball)
    high, low = gaps[:, 1:].chunk(2, dim=1)
    return -low, high
