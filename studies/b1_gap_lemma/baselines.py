"""The Baseline (7) of paper B as printed and as its published code has it, on digits."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn

from robustcore import attacks, datasets, defenses, evaluation, training
from robustcore.balls import LpBall
from robustcore.losses import cross_entropy
from robustcore.networks import ReLUNetwork

INF = math.inf
_PIXEL_MAX = 16.0  # the digits of scikit-learn hold 0..16


def baseline_as_coded(
    net: nn.Module, x: torch.Tensor, y: torch.Tensor, radius: float
) -> torch.Tensor:
    r"""What the published code minimised under the name of (7), as one number.

    The code adds radius times the gradient *tensor* of the mean loss, signs and all, to the mean
    loss, and differentiates the resulting (n, M) tensor; that differentiates its sum,

    .. math:: \sum_{n,m}\Bigl(\bar L + \rho\,\frac{\partial\bar L}{\partial x_{nm}}\Bigr)
              = nM\,\bar L + \rho\sum_{n,m}\frac{\partial\bar L}{\partial x_{nm}} .

    Source: [B] eq. (7) as coded
    """
    x = x.detach().requires_grad_()
    mean = cross_entropy(net(x), y).mean()
    (gradient,) = torch.autograd.grad(mean, x, create_graph=True)
    return (mean + radius * gradient).sum()


def baseline_rows(
    epsilon: float = 0.1,
    width: int = 64,
    steps: int = 600,
    n_seeds: int = 3,
    seed: int = 0,
) -> list[dict[str, Any]]:
    """Digits, three hidden layers: nominal training, (7) as coded, (7) as printed.

    Source: [B] eq. (7)

    Parameters
    ----------
    epsilon : float
        Linf radius of training and of the attack; pixels in 0..1.
    width, steps : int
    n_seeds : int
        Networks of each method; batch 128, Adam 3e-3.
    seed : int
        Of the split and of the first network.

    Returns
    -------
    list of dict
        For each method and seed: clean accuracy, and accuracy under PGD of 40 steps.
    """
    data = datasets.load("sklearn/digits", split="random", rng=np.random.default_rng(seed))
    train, test = (
        (torch.as_tensor(part.x / _PIXEL_MAX).float(), torch.as_tensor(part.y))
        for part in (data.train, data.test)
    )
    ball = LpBall(INF, epsilon)
    methods: dict[str, Callable[..., torch.Tensor]] = {
        "nominal": defenses.nominal(),
        "(7) as coded": partial(baseline_as_coded, radius=epsilon),
        "(7) as printed": defenses.baseline(ball),
    }
    rows = []
    for (name, defense), number in itertools.product(methods.items(), range(n_seeds)):
        generator = torch.Generator().manual_seed(seed + number)
        net = ReLUNetwork((64, width, width, width, 10), generator)
        training.fit(
            net, train, defense, steps=steps, batch_size=128, learning_rate=3e-3,
            generator=generator, progress=False,
        )  # fmt: skip
        ball = LpBall(INF, epsilon, box=(0, 1))
        attacked = evaluation.adversarial_accuracy(net, *test, ball, attacks.pgd)
        clean = evaluation.clean_accuracy(net, *test).value
        found = {"clean": clean, "adversarial": attacked.value, "n": attacked.n}
        rows.append({"method": name, "seed": number, **found})
    return rows


def mean_accuracies(rows: list[dict[str, Any]]) -> dict[str, tuple[float, float]]:
    """Clean and adversarial accuracy of each method, averaged over its networks.

    Source: own
    """
    found = {}
    for method in dict.fromkeys(r["method"] for r in rows):
        here = [r for r in rows if r["method"] == method]
        clean, adversarial = (np.mean([r[key] for r in here]) for key in ("clean", "adversarial"))
        found[method] = (float(clean), float(adversarial))
    return found
