"""Small networks with every layer that is read, and the largest gaps that a search finds there."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import nn
from torch.nn import functional

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


class _Skip(nn.Sequential):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + super().forward(x)


class Residual(nn.Module):
    """x + f(x), twice, and a connection from the input to the last hidden layer.

    Source: own
    """

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(FLAT, FLAT), nn.Linear(FLAT, FLAT)
        self.norm, self.last = nn.BatchNorm1d(FLAT), nn.Linear(FLAT, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Functional ReLUs and sums."""
        h = x + torch.relu(self.norm(self.first(x)))
        h = functional.relu(h + self.second(h), inplace=True)
        return self.last(h - 0.5 * x)


class Concatenated(nn.Module):
    """Every layer sees all values before it.

    Source: own
    """

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(FLAT + 3 * k, 3) for k in range(3))
        self.shift = nn.Parameter(torch.randn(3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Concatenations and a constant of its own."""
        seen = x.view(x.size(0), -1)
        for layer in self.layers[:-1]:
            seen = torch.cat([seen, functional.leaky_relu(layer(seen) + self.shift, 0.2)], dim=1)
        return self.layers[-1](seen)


class Block(nn.Module):
    """The block of a residual network: convolutions, normalisations, and a shortcut.

    Source: own
    """

    def __init__(self, inner: int, outer: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inner, outer, 3, stride, 1, bias=False)
        self.conv2 = nn.Conv2d(outer, outer, 3, 1, 1, bias=False)
        self.bn1, self.bn2 = nn.BatchNorm2d(outer), nn.BatchNorm2d(outer)
        self.relu = nn.ReLU(inplace=True)
        self.shortcut = nn.Sequential()
        if stride != 1 or inner != outer:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inner, outer, 1, stride, bias=False), nn.BatchNorm2d(outer)
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The sum of the block and its shortcut."""
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += self.shortcut(x)
        return self.relu(out)


class Pooled(nn.Module):
    """A max pool beside a connection that skips it.

    Source: own
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 2, 3, padding=1)
        self.bypass, self.last = nn.Conv2d(2, 1, 4), nn.Linear(2 * 2 * 2 + 1, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """A concatenation of pooled values and of a convolution of the whole image."""
        pooled = functional.max_pool2d(functional.relu(self.conv(x)), 2)
        return self.last(torch.cat([pooled.flatten(1), self.bypass(x).flatten(1)], dim=1))


SKIPPING: dict[str, Callable[[], nn.Module]] = {
    "residual": Residual,
    "concatenated": Concatenated,
    "residual in a chain": lambda: nn.Sequential(_Skip(nn.Linear(FLAT, FLAT)), _dense()),
}
SKIPPING_IMAGES: dict[str, Callable[[], nn.Module]] = {
    "residual network": lambda: nn.Sequential(
        nn.Conv2d(2, 2, 3, padding=1, bias=False), nn.BatchNorm2d(2), nn.ReLU(), Block(2, 2, 1),
        Block(2, 3, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 3),
    ),
    "max pool beside a connection": Pooled,
}  # fmt: skip


def networks(seed: int = 0) -> dict[str, tuple[nn.Module, torch.Tensor]]:
    """Each network, in float64, with three samples.

    Source: own
    """
    found = {}
    flat, images = (DENSE, SKIPPING), (IMAGES, SKIPPING_IMAGES)
    tables = [*((t, (FLAT,)) for t in flat), *((t, SHAPE) for t in images)]
    for table, shape in tables:
        for name, make in table.items():
            torch.manual_seed(seed)
            net = _settled(make(), shape)
            found[name] = (net, torch.rand(3, *shape, dtype=torch.float64))
    return found


def searched_gaps(
    net: nn.Module, x: torch.Tensor, y: torch.Tensor, ball: LpBall, points: int = 2000
) -> torch.Tensor:
    """The largest gap of net(x + delta) over random points, and over all vertices of an L1 ball.

    Points that leave the box of the ball, if it has one, are moved to its border. For a network
    that ends with a Softmax, the gaps of its logarithms.

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
        z = net((x[i] + deltas).clamp(*(ball.box or (-np.inf, np.inf))))
        if bool((z.sum(dim=1) - 1).abs().max() < 1e-9):
            z = z.log()
        found.append(gaps(z, y[i].expand(len(z))).amax(dim=0))
    return torch.stack(found)
