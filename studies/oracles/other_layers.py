"""Small networks with every layer that is read, and the largest gaps that a search finds there."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from robustcore.balls import LpBall
from robustcore.losses import gaps

SHAPE = (2, 4, 4)
FLAT = 4


def _settled(net: nn.Module, shape: tuple[int, ...]) -> nn.Module:
    """In float64, with running statistics of some batches, slopes drawn, and in evaluation."""
    net = net.double()
    for _ in range(3):
        net(torch.randn(8, *shape, dtype=torch.float64))
    with torch.no_grad():
        for one in net.modules():
            if isinstance(one, nn.PReLU):
                one.weight.uniform_(0, 0.9)
            if isinstance(one, (nn.BatchNorm1d, nn.BatchNorm2d)):
                one.weight.uniform_(-1.5, 1.5)
                one.bias.uniform_(-0.5, 0.5)
    return net.eval().requires_grad_(False)


def _dense(*between: nn.Module) -> nn.Module:
    return nn.Sequential(
        nn.Linear(FLAT, 5), *between, nn.ReLU(), nn.Linear(5, 5), *between, nn.ReLU(),
        nn.Linear(5, 3),
    )  # fmt: skip


def _leaky(one: Callable[[], nn.Module]) -> nn.Module:
    return nn.Sequential(nn.Linear(FLAT, 5), one(), nn.Linear(5, 5), one(), nn.Linear(5, 3))


def _images(*layers: nn.Module) -> nn.Module:
    return nn.Sequential(*layers, nn.Flatten(), nn.LazyLinear(4), nn.ReLU(), nn.Linear(4, 3))


DENSE: dict[str, Callable[[], nn.Module]] = {
    "BatchNorm1d": lambda: _dense(nn.BatchNorm1d(5)),
    "BatchNorm1d first": lambda: nn.Sequential(nn.BatchNorm1d(FLAT), _dense()),
    "Dropout and Identity": lambda: _dense(nn.Dropout(0.3), nn.Identity()),
    "LeakyReLU": lambda: _leaky(lambda: nn.LeakyReLU(0.1)),
    "LeakyReLU that is the identity": lambda: _leaky(lambda: nn.LeakyReLU(1.0)),
    "PReLU": lambda: _leaky(nn.PReLU),
    "PReLU of each neuron": lambda: _leaky(lambda: nn.PReLU(5)),
    "LogSoftmax": lambda: nn.Sequential(_dense(), nn.LogSoftmax(dim=1)),
    "Softmax": lambda: nn.Sequential(_dense(), nn.Softmax(dim=-1)),
}  # fmt: skip
IMAGES: dict[str, Callable[[], nn.Module]] = {
    "BatchNorm2d": lambda: _images(nn.Conv2d(2, 2, 3), nn.BatchNorm2d(2), nn.ReLU()),
    "BatchNorm2d before a max pool": lambda: _images(
        nn.Conv2d(2, 2, 3, padding=1), nn.BatchNorm2d(2), nn.ReLU(), nn.MaxPool2d(2)
    ),
    "PReLU of each channel": lambda: _images(nn.Conv2d(2, 2, 3), nn.PReLU(2)),
    "AdaptiveAvgPool2d": lambda: _images(
        nn.Conv2d(2, 3, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d((2, 1))
    ),
    "mean of the whole image": lambda: _images(
        nn.Conv2d(2, 3, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1)
    ),
    "padding by reflection": lambda: _images(
        nn.Conv2d(2, 2, 3, padding=1, stride=2, padding_mode="reflect"), nn.ReLU()
    ),
    "padding by replication": lambda: _images(
        nn.Conv2d(2, 2, 3, padding=1, stride=2, padding_mode="replicate"), nn.ReLU()
    ),
    "circular padding": lambda: _images(
        nn.Conv2d(2, 2, 2, padding="same", padding_mode="circular"), nn.ReLU()
    ),
}


def networks(seed: int = 0) -> dict[str, tuple[nn.Module, torch.Tensor]]:
    """Each network, in float64, with three samples.

    Source: own
    """
    found = {}
    for table, shape in ((DENSE, (FLAT,)), (IMAGES, SHAPE)):
        for name, make in table.items():
            torch.manual_seed(seed)
            net = _settled(make(), shape)
            found[name] = (net, torch.rand(3, *shape, dtype=torch.float64))
    return found


def searched_gaps(
    net: nn.Module, x: torch.Tensor, y: torch.Tensor, ball: LpBall, points: int = 2000
) -> torch.Tensor:
    """The largest gap of net(x + delta) over random points, and over all vertices of an L1 ball.

    For a network that ends with a Softmax, the gaps of its logarithms.

    Source: own
    """
    rng = np.random.default_rng(0)
    M = x[0].numel()
    tried = [ball.sample((points, M), rng)]
    if ball.p == 1:
        tried.append(ball.vertices(M))
    elif np.isinf(ball.p):
        tried.append(ball.radius * np.sign(rng.normal(size=(points, M))))
    deltas = torch.from_numpy(np.concatenate(tried)).view(-1, *x.shape[1:])
    found = []
    for i in range(len(x)):
        z = net(x[i] + deltas)
        if bool((z.sum(dim=1) - 1).abs().max() < 1e-9):
            z = z.log()
        found.append(gaps(z, y[i].expand(len(z))).amax(dim=0))
    return torch.stack(found)
