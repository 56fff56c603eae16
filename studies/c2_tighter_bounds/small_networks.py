"""Small trained networks on tabular data and images, and threats that tabular users ask about."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from robustcore import bounds, datasets, evaluation, methods, training
from robustcore.balls import LpBall
from robustcore.errors import InputError
from robustcore.losses import gaps
from robustcore.networks import ReLUNetwork

TRAININGS = ("nominal", "arub", "rub")
PROVING = (*TRAININGS, "coap", "crown", "ibp")

# hidden widths, L1 training radius, unit of the inputs
_DATA: dict[str, tuple[tuple[int, ...], float, str]] = {
    "iris": ((8, 8), 0.5, "standard deviations"),
    "wine": ((8, 8), 0.5, "standard deviations"),
    "digits": ((10, 10), 0.5, "pixel / 16"),
}


@dataclass(frozen=True)
class Trained:
    """A trained network in float64, and test samples in the units that it takes.

    Source: own
    """

    data: str
    training: str
    net: ReLUNetwork
    x: torch.Tensor
    y: torch.Tensor
    radius: float  # L1, of the training
    unit: str


def trained_networks(
    data: Sequence[str],
    trainings: Sequence[str] = TRAININGS,
    steps: int = 400,
    n_test: int = 20,
    seed: int = 0,
) -> Iterator[Trained]:
    """One network for each data set and defense: three layers, Adam, batches of 32.

    Source: own

    Parameters
    ----------
    data : sequence of str
        "iris", "wine" (standardised by the training samples) or "digits" (8 x 8 pixels in [0, 1]);
        they come with scikit-learn.
    trainings : sequence of str
        Names of defenses over the L1 ball: "nominal", "arub", "rub", "coap", "crown", "ibp".
    steps : int
        Updates.
    n_test : int
        The first test samples are kept.
    seed : int

    Raises
    ------
    InputError
        For other data.
    """
    for name in data:
        if name not in _DATA:
            raise InputError(f"data must be among {', '.join(_DATA)}, got {name!r}.")
        hidden, radius, unit = _DATA[name]
        loaded = datasets.load(
            f"sklearn/{name}", split="random", rng=np.random.default_rng(seed), dtype="float64"
        )
        train, test = (torch.as_tensor(part.x) for part in (loaded.train, loaded.test))
        mean, std = train.mean(0), train.std(0)
        if name == "digits":
            mean, std = torch.zeros_like(mean), torch.full_like(std, 16.0)
        train, test = (train - mean) / std, (test - mean) / std
        y_train, y_test = (torch.as_tensor(part.y) for part in (loaded.train, loaded.test))
        sizes = (train.shape[1], *hidden, int(y_train.max()) + 1)
        for method in trainings:
            generator = torch.Generator().manual_seed(seed)
            net = ReLUNetwork(sizes, generator, dtype=torch.float64)
            defense = methods.defense(method, LpBall(1, radius))
            training.fit(
                net,
                (train, y_train),
                defense,
                steps=steps,
                batch_size=32,
                learning_rate=1e-2,
                generator=generator,
                progress=False,
            )
            net.requires_grad_(False)
            yield Trained(name, method, net, test[:n_test], y_test[:n_test], radius, unit)


def defended(networks: Sequence[Trained], n: int = 30, largest: float = 4.0) -> list[dict]:
    """What each defense leaves: clean accuracy, and the certified radius by the tightest bound.

    Source: own (on [B] Section 6.3)

    Parameters
    ----------
    networks : sequence of Trained
    n : int
        Test samples.
    largest : float
        The largest radius asked about, as a multiple of the training radius.

    Returns
    -------
    list of dict
        A row for each network: shares of samples that are `clean`, and `certified` and `exact`
        (None on digits) at the training radius; `mean_radius`, to 1/64 of the largest; `rise`, the
        mean over samples and wrong classes of the tightest bound minus the clean gap, in logits.
    """
    rows = []
    for one in networks:
        x, y = one.x[:n], one.y[:n]
        ball = LpBall(1, one.radius)
        far = ball.with_radius(largest * one.radius)
        radius = evaluation.certified_radius(one.net, x, y, far, tolerance=1 / 64)
        rise = bounds.tightest(one.net, x, y, ball) - gaps(one.net(x), y)
        exact = None
        if one.data != "digits":
            exact = evaluation.certified_accuracy(one.net, x, y, ball, "exact").value
        rows.append(
            {
                "data": one.data,
                "training": one.training,
                "n": len(y),
                "clean": evaluation.clean_accuracy(one.net, x, y).value,
                "certified": evaluation.certified_accuracy(one.net, x, y, ball).value,
                "exact": exact,
                "mean_radius": float(radius.mean()),
                "rise": float(rise.sum() / (rise.numel() - len(y))),
            }
        )
    return rows
