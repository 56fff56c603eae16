"""Theorems 7 and 11 of paper B on small networks: by hand, along rays, against the exact value."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np
import torch

from robustcore import attacks, bounds, datasets, defenses, training
from robustcore.balls import LpBall
from robustcore.losses import gaps
from robustcore.networks import ReLUNetwork, Scaler, affine_layers

from ..oracles.bound_twins import random_instances


def small_network() -> tuple[ReLUNetwork, torch.Tensor, torch.Tensor]:
    """A 2-2-2 network with integer weights, and one sample of class 0, worked by hand on the page.

    Source: own
    """
    W1, b1 = [[1.0, 0.0], [-1.0, 1.0]], [0.0, -1.0]
    W2, b2 = [[2.0, -2.0], [1.0, 1.0]], [0.0, -2.0]
    layers = [(np.array(W), np.array(b)) for W, b in ((W1, b1), (W2, b2))]
    net = ReLUNetwork.from_arrays(layers).requires_grad_(False)
    return net, torch.tensor([[1.0, 1.0]], dtype=torch.float64), torch.tensor([0])


def recursion_by_hand(
    net: ReLUNetwork, x: torch.Tensor, y: torch.Tensor, radius: float
) -> list[dict[str, object]]:
    """Theorem 7 for two classes and one sample: every vertex with every number of the recursion.

    Source: [B] Theorem 7, eq. (24)

    Returns
    -------
    list of dict
        A row for each of the 2M vertices: `z` the pre-activation there, `g(+1)`, `g(-1)` the two
        signs of the first layer, `[g(+1)]_+` and `t g(-1)` the two brackets, `bound` the value of
        g^2, and `gap` the true gap at that vertex.
    """
    (W, b), (W_last, b_last) = affine_layers(net)
    k = 1 - int(y[0])
    c, offset = W_last[k] - W_last[y[0]], b_last[k] - b_last[y[0]]
    t = (W @ x[0] + b > 0).to(x)
    rows = []
    for m, a in itertools.product(range(x.shape[1]), (radius, -radius)):
        upper = a * W[:, m] + W @ x[0] + b
        lower = -upper
        bound = c.clamp(min=0) @ upper.clamp(min=0) + (-c).clamp(min=0) @ (t * lower) + offset
        vertex = x[0].clone()
        vertex[m] += a
        z = net(vertex[None])[0]
        rows.append(
            {
                "m": m + 1,
                "a": a,
                "g(+1)": upper.tolist(),
                "g(-1)": lower.tolist(),
                "[g(+1)]_+": upper.clamp(min=0).tolist(),
                "t g(-1)": (t * lower + 0.0).tolist(),
                "bound": float(bound),
                "gap": float(z[k] - z[y[0]]),
            }
        )
    return rows


def along_segments(
    net: ReLUNetwork, x: torch.Tensor, y: torch.Tensor, radius: float, points: int = 41
) -> list[dict[str, object]]:
    """Gap, its convex bound and its linear approximation on the way from x to each vertex.

    Source: [B] eq. (8), Theorem 7

    Returns
    -------
    list of dict
        Rows with `vertex`, `a` in 0..radius, `gap`, `bound` (the function whose value at the vertex
        enters the maximum of Theorem 7) and `linear`.
    """
    (W, b), (W_last, b_last) = affine_layers(net)
    k = 1 - int(y[0])
    c, offset = W_last[k] - W_last[y[0]], b_last[k] - b_last[y[0]]
    t = (W @ x[0] + b > 0).to(x)
    rows: list[dict[str, object]] = []
    for m, sign in itertools.product(range(x.shape[1]), (1, -1)):
        for a in torch.linspace(0, radius, points, dtype=x.dtype):
            z = W @ x[0] + b + sign * a * W[:, m]
            values = {
                "gap": c @ z.clamp(min=0),
                "bound": c.clamp(min=0) @ z.clamp(min=0) - (-c).clamp(min=0) @ (t * z),
                "linear": c @ (t * z),
            }
            name = f"x {'+' if sign > 0 else '-'} a e{m + 1}"
            about = {"vertex": name, "a": float(a)}
            rows.append(about | {key: float(v + offset) for key, v in values.items()})
    return rows


def soundness(
    instances: int = 30,
    trained_samples: int = 4,
    radii: Sequence[float] = (0.2, 0.5, 1.0, 2.0),
    seed: int = 0,
) -> list[dict[str, object]]:
    """Attack <= exact <= RUB and aRUB-L1 <= RUB, on random and on trained small networks.

    Source: [B] Theorems 7, 11; eq. (35)

    Parameters
    ----------
    instances : int
        Random networks of 2, 3 and 4 layers in turn, two samples each.
    trained_samples : int
        Samples of each trained network (nominal, aRUB, RUB on standardised iris, 4-8-8-3).
    radii : sequence of float
        Of the trained networks; each random network has its own, between 0.05 and 2.
    seed : int

    Returns
    -------
    list of dict
        A row for each group of networks: number of `gaps` compared, the largest violation of each
        inequality (negative: strict everywhere), the mean and largest `rise` of RUB over that of
        the exact value, (RUB - clean) / (exact - clean), and the share where RUB is exact.
    """
    groups: dict[str, list[tuple[torch.Tensor, ...]]] = {}
    for group, net, x, y, radius in itertools.chain(
        _random_cases(instances, seed), _trained_cases(trained_samples, radii, seed)
    ):
        ball = LpBall(1, radius)
        with torch.no_grad():
            rub, arub = bounds.rub(net, x, y, ball), bounds.arub(net, x, y, ball)
            clean = gaps(net(x), y)
        exact = bounds.exact(net, x, y, ball, attained=True)
        attacked = gaps(net(attacks.pgd(net, x, y, ball, steps=20)), y).detach()
        others = torch.nn.functional.one_hot(y, rub.shape[1]) == 0
        found = (rub, arub, exact, attacked, clean)
        groups.setdefault(group, []).append(tuple(v[others] for v in found))
    return [{"networks": name, **_compared(cases)} for name, cases in groups.items()]


def _random_cases(instances: int, seed: int) -> Iterator[tuple]:
    for instance in random_instances(instances, seed):
        name = f"random, L = {instance.depth}"
        yield name, instance.net, instance.x, instance.y, instance.radius


def _trained_cases(samples: int, radii: Sequence[float], seed: int) -> Iterator[tuple]:
    iris = datasets.load("sklearn/iris", split="random", rng=np.random.default_rng(seed))
    data = torch.as_tensor(iris.train.x), torch.as_tensor(iris.train.y)
    x, y = torch.as_tensor(iris.test.x[:samples]), torch.as_tensor(iris.test.y[:samples])
    ball = LpBall(1, 0.5)
    for defense in (defenses.nominal(), defenses.arub(ball), defenses.rub(ball)):
        generator = torch.Generator().manual_seed(seed)
        scaler = Scaler.fit(data[0])
        net = ReLUNetwork((4, 8, 8, 3), generator, scaler, dtype=torch.float64)
        training.fit(
            net,
            data,
            defense,
            steps=300,
            batch_size=32,
            learning_rate=1e-2,
            generator=generator,
            progress=False,
        )
        for radius in radii:
            yield f"trained by {defense!r}", net.requires_grad_(False), x, y, radius


def _compared(cases: list[tuple[torch.Tensor, ...]]) -> dict[str, object]:
    rub, arub, exact, attacked, clean = (torch.cat(v) for v in zip(*cases, strict=True))
    rise = ((rub - clean) / (exact - clean))[exact - clean > 1e-6]
    return {
        "gaps": rub.numel(),
        "exact - RUB, at most": float((exact - rub).max()),
        "aRUB - RUB, at most": float((arub - rub).max()),
        "attack - exact, at most": float((attacked - exact).max()),
        "aRUB below exact": float((arub < exact - 1e-6).double().mean()),
        "RUB equals exact": float((rub < exact + 1e-6).double().mean()),
        "rise, mean": float(rise.mean()),
        "rise, largest": float(rise.max()),
    }
