"""Images and trained networks for the pages of paper B: what b2_arub and b5_rub share.

Networks have three hidden layers (L = 4) on images of `side` x `side` pixels in [0, 1]. A radius
is written as epsilon: the L1 radius is sqrt(M) epsilon, as in the paper, so that the same epsilon
means the same L2 ball inside, whatever the number M of pixels.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from robustcore import datasets, defenses, training
from robustcore.balls import LpBall
from robustcore.errors import InputError
from robustcore.networks import ReLUNetwork

_SIDE = 28


@dataclass(frozen=True)
class Images:
    """Training, validation and test images, flattened, with their labels.

    Source: own

    Parameters
    ----------
    train, validation, test : ((n, M) tensor, (n,) tensor)
    side : int
        sqrt(M).
    """

    train: tuple[torch.Tensor, torch.Tensor]
    validation: tuple[torch.Tensor, torch.Tensor]
    test: tuple[torch.Tensor, torch.Tensor]
    side: int

    def ball(self, p: float, epsilon: float) -> LpBall:
        """Radius epsilon for p = inf, sqrt(M) epsilon for p = 1 (and 2), in pixel / 255.

        Source: [B] Section 6.1 (hyperparameter tuning)
        """
        return LpBall(p, epsilon if math.isinf(p) else epsilon * self.side)


def pick_device(device: str) -> torch.device:
    """ "auto" is a GPU where there is one.

    Source: own
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(device)


def load_images(
    data: str = "mnist-sample",
    side: int = 28,
    n_validation: int = 300,
    n_test: int = 500,
    device: str = "auto",
) -> Images:
    """Load images and average them in blocks down to `side` x `side` pixels.

    Source: [B] Section 6.1

    Parameters
    ----------
    data : str
        "mnist-sample" (ships with the package), "mnist", "fashion-mnist", ...
    side : int
        28, 14 or 7.
    n_validation : int
        The first training images are held out, as in the paper (there 1000).
    n_test : int
        The first test images.
    device : str
        "cpu", "cuda" or "auto".

    Raises
    ------
    InputError
        If 28 is not a multiple of `side`.
    """
    if _SIDE % side:
        raise InputError(f"side must divide {_SIDE}, got {side}; use 28, 14 or 7.")
    loaded = datasets.load(data, dtype="float32")
    where = pick_device(device)

    def part(part: datasets.Part, rows: slice) -> tuple[torch.Tensor, torch.Tensor]:
        x = torch.as_tensor(part.x[rows]).view(-1, 1, _SIDE, _SIDE)
        x = nn.functional.avg_pool2d(x, _SIDE // side).flatten(1)
        return x.to(where), torch.as_tensor(part.y[rows]).to(where)

    return Images(
        part(loaded.train, slice(n_validation, None)),
        part(loaded.train, slice(n_validation)),
        part(loaded.test, slice(n_test)),
        side,
    )


def train_network(
    images: Images,
    defense: defenses.Defense,
    *,
    width: int,
    steps: int,
    batch_size: int,
    learning_rate: float,
    seed: int,
    observe: Callable[[nn.Module], Any] | None = None,
    observe_every: int = 0,
) -> tuple[ReLUNetwork, training.TrainingRecord]:
    """A new network with three hidden layers, trained; the seed fixes start and batches.

    Source: [B] Section 6.1

    Returns
    -------
    (ReLUNetwork, TrainingRecord)
    """
    generator = torch.Generator().manual_seed(seed)
    sizes = (images.side**2, width, width, width, 10)
    net = ReLUNetwork(sizes, generator).to(images.train[0].device)
    record = training.fit(
        net,
        images.train,
        defense,
        steps=steps,
        batch_size=batch_size,
        learning_rate=learning_rate,
        generator=generator,
        progress=sys.stderr.isatty(),
        observe=observe,
        observe_every=observe_every,
    )
    return net, record
