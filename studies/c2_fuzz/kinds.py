"""A maker for each kind of network that is certified, or refused: the last ones are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import fx, nn
from torch.nn.utils import parametrizations, prune

from robustcore.networks import ReLUNetwork, Scaler

M, SAMPLES = 4, 6  # inputs, and samples of each network


class Skip(nn.Sequential):
    """A skip connection: not what a Sequential computes.

    Source: own
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x + f(x)."""
        return x + super().forward(x)


class Doubled(nn.Linear):
    """Twice what a Linear computes.

    Source: own
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """2 (W x + b)."""
        return 2 * super().forward(x)


class Named(nn.Sequential):
    """A subclass that changes nothing.

    Source: own
    """

    def width(self) -> int:
        """Layers."""
        return len(self)


class Residual(nn.Module):
    """Connections that skip layers, in a forward of its own.

    Source: own
    """

    def __init__(self, overwritten: bool = False) -> None:
        super().__init__()
        self.a, self.b, self.last = nn.Linear(M, M), nn.Linear(2 * M, M), nn.Linear(M, 3)
        self.overwritten = overwritten

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """A concatenation, a sum and a difference."""
        z = self.a(x)
        h = nn.functional.relu(z, inplace=self.overwritten)
        h = self.b(torch.cat([h, x], dim=1)).relu() - 0.5 * x
        return self.last(h + z)


class Looking(nn.Module):
    """What is computed depends on the numbers.

    Source: own
    """

    def __init__(self) -> None:
        super().__init__()
        self.net = _dense()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """f(x) or -f(x)."""
        return self.net(x) if x.sum() > 0 else -self.net(x)


class Noisy(Looking):
    """Random numbers are added.

    Source: own
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """A different network at every call."""
        return self.net(x + torch.randn(M))


class Hidden(Looking):
    """Another network for tensors than for what records the forward.

    Source: own
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """f(x) or f(-x)."""
        return self.net(x if isinstance(x, torch.Tensor) else -x)


class Moody(Looking):
    """Another network where gradients are recorded.

    Source: own
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """f(x) or -f(x)."""
        return self.net(x) if torch.is_grad_enabled() else -self.net(x)


class Tiring(Looking):
    """Another network after some calls, by a count of its own.

    Source: own
    """

    def __init__(self) -> None:
        super().__init__()
        self._calls = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """f(x), later -f(x)."""
        self._calls += 1
        return self.net(x) if self._calls < 20 else -self.net(x)


class Odd(Looking):
    """Another network for batches that hold a sample of a certain kind, and not for the others.

    Source: own
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """f(x) or -f(x)."""
        odd = not isinstance(x, fx.Proxy) and bool((x[1:, 0] < x[0, 0]).any())
        return -self.net(x) if odd else self.net(x)


def _block() -> nn.Sequential:
    inner = nn.Sequential(nn.Conv2d(2, 2, 3, padding=1), nn.BatchNorm2d(2), nn.ReLU())
    return nn.Sequential(
        nn.Unflatten(1, (1, 2, 2)), nn.Conv2d(1, 2, 1), nn.ReLU(), Skip(*inner), Skip(*inner),
        nn.Flatten(), nn.Linear(8, 3),
    ).eval()  # fmt: skip


def _dense(outputs: int = 3, hidden: int = 6) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(M, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(),
        nn.Linear(hidden, outputs),
    )  # fmt: skip


def _with(change: Callable[[Any], object]) -> nn.Sequential:
    net = _dense()
    change(net)
    return net


def _put(at: int, layer: Callable[[], nn.Module]) -> nn.Sequential:
    net = _dense()
    net[at] = layer()
    return net


def _scaled() -> nn.Sequential:
    net = _dense()
    with torch.no_grad():
        for weight in (p for p in net.parameters() if p.ndim == 2):
            weight.mul_(10 ** float(torch.empty(()).uniform_(-3, 3)))
    return net


def _shared() -> nn.Sequential:
    one = nn.Linear(6, 6)
    return nn.Sequential(
        nn.Linear(M, 6), nn.ReLU(), one, nn.ReLU(), one, nn.ReLU(), nn.Linear(6, 3)
    )


def _normalised() -> nn.Sequential:
    net = nn.Sequential(
        nn.Linear(M, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 6), nn.BatchNorm1d(6),
        nn.ReLU(), nn.Linear(6, 3),
    )  # fmt: skip
    scale = 10 ** float(torch.empty(()).uniform_(-2, 2))
    for _ in range(20):
        net(scale * torch.randn(32, M))
    return net.eval()


