"""Max pools in paper B's bound: Lemma 13, an example by hand, bounds against the exact value."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.optimize import linprog
from torch import nn

from robustcore import attacks, bounds
from robustcore.balls import LpBall
from robustcore.bounds.recursion import Recursion, Vertices
from robustcore.losses import gaps
from robustcore.networks import PooledRectifier

BIAS = 0.75  # of the wrong class in the example by hand


def conjugate_is_zero(z: np.ndarray, p: float) -> bool:
    """Whether the conjugate of f(x) = p max_i [x_i]_+ is 0 at z, not infinite: a linear program.

    f is positively homogeneous, so sup_x z'x - f(x) is 0 or infinite, and it is 0 exactly if no x
    in the unit box has z'x > f(x).

    Source: [B] Lemma 13
    """
    k = len(z)
    rows = np.hstack([np.eye(k), -np.ones((k, 1))])  # x_i <= tau, tau >= 0
    sides = [(-1.0, 1.0)] * k + [(0.0, None)]
    found = linprog(np.append(-z, p), A_ub=rows, b_ub=np.zeros(k), bounds=sides, method="highs")
    return bool(-found.fun <= 1e-9)


def lemma_13(instances: int = 300, window: int = 3, seed: int = 0) -> list[dict[str, object]]:
    """The domains of both conjugates as printed and as corrected, against a linear program.

    Source: [B] Lemma 13

    Parameters
    ----------
    instances : int
        Draws of (z, p) for a) and of (z, u, q) for b), one window each.
    window : int
        Entries of the window.
    seed : int

    Returns
    -------
    list of dict
        A row for each part: `draws`, how many lie in the domain (`inside`), and the number on which
        the printed and the corrected domain are wrong, `printed wrong` and `corrected wrong`;
        `missing wrong` counts the points of the domain that the printed one leaves out.
    """
    rng = np.random.default_rng(seed)
    rows: list[dict[str, object]] = []
    for part in ("a", "b"):
        counts = dict.fromkeys(("inside", "printed wrong", "corrected wrong", "missing wrong"), 0)
        for _ in range(instances):
            p, u = rng.uniform(0.2, 2), rng.uniform(0, 1, window)
            # z of a), or u - z of b): its conjugate is that of a) with q for p
            slopes = 0.3 * rng.normal(size=window) + 0.3
            z = slopes if part == "a" else u - slopes
            truth = conjugate_is_zero(slopes, p)
            if part == "a":
                printed = 0 <= z.sum() <= p
                corrected = printed and bool((z >= 0).all())
            else:
                printed = u.sum() - p <= z.sum() <= u.sum()
                corrected = printed and bool((u - z >= 0).all())
            counts["inside"] += int(truth)
            counts["printed wrong"] += int(printed != truth)
            counts["corrected wrong"] += int(corrected != truth)
            counts["missing wrong"] += int(truth and not printed)
        rows.append({"part": part, "draws": instances, **counts})
    return rows


def two_pixels() -> tuple[nn.Sequential, torch.Tensor, torch.Tensor]:
    """A network that takes the larger of two pixels, and one sample, worked by hand on the page.

    The gap of class 1 over class 0 is 3/4 - max([x_1]_+, [x_2]_+).

    Source: own
    """
    pick = (nn.Conv2d(1, 1, 1), nn.ReLU(), nn.MaxPool2d((1, 2)), nn.Flatten(), nn.Linear(1, 2))
    net = nn.Sequential(nn.Unflatten(1, (1, 1, 2)), *pick).double().requires_grad_(False)
    for tensor, value in zip(
        net.parameters(), (1.0, 0.0, [[1.0], [0.0]], [0.0, BIAS]), strict=True
    ):
        tensor.copy_(torch.tensor(value).expand(tensor.shape))
    return net, torch.ones(1, 2, dtype=torch.float64), torch.tensor([0])


def along_the_edge(points: int = 41) -> list[dict[str, float]]:
    """Gap and lower functions of the two pixels between the vertices x - e_1 and x - e_2.

    Source: [B] Lemma 13, Appendix C

    Returns
    -------
    list of dict
        Rows with `at` (0 at the first vertex, 1 at the second), `gap`, which is also the bound with
        the maximum of the lower functions, and two sound ones, `t = (1, 0)` and `t = (1/2, 1/2)`.
    """
    rows = []
    for at in np.linspace(0, 1, points):
        first, second = float(at), float(1 - at)
        rows.append(
            {
                "at": float(at),
                "gap": BIAS - max(first, second),
                "t = (1, 0)": BIAS - first,
                "t = (1/2, 1/2)": BIAS - (first + second) / 2,
            }
        )
    return rows


@dataclass(frozen=True)
class MaximumBelow(PooledRectifier):
    """The pool of the authors' repository: below the activation, the *maximum* of the t_i l_i.

    Source: own (on the authors' repository, certificate_loss of networks/CNN2.py)
    """

    def slopes(self, z: torch.Tensor) -> torch.Tensor:
        """1 for every positive neuron, whether it is the largest or not."""
        return (z > 0).to(z)[..., self.windows]

    def below(self, z: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        """Not concave in z."""
        return (z[..., self.windows] * t[:, None]).amax(dim=-1)


def published_bound(net: nn.Module, x: torch.Tensor, y: torch.Tensor, ball: LpBall) -> torch.Tensor:
    """RUB with the max pool of the authors' repository, over the vertices: not an upper bound.

    Source: own (on the authors' repository, certificate_loss of networks/CNN2.py)
    """
    at = Recursion.around(net, x, y)
    z, slopes, activations = at.z, [], []
    for activation, following in zip(at.activations, at.maps[1:], strict=True):
        if isinstance(activation, PooledRectifier):
            activation = MaximumBelow(**vars(activation))
        activations.append(activation)
        slopes.append(activation.slopes(z))
        z = following(activation(z))
    at = replace(at, activations=activations, slopes=slopes)
    return at.values(Vertices(at.maps[0], ball.radius).all()).amax(dim=1)


def random_network(pool: str, generator: torch.Generator) -> nn.Sequential:
    """A 4 x 4 image, one or two 3 x 3 kernels, a pool to 2 x 2, three neurons, three classes.

    Source: own

    Parameters
    ----------
    pool : "max" or "average"
    generator : torch.Generator
    """
    kernels = 1 if pool == "max" else 2
    window = nn.MaxPool2d(2) if pool == "max" else nn.AvgPool2d(2)
    net = nn.Sequential(
        nn.Unflatten(1, (1, 4, 4)), nn.Conv2d(1, kernels, 3, padding=1), nn.ReLU(), window,
        nn.Flatten(), nn.Linear(4 * kernels, 3), nn.ReLU(), nn.Linear(3, 3),
    )  # fmt: skip
    for tensor in net.double().requires_grad_(False).parameters():
        scale = tensor[0].numel() ** -0.5 if tensor.ndim > 1 else 0.3
        tensor.copy_(scale * torch.randn(tensor.shape, generator=generator, dtype=tensor.dtype))
    return net


def soundness(
    instances: int = 10, pools: Sequence[str] = ("average", "max"), seed: int = 0
) -> list[dict[str, object]]:
    """Attack <= exact <= RUB and the other bounds, on random convolutional networks.

    Source: [B] Appendix C, Theorem 11

    Parameters
    ----------
    instances : int
        Networks of each pool, two samples each, with an L1 radius of their own in 0.2..2.
    pools : sequence of str
    seed : int

    Returns
    -------
    list of dict
        A row for each (pool, bound): number of `gaps`, the largest violation `exact - bound, at
        most`, the share of gaps with a violation above 1e-6 (`below exact`), and the mean
        `excess` of the bound over the exact value.
    """
    sought: dict[str, Callable[..., torch.Tensor]] = {
        "RUB": bounds.rub, "RUB, optimised t": bounds.rub_optimised, "CROWN": bounds.crown,
        "intervals": bounds.ibp, "aRUB": bounds.arub, "attack": _attacked,
        "RUB, pool as published": published_bound,
    }  # fmt: skip
    generator = torch.Generator().manual_seed(seed)
    found: dict[tuple[str, str], list[torch.Tensor]] = {}
    for pool, _ in itertools.product(pools, range(instances)):
        net = random_network(pool, generator)
        x = torch.randn(2, 16, generator=generator, dtype=torch.float64)
        y = net(x).argmax(1)
        ball = LpBall(1, float(0.2 * 10 ** torch.rand((), generator=generator)))
        exact = bounds.exact(net, x, y, ball, attained=True)
        others = torch.arange(3) != y[:, None]
        for name, bound in sought.items():
            found.setdefault((pool, name), []).append((bound(net, x, y, ball) - exact)[others])
    return [_excess(pool, name, torch.cat(parts)) for (pool, name), parts in found.items()]


def _attacked(net: nn.Module, x: torch.Tensor, y: torch.Tensor, ball: LpBall) -> torch.Tensor:
    return gaps(net(attacks.pgd(net, x, y, ball, steps=20)), y)


def _excess(pool: str, name: str, excess: torch.Tensor) -> dict[str, object]:
    return {
        "pool": pool,
        "bound": name,
        "gaps": excess.numel(),
        "exact - bound, at most": float(-excess.min()),
        "below exact": float((excess < -1e-6).double().mean()),
        "excess": float(excess.mean()),
    }
