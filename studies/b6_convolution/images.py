"""Images of any number of channels, and one recipe for the convolutional networks of b6."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from robustcore import datasets, defenses, training
from robustcore.balls import LpBall
from robustcore.networks import convolutional_network

from ..mnist_networks import pick_device


@dataclass(frozen=True)
class Pictures:
    """Training and test images, flattened, with their labels and shape.

    Source: own

    Parameters
    ----------
    train, test : ((n, M) tensor, (n,) tensor)
    shape : (channels, height, width)
    """

    train: tuple[torch.Tensor, torch.Tensor]
    test: tuple[torch.Tensor, torch.Tensor]
    shape: tuple[int, int, int]

    def ball(self, p: float, epsilon: float) -> LpBall:
        """Radius epsilon for p = inf, sqrt(M) epsilon for p = 1 and 2; pixels stay in [0, 1].

        Source: [B] Section 6.1 (hyperparameter tuning)
        """
        radius = epsilon if math.isinf(p) else epsilon * math.prod(self.shape) ** 0.5
        return LpBall(p, radius, box=(0, 1) if p == 2 else None)

    @property
    def spread(self) -> float:
        """Mean over test images of the standard deviation of their pixels."""
        return self.test[0].std(dim=1).mean().item()


def load_pictures(data: str, side: int, n_test: int, device: str) -> Pictures:
    """Load images of any number of channels and average them in blocks down to `side` pixels.

    Source: [B] Section 6.1
    """
    loaded = datasets.load(data, dtype="float32")
    where, shape = pick_device(device), loaded.image_shape
    assert shape is not None
    channels, height, _ = shape

    def part(part: datasets.Part, rows: slice) -> tuple[torch.Tensor, torch.Tensor]:
        x = torch.as_tensor(part.x[rows]).view(-1, *shape)
        x = nn.functional.avg_pool2d(x, height // side).flatten(1)
        return x.to(where), torch.as_tensor(part.y[rows]).to(where)

    return Pictures(
        part(loaded.train, slice(None)),
        part(loaded.test, slice(n_test)),
        (channels, side, side),
    )


@dataclass(frozen=True)
class Recipe:
    """The network and its training, the same for every method.

    Source: [B] Appendix C, Section 6.1

    Parameters
    ----------
    steps : int
        Updates with batches of 32; the paper has 10000.
    seed : int
    channels : sequence of int
        Kernels of the two convolutions; the paper has (32, 64).
    kernel : int
        Side of a kernel; the paper has 5.
    hidden : int
        Neurons of the dense hidden layer; the paper has 1024.
    learning_rate : float
        Of Adam, constant.
    """

    steps: int
    seed: int = 0
    channels: Sequence[int] = (4, 8)
    kernel: int = 3
    hidden: int = 32
    learning_rate: float = 5e-3

    def train(
        self, pictures: Pictures, defense: defenses.Defense, pool: str
    ) -> tuple[nn.Sequential, training.TrainingRecord]:
        """A new network, trained with batches of 32; the seed fixes start and batches."""
        generator = torch.Generator().manual_seed(self.seed)
        net = convolutional_network(
            pictures.shape, self.channels, self.hidden, 10, self.kernel, pool, generator
        ).to(pictures.train[0].device)
        record = training.fit(
            net, pictures.train, defense, steps=self.steps, batch_size=32,
            learning_rate=self.learning_rate, generator=generator, progress=sys.stderr.isatty(),
        )  # fmt: skip
        return net, record