def _leaking(one: Callable[[], nn.Module]) -> nn.Sequential:
    net = nn.Sequential(nn.Linear(M, 6), one(), nn.Linear(6, 6), one(), nn.Linear(6, 3))
    with torch.no_grad():
        for layer in net:
            if isinstance(layer, nn.PReLU):
                layer.weight.uniform_()
    return net


def _padded(mode: Literal["reflect", "replicate", "circular"]) -> nn.Sequential:
    return nn.Sequential(
        nn.Unflatten(1, (1, 2, 2)), nn.Conv2d(1, 3, 3, padding=1, padding_mode=mode),
        nn.BatchNorm2d(3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 3),
    ).eval()  # fmt: skip


def _pooled() -> nn.Sequential:
    return nn.Sequential(
        nn.Unflatten(1, (1, 2, 2)), nn.Conv2d(1, 2, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2, 1),
        nn.Flatten(), nn.Linear(2, 3),
    )  # fmt: skip


KINDS: dict[str, Callable[[], nn.Module]] = {
    "dense": _dense,
    "dense, float64": lambda: _dense().double(),
    "deep": lambda: ReLUNetwork([M, 8, 8, 8, 8, 3]),
    "linear": lambda: nn.Sequential(nn.Linear(M, 3)),
    "weights scaled": _scaled,
    "with a scaler": lambda: ReLUNetwork(
        [M, 6, 3], scaler=Scaler(torch.rand(M), torch.rand(M) + 0.1)
    ),
    "with a scaler far away": lambda: ReLUNetwork(
        [M, 6, 3], scaler=Scaler(torch.full((M,), 1e6), torch.full((M,), 10.0))
    ),
    "one logit": lambda: _dense(outputs=1),
    "one layer shared": _shared,
    "convolution and max pool": _pooled,
    "subclass that changes nothing": lambda: Named(*_dense()),
    "dropout in evaluation": lambda: nn.Sequential(nn.Dropout(0.5), *_dense()).eval(),
    "weight norm removed": lambda: _put(
        2, lambda: nn.utils.remove_weight_norm(nn.utils.weight_norm(nn.Linear(6, 6)))
    ),
    "batch norm in evaluation": _normalised,
    "leaky": lambda: _leaking(lambda: nn.LeakyReLU(float(torch.rand(())))),
    "leaky with learned slopes": lambda: _leaking(lambda: nn.PReLU(6)),
    "log softmax": lambda: nn.Sequential(_scaled(), nn.LogSoftmax(dim=1)),
    "softmax": lambda: nn.Sequential(_scaled(), nn.Softmax(dim=1)),
    "padding by reflection": lambda: _padded("reflect"),
    "padding by replication": lambda: _padded("replicate"),
    "circular padding": lambda: _padded("circular"),
    "skip connection": lambda: _put(2, lambda: Skip(nn.Linear(6, 6))),
    "linear of its own": lambda: _put(2, lambda: Doubled(6, 6)),
    "residual and concatenated": Residual,
    "residual convolutions": _block,
    "dropout in training": lambda: nn.Sequential(nn.Dropout(0.5), *_dense()),
    "batch norm in training": lambda: _normalised().train(),
    "forward of the instance": lambda: _with(
        lambda net: setattr(net[2], "forward", lambda x: -nn.functional.linear(x, net[2].weight))
    ),
    "forward hook": lambda: _with(
        lambda net: net[2].register_forward_hook(lambda module, x, z: -z)
    ),
    "forward pre-hook": lambda: _with(
        lambda net: net[2].register_forward_pre_hook(lambda module, x: (3 * x[0],))
    ),
    "weight norm": lambda: _put(2, lambda: parametrizations.weight_norm(nn.Linear(6, 6))),
    "spectral norm": lambda: _put(2, lambda: parametrizations.spectral_norm(nn.Linear(6, 6))),
    "spectral norm by hook": lambda: _put(2, lambda: nn.utils.spectral_norm(nn.Linear(6, 6))),
    "pruned": lambda: _put(2, lambda: prune.random_unstructured(nn.Linear(6, 6), "weight", 0.5)),
    "mixed precisions": lambda: _put(2, lambda: nn.Linear(6, 6).double()),
    "bfloat16": lambda: _dense().to(torch.bfloat16),
    "overwritten in place": lambda: Residual(overwritten=True),
    "looks at numbers": Looking,
    "draws random numbers": Noisy,
    "hides from the recording": Hidden,
    "looks at the mode": Moody,
    "counts its calls": Tiring,
    "looks at other samples": Odd,
    "compiled in place": lambda: _with(lambda net: net.compile()),
    "data parallel": lambda: nn.DataParallel(_dense()),
}
