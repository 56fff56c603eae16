r"""Random networks of every accepted and nearly accepted kind, certified and then searched.

Each network is certified by every method, or refused in one sentence. Its own forward pass then
looks at x, at the vertices or corners of the ball, at gradient steps, at points of an attack and at
random ones: no certified sample may be misclassified at any of them.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.utils import parametrizations, prune

from robustcore import attacks, evaluation
from robustcore.balls import LpBall
from robustcore.errors import RobustcoreError
from robustcore.networks import ReLUNetwork, Scaler

METHODS = ("best", "rub", "rub_optimised", "rub_any", "rub_boxed", "coap", "crown", "ibp", "exact")
M, SAMPLES, POINTS = 4, 6, 40
_DEAR = ("rub_optimised", "exact")  # each costs as much as all else: for every tenth network
_EVERY = 10


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


def _padded(mode: Any) -> nn.Sequential:
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
    "compiled in place": lambda: _with(lambda net: net.compile()),
    "data parallel": lambda: nn.DataParallel(_dense()),
}


def fuzz(networks: int = 20, seed: int = 0, kinds: int = 0) -> list[dict[str, Any]]:
    """A row for each kind and norm: how many networks were refused, certified, and wrong.

    Source: own

    Parameters
    ----------
    networks : int
        Of each kind, for each of L1 and Linf.
    seed : int
    kinds : int
        Only the first so many kinds; 0 for all.

    Returns
    -------
    list of dict
        `refused`, `sentences`, `samples` that were asked about and `certified`, over all methods,
        and `wrong`: those of them that some point misclassifies.
    """
    rows: list[dict[str, Any]] = []
    some = list(enumerate(KINDS))[: kinds or None]
    for (number, kind), p in itertools.product(some, (1.0, math.inf)):
        sentences: Counter[str] = Counter()
        counts: Counter[str] = Counter()
        for i in range(networks):
            drawn = np.random.SeedSequence([seed, number, int(p == 1), i])  # no two networks alike
            torch.manual_seed(int(drawn.generate_state(1)[0]))
            methods = [m for m in METHODS if i % _EVERY == 0 or m not in _DEAR]
            _one(KINDS[kind](), kind, p, methods, sentences, counts)
        rows.append(
            {"kind": kind, "p": "inf" if math.isinf(p) else "1", "networks": networks}
            | {name: counts[name] for name in ("refused", "samples", "certified", "wrong")}
            | {"sentences": "; ".join(sorted(sentences))}
        )
    return rows


def _one(
    net: nn.Module,
    kind: str,
    p: float,
    methods: list[str],
    sentences: Counter[str],
    counts: Counter[str],
) -> None:
    own = next(net.parameters()).dtype
    x = (1e6 * ("far away" in kind) + torch.rand(SAMPLES, M)).to(own)
    box = (0.0, 1.0) if "far away" not in kind else (1e6 - 1, 1e6 + 2)
    ball = LpBall(p, 10 ** float(torch.empty(()).uniform_(-3, 0)), box=box)
    try:
        z = net(x)
    except RuntimeError:  # it runs in no precision: certified it must not be
        z = torch.full((SAMPLES, 3), math.nan)
    y = _answers(z)
    y[::3] = torch.randint(max(2, z.shape[1]), (len(y[::3]),))  # and wrong labels
    searched: torch.Tensor | None = None
    refused = False
    for method in methods:
        if p != 1 and method in ("rub", "rub_optimised", "rub_boxed"):
            continue
        try:
            proved = evaluation.certified(net, x, y, ball, method)
        except RobustcoreError as error:
            refused = True
            sentences[str(error)] += 1
            continue
        counts["samples"] += len(proved)
        counts["certified"] += int(proved.sum())
        if searched is None:
            searched = _misclassified(net, x, y, ball)
        counts["wrong"] += int((proved & searched[int(method == "rub_boxed")]).sum())
    counts["refused"] += int(refused)


def _answers(z: torch.Tensor) -> torch.Tensor:
    return (z[:, 0] > 0).long() if z.shape[1] == 1 else z.argmax(dim=1)


def _misclassified(net: nn.Module, x: torch.Tensor, y: torch.Tensor, ball: LpBall) -> torch.Tensor:
    """Which samples the network itself gets wrong in the ball, and in its cut with the box."""
    wide = x.double()
    steps = [torch.zeros(1, SAMPLES, M).double()]
    steps.append(torch.from_numpy(ball.vertices(M))[:, None].expand(-1, SAMPLES, -1))
    towards = torch.randn(POINTS, SAMPLES, M, dtype=torch.float64)
    inside = towards * torch.rand(POINTS, 1, 1).double()
    steps.append(LpBall(ball.p, ball.radius).project(inside * ball.radius))
    leaf = x.clone().requires_grad_()
    z = net(leaf)
    for k in range(z.shape[1]):
        (slope,) = torch.autograd.grad(z[:, k].sum(), leaf, retain_graph=True)
        steps += [ball.maximiser(sign * slope.double())[None] for sign in (1.0, -1.0)]
    for box in (None, ball.box):
        attacked = attacks.pgd(net, x, y, LpBall(ball.p, ball.radius, box), steps=10)
        steps.append((attacked.double() - wide)[None])
    found = []
    with torch.no_grad():
        for low, high in ((-math.inf, math.inf), ball.box or (-math.inf, math.inf)):
            points = (wide + torch.cat(steps)).clamp(low, high).to(x)
            z = net(points.flatten(0, 1)).double()
            z = torch.cat([0 * z, z], dim=1) if z.shape[1] == 1 else z
            labels = y.repeat(len(points))
            true = z.gather(1, labels[:, None])
            others = z.scatter(1, labels[:, None], -math.inf).amax(dim=1, keepdim=True)
            found.append(~(true > others).view(len(points), SAMPLES).all(dim=0))
    return torch.stack(found)


def record(networks: int = 400, seed: int = 0) -> dict[str, list[dict[str, Any]]]:
    """The rows behind the statement that no certificate was false.

    Source: own
    """
    return {"c2_fuzz.networks": fuzz(networks, seed)}
